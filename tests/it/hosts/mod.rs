//! Deploys to real hosts over real SSH.

mod fixture;
mod operator;

mod bad;
mod first;
mod load;
mod lost;
mod open;
mod places;
mod refused;
mod setup;
mod silent;
