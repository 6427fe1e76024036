//! One line that says which host key is trusted: of `known_hosts`, a fingerprint as `ssh-keygen -l` prints it, or a
//! public key. The one parser for the deploy file and for inputs.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use sha2::Digest as _;

/// What a line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KnownHost {
    /// A key by its fingerprint, whatever the host is called: `SHA256:…`.
    Pin(String),
    /// A line of `known_hosts`.
    Line {
        /// The line itself.
        text: String,
        /// The names and patterns that it is for.
        hosts: String,
        /// Type and fingerprint of its key.
        name: String,
    },
}

impl KnownHost {
    /// Parses one line.
    ///
    /// # Errors
    /// What is wrong with it, as the end of a sentence.
    pub fn parse(line: &str) -> Result<Self, &'static str> {
        let mut words = line.split_whitespace().peekable();
        if line.chars().any(|c| c.is_control() && c != '\t') {
            return Err("has a control character");
        }
        // The comment of a key line is no fingerprint: that one would hold for every host.
        let holds_key = line.starts_with('@') || line.split_whitespace().any(|word| word.starts_with("AAAA"));
        let pin = line.split_whitespace().find_map(|word| word.strip_prefix("SHA256:"));
        if let Some(pin) = pin.filter(|_| !holds_key) {
            let pin = pin.trim_end_matches('=');
            return match STANDARD_NO_PAD.decode(pin) {
                Ok(raw) if raw.len() == 32 => Ok(Self::Pin(format!("SHA256:{pin}"))),
                _ => Err("has a fingerprint that is not whole: SHA256: and 43 characters"),
            };
        }
        if line.split_whitespace().any(|word| word.starts_with("MD5:") || word.matches(':').count() == 15) {
            return Err("has an MD5 fingerprint, which proves nothing: use the SHA256 one");
        }
        let marker = words.next_if(|word| word.starts_with('@'));
        if !matches!(marker, None | Some("@cert-authority" | "@revoked")) {
            return Err("has an unknown marker");
        }
        let first = words.next().unwrap_or_default();
        if is_key_type(first) {
            let name = fingerprint_of_public(line).ok_or("has a damaged key")?;
            let pin = name.split_once(' ').ok_or("has a damaged key")?.1;
            return Ok(Self::Pin(pin.to_owned()));
        }
        let kind = words.next().ok_or("is no line of known_hosts: host, type, key")?;
        let key = words.next().ok_or("is no line of known_hosts: host, type, key")?;
        let name = fingerprint_of_public(&format!("{kind} {key}")).ok_or("has a damaged key or an unknown key type")?;
        Ok(Self::Line { text: line.to_owned(), hosts: first.to_owned(), name })
    }
}

fn is_key_type(word: &str) -> bool {
    ["ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-"].iter().any(|start| word.starts_with(start))
}

/// `type SHA256:…` of a public key's text (`type base64 …`); nothing when it is none.
#[must_use]
pub fn fingerprint_of_public(text: &str) -> Option<String> {
    let mut words = text.split_whitespace();
    let kind = words.next().filter(|word| is_key_type(word))?;
    let blob = STANDARD.decode(words.next()?).ok()?;
    // The first string of the key, after its length, is its type again.
    let (length, rest) = blob.split_first_chunk::<4>()?;
    let inner = rest.get(..usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    (inner == kind.as_bytes()).then(|| format!("{kind} SHA256:{}", STANDARD_NO_PAD.encode(sha2::Sha256::digest(&blob))))
}

#[cfg(test)]
mod tests {
    use super::KnownHost;

    #[test]
    fn host_keys() {
        let key = "AAAAC3NzaC1lZDI1NTE5AAAAIHRece5FMGOvVuzSRw5hSrJAnXm5nCVCfw2dvtENYSUL";
        let pin = "SHA256:q72C1TICWsbLqv/tpl8AjMRXu37q+CvzmkLmDp4AKl0";
        for line in [
            format!("web-1 ssh-ed25519 {key}"),
            format!("[192.0.2.1]:2222 ssh-ed25519 {key} comment"),
            format!("@cert-authority *.example.com ssh-ed25519 {key}"),
            format!("ssh-ed25519 {key} root@web"),
            pin.to_owned(),
            format!("{pin}="),
            // As `ssh-keygen -lf` prints it.
            format!("256 {pin} root@web (ED25519)"),
        ] {
            assert!(KnownHost::parse(&line).is_ok(), "{line}");
        }
        for line in
            ["web-1", "SHA256:abc", "ssh-ed25519 AAAA", "MD5:aa:bb", "web-1 ssh-ed25519 $(id)", "256 MD5:aa (RSA)"]
        {
            assert!(KnownHost::parse(line).is_err(), "{line}");
        }
    }
}
