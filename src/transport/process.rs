//! How programs are started where the controller runs.

use tokio::process::Command;

/// Where programs are looked for.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A program with nothing of our environment: a workflow's `LD_LIBRARY_PATH`, `OPENSSL_CONF` or `SSH_AUTH_SOCK` must
/// not reach it, and neither may our secrets.
pub(super) fn clean(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("PATH", PATH).env("LC_ALL", "C").env("LANG", "C");
    command
}
