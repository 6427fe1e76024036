//! A private key on disk for as long as a run lasts: 0600 in the run's private folder, decrypted, checked.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use rollback_deploy_core::model::{Failure, Foreign};
use secrecy::{ExposeSecret as _, SecretString};

use super::folder;
use super::key::{self, Defect};
use super::known_hosts::fingerprint_of_public;
use super::process::clean;

/// A key that ssh can use.
#[derive(Debug)]
pub struct KeyFile {
    /// Where.
    pub path: PathBuf,
    /// Its type and fingerprint, for people: `ssh-ed25519 SHA256:…`.
    pub name: String,
}

impl KeyFile {
    /// Normalises the pasted text, writes it into the folder and makes sure that ssh can read it. The passphrase
    /// travels to ssh-keygen by a private file and its asking program: never in arguments or environment.
    ///
    /// # Errors
    /// What is wrong with the key, in words.
    pub async fn write(pasted: &SecretString, passphrase: Option<&SecretString>, into: &Path) -> Result<Self, Failure> {
        let key = key::normalise(pasted)?;
        let path = into.join("key");
        private(&path, 0o600, key.text.expose_secret()).map_err(|error| cannot_write(&error))?;
        if key.is_encrypted {
            let passphrase = passphrase.filter(|text| !text.expose_secret().is_empty()).ok_or(Defect::Encrypted)?;
            decrypt(&path, passphrase).await?;
        }
        let public = run(clean("ssh-keygen").args(["-y", "-P", "", "-f"]).arg(&path)).await?;
        if !public.status.success() {
            return Err(Failure::from(Defect::Damaged).because(Foreign::from_bytes(&public.stderr)));
        }
        let public = String::from_utf8_lossy(&public.stdout).into_owned();
        let name = fingerprint_of_public(&public).ok_or(Defect::Damaged)?;
        Ok(Self { path, name })
    }
}

/// Takes the passphrase off the file.
async fn decrypt(path: &Path, passphrase: &SecretString) -> Result<(), Failure> {
    let private_folder = folder::private("rd-ask").map_err(|error| cannot_write(&error))?;
    let secret = private_folder.path().join("secret");
    let ask = private_folder.path().join("ask");
    private(&secret, 0o600, &format!("{}\n", passphrase.expose_secret())).map_err(|error| cannot_write(&error))?;
    // The folder's name is ours: letters and digits only.
    private(&ask, 0o700, &format!("#!/bin/sh\nexec cat {}\n", secret.display()))
        .map_err(|error| cannot_write(&error))?;
    let done = run(clean("ssh-keygen")
        .args(["-q", "-p", "-N", "", "-f"])
        .arg(path)
        .env("SSH_ASKPASS", &ask)
        .env("SSH_ASKPASS_REQUIRE", "force"))
    .await?;
    if done.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    let failure = if said.contains("exec") && said.contains("ermission denied") {
        Failure::failed(
            "the passphrase could not be given to ssh-keygen: programs cannot be run from the temporary folder",
        )
        .hint("Mount /tmp without noexec where the controller runs, or use a key without a passphrase.")
    } else {
        Defect::Passphrase.into()
    };
    Err(failure.because(said))
}

async fn run(command: &mut tokio::process::Command) -> Result<Output, Failure> {
    command.stdin(Stdio::null()).kill_on_drop(true).output().await.map_err(|error| {
        Failure::failed("ssh-keygen could not be started where the controller runs")
            .hint("Install OpenSSH's client (Debian: apt-get install openssh-client).")
            .because(error.to_string())
    })
}

fn cannot_write(error: &std::io::Error) -> Failure {
    Failure::failed("the private key could not be written to the run's temporary folder").because(error.to_string())
}

/// Writes a file that was not there, for us alone.
pub(super) fn private(path: &Path, mode: u32, text: &str) -> std::io::Result<()> {
    OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn generate(folder: &Path, arguments: &[&str]) -> SecretString {
        let path = folder.join("made");
        let done = std::process::Command::new("ssh-keygen").args(["-q", "-f"]).arg(&path).args(arguments).status();
        assert!(done.unwrap().success());
        std::fs::read_to_string(path).unwrap().into()
    }

    #[tokio::test]
    async fn a_plain_key_is_written_for_us_alone() {
        let folder = folder::private("rd-test").unwrap();
        let text = generate(folder.path(), &["-t", "ed25519", "-N", ""]);
        let key = KeyFile::write(&text, None, folder.path()).await.unwrap();
        assert_eq!(std::fs::metadata(&key.path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(key.name.starts_with("ssh-ed25519 SHA256:"), "{}", key.name);
        let shown = std::process::Command::new("ssh-keygen").arg("-lf").arg(&key.path).output().unwrap();
        let fingerprint = key.name.split(' ').nth(1).unwrap();
        assert!(String::from_utf8(shown.stdout).unwrap().contains(fingerprint));
    }

    #[tokio::test]
    async fn a_passphrase_opens_the_key_and_leaves_nothing() {
        for kind in [&["-t", "ed25519"][..], &["-t", "rsa", "-b", "2048", "-m", "PEM"]] {
            let folder = folder::private("rd-test").unwrap();
            let text = generate(folder.path(), &[kind, &["-N", "geheim $(x) 'q\""]].concat());
            let missing = KeyFile::write(&text, None, &sub(folder.path(), "a")).await.unwrap_err();
            assert_eq!(missing.what, Defect::Encrypted.to_string());
            let wrong = KeyFile::write(&text, Some(&"falsch".into()), &sub(folder.path(), "b")).await.unwrap_err();
            assert_eq!(wrong.what, Defect::Passphrase.to_string());
            assert!(!format!("{wrong:?}").contains("falsch"));
            let into = sub(folder.path(), "c");
            let key = KeyFile::write(&text, Some(&"geheim $(x) 'q\"".into()), &into).await.unwrap();
            assert!(key.name.contains(" SHA256:"));
            assert_eq!(std::fs::read_dir(&into).unwrap().count(), 1, "only the key is left");
        }
    }

    #[tokio::test]
    async fn a_key_of_rubbish_inside_is_damaged() {
        use base64::Engine as _;
        let folder = folder::private("rd-test").unwrap();
        let text = generate(folder.path(), &["-t", "ed25519", "-N", ""]);
        let body: String = text.expose_secret().lines().filter(|line| !line.starts_with('-')).collect();
        let engine = base64::engine::general_purpose::STANDARD;
        let mut bytes = engine.decode(body).unwrap();
        let inside = bytes.len() - 150;
        bytes[inside] ^= 0xff;
        let broken =
            format!("-----BEGIN OPENSSH PRIVATE KEY-----\n{}\n-----END OPENSSH PRIVATE KEY-----", engine.encode(bytes));
        let failure = KeyFile::write(&broken.into(), None, &sub(folder.path(), "a")).await.unwrap_err();
        assert_eq!(failure.what, Defect::Damaged.to_string());
    }

    fn sub(folder: &Path, name: &str) -> PathBuf {
        let path = folder.join(name);
        std::fs::create_dir(&path).unwrap();
        path
    }
}
