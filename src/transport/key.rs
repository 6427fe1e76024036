//! The text of a private key as people paste it → the text that ssh reads, or what is wrong with it in words.
//!
//! Pure: nothing is written here (see [`super::key_file`]). No message repeats a byte of the text.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use rollback_deploy_core::model::{Failure, Place};
use secrecy::{ExposeSecret, SecretString};

/// A private key in the form that ssh reads.
#[derive(Debug)]
pub struct KeyText {
    /// Armour, lines, last newline: all in place.
    pub text: SecretString,
    /// It needs a passphrase.
    pub is_encrypted: bool,
}

/// What is wrong with a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Defect {
    /// Nothing there.
    #[error("the private key is empty")]
    Empty,
    /// The other half.
    #[error("this is a public key, not the private key")]
    Public,
    /// `PuTTY`'s own format.
    #[error("this is a key in PuTTY's own format (.ppk), which OpenSSH cannot read")]
    Putty,
    /// The name of a file.
    #[error("this is the path of a file, not the key in it")]
    Path,
    /// The end is missing.
    #[error("the private key is truncated: its end is missing")]
    Truncated,
    /// Something else altogether.
    #[error("this is not a private key")]
    NotAKey,
    /// It needs a passphrase and none was given.
    #[error("the private key is encrypted, and no passphrase was given")]
    Encrypted,
    /// The passphrase does not open it.
    #[error("the passphrase does not open the private key")]
    Passphrase,
    /// It looks like a key, but ssh cannot read it.
    #[error("the private key is damaged: ssh-keygen cannot read it")]
    Damaged,
}

impl From<Defect> for Failure {
    fn from(defect: Defect) -> Self {
        let input = if defect == Defect::Passphrase { "passphrase" } else { "key" };
        let failure = Self::input(defect.to_string()).at(Place::Input(input.to_owned()));
        match defect {
            Defect::Empty => failure.hint(
                "Store the whole private key file as a secret, for example: gh secret set DEPLOY_KEY < id_ed25519. \
                 A secret that does not exist, or that a pull request from a fork may not read, is empty too.",
            ),
            Defect::Public => {
                failure.hint("Give the file without .pub: it begins with -----BEGIN OPENSSH PRIVATE KEY-----.")
            }
            Defect::Putty => failure.hint("Convert it: puttygen key.ppk -O private-openssh -o id_deploy."),
            Defect::Path => failure.hint("Give the content of the file, with its BEGIN and END lines."),
            Defect::Truncated | Defect::Damaged => {
                failure.hint("Store the whole file again, from its BEGIN line to its END line.")
            }
            Defect::NotAKey => failure.hint(
                "A private key begins with -----BEGIN OPENSSH PRIVATE KEY-----. A new one: \
                 ssh-keygen -t ed25519 -N '' -f id_deploy.",
            ),
            Defect::Encrypted => failure.hint("Give its passphrase too (input passphrase), or use a key without one."),
            Defect::Passphrase => failure.hint("Check the passphrase with: ssh-keygen -y -f id_deploy."),
        }
    }
}

/// Brings a pasted key into the form that ssh reads: carriage returns, indentation, quotes, a missing last newline,
/// `\n` written out, the whole file as base64, everything on one line.
///
/// # Errors
/// What it is instead of a private key.
pub fn normalise(pasted: &SecretString) -> Result<KeyText, Defect> {
    let text = unwrapped(pasted.expose_secret());
    if text.contains("-----BEGIN ") {
        return armoured(&text);
    }
    if let Some(defect) = something_else(&text) {
        return Err(defect);
    }
    let bytes = any_base64(&text).ok_or(Defect::NotAKey)?;
    if bytes.starts_with(MAGIC) {
        return armoured(&format!("-----BEGIN {OPENSSH}-----\n{text}\n-----END {OPENSSH}-----"));
    }
    let inner = unwrapped(&String::from_utf8(bytes).map_err(|_| Defect::NotAKey)?);
    if inner.contains("-----BEGIN ") {
        return armoured(&inner);
    }
    Err(something_else(&inner).unwrap_or(Defect::NotAKey))
}

const OPENSSH: &str = "OPENSSH PRIVATE KEY";
const MAGIC: &[u8] = b"openssh-key-v1\0";

/// Without byte order mark, carriage returns, quotes around it, and `\n` written out.
fn unwrapped(text: &str) -> String {
    let text = text.trim_start_matches('\u{feff}').trim();
    let quoted = ['"', '\''].into_iter().find_map(|mark| text.strip_prefix(mark)?.strip_suffix(mark));
    let text = quoted.unwrap_or(text).trim().replace("\r\n", "\n").replace('\r', "\n");
    if text.contains('\n') { text } else { text.replace("\\r", "").replace("\\n", "\n") }
}

