//! Values of inputs: parsed once, each mistake with the input's name and what to write instead.

use rollback_deploy_core::file::{Address, nearest};
use rollback_deploy_core::model::{Failure, Place, Seconds};

/// A mistake in an input.
pub(super) fn wrong(input: &str, what: impl Into<String>) -> Failure {
    Failure::input(what).at(Place::Input(input.to_owned()))
}

/// A word of a list.
pub(super) fn word<T: Copy>(input: &str, text: &str, all: &[T], spelled: fn(T) -> &'static str) -> Result<T, Failure> {
    if let Some(found) = all.iter().copied().find(|one| spelled(*one) == text) {
        return Ok(found);
    }
    let words: Vec<&str> = all.iter().copied().map(spelled).collect();
    let failure = wrong(input, format!("{text:?} is not one of its words"));
    Err(match nearest(text, words.iter().copied()) {
        Some(near) => failure.hint(format!("Did you mean {near}?")),
        None => failure.hint(format!("Write one of: {}.", words.join(", "))),
    })
}

/// Yes or no, spelled as YAML's core schema spells it and nothing else.
pub(super) fn boolean(input: &str, text: &str) -> Result<bool, Failure> {
    match text {
        "true" | "True" | "TRUE" => Ok(true),
        "false" | "False" | "FALSE" => Ok(false),
        _ => Err(wrong(input, format!("{text:?} is neither true nor false")).hint("Write true or false.")),
    }
}

/// A port.
pub(super) fn port(input: &str, text: &str) -> Result<u16, Failure> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    text.parse()
        .ok()
        .filter(|port| *port != 0 && digits)
        .ok_or_else(|| wrong(input, format!("{text:?} is not a port")).hint("Write a number from 1 to 65535."))
}

/// A time: `90s`, `10m`, `1h`.
pub(super) fn time(input: &str, text: &str) -> Result<Seconds, Failure> {
    let failure =
        || wrong(input, format!("{text:?} is not a time")).hint("Write a number and s, m or h: 90s, 10m, 1h.");
    let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let factor = match unit {
        "s" => 1,
        "m" | "min" => 60,
        "h" => 3_600,
        "" if digits == "0" => 1,
        _ => return Err(failure()),
    };
    let number: u64 = digits.parse().map_err(|_| failure())?;
    number.checked_mul(factor).filter(|all| *all <= 7 * 86_400).map(Seconds).ok_or_else(failure)
}

/// The words of a list: one a line, or with commas or spaces between them.
pub(super) fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| c == ',' || c.is_whitespace()).filter(|word| !word.is_empty())
}

/// The lines of a text that say something: `#` begins a comment.
pub(super) fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// A user on a host: what an address may say before the `@`.
pub(super) fn user(input: &str, text: &str) -> Result<String, Failure> {
    let plain = !text.contains(['@', ':', '/', '[']);
    match format!("{text}@host").parse::<Address>() {
        Ok(Address { user: Some(user), .. }) if plain => Ok(user),
        _ => Err(wrong(input, format!("{text:?} is not a user"))
            .hint("Write letters, digits and ._-, starting with a letter or _.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_no_more_than_a_name() {
        assert_eq!(user("user", "deploy_1").unwrap(), "deploy_1");
        for text in ["-oProxyCommand=x", "a b", "deploy@host", "a:b", "$(id)", "root;id"] {
            assert!(user("user", text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn times_and_yes_or_no_are_strict() {
        assert_eq!(time("wait", "10m").unwrap(), Seconds(600));
        assert_eq!(time("wait", "0").unwrap(), Seconds(0));
        for text in ["10", "m", "-1s", "1d", "999999999h", "1.5h", ""] {
            assert!(time("wait", text).is_err(), "{text:?}");
        }
        assert!(boolean("with-env", "True").unwrap());
        assert!(boolean("with-env", "yes").is_err());
    }
}
