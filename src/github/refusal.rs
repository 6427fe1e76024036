//! Answers that are no success, as Failures that say what to do.

use std::error::Error;
use std::time::Duration;

use http::header::{DATE, RETRY_AFTER};
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use rollback_deploy_core::model::Failure;

/// An error and what caused it, in one line, without addresses: a redirect's address can carry a signature.
pub(super) fn causes(error: &(dyn Error + 'static)) -> String {
    let mut text = String::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let own = error.to_string();
        if !text.contains(&own) {
            text = if text.is_empty() { own } else { format!("{text}: {own}") };
        }
        next = error.source();
    }
    text
}

/// What an answer says about a rate limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limited {
    /// How long to wait, by the server's own clock.
    pub(super) wait: Duration,
    /// When it ends.
    pub(super) until: Timestamp,
}

/// Whether the answer is a rate limit. The server's `Date` is the clock: ours may be wrong.
pub(super) fn limited(status: StatusCode, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Option<Limited> {
    if status != StatusCode::FORBIDDEN && status != StatusCode::TOO_MANY_REQUESTS {
        return None;
    }
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let now =
        text(DATE.as_str()).and_then(|date| rfc2822::DateTimeParser::new().parse_timestamp(date).ok()).unwrap_or(now);
    let reset = || {
        let at: i64 = text("x-ratelimit-reset")?.parse().ok()?;
        let until = Timestamp::from_second(at).ok()?;
        // One second more: the reset is given in whole seconds.
        let wait = Duration::try_from(until.duration_since(now)).unwrap_or_default() + Duration::from_secs(1);
        Some(Limited { wait, until })
    };
    let after = |seconds: u64| {
        let wait = Duration::from_secs(seconds);
        Some(Limited { wait, until: now.checked_add(wait).unwrap_or(now) })
    };
    if let Some(seconds) = text(RETRY_AFTER.as_str()).and_then(|value| value.parse().ok()) {
        return after(seconds);
    }
    if text("x-ratelimit-remaining") == Some("0") {
        return reset();
    }
    // A secondary limit without a header: GitHub asks for at least a minute.
    let secondary = String::from_utf8_lossy(&body[..body.len().min(4096)]).contains("secondary rate limit");
    if status == StatusCode::TOO_MANY_REQUESTS || secondary { after(60) } else { None }
}

/// The failure for a rate limit that lasts longer than we wait.
pub(super) fn rate_limit(limit: Limited, what: &str, with_token: bool) -> Failure {
    let failure = Failure::failed(format!(
        "GitHub's rate limit is used up until {}; {what} was not read",
        limit.until.strftime("%Y-%m-%d %H:%M:%S UTC")
    ))
    .hint("Nothing was changed. Run it again after that time.");
    if with_token {
        failure
    } else {
        failure.hint("Give a token (input `token`): without one GitHub answers only 60 requests an hour.")
    }
}

/// The failure for an answer that is no success and no rate limit.
pub(super) fn refused(status: StatusCode, body: &str, what: &str, with_token: bool) -> Failure {
    let read = "The workflow needs `permissions: contents: read`; for another repository, a token that may read it.";
    let no_token = "No token was given (input `token`): a private repository cannot be read without one.";
    let failure = match status.as_u16() {
        401 => Failure::input(format!("GitHub does not accept the token: {what} was not read")).hint(
            "Check that the token has not expired and belongs to this server; usually it is ${{ github.token }}.",
        ),
        403 => Failure::input(format!("the token may not read {what}")).hint(read),
        404 => Failure::input(format!("{what} was not found, or the token may not see it"))
            .hint("Check the spelling.")
            .hint(if with_token { read } else { no_token }),
        300..=399 => Failure::failed(format!("GitHub sent {what} elsewhere, which is not followed here"))
            .hint("Was the repository renamed? Use its new name."),
        500..=599 => Failure::failed(format!("GitHub failed ({status}) again and again when {what} was read"))
            .hint("Nothing was changed. See the status page of GitHub, and run it again later."),
        _ => Failure::failed(format!("GitHub answered {status} when {what} was read")),
    };
    match message(body) {
        Some(text) => failure.because(text),
        None => failure,
    }
}

/// The failure of a request that never got an answer.
pub(super) fn unreachable(error: &(dyn Error + 'static), what: &str) -> Failure {
    Failure::failed(format!("GitHub cannot be reached: {what} was not read"))
        .hint("Nothing was changed. Check the network; behind a proxy set https_proxy, with a private CA set SSL_CERT_FILE.")
        .because(causes(error))
}

/// The message in GitHub's JSON, or the start of the text.
fn message(body: &str) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Said {
        message: String,
    }
    if let Ok(said) = serde_json::from_str::<Said>(body) {
        return Some(said.message);
    }
    let start: String = body.trim().chars().take(300).collect();
    (!start.is_empty()).then_some(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn the_servers_clock_decides_how_long_a_limit_lasts() {
        let ours = Timestamp::from_second(0).unwrap();
        let used_up = headers(&[
            ("date", "Sun, 25 May 2025 12:34:56 GMT"),
            ("x-ratelimit-remaining", "0"),
            ("x-ratelimit-reset", "1748176506"),
        ]);
        let limit = limited(StatusCode::FORBIDDEN, &used_up, b"", ours).unwrap();
        assert_eq!(limit.wait, Duration::from_secs(11));
        assert!(rate_limit(limit, "x", true).what.contains("2025-05-25 12:35:06 UTC"));
        let secondary = headers(&[("retry-after", "7")]);
        assert_eq!(limited(StatusCode::FORBIDDEN, &secondary, b"", ours).unwrap().wait, Duration::from_secs(7));
        assert_eq!(
            limited(StatusCode::TOO_MANY_REQUESTS, &headers(&[]), b"", ours).unwrap().wait,
            Duration::from_mins(1)
        );
        assert_eq!(limited(StatusCode::FORBIDDEN, &headers(&[("x-ratelimit-remaining", "9")]), b"", ours), None);
        let said = br#"{"message":"You have exceeded a secondary rate limit."}"#;
        assert_eq!(limited(StatusCode::FORBIDDEN, &headers(&[]), said, ours).unwrap().wait, Duration::from_mins(1));
        assert_eq!(limited(StatusCode::NOT_FOUND, &used_up, b"", ours), None);
    }

    #[test]
    fn each_refusal_says_what_to_do() {
        for (status, hint) in [(401, "expired"), (403, "contents: read"), (404, "spelling")] {
            let status = StatusCode::from_u16(status).unwrap();
            let failure = refused(status, r#"{"message":"no"}"#, "the tags of o/r", true);
            assert!(failure.hints[0].contains(hint), "{failure:?}");
            assert_eq!(failure.because[0].expose(), "no");
        }
    }
}
