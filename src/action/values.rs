//! Values of inputs: parsed once, each mistake with the input's name and what to write instead.

use std::net::Ipv6Addr;

use rollback_deploy_core::file::{Address, Host};
use rollback_deploy_core::model::{Failure, Label, Place, Seconds};

/// A mistake in an input.
pub(super) fn wrong(input: &str, what: impl Into<String>) -> Failure {
    Failure::input(what).at(Place::Input(input.to_owned()))
}

/// The nearest right word, when there is one near enough to be meant.
pub(super) fn nearest<'a>(word: &str, right: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    right
        .into_iter()
        .map(|right| (strsim::damerau_levenshtein(&word, right), right))
        .filter(|(distance, right)| *distance <= 1 + right.len() / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, right)| right)
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

/// A user on a host: nothing that an SSH client could read as an option or as more than a name.
pub(super) fn user(input: &str, text: &str) -> Result<String, Failure> {
    let first = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let plain = text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    if first && plain && text.len() <= 64 {
        return Ok(text.to_owned());
    }
    Err(wrong(input, format!("{text:?} is not a user"))
        .hint("Write letters, digits and ._-, starting with a letter or _."))
}

/// `user@host:port`; user and port may be absent, IPv6 with a port stands in brackets.
pub(super) fn address(input: &str, text: &str) -> Result<Address, Failure> {
    let failure = |what: &str| {
        wrong(input, format!("{text:?} is not an address: {what}"))
            .hint("Write user@host:port, or [2001:db8::1]:22 for IPv6.")
    };
    let (user, rest) = match text.rsplit_once('@') {
        Some((name, rest)) => (Some(self::user(input, name)?), rest),
        None => (None, text),
    };
    let (host, digits) = match rest.strip_prefix('[') {
        Some(inside) => {
            let (host, after) = inside.split_once(']').ok_or_else(|| failure("a bracket is open"))?;
            host.parse::<Ipv6Addr>().map_err(|_| failure("in brackets stands an IPv6 address"))?;
            match (after.strip_prefix(':'), after) {
                (Some(digits), _) => (host, Some(digits)),
                (None, "") => (host, None),
                _ => return Err(failure("after the bracket stands :port")),
            }
        }
        None if rest.parse::<Ipv6Addr>().is_ok() => (rest, None),
        None => rest.split_once(':').map_or((rest, None), |(host, digits)| (host, Some(digits))),
    };
    let name = host.starts_with(|c: char| c.is_ascii_alphanumeric())
        && host.len() <= 253
        && host.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    if !name && host.parse::<Ipv6Addr>().is_err() {
        return Err(failure("the host is a name or an address"));
    }
    let port = digits.map(|digits| port(input, digits)).transpose()?;
    Ok(Address { user, host: host.to_owned(), port })
}

/// Hosts, one a line or with commas: `address` or `label=address`. Without labels they are `host-1`, `host-2` …: the
/// log, outputs and artifacts show labels, never addresses.
pub(super) fn hosts(input: &str, text: &str) -> Result<Vec<Host>, Vec<Failure>> {
    let mut all: Vec<Host> = Vec::new();
    let mut failures = Vec::new();
    let items = lines(text).flat_map(|line| line.split(',')).map(str::trim).filter(|item| !item.is_empty());
    for (index, item) in items.enumerate() {
        let numbered = format!("host-{}", index + 1);
        let (label, at) =
            item.split_once('=').map_or((numbered.as_str(), item), |(label, at)| (label.trim(), at.trim()));
        let label = Label::new(label).map_err(|error| wrong(input, error.to_string()));
        match (label, address(input, at)) {
            (Ok(label), Ok(address)) if all.iter().any(|host| host.label == label || host.address == address) => {
                failures.push(wrong(input, format!("{item:?} is there twice")));
            }
            (Ok(label), Ok(address)) => all.push(Host { label, address }),
            (label, address) => failures.extend(label.err().into_iter().chain(address.err())),
        }
    }
    if failures.is_empty() { Ok(all) } else { Err(failures) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_have_labels_users_and_ports() {
        let all = hosts("hosts", "web-1=deploy@192.0.2.10, [2001:db8::1]:2222\n# comment\nweb.example.com").unwrap();
        let shown: Vec<String> = all.iter().map(|host| format!("{}={}", host.label, host.address)).collect();
        assert_eq!(shown, ["web-1=deploy@192.0.2.10", "host-2=[2001:db8::1]:2222", "host-3=web.example.com"]);
    }

    #[test]
    fn every_wrong_host_is_named() {
        let bad = "-oProxyCommand=x, a b@host, host:0, x@h:99999, host;id, web=1.2.3.4, web=1.2.3.5, $(id)@h";
        assert_eq!(hosts("hosts", bad).unwrap_err().len(), 7);
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

    #[test]
    fn a_word_is_corrected() {
        assert_eq!(nearest("rolback", ["deploy", "rollback"]), Some("rollback"));
        assert_eq!(nearest("xyz", ["deploy", "rollback"]), None);
    }
}
