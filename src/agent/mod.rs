//! The hands on the host. Knows nothing of GitHub or reports. Every change of state goes through `state`.

pub mod wire_end;
