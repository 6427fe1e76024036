//! The one tag that is meant, or a refusal that names the nearest ones.

use super::nearest::nearest;
use super::{Tag, Wanted};
use crate::model::{Failure, Place};

/// Chooses the tag that was asked for.
///
/// Versions and ranges look only at tags with the prefix and a whole version: a moving `v1` is never a release.
/// Prereleases are taken only when the wanted text names one. Build metadata does not count in the order.
///
/// # Errors
/// There is no such tag; the hints name the nearest ones.
pub fn choose<'a>(wanted: &Wanted, prefix: &str, tags: &'a [Tag]) -> Result<&'a Tag, Failure> {
    let highest_of = |fits: &dyn Fn(&semver::Version) -> bool| {
        tags.iter()
            .filter_map(|tag| Some((tag.version(prefix)?, tag)))
            .filter(|(version, _)| fits(version))
            .max_by(|a, b| a.0.cmp_precedence(&b.0).then_with(|| a.0.build.cmp(&b.0.build)))
            .map(|(_, tag)| tag)
    };
    let found = match wanted {
        Wanted::Version { version, .. } => tags.iter().find(|tag| tag.version(prefix).as_ref() == Some(version)),
        Wanted::Name(name) => tags.iter().find(|tag| tag.name == *name),
        Wanted::Branch(_) => None,
        Wanted::Latest => highest_of(&|version| version.pre.is_empty()),
        Wanted::Range { req, .. } => highest_of(&|version| req.matches(version)),
        Wanted::Previous => {
            let what = "previous is no version to deploy: what ran before only the hosts' own records say";
            return Err(Failure::input(what)
                .at(Place::Input("version".into()))
                .hint("`rollback-deploy rollback` (`action: rollback`) goes back to the previous proven release.")
                .hint("To deploy an older version again, name it: `list` shows those of the hosts."));
        }
    };
    found.ok_or_else(|| missing(wanted, prefix, tags))
}

/// Why nothing was found, and what to do.
fn missing(wanted: &Wanted, prefix: &str, tags: &[Tag]) -> Failure {
    let at = |what: String| Failure::input(what).at(Place::Input("version".into()));
    if tags.is_empty() {
        return at(format!("there is no version {}: the repository has no tag", wanted.text()))
            .hint("Make the first one: git tag v1.0.0 && git push origin v1.0.0.");
    }
    let failure = match wanted {
        Wanted::Version { text, .. } => at(format!("there is no tag of version {text}")),
        Wanted::Name(name) => at(format!("there is no tag {name}")),
        Wanted::Branch(name) => at(format!("there is no branch {name}, and no tag of that name can be a release")),
        Wanted::Latest => at("there is no latest version: no tag is a whole version without a prerelease part".into()),
        Wanted::Range { text, .. } => at(format!("no tag is a whole version that matches {text}")),
        Wanted::Previous => at("there is no previous version".into()),
    };
    let mut failure = failure;
    if let Some(other) = tags.iter().find(|tag| tag.name.as_str() == wanted.text()) {
        let why = match wanted {
            Wanted::Range { .. } => {
                format!("The tag {} exists, but it moves: it is never a release. Name a whole version.", other.name)
            }
            _ => format!(
                "The tag {} exists, but tags of releases start with {prefix:?} here: see `tag-prefix`.",
                other.name
            ),
        };
        failure = failure.hint(why);
    }
    let near = nearest(wanted, prefix, tags);
    if near.is_empty() {
        let some: Vec<&str> = tags.iter().rev().map(|tag| tag.name.as_str()).take(3).collect();
        return failure.hint(format!(
            "No tag is {prefix:?} and a whole version. There are: {}. Another prefix is set by `tag-prefix`.",
            some.join(", ")
        ));
    }
    let failure = failure.hint(format!("The nearest tags: {}.", near.join(", ")));
    match prerelease(wanted, prefix, tags) {
        Some(tag) => failure.hint(format!("A prerelease is taken only when it is named, such as {}.", tag.name)),
        None => failure,
    }
}

/// A prerelease that would match if it were a release.
fn prerelease<'a>(wanted: &Wanted, prefix: &str, tags: &'a [Tag]) -> Option<&'a Tag> {
    let fits = |mut version: semver::Version| {
        let is_prerelease = !version.pre.is_empty();
        version.pre = semver::Prerelease::EMPTY;
        is_prerelease
            && match wanted {
                Wanted::Latest => true,
                Wanted::Range { req, .. } => req.matches(&version),
                Wanted::Version { .. } | Wanted::Name(_) | Wanted::Branch(_) | Wanted::Previous => false,
            }
    };
    tags.iter().filter(|tag| tag.version(prefix).is_some_and(fits)).max_by_key(|tag| tag.version(prefix))
}
