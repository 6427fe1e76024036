//! A repository's address: nothing that git could read as an option or as a command, and without credentials in words.

use std::path::Path;

use rollback_deploy_core::model::Failure;

/// What starts an address that git speaks without help of other programs.
const SCHEMES: [&str; 5] = ["https://", "http://", "ssh://", "git://", "file://"];

/// A checked address.
#[derive(Clone)]
pub(super) struct Remote {
    raw: String,
    shown: String,
    /// What must never be said: `user:password`, and the password alone.
    secrets: Vec<String>,
}

impl std::fmt::Debug for Remote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Remote").field(&self.shown).finish()
    }
}

impl Remote {
    /// Takes URLs, `user@host:path`, and directories.
    pub(super) fn new(text: &str) -> Result<Self, Failure> {
        let text = text.trim();
        let wrong = |what: &str| {
            Failure::input(format!("the git source {what}"))
                .hint("It is a URL (https://HOST/OWNER/NAME.git, ssh://git@HOST/NAME.git), git@HOST:NAME.git, or a directory.")
        };
        if text.is_empty() {
            return Err(wrong("is empty"));
        }
        if text.starts_with('-') {
            return Err(wrong("starts with -, which git would read as an option"));
        }
        if text.chars().any(char::is_control) {
            return Err(wrong("has a control character"));
        }
        if SCHEMES.iter().any(|scheme| text.starts_with(scheme)) {
            return Self::url(text).ok_or_else(|| wrong("is not a valid URL"));
        }
        // `ext::sh -c …` and its like run commands.
        if text.contains("::") || text.contains("://") {
            return Err(wrong("is of a kind that is not taken"));
        }
        let plain = || Self { raw: text.to_owned(), shown: text.to_owned(), secrets: Vec::new() };
        match text.split_once(':') {
            // git's own rule: a colon before the first slash means another host.
            Some((host, path)) if !host.contains('/') => {
                let name = host.rsplit('@').next().unwrap_or_default();
                if host.starts_with('-') || name.starts_with('-') || name.is_empty() || path.starts_with('-') {
                    return Err(wrong("has a host or path that starts with -"));
                }
                Ok(plain())
            }
            _ if Path::new(text).is_dir() => Ok(plain()),
            _ => Err(wrong("is neither a URL nor a directory that exists")),
        }
    }

    fn url(text: &str) -> Option<Self> {
        let url = url::Url::parse(text).ok()?;
        if url.host_str().is_some_and(|host| host.starts_with('-')) || url.username().starts_with('-') {
            return None;
        }
        let mut shown = url.clone();
        let mut secrets = Vec::new();
        let after = text.split_once("://").map_or("", |(_, rest)| rest);
        let authority = after.split(['/', '?', '#']).next().unwrap_or_default();
        // `ssh://git@host` names an account, which is no secret; for https the name alone can be a token.
        let secret = url.password().is_some() || (url.scheme() != "ssh" && !url.username().is_empty());
        if let (true, Some((userinfo, _))) = (secret, authority.rsplit_once('@')) {
            secrets.push(userinfo.to_owned());
            secrets.extend(userinfo.split(':').filter(|part| part.len() >= 4).map(ToOwned::to_owned));
            shown.set_password(None).ok()?;
            shown.set_username("").ok()?;
        }
        Some(Self { raw: text.to_owned(), shown: shown.to_string(), secrets })
    }

    /// For git alone.
    pub(super) fn raw(&self) -> &str {
        &self.raw
    }

    /// Without credentials.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    /// A text of git without our credentials.
    pub(super) fn mask(&self, text: &str) -> String {
        self.secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret, "***"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_git_takes() {
        for (text, shown) in [
            ("https://example.com/o/r.git", "https://example.com/o/r.git"),
            ("https://user:hunter2@example.com/o/r.git", "https://example.com/o/r.git"),
            ("https://ghp_token@example.com/o/r", "https://example.com/o/r"),
            ("ssh://git@example.com:2222/o/r.git", "ssh://git@example.com:2222/o/r.git"),
            ("git@example.com:o/r.git", "git@example.com:o/r.git"),
            ("/tmp", "/tmp"),
        ] {
            let remote = Remote::new(text).unwrap();
            assert_eq!((remote.raw(), remote.shown()), (text, shown));
            assert!(!format!("{remote:?}").contains("hunter2"));
        }
        let remote = Remote::new("https://user:hunter2@example.com/r").unwrap();
        let said = remote.mask("fatal: https://user:hunter2@example.com/r: hunter2");
        assert_eq!(said, "fatal: https://***@example.com/r: ***");
    }

    #[test]
    fn addresses_that_could_run_something_are_refused() {
        for text in [
            "",
            "--upload-pack=touch x",
            "-x",
            "ext::sh -c id",
            "fd::3",
            "transport::address",
            "ftp://example.com/r",
            "ssh://-oProxyCommand=id/r",
            "ssh://-x@host/r",
            "-oProxyCommand=id:r",
            "git@-oProxyCommand=id:r",
            "host:-x",
            "https://",
            "a\nb",
            "/no/such/folder",
        ] {
            assert!(Remote::new(text).is_err(), "{text:?}");
        }
    }
}
