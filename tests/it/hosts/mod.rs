//! Deploys to real hosts over real SSH.

mod fixture;
mod operator;

mod first;
