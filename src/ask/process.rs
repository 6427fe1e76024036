//! Do processes of this name run?

use super::{Seen, processes};

pub(super) fn ask(name: &str, at_least: u32) -> Seen {
    let found = match processes::named(name) {
        Ok(found) => found,
        Err(error) => return Seen::error(format!("/proc cannot be read: {error}")),
    };
    let count = u32::try_from(found.len()).unwrap_or(u32::MAX);
    let pids: Vec<String> = found.iter().take(8).map(ToString::to_string).collect();
    let saw = match count {
        0 => "none runs".to_owned(),
        _ => format!("{count} of {at_least} run: {}", pids.join(", ")),
    };
    // With hidepid an ordinary user sees only his own: then "none" was not seen, it was hidden.
    if count < at_least && processes::hidden() {
        return Seen::error(format!("{saw}, but this user cannot see the processes of others (hidepid)"));
    }
    Seen::when(count >= at_least, saw)
}
