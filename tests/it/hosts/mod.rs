//! Deploys to real hosts over real SSH.

mod fixture;