/// What a text without armour is, when it can be told.
fn something_else(text: &str) -> Option<Defect> {
    let first = text.split_whitespace().next().unwrap_or_default();
    if first.is_empty() {
        Some(Defect::Empty)
    } else if text.starts_with("PuTTY-User-Key-File-") {
        Some(Defect::Putty)
    } else if ["ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-"].iter().any(|kind| first.starts_with(kind))
        || text.starts_with("---- BEGIN SSH2 PUBLIC KEY")
    {
        Some(Defect::Public)
    } else if text.lines().count() == 1
        && (["/", "~", "./"].iter().any(|start| text.starts_with(start)) || first.starts_with("id_"))
        && any_base64(text).is_none_or(|bytes| !bytes.starts_with(MAGIC))
        && text.len() < 300
    {
        Some(Defect::Path)
    } else {
        None
    }
}

fn any_base64(text: &str) -> Option<Vec<u8>> {
    let dense: String = text.split_whitespace().collect();
    [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE, &URL_SAFE_NO_PAD].iter().find_map(|kind| kind.decode(&dense).ok())
}

/// From a text that has a BEGIN somewhere.
fn armoured(text: &str) -> Result<KeyText, Defect> {
    let after = text.split_once("-----BEGIN ").ok_or(Defect::NotAKey)?.1;
    let (label, after) = after.split_once("-----").ok_or(Defect::Truncated)?;
    if label.ends_with("PUBLIC KEY") {
        return Err(Defect::Public);
    }
    if !label.ends_with("PRIVATE KEY") {
        return Err(Defect::NotAKey);
    }
    let (inside, _) = after.split_once(&format!("-----END {label}-----")).ok_or(Defect::Truncated)?;

    let mut headers = Vec::new();
    let mut body = String::new();
    let mut words = inside.split_whitespace();
    while let Some(word) = words.next() {
        if word.ends_with(':') {
            headers.push(format!("{word} {}", words.next().ok_or(Defect::Truncated)?));
        } else {
            body.push_str(word);
        }
    }
    if !body.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte)) {
        return Err(Defect::NotAKey);
    }
    let bytes = STANDARD.decode(&body).map_err(|_| Defect::Truncated)?;
    let is_encrypted = if label == OPENSSH {
        is_openssh_encrypted(&bytes).ok_or(Defect::Truncated)?
    } else {
        let is_encrypted = label.starts_with("ENCRYPTED") || headers.iter().any(|line| line.contains("ENCRYPTED"));
        if headers.is_empty() && !is_whole_der(&bytes) {
            return Err(Defect::Truncated);
        }
        is_encrypted
    };

    let mut clean = format!("-----BEGIN {label}-----\n");
    for header in &headers {
        clean.push_str(header);
        clean.push('\n');
    }
    if !headers.is_empty() {
        clean.push('\n');
    }
    let mut rest = body.as_str();
    while !rest.is_empty() {
        let (line, below) = rest.split_at(rest.len().min(64));
        clean.push_str(line);
        clean.push('\n');
        rest = below;
    }
    clean.push_str("-----END ");
    clean.push_str(label);
    clean.push_str("-----\n");
    Ok(KeyText { text: clean.into(), is_encrypted })
}

/// Walks the outer structure: whether its cipher is another than `none`; nothing when its end is missing.
fn is_openssh_encrypted(bytes: &[u8]) -> Option<bool> {
    let mut rest = bytes.strip_prefix(MAGIC)?;
    let cipher = string(&mut rest)?;
    string(&mut rest)?; // how the passphrase becomes a key
    string(&mut rest)?; // its parameters
    let (_count, after) = rest.split_at_checked(4)?;
    rest = after;
    string(&mut rest)?; // the public half
    string(&mut rest)?; // the private half
    Some(cipher != b"none")
}

/// The next string of an SSH structure: a length, then so many bytes.
pub(super) fn string<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, after) = rest.split_first_chunk::<4>()?;
    let (string, after) = after.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    *rest = after;
    Some(string)
}

