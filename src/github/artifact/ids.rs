//! Which run and job we are, as the runtime token says. Its signature is the service's business.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use super::unavailable::Unavailable;

/// The service's ids of this run and job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Ids {
    workflow_run_backend_id: String,
    workflow_job_run_backend_id: String,
}

#[derive(Deserialize)]
struct Claims {
    #[serde(default)]
    scp: String,
}

impl Ids {
    /// Reads them out of the token.
    pub(super) fn of(token: &SecretString) -> Result<Self, Unavailable> {
        let token = token.expose_secret();
        if token.is_empty() {
            return Err(Unavailable::NotHere);
        }
        let payload = token.split('.').nth(1).ok_or(Unavailable::NoScope)?;
        let payload = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).map_err(|_| Unavailable::NoScope)?;
        let claims: Claims = serde_json::from_slice(&payload).map_err(|_| Unavailable::NoScope)?;
        let scope = claims.scp.split(' ').find_map(|scope| {
            let parts: Vec<&str> = scope.split(':').collect();
            match parts[..] {
                ["Actions.Results", run, job] if !run.is_empty() && !job.is_empty() => Some((run, job)),
                _ => None,
            }
        });
        let (run, job) = scope.ok_or(Unavailable::NoScope)?;
        Ok(Self { workflow_run_backend_id: run.to_owned(), workflow_job_run_backend_id: job.to_owned() })
    }

    /// The run's.
    pub(super) fn run(&self) -> &str {
        &self.workflow_run_backend_id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_scope_counts() {
        let token = |claims: &str| SecretString::from(format!("e30.{}.x", URL_SAFE_NO_PAD.encode(claims)));
        let ids = Ids::of(&token(r#"{"scp":"Actions.Other:9:9 Actions.Results:run-1:job-2"}"#)).unwrap();
        assert_eq!((ids.run(), ids.workflow_job_run_backend_id.as_str()), ("run-1", "job-2"));
        for claims in [r#"{"scp":"Actions.Results:run"}"#, r#"{"scp":"Actions.Results:a:b:c"}"#, "{}", "no"] {
            assert_eq!(Ids::of(&token(claims)), Err(Unavailable::NoScope), "{claims}");
        }
        assert_eq!(Ids::of(&SecretString::from("opaque".to_owned())), Err(Unavailable::NoScope));
        assert_eq!(Ids::of(&SecretString::from(String::new())), Err(Unavailable::NotHere));
    }
}
