//! The name of an artifact.

use rollback_deploy_core::model::Failure;

/// What neither the service nor a file system that it is unpacked on takes.
const FORBIDDEN: &[char] = &['"', ':', '<', '>', '|', '*', '?', '\r', '\n', '\\', '/'];

/// A name that the service takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArtifactName(String);

impl ArtifactName {
    /// Parses the text.
    ///
    /// # Errors
    /// It is empty, too long, or has characters that no artifact may have.
    pub fn new(text: impl Into<String>) -> Result<Self, Failure> {
        let text = text.into();
        let valid = !text.trim().is_empty()
            && text.len() <= 256
            && !text.contains(FORBIDDEN)
            && !text.chars().any(char::is_control);
        if valid {
            return Ok(Self(text));
        }
        Err(Failure::input(format!("{:?} can be no artifact's name", text.chars().take(140).collect::<String>()))
            .hint("It must not be empty, longer than 256 bytes, or have any of \" : < > | * ? \\ / or line breaks."))
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_the_service_takes() {
        assert!(ArtifactName::new("deployment-backup-production-v1.2.0-web-1-7-1").is_ok());
        for text in ["", " ", "a/b", "a:b", "a\nb", "a?b", "a\\b", "a\u{1}"] {
            assert!(ArtifactName::new(text).is_err(), "{text:?}");
        }
        assert!(ArtifactName::new("x".repeat(257)).is_err());
    }
}