/// Whether as many bytes follow as the outermost DER sequence says.
fn is_whole_der(bytes: &[u8]) -> bool {
    let (length, header) = match bytes {
        [0x30, short, ..] if *short < 0x80 => (usize::from(*short), 2),
        [0x30, long, rest @ ..] => {
            let digits = usize::from(*long & 0x7f);
            let Some(digits) = rest.get(..digits).filter(|digits| digits.len() <= 4) else { return false };
            (digits.iter().fold(0, |sum, digit| sum << 8 | usize::from(*digit)), 2 + digits.len())
        }
        _ => return false,
    };
    bytes.len() >= header + length
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// A real key made by ssh-keygen: private and public text.
    fn real(arguments: &[&str]) -> (String, String) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("id");
        let done = Command::new("ssh-keygen").args(["-q", "-f"]).arg(&path).args(arguments).status().unwrap();
        assert!(done.success());
        let read = |path| std::fs::read_to_string(path).unwrap();
        (read(path.clone()), read(path.with_extension("pub")))
    }

    fn defect(text: &str) -> Defect {
        let defect = normalise(&text.into()).unwrap_err();
        let shown = format!("{:?}", Failure::from(defect));
        for word in text.split_whitespace().filter(|word| word.len() > 40) {
            assert!(!shown.contains(word), "the failure repeats the key");
        }
        defect
    }

    #[test]
    fn pasted_keys_become_whole() {
        for (key, _) in [
            real(&["-t", "ed25519", "-N", ""]),
            real(&["-t", "rsa", "-b", "2048", "-m", "PEM", "-N", ""]),
            real(&["-t", "ecdsa", "-m", "PKCS8", "-N", ""]),
        ] {
            let expected = normalise(&key.clone().into()).unwrap().text.expose_secret().to_owned();
            let dense = |text: &str| text.split_whitespace().collect::<String>();
            assert_eq!(dense(&expected), dense(&key));
            assert!(expected.ends_with("-----\n") && expected.lines().all(|line| line.len() <= 64));
            let ways = [
                key.replace('\n', "\r\n"),
                key.replace('\n', "\r"),
                key.trim_end().to_owned(),
                key.replace('\n', "\n    "),
                key.replace('\n', " "),
                key.trim_end().replace('\n', "\\n"),
                format!("\"{}\"", key.trim_end()),
                format!("\u{feff}{key}"),
                format!("\n\n{key}\n\n"),
                STANDARD.encode(&key),
                STANDARD.encode(key.replace('\n', "\r\n")),
                format!("{key}ssh-ed25519 AAAA the public half below it\n"),
            ];
            for way in ways {
                let made = normalise(&way.into()).unwrap();
                assert_eq!(made.text.expose_secret(), expected);
                assert!(!made.is_encrypted);
            }
        }
    }

    #[test]
    fn a_body_without_armour_gets_it() {
        let (key, _) = real(&["-t", "ed25519", "-N", ""]);
        let body: String = key.lines().filter(|line| !line.starts_with('-')).collect();
        let made = normalise(&body.into()).unwrap();
        assert_eq!(made.text.expose_secret(), normalise(&key.into()).unwrap().text.expose_secret());
    }

    #[test]
    fn encrypted_keys_are_seen() {
        for arguments in [
            &["-t", "ed25519", "-N", "geheim"][..],
            &["-t", "rsa", "-b", "2048", "-m", "PEM", "-N", "geheim"],
            &["-t", "ecdsa", "-m", "PKCS8", "-N", "geheim"],
        ] {
            let (key, _) = real(arguments);
            for way in [key.clone(), key.replace('\n', " "), key.replace('\n', "\r\n")] {
                assert!(normalise(&way.into()).unwrap().is_encrypted, "{arguments:?}");
            }
        }
    }

    #[test]
    fn what_is_no_private_key_is_named() {
        let (key, public) = real(&["-t", "ed25519", "-N", ""]);
        let (pem, _) = real(&["-t", "rsa", "-b", "2048", "-m", "PEM", "-N", ""]);
        assert_eq!(defect(""), Defect::Empty);
        assert_eq!(defect(" \r\n"), Defect::Empty);
        assert_eq!(defect(&public), Defect::Public);
        assert_eq!(defect(&STANDARD.encode(&public)), Defect::Public);
        assert_eq!(defect("-----BEGIN PUBLIC KEY-----\nMCow\n-----END PUBLIC KEY-----"), Defect::Public);
        assert_eq!(defect("PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\n"), Defect::Putty);
        assert_eq!(defect("~/.ssh/id_ed25519"), Defect::Path);
        assert_eq!(defect("hunter2!"), Defect::NotAKey);
        assert_eq!(defect("-----BEGIN CERTIFICATE-----\nMII=\n-----END CERTIFICATE-----"), Defect::NotAKey);
        for cut in [30, key.len() / 2, key.len() - 10] {
            assert_eq!(defect(&key[..cut]), Defect::Truncated);
        }
        for whole in [&key, &pem] {
            let mut lines: Vec<_> = whole.lines().collect();
            lines.remove(lines.len() - 2);
            assert_eq!(defect(&lines.join("\n")), Defect::Truncated);
        }
    }
}
