//! The hands on the host. Knows nothing of GitHub or reports. Every change of state goes through `state`.

pub mod logs;
pub mod privileged;
pub mod services;
pub mod setup;
