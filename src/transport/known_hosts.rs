//! Which host keys are trusted: lines of `known_hosts`, or pinned `SHA256:` fingerprints. Pure.

use rollback_deploy_core::file::KnownHost;
pub(super) use rollback_deploy_core::file::fingerprint_of_public;
use rollback_deploy_core::model::{Failure, Place};

/// How a person finds out the right fingerprint.
pub(super) const ON_THE_CONSOLE: &str = "On the host's own console (not over the network) \
    `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` shows the right fingerprint; give it as known-hosts.";

/// Host keys that are trusted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KnownHosts {
    lines: Vec<Line>,
    pins: Vec<String>,
}

/// One line of `known_hosts`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    text: String,
    hosts: String,
    /// Type and fingerprint.
    name: String,
}

impl KnownHosts {
    /// Parses what a deploy file or an input says; each text may have several lines. A host's public key without a
    /// host name counts as its fingerprint.
    ///
    /// # Errors
    /// Each line that is neither, all at once.
    pub fn parse(texts: &[String]) -> Result<Self, Failure> {
        let mut known = Self::default();
        let mut broken = Vec::new();
        let lines = texts.iter().flat_map(|text| text.lines()).map(str::trim);
        for (nth, line) in lines.enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
            if let Err(why) = known.take(line) {
                broken.push(format!("Line {} {why}.", nth + 1));
            }
        }
        if broken.is_empty() {
            return Ok(known);
        }
        let mut failure = Failure::input("known-hosts has lines that are neither host keys nor SHA256 fingerprints")
            .at(Place::Input("known-hosts".into()));
        failure.hints = broken;
        Err(failure.hint(ON_THE_CONSOLE))
    }

    fn take(&mut self, line: &str) -> Result<(), &'static str> {
        match KnownHost::parse(line)? {
            KnownHost::Pin(pin) => self.pins.push(pin),
            KnownHost::Line { text, hosts, name } => self.lines.push(Line { text, hosts, name }),
        }
        Ok(())
    }

    /// Nothing is trusted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.pins.is_empty()
    }

    /// The content of a `known_hosts` file.
    #[must_use]
    pub fn file(&self) -> String {
        self.lines.iter().flat_map(|line| [line.text.as_str(), "\n"]).collect()
    }

    /// The pinned fingerprints: they hold for every host.
    #[must_use]
    pub fn pins(&self) -> &[String] {
        &self.pins
    }

    /// What is trusted for a host, for people: types and fingerprints. Hashed names may be anybody's.
    #[must_use]
    pub fn expected(&self, host: &str, port: u16) -> Vec<String> {
        let full = if port == 22 { host.to_owned() } else { format!("[{host}]:{port}") };
        let fits =
            |line: &&Line| line.hosts.starts_with('|') || line.hosts.split(',').any(|pattern| matches(pattern, &full));
        self.lines.iter().filter(fits).map(|line| line.name.clone()).chain(self.pins.iter().cloned()).collect()
    }

    /// The program that ssh asks about each key that a host shows (`KnownHostsCommand`): it notes type and fingerprint
    /// in a file of the folder named first, and answers with the key only when its fingerprint is pinned. So a pin is compared
    /// inside the very connection, through jump hosts too, before anything of ours is sent.
    #[must_use]
    pub fn pin_script(&self) -> String {
        let mut script = String::from(
            "# folder-of-notes name fingerprint host type key\n\
             case $3 in SHA256:*) printf '%s %s\\n' \"$5\" \"$3\" >>\"$1/$2\";; esac\n",
        );
        if !self.pins.is_empty() {
            // Only base64 and the prefix: no character that a pattern gives a meaning.
            script.push_str("case $3 in ");
            script.push_str(&self.pins.join("|"));
            script.push_str(") printf '%s %s %s\\n' \"$4\" \"$5\" \"$6\";; esac\n");
        }
        script.push_str("exit 0\n");
        script
    }
}

