//! What is left out of a source: globs, as people know them from ignore files.
//!
//! A pattern without `/` matches a name at any depth (`*.md`, `node_modules`); one with `/` matches from the source's
//! root (`docs/*.png`, `/README.md`); a folder that matches takes everything below it along; a `/` at the end is
//! allowed; `**` crosses folders. There are no exceptions with `!`. `.git` is always left out, at any depth; nothing
//! else is: `.github` and dot files belong to the release unless they are named.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use rollback_deploy_core::model::{Failure, RelPath};

/// What is left out.
#[derive(Debug, Clone)]
pub struct Exclude {
    set: GlobSet,
}

impl Exclude {
    /// Reads the patterns.
    ///
    /// # Errors
    /// A pattern is not valid; all that are wrong are named.
    pub fn new<S: AsRef<str>>(patterns: &[S]) -> Result<Self, Failure> {
        let mut set = GlobSetBuilder::new();
        let mut wrong = Vec::new();
        for pattern in patterns.iter().map(AsRef::as_ref) {
            match glob(pattern) {
                Ok(glob) => drop(set.add(glob)),
                Err(why) => wrong.push(format!("{pattern:?}: {why}")),
            }
        }
        let failure = |text: String| {
            Failure::input(format!("what to exclude is not valid: {text}"))
                .hint("Patterns look like *.md, docs/, /Makefile or assets/**/*.psd.")
        };
        if !wrong.is_empty() {
            return Err(failure(wrong.join("; ")));
        }
        set.build().map(|set| Self { set }).map_err(|error| failure(error.to_string()))
    }

    /// Nothing but `.git`.
    #[must_use]
    pub fn nothing() -> Self {
        Self { set: GlobSet::empty() }
    }

    /// Whether this path, or a folder above it, is left out.
    #[must_use]
    pub fn excludes(&self, path: &RelPath) -> bool {
        let text = path.as_str();
        text.split('/').any(|part| part == ".git")
            || (!self.set.is_empty() && path.as_path().ancestors().any(|above| self.set.is_match(above)))
    }
}

fn glob(pattern: &str) -> Result<globset::Glob, String> {
    let plain = pattern.trim();
    if plain.starts_with('!') {
        return Err("exceptions with ! are not known here".into());
    }
    let plain = plain.strip_suffix('/').unwrap_or(plain);
    let below = plain.strip_prefix('/');
    if plain.split('/').any(|part| part == "..") {
        return Err("it must not have ..".into());
    }
    let full = match below {
        Some("") => return Err("it would leave everything out".into()),
        Some(below) => below.to_owned(),
        None if plain.is_empty() => return Err("it is empty".into()),
        None if plain.contains('/') => plain.to_owned(),
        None => format!("**/{plain}"),
    };
    GlobBuilder::new(&full).literal_separator(true).build().map_err(|error| error.kind().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_mean_what_ignore_files_mean() {
        let exclude = Exclude::new(&["*.md", "docs/", "/Makefile", "assets/**/*.psd", "a/b", ".env*"]).unwrap();
        for (path, out) in [
            ("README.md", true),
            ("src/x.md", true),
            ("docs/a/b.txt", true),
            ("src/docs/a", true),
            ("Makefile", true),
            ("src/Makefile", false),
            ("assets/a.psd", true),
            ("assets/x/y/a.psd", true),
            ("assets/a.png", false),
            ("a/b/c", true),
            ("x/a/b", false),
            (".env", true),
            (".env.example", true),
            (".git/config", true),
            ("vendor/lib/.git", true),
            (".github/workflows/x.yml", false),
            (".gitignore", false),
            ("src/main.rs", false),
        ] {
            assert_eq!(exclude.excludes(&RelPath::new(path).unwrap()), out, "{path}");
        }
        assert!(Exclude::nothing().excludes(&RelPath::new(".git").unwrap()));
    }

    #[test]
    fn all_wrong_patterns_are_named() {
        let failure = Exclude::new(&["!keep", "", "/", "[", "../x", "fine"]).unwrap_err();
        for part in ["!keep", "\"\"", "\"/\"", "\"[\"", "../x"] {
            assert!(failure.what.contains(part), "{failure:?}");
        }
    }
}
