//! Where a repository is at home, from the URL of its remote. Credentials in the URL are never kept.

use super::words::is_plain;

/// A repository on GitHub or on a GitHub Enterprise server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    /// The server's name.
    pub server: String,
    /// Who it belongs to.
    pub owner: String,
    /// Its name.
    pub name: String,
}

impl Repository {
    /// Reads `https://github.com/owner/name.git`, `git@github.com:owner/name` and their like.
    pub(super) fn of(url: &str) -> Option<Self> {
        let url = url.trim();
        let (place, path) = match url.split_once("://") {
            Some(("https" | "http" | "ssh" | "git", rest)) => rest.split_once('/')?,
            Some(_) => return None,
            None => url.split_once(':')?,
        };
        let server = place.rsplit('@').next()?;
        let server = server.split(':').next()?;
        let path = path.trim_matches('/');
        let (owner, name) = path.strip_suffix(".git").unwrap_or(path).split_once('/')?;
        let fine = |text: &str| is_plain(text) && !text.contains('/') && !text.starts_with('.');
        (fine(server) && fine(owner) && is_plain(name) && !name.contains('/') && name != "." && name != "..")
            .then(|| Self { server: server.to_owned(), owner: owner.to_owned(), name: name.to_owned() })
    }

    /// As the program `gh` takes it.
    pub(super) fn for_gh(&self) -> String {
        let Self { server, owner, name } = self;
        if server == "github.com" { format!("{owner}/{name}") } else { format!("{server}/{owner}/{name}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_remotes() {
        for (url, found) in [
            ("https://github.com/acme/diary.git", Some("acme/diary")),
            ("https://user:secret@github.com/acme/diary", Some("acme/diary")),
            ("git@github.com:acme/diary.git\n", Some("acme/diary")),
            ("ssh://git@ghe.example.com:2222/acme/.github.git", Some("ghe.example.com/acme/.github")),
            ("/srv/git/diary.git", None),
            ("file:///srv/git/diary.git", None),
            ("https://github.com/acme", None),
            ("https://gitlab.com/a/b/c", None),
            ("git@github.com:acme/$(id)", None),
            ("git@-oProxyCommand=x:acme/diary", None),
        ] {
            assert_eq!(Repository::of(url).map(|it| it.for_gh()).as_deref(), found, "{url}");
        }
    }
}
