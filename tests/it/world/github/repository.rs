//! What git says about a repository, in the shapes of GitHub's API.

use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// A repository and where the API says it is.
pub(super) struct Git<'a> {
    pub(super) folder: &'a Path,
    /// `http://…/repos/owner/name`
    pub(super) url: String,
}

impl Git<'_> {
    /// Runs git; nothing when it says no.
    pub(super) fn bytes(&self, arguments: &[&str]) -> Option<Vec<u8>> {
        let output = Command::new("git").arg("-C").arg(self.folder).args(arguments).output().expect("git is installed");
        output.status.success().then_some(output.stdout)
    }

    fn text(&self, arguments: &[&str]) -> Option<String> {
        Some(String::from_utf8_lossy(&self.bytes(arguments)?).trim_end().to_owned())
    }

    /// The commit behind a name: a commit, `tags/T`, `heads/B` or either's short name.
    pub(super) fn commit(&self, name: &str) -> Option<String> {
        ["refs/heads/", "refs/tags/", "refs/", ""].iter().find_map(|before| {
            self.text(&["rev-parse", "--verify", "-q", "--end-of-options", &format!("{before}{name}^{{commit}}")])
        })
    }

    /// `git-ref`: all whose name starts like this, such as `tags/v1`.
    pub(super) fn refs(&self, prefix: &str) -> Vec<Value> {
        let format = "--format=%(refname) %(objecttype) %(objectname)";
        let all = self.text(&["for-each-ref", format]).unwrap_or_default();
        let wanted = format!("refs/{prefix}");
        let found = all.lines().filter(|line| line.starts_with(&wanted)).filter_map(|line| {
            let [name, kind, sha] = line.split(' ').collect::<Vec<_>>().try_into().ok()?;
            let folder = if kind == "tag" { "tags" } else { "commits" };
            Some(json!({
                "ref": name, "node_id": format!("REF_{sha}"), "url": format!("{}/git/{name}", self.url),
                "object": {"type": kind, "sha": sha, "url": format!("{}/git/{folder}/{sha}", self.url)},
            }))
        });
        found.collect()
    }

    /// `git-tag`: an annotated tag.
    pub(super) fn tag(&self, sha: &str) -> Option<Value> {
        let raw = self.text(&["cat-file", "tag", sha])?;
        let (head, message) = raw.split_once("\n\n")?;
        let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        let (object, kind) = (field("object")?, field("type")?);
        Some(json!({
            "node_id": format!("TAG_{sha}"), "tag": field("tag")?, "sha": sha,
            "url": format!("{}/git/tags/{sha}", self.url), "message": format!("{message}\n"),
            "tagger": person(field("tagger")?),
            "object": {"type": kind, "sha": object, "url": format!("{}/git/{kind}s/{object}", self.url)},
            "verification": unsigned(),
        }))
    }

    /// `git-commit`.
    pub(super) fn git_commit(&self, sha: &str) -> Option<Value> {
        let raw = self.text(&["cat-file", "commit", sha])?;
        let (head, message) = raw.split_once("\n\n")?;
        let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        let parents = head.lines().filter_map(|line| line.strip_prefix("parent ")).map(|parent| {
            let url = format!("{}/git/commits/{parent}", self.url);
            json!({"sha": parent, "url": url, "html_url": url})
        });
        let (tree, url) = (field("tree")?, format!("{}/git/commits/{sha}", self.url));
        Some(json!({
            "sha": sha, "node_id": format!("C_{sha}"), "url": url, "html_url": url, "message": message,
            "author": person(field("author")?), "committer": person(field("committer")?),
            "tree": {"sha": tree, "url": format!("{}/git/trees/{tree}", self.url)},
            "parents": parents.collect::<Vec<_>>(), "verification": unsigned(),
        }))
    }

    /// `commit`: the same with GitHub's own words around it.
    pub(super) fn full_commit(&self, sha: &str) -> Option<Value> {
        let inner = self.git_commit(sha)?;
        let url = format!("{}/commits/{sha}", self.url);
        Some(json!({
            "url": url, "sha": sha, "node_id": inner["node_id"], "html_url": url,
            "comments_url": format!("{url}/comments"), "author": null, "committer": null, "parents": inner["parents"],
            "commit": {
                "url": inner["url"], "author": inner["author"], "committer": inner["committer"],
                "message": inner["message"], "comment_count": 0, "tree": inner["tree"],
                "verification": inner["verification"],
            },
        }))
    }

    /// `tag`, of the list of tags.
    pub(super) fn tags(&self) -> Vec<Value> {
        let tags = self.refs("tags/").into_iter().filter_map(|found| {
            let name = found["ref"].as_str()?.strip_prefix("refs/tags/")?.to_owned();
            let sha = self.commit(&format!("tags/{name}"))?;
            Some(json!({
                "name": name, "node_id": found["node_id"],
                "commit": {"sha": sha, "url": format!("{}/commits/{sha}", self.url)},
                "zipball_url": format!("{}/zipball/refs/tags/{name}", self.url),
                "tarball_url": format!("{}/tarball/refs/tags/{name}", self.url),
            }))
        });
        // Not by version: nobody may rely on an order.
        tags.rev().collect()
    }

    /// `content-file`.
    pub(super) fn file(&self, commit: &str, path: &str) -> Option<Value> {
        let name = path.rsplit('/').next()?;
        let sha = self.text(&["rev-parse", "--verify", "-q", &format!("{commit}:{path}")])?;
        let content = self.bytes(&["cat-file", "blob", &sha])?;
        let own = format!("{}/contents/{path}?ref={commit}", self.url);
        let blob = format!("{}/git/blobs/{sha}", self.url);
        // In lines, as GitHub sends it.
        let encoded = STANDARD.encode(&content);
        let lines = encoded.as_bytes().chunks(60).map(|line| format!("{}\n", String::from_utf8_lossy(line)));
        Some(json!({
            "type": "file", "encoding": "base64", "size": content.len(), "name": name, "path": path,
            "content": lines.collect::<String>(), "sha": sha, "url": own, "git_url": blob, "html_url": own,
            "download_url": own, "_links": {"self": own, "git": blob, "html": own},
        }))
    }

    /// The archive of a commit as GitHub makes it: everything in one folder of its own.
    pub(super) fn archive(&self, name: &str, commit: &str) -> Option<Vec<u8>> {
        let prefix = format!("--prefix={}-{}/", name.replace('/', "-"), commit.get(..7)?);
        self.bytes(&["archive", "--format=tar.gz", &prefix, commit])
    }
}

/// `Ada <ada@example.com> 1767225600 +0000`
fn person(text: &str) -> Value {
    let (name, rest) = text.split_once(" <").unwrap_or((text, ""));
    let (email, when) = rest.split_once("> ").unwrap_or((rest, ""));
    let second = when.split(' ').next().and_then(|second| second.parse().ok()).unwrap_or(0);
    let date = jiff::Timestamp::from_second(second).expect("a time git knows");
    json!({"name": name, "email": email, "date": date.to_string()})
}

fn unsigned() -> Value {
    json!({"verified": false, "reason": "unsigned", "signature": null, "payload": null, "verified_at": null})
}
