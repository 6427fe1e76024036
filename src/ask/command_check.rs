//! Does the command exit with 0?

use rollback_deploy_core::model::Seconds;

use super::command::{Spec, run};
use super::{Place, Seen, ending};

pub(super) fn ask(text: &str, timeout: Seconds, place: &Place<'_>, cancelled: &dyn Fn() -> bool) -> Seen {
    let spec = Spec::script(text).in_folder(place.live).within(timeout);
    match run(&spec, &mut |_| {}, cancelled) {
        Ok(ended) => {
            let said = ending(ended.tail.expose(), 200);
            let said = if said.is_empty() { "it printed nothing".to_owned() } else { said };
            let seen = format!("{}: {said}", ended.words());
            if ended.cancelled { Seen::error(seen) } else { Seen::when(ended.ok(), seen) }
        }
        Err(error) => Seen::error(format!("it could not be started: {error}")),
    }
}
