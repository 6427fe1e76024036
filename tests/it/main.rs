//! Tests of the whole program in a world: hosts with systemd and sshd, a GitHub, a runner.
//!
//! [`agent`], [`cancelled`], [`demo`] and [`operator`] need none: the real program on a temporary root. What needs a world is `#[ignore = "world: hosts"]` below
//! [`hosts`], `#[ignore = "world: github"]` below [`github`] or `#[ignore = "world: faults"]` below [`faults`] (strace,
//! root for mounts, and an hour), and is run by `./test`. A fixture panics when its world is absent: what cannot run is a failure.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    clippy::type_complexity,
    clippy::unused_self,
    reason = "a fixture that cannot go on ends the test with words"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "the rules of the product's clock, disk and environment are not those of its tests"
)]

mod agent;
mod cancelled;
mod demo;
mod faults;
mod github;
mod hosts;
mod house;
mod operator;
mod world;
