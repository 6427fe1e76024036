//! Is the unit active?

use rollback_deploy_core::model::UnitName;

use super::Seen;
use super::unit::UnitState;

pub(super) fn ask(unit: &UnitName) -> Seen {
    match UnitState::of(unit) {
        Ok(state) => Seen::when(state.is_active(), state.words()),
        Err(failure) => Seen::error(failure.what),
    }
}
