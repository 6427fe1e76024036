//! Which tags a person may have meant.

use semver::Version;

use super::{Tag, Wanted};

/// How many are named.
pub(super) const NAMED: usize = 3;

/// The tags nearest to what was asked for, at most [`NAMED`], the nearest first.
pub(super) fn nearest<'a>(wanted: &Wanted, prefix: &str, tags: &'a [Tag]) -> Vec<&'a str> {
    match wanted {
        Wanted::Version { version, .. } => {
            let mut near: Vec<_> =
                tags.iter().filter_map(|tag| Some((distance(version, &tag.version(prefix)?), tag))).collect();
            near.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| b.1.version(prefix).cmp(&a.1.version(prefix))));
            near.into_iter().map(|(_, tag)| tag.name.as_str()).take(NAMED).collect()
        }
        Wanted::Name(name) => {
            let mut near: Vec<_> =
                tags.iter().map(|tag| (strsim::levenshtein(name.as_str(), tag.name.as_str()), tag)).collect();
            near.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| a.1.name.cmp(&b.1.name)));
            near.into_iter().map(|(_, tag)| tag.name.as_str()).take(NAMED).collect()
        }
        Wanted::Latest | Wanted::Range { .. } | Wanted::Branch(_) | Wanted::Previous => highest(prefix, tags),
    }
}

/// The highest versions, at most [`NAMED`], the highest first.
pub(super) fn highest<'a>(prefix: &str, tags: &'a [Tag]) -> Vec<&'a str> {
    let mut all: Vec<_> = tags.iter().filter_map(|tag| Some((tag.version(prefix)?, tag))).collect();
    all.sort_by(|a, b| b.0.cmp(&a.0));
    all.into_iter().map(|(_, tag)| tag.name.as_str()).take(NAMED).collect()
}

/// How far two versions are apart: the larger the part that differs, the farther.
fn distance(a: &Version, b: &Version) -> (u64, u64, u64, usize) {
    (
        a.major.abs_diff(b.major),
        a.minor.abs_diff(b.minor),
        a.patch.abs_diff(b.patch),
        strsim::levenshtein(a.pre.as_str(), b.pre.as_str()),
    )
}
