//! The command line on the machine itself, without containers: what a person types, and what they get.

mod below;
mod by_root;
mod desk;
mod outside;
mod plan;
mod unchecked;
mod words;