/// `*` and `?` as `known_hosts` has them; no other host is shown wrongly for want of more.
fn matches(pattern: &str, host: &str) -> bool {
    match pattern.chars().next() {
        None => host.is_empty(),
        Some('*') => {
            (0..=host.len()).filter(|at| host.is_char_boundary(*at)).any(|at| matches(&pattern[1..], &host[at..]))
        }
        Some(first) => {
            let mut rest = host.chars();
            rest.next().is_some_and(|c| first == '?' || first.eq_ignore_ascii_case(&c))
                && matches(&pattern[first.len_utf8()..], rest.as_str())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHRece5FMGOvVuzSRw5hSrJAnXm5nCVCfw2dvtENYSUL";
    const PIN: &str = "SHA256:q72C1TICWsbLqv/tpl8AjMRXu37q+CvzmkLmDp4AKl0";

    fn known(lines: &[&str]) -> Result<KnownHosts, Failure> {
        KnownHosts::parse(&lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn every_kind_of_line_is_taken() {
        let name = fingerprint_of_public(KEY).unwrap();
        let plain = format!("192.0.2.10,web {KEY} comment");
        let port = format!("[web]:2222 {KEY}");
        let hashed = format!("|1|F1E1KeoE/eEWhi10WpGv4OdiO6Y=|3988QV0VE8wmZL7suNrYQLITLCg= {KEY}");
        let authority = format!("@cert-authority *.example.org {KEY}");
        let all = known(&["# ours\n", &plain, "", &format!("{port}\n{hashed}\n{authority}"), PIN]).unwrap();
        assert_eq!(all.file(), format!("{plain}\n{port}\n{hashed}\n{authority}\n"));
        assert_eq!(all.pins(), [PIN]);
        let only = known(&[&plain, &port, &authority]).unwrap();
        for (host, port) in [("web", 22), ("web", 2222), ("a.example.org", 22)] {
            assert_eq!(only.expected(host, port), std::slice::from_ref(&name));
        }
        assert!(only.expected("other", 22).is_empty());
        assert_eq!(all.expected("other", 22), [name, PIN.to_owned()]);
    }

    #[test]
    fn the_comment_of_a_key_is_no_fingerprint_for_every_host() {
        let known = known(&[&format!("web {KEY} {PIN}"), &format!("@revoked old {KEY} {PIN}")]).unwrap();
        assert_eq!(known.pins(), Vec::<String>::new());
    }

    #[test]
    fn fingerprints_are_taken_as_ssh_keygen_prints_them() {
        let pins = known(&[&format!("256 {PIN} root@web (ED25519)"), &format!("{PIN}="), KEY]).unwrap();
        let own = fingerprint_of_public(KEY).unwrap();
        assert_eq!(pins.pins(), [PIN, PIN, own.split_once(' ').unwrap().1]);
        assert!(pins.file().is_empty());
        assert!(!pins.is_empty());
    }

    #[test]
    fn what_is_neither_is_named_line_by_line() {
        let damaged = KEY.replace("AAAAC3", "AAAAC4");
        let failure = known(&[
            "SHA256:short",
            PIN,
            "web",
            &format!("web {damaged}"),
            "MD5:16:27:ac:a5:76:28:2d:36:63:1b:56:4d:eb:df:a6:48",
            "@oops web ssh-ed25519 AAAA",
            "web ssh-ed25519 AAAA\u{1b}[0m",
        ])
        .unwrap_err();
        let lines: Vec<_> = failure.hints.iter().filter(|hint| hint.starts_with("Line ")).collect();
        assert_eq!(lines.len(), 6, "{:#?}", failure.hints);
        assert!(lines[0].starts_with("Line 1 ") && lines[5].starts_with("Line 7 "));
        assert!(known(&["", "# nothing"]).unwrap().is_empty());
    }

    #[test]
    fn the_pin_script_answers_only_for_a_pinned_key() {
        let folder = tempfile::tempdir().unwrap();
        let notes = folder.path().join("notes");
        let ask = |script: &str, pin: &str| {
            let done = std::process::Command::new("/bin/sh")
                .args(["-c", script, "sh"])
                .arg(folder.path())
                .arg("notes")
                .args([pin, "[web]:2222", "ssh-ed25519", "AAAAkey"])
                .output()
                .unwrap();
            String::from_utf8(done.stdout).unwrap()
        };
        let with_pin = known(&[PIN]).unwrap().pin_script();
        assert_eq!(ask(&with_pin, PIN), "[web]:2222 ssh-ed25519 AAAAkey\n");
        assert_eq!(ask(&with_pin, "SHA256:other"), "");
        assert_eq!(ask(&with_pin, "NONE"), "");
        assert_eq!(ask(&known(&[&format!("web {KEY}")]).unwrap().pin_script(), PIN), "");
        let seen = std::fs::read_to_string(notes).unwrap();
        assert_eq!(seen, format!("ssh-ed25519 {PIN}\nssh-ed25519 SHA256:other\nssh-ed25519 {PIN}\n"));
    }
}
