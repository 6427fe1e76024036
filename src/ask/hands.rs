//! What an ordinary user cannot read by himself: other users' processes, the journal, nginx's configuration.

use rollback_deploy_core::model::{Failure, Foreign, UnitName};

use super::{ProcessInfo, Since};

/// Reads what needs more rights than the agent has.
pub trait Hands {
    /// Lines of a unit's journal since a moment, the last `lines` of them.
    ///
    /// # Errors
    /// It cannot be read: silence is never taken for "nothing was logged".
    fn journal(&self, unit: &UnitName, since: Option<&Since>, lines: u32) -> Result<String, Failure>;

    /// The processes of a unit, and which releases they run from.
    ///
    /// # Errors
    /// They cannot be read.
    fn processes(&self, unit: &UnitName) -> Result<Vec<ProcessInfo>, Failure>;

    /// Runs `nginx -t`; what it said.
    ///
    /// # Errors
    /// Kind `No`: the configuration is wrong. Any other kind: it could not be asked.
    fn nginx_test(&self) -> Result<Foreign, Failure>;
}

/// Where nobody has more rights: everything that needs them cannot be read.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoHands;

fn none() -> Failure {
    Failure::refused("the root face is not set up here").hint("Run rollback-deploy setup once on this host.")
}

impl Hands for NoHands {
    fn journal(&self, _: &UnitName, _: Option<&Since>, _: u32) -> Result<String, Failure> {
        Err(none())
    }
    fn processes(&self, _: &UnitName) -> Result<Vec<ProcessInfo>, Failure> {
        Err(none())
    }
    fn nginx_test(&self) -> Result<Foreign, Failure> {
        Err(none())
    }
}
