//! Deploys to real hosts over real SSH.

mod fixture;
mod operator;

mod bad;
mod branches;
mod checks;
mod decide;
mod first;
mod load;
mod lost;
mod needs;
mod open;
mod pipeline;
mod places;
mod refused;
mod setup;
mod silent;
