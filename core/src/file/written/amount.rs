//! Times, amounts and text as people write them.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};

use crate::model::{Amount, Seconds};

/// The longest time taken: thirty days.
const LONGEST: u64 = 30 * 86_400;

/// A time: a number with its unit, `60s`, `5m`, `2h`, `1d`, or several as in `1h30m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::file) struct Time(pub(in crate::file) Seconds);

/// A part of the whole, or a size: `10%`, `500MB`, `2GiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::file) struct Size(pub(in crate::file) Amount);

/// A part of the whole, or a number: `10%`, `100000`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::file) struct Count(pub(in crate::file) Amount);

/// Text that is compared as it is spelled: `ok`, `1.10`, `true`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub(in crate::file) struct Spelled(pub(in crate::file) String);

fn parse_time(text: &str) -> Result<Seconds, String> {
    let wrong = || "wants a time such as 60s, 5m or 2h".to_owned();
    if text == "0" {
        return Ok(Seconds(0));
    }
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(format!("wants a time with its unit: {text}s, {text}m or {text}h"));
    }
    let mut rest = text;
    let (mut total, mut largest) = (0_u64, u64::MAX);
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, tail) = rest.split_at(digits);
        let letters = tail.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (unit, tail) = tail.split_at(letters);
        let unit = match unit {
            "s" => 1,
            "m" | "min" => 60,
            "h" => 3600,
            "d" => 86_400,
            _ => return Err(wrong()),
        };
        // Each unit once, the largest first: `5m1h` is a mistake more often than it is meant.
        if unit >= largest {
            return Err(wrong());
        }
        largest = unit;
        let number: u64 = number.parse().map_err(|_| wrong())?;
        total = number.checked_mul(unit).and_then(|part| part.checked_add(total)).ok_or_else(wrong)?;
        rest = tail;
    }
    match total {
        _ if text.is_empty() => Err(wrong()),
        0..=LONGEST => Ok(Seconds(total)),
        _ => Err("wants at most 30d".to_owned()),
    }
}

fn parse_percent(text: &str) -> Option<Result<Amount, String>> {
    let number = text.strip_suffix('%')?.trim_end();
    Some(match number.parse::<u8>() {
        Ok(percent @ 1..=99) if number.bytes().all(|b| b.is_ascii_digit()) => Ok(Amount::Percent(percent)),
        _ => Err("wants a whole number from 1% to 99%".to_owned()),
    })
}

fn parse_size(text: &str) -> Result<Amount, String> {
    if let Some(percent) = parse_percent(text) {
        return percent;
    }
    let wrong = || "wants an amount with its unit, such as 10%, 500MB or 2GiB".to_owned();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit: u64 = match unit.trim_start() {
        "KB" | "kB" => 1000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "TB" => 1_000_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        _ => return Err(wrong()),
    };
    let bytes = number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit));
    bytes.filter(|bytes| *bytes > 0).map(Amount::Count).ok_or_else(wrong)
}

fn parse_count(text: &str) -> Result<Amount, String> {
    if let Some(percent) = parse_percent(text) {
        return percent;
    }
    let number = text.parse::<u64>().ok().filter(|n| *n > 0 && text.bytes().all(|b| b.is_ascii_digit()));
    number.map(Amount::Count).ok_or_else(|| "wants a part or a number, such as 10% or 100000".to_owned())
}

macro_rules! written {
    ($name:ident, $parse:ident, $schema:tt) => {
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $parse(&String::deserialize(deserializer)?).map(Self).map_err(serde::de::Error::custom)
            }
        }
        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    };
}
written!(Time, parse_time, {
    "description": "A time: a number with its unit, `60s`, `5m`, `2h`, `1d`, or several as in `1h30m`; at most `30d`.",
    "anyOf": [{ "type": "string", "pattern": "^([0-9]+d)?([0-9]+h)?([0-9]+m(in)?)?([0-9]+s)?$", "minLength": 2 }, { "const": 0 }]
});
written!(Size, parse_size, {
    "description": "A part of the whole, or a size: `10%`, `500MB`, `2GiB`.",
    "type": "string", "pattern": "^([1-9][0-9]?\\s*%|[0-9]+\\s*([kK]B|MB|GB|TB|KiB|MiB|GiB|TiB))$"
});
written!(Count, parse_count, {
    "description": "A part of the whole, or a number: `10%`, `100000`.",
    "anyOf": [{ "type": "string", "pattern": "^[1-9][0-9]?\\s*%$" }, { "type": "integer", "minimum": 1 }]
});

impl JsonSchema for Spelled {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Spelled".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "number", "boolean"] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        for (text, seconds) in
            [("0", 0), ("0s", 0), ("60s", 60), ("5m", 300), ("5min", 300), ("1h30m", 5400), ("30d", LONGEST)]
        {
            assert_eq!(parse_time(text), Ok(Seconds(seconds)), "{text}");
        }
        for text in
            ["", "s", "5", "5x", "5 m", "-5s", "1.5h", "5m1h", "1h1h", "31d", "99999999999999999999s", "５s", "5ms"]
        {
            assert!(parse_time(text).is_err(), "{text}");
        }
    }

    #[test]
    fn amounts() {
        assert_eq!(parse_size("10%"), Ok(Amount::Percent(10)));
        assert_eq!(parse_size("500MB"), Ok(Amount::Count(500_000_000)));
        assert_eq!(parse_size("2 GiB"), Ok(Amount::Count(2 << 30)));
        assert_eq!(parse_count("5%"), Ok(Amount::Percent(5)));
        assert_eq!(parse_count("10000"), Ok(Amount::Count(10_000)));
        for text in ["", "%", "0%", "100%", "+5%", "10", "10mb", "MB", "0MB", "99999999999TiB", "-1GB", "1.5GB"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
        for text in ["", "0", "1GB", "-4", "+4"] {
            assert!(parse_count(text).is_err(), "{text}");
        }
    }
}
