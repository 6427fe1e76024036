//! Where releases come from.

use super::super::mistake::quoted;
use super::super::resolved::SourceChoice;
use super::super::tree::Id;
use super::super::vocabulary;
use super::super::written::placed::Placed;
use super::super::written::release::Source;
use super::Resolver;

/// Why this cannot be a folder of the workspace.
pub(in crate::file) fn wrong_folder(path: &str) -> Option<&'static str> {
    let outside = path.starts_with('/') || path.starts_with('~') || path.split('/').any(|part| part == "..");
    match () {
        () if path.trim().is_empty() => Some("the source folder is empty"),
        () if outside => Some("the source folder must lie in the workspace: a path without a leading / and without .."),
        () if path.chars().any(char::is_control) => Some("the source folder must be one line"),
        () => None,
    }
}

/// Why this cannot be given to `git`.
pub(in crate::file) fn wrong_git(url: &str) -> Option<&'static str> {
    match () {
        () if url.trim().is_empty() => Some("the git URL is empty"),
        // git would take it as an option, or run it as a transport (`ext::sh -c …`).
        () if url.starts_with('-') || is_helper(url) => Some("this is not a git URL or directory"),
        () if url.chars().any(char::is_control) => Some("a git URL must be one line"),
        () if has_password(url) => Some("the git URL has a password in it"),
        () => None,
    }
}

/// Whether git would start a helper program of this name: `NAME::ADDRESS`.
fn is_helper(url: &str) -> bool {
    let is_name = |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || "+-_.".contains(c));
    url.split_once("::").is_some_and(|(name, _)| is_name(name))
}

/// Whether the part before `@` of a URL has a password.
pub(in crate::file) fn has_password(url: &str) -> bool {
    let Some((_, rest)) = url.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'))
}

/// Reads the input `source`: `archive`, a git URL, or a folder.
///
/// # Errors
/// It is none of these; in words.
pub(in crate::file) fn from_input(text: &str) -> Result<SourceChoice, String> {
    let text = text.trim();
    let exclude = Vec::new();
    if text.is_empty() || text == "archive" {
        return Ok(SourceChoice::Archive { exclude });
    }
    let scp_like = text.split_once(':').is_some_and(|(before, _)| before.contains('@') && !before.contains('/'));
    if text.contains("://") || scp_like || text.contains("::") || text.strip_suffix(".git").is_some() {
        return match wrong_git(text) {
            Some(what) => Err(what.to_owned()),
            None => Ok(SourceChoice::Git { url: text.to_owned(), exclude }),
        };
    }
    if vocabulary::nearest(text, ["archive"]).is_some() {
        return Err(format!(
            "{} is not known: did you mean `archive`? A folder of that name is `./{text}`",
            quoted(text)
        ));
    }
    match wrong_folder(text) {
        Some(what) => Err(what.to_owned()),
        None => Ok(SourceChoice::Folder { path: text.to_owned(), exclude }),
    }
}

impl Resolver<'_> {
    pub(super) fn source(&mut self, node: Id, source: &Source) -> SourceChoice {
        let exclude = source.exclude.iter().map(|pattern| self.pattern(pattern)).collect();
        let given = [source.from.is_some(), source.folder.is_some(), source.git.is_some()];
        if given.iter().filter(|given| **given).count() > 1 {
            self.wrong_hint(
                node,
                "a release comes from one source, and here are several",
                "Keep one of `from`, `folder` and `git`.",
            );
        }
        if let Some(folder) = &source.folder {
            if let Some(what) = wrong_folder(&folder.value) {
                self.wrong(folder.node, what);
            }
            return SourceChoice::Folder { path: folder.value.clone(), exclude };
        }
        if let Some(git) = &source.git {
            if let Some(what) = wrong_git(&git.value) {
                self.wrong_hint(
                    git.node,
                    what,
                    "Give git its credentials by its own means, for instance a credential helper.",
                );
            }
            return SourceChoice::Git { url: git.value.clone(), exclude };
        }
        SourceChoice::Archive { exclude }
    }

    fn pattern(&mut self, pattern: &Placed<String>) -> String {
        self.text(pattern, true);
        if pattern.value.starts_with('/') || pattern.value.split('/').any(|part| part == "..") {
            self.wrong_hint(
                pattern.node,
                "a pattern begins at the top of the source, without / and without ..",
                "For instance `docs/**`.",
            );
        }
        pattern.value.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_input_says_which_source() {
        let kind = |text: &str| match from_input(text) {
            Ok(SourceChoice::Archive { .. }) => "archive",
            Ok(SourceChoice::Folder { .. }) => "folder",
            Ok(SourceChoice::Git { .. }) => "git",
            Err(_) => "wrong",
        };
        for (text, wanted) in [
            ("", "archive"),
            ("archive", "archive"),
            ("archve", "wrong"),
            ("./archve", "folder"),
            ("dist/", "folder"),
            ("dist", "folder"),
            ("../dist", "wrong"),
            ("/srv/x", "wrong"),
            ("https://git.example.com/a/b", "git"),
            ("https://me:secret@git.example.com/a/b", "wrong"),
            ("git@git.example.com:a/b", "git"),
            ("ext::sh -c id", "wrong"),
            ("ssh://git@[2001:db8::1]/a", "git"),
            ("--upload-pack=id.git", "wrong"),
            ("../b.git", "git"),
        ] {
            assert_eq!(kind(text), wanted, "{text}");
        }
    }
}
