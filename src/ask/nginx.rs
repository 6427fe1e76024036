//! Does `nginx -t` succeed?

use rollback_deploy_core::model::failure::Kind;

use super::{Hands, Seen, ending};

pub(super) fn ask(hands: &dyn Hands) -> Seen {
    let said = |failure: &rollback_deploy_core::model::Failure| {
        let because: Vec<_> = failure.because.iter().map(|cause| ending(cause.expose(), 400)).collect();
        [failure.what.as_str()].into_iter().chain(because.iter().map(String::as_str)).collect::<Vec<_>>().join(": ")
    };
    match hands.nginx_test() {
        Ok(text) => Seen::pass(ending(text.expose(), 200)),
        Err(failure) if failure.kind == Kind::No => Seen::fail(said(&failure)),
        Err(failure) => Seen::error(said(&failure)),
    }
}
