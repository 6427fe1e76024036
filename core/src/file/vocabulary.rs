//! The words around the types: short forms, what is not built yet, the nearest right word. May use the schema only.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use super::schema;

/// Settings with a short form: the type, and the one setting that a bare value stands for.
pub(super) const SHORT_FORMS: &[(&str, &str)] = &[
    ("Host", "address"),
    ("Shared", "path"),
    ("Service", "unit"),
    ("Source", "from"),
    ("ServiceCheck", "unit"),
    ("ProcessCheck", "name"),
    ("PortCheck", "number"),
    ("HttpCheck", "url"),
    ("CommandCheck", "run"),
    ("DiskCheck", "free"),
    ("InodesCheck", "free"),
    ("MemoryCheck", "free"),
    ("ErrorsCheck", "unit"),
    ("EnvironmentCheck", "names"),
];

/// Words of later work, by the type in which they would stand; each with what to do meanwhile.
const NOT_BUILT: &[(&str, &[&str], &str)] = &[
    ("File", &["notify", "incidents", "freeze", "drills"], LEAVE_OUT),
    (
        "Environment",
        &[
            "rollout",
            "watch",
            "notify",
            "backup",
            "traffic",
            "maintenance",
            "hooks",
            "incident",
            "incidents",
            "freeze",
            "drill",
            "drills",
            "metrics",
            "severity",
            "balancer",
            "cdn",
            "nginx",
            "blue-green",
            "checkout",
            "compose",
            "migrations",
            "require-proven-in",
            "dashboards",
            "runbooks",
            "recovery",
            "encrypt",
            "timezone",
            "language",
        ],
        LEAVE_OUT,
    ),
    ("Environment", &["kubernetes", "swarm"], "Environments are hosts for now; use the strategy symlink on them."),
    ("Strategy", &["blue-green", "checkout", "compose"], "Use `strategy: symlink`, or leave `strategy` out."),
    (
        "Migrate",
        &["django", "alembic", "rails", "flyway", "golang-migrate", "custom", "up", "down", "history", "current"],
        "Write the command: `migrate: { run: \"…\", verdict: expand-only }`.",
    ),
    (
        "Check",
        &[
            "database",
            "postgres",
            "mysql",
            "redis",
            "tls",
            "login",
            "endpoints",
            "steps",
            "metric",
            "prometheus",
            "version",
        ],
        "Use `command` or `http` instead.",
    ),
    ("HttpCheck", &["method", "body", "token", "send"], LEAVE_OUT),
    ("Source", &["release", "asset", "artifact", "image"], "Use the archive of the tag, `folder` or `git`."),
    ("Shared", &["copy"], LEAVE_OUT),
    ("Allow", &["downgrade", "moved-tag"], LEAVE_OUT),
];

const LEAVE_OUT: &str = "It belongs to a later version of rollback-deploy.";

/// The setting that a bare value stands for.
pub(super) fn short_form(of: &str) -> Option<&'static str> {
    SHORT_FORMS.iter().find(|(name, _)| *name == of).map(|(_, field)| *field)
}

/// What to do meanwhile, when the word belongs to later work.
pub(super) fn not_built(of: &str, word: &str) -> Option<&'static str> {
    NOT_BUILT.iter().find(|(name, words, _)| *name == of && words.contains(&word)).map(|(_, _, hint)| *hint)
}

/// Whether a map of this type with this key is another thing altogether, so that nothing is missing in it.
pub(super) fn is_another_thing(of: &str, key: &str) -> bool {
    match of {
        "File" => false,
        "Environment" => matches!(key, "kubernetes" | "swarm"),
        _ => not_built(of, key).is_some(),
    }
}

/// A word with the key that it belongs to, where the word alone says too little.
pub(super) fn in_its_place(of: &str, word: &str) -> String {
    match of {
        "Strategy" => format!("strategy: {word}"),
        "Migrate" => format!("migrate: {word}"),
        "Source" => format!("source: {word}"),
        "Allow" => format!("allow: {word}"),
        _ => word.to_owned(),
    }
}

/// All words of later work, for the reference page: the type, and its words.
pub(super) fn all_not_built() -> impl Iterator<Item = (&'static str, &'static [&'static str])> {
    NOT_BUILT.iter().map(|(name, words, _)| (*name, *words))
}

/// The settings that must be there. Read from the schema, so that it cannot differ from the types.
pub(super) fn required(of: &str) -> &'static [String] {
    static REQUIRED: OnceLock<BTreeMap<String, Vec<String>>> = OnceLock::new();
    REQUIRED.get_or_init(schema::required).get(of).map_or(&[], Vec::as_slice)
}

/// Whether the word is a setting of an environment.
pub(super) fn belongs_to_environment(word: &str) -> bool {
    static WORDS: OnceLock<Vec<String>> = OnceLock::new();
    WORDS.get_or_init(|| schema::words_of("Environment")).iter().any(|known| known == word)
}

/// The nearest of the right words, when it is near enough to be meant.
#[must_use]
pub fn nearest<'w>(word: &str, words: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    // Longer ones are not mistyped words, and comparing is quadratic.
    if word.len() > 64 {
        return None;
    }
    let plain = |text: &str| text.to_lowercase().replace(['_', ' '], "-");
    let given = plain(word);
    let allowed = (given.chars().count() / 3).clamp(1, 3);
    words
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&given, &plain(candidate)), candidate))
        .filter(|(distance, candidate)| *distance <= allowed || is_part(&given, candidate))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// `timeout` for `build-timeout`, `services` for `service`: what people write from memory.
fn is_part(given: &str, candidate: &str) -> bool {
    given.len() >= 4 && (candidate.split('-').any(|part| part == given) || candidate.starts_with(given))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_near() {
        let words = ["services", "shared", "build", "build-timeout", "health", "link"];
        assert_eq!(nearest("service", words), Some("services"));
        assert_eq!(nearest("helth", words), Some("health"));
        assert_eq!(nearest("Build_Timeout", words), Some("build-timeout"));
        assert_eq!(nearest("timeout", words), Some("build-timeout"));
        assert_eq!(nearest("zebra", words), None);
        assert_eq!(nearest("", words), None);
        assert_eq!(nearest(&"s".repeat(5000), words), None);
    }

    #[test]
    fn what_is_built_is_not_called_unbuilt() {
        for (of, words, _) in NOT_BUILT {
            let known = schema::words_of(of);
            assert!(!known.is_empty(), "no type {of}");
            for word in *words {
                assert!(!known.iter().any(|known| known == word), "{of} has {word}");
            }
        }
        for (of, field) in SHORT_FORMS {
            assert!(schema::words_of(of).iter().any(|known| known == field), "{of} has no {field}");
        }
    }

    #[test]
    fn what_must_be_there_comes_from_the_types() {
        assert_eq!(required("File"), ["version", "app", "environments"]);
        assert_eq!(required("Environment"), ["root"]);
        assert_eq!(required("Migrate"), ["run", "verdict"]);
    }
}
