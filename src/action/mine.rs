//! Whose change it is: what this run writes into the records of hosts, and how its post step knows it again.

use super::context::Context;
use crate::report::commands::token;

/// Who asks, in the records of hosts: the run's address, and after `#` the job and a random word of the step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mine {
    /// Address and job, the same for every step of the job.
    job: String,
    /// The step's own word; the post step knows it from the saved state, where that is delivered.
    word: Option<String>,
}

impl Mine {
    /// For the main step: with a word of its own.
    #[must_use]
    pub fn begin(context: &Context) -> Self {
        Self {
            job: job(context),
            word: token().map(|mut word| {
                word.truncate(12);
                word
            }),
        }
    }

    /// For the post step: with the word that the main step saved, or without.
    #[must_use]
    pub fn again(context: &Context, word: Option<&str>) -> Self {
        Self { job: job(context), word: word.map(str::to_owned) }
    }

    /// The word to save.
    #[must_use]
    pub fn word(&self) -> Option<&str> {
        self.word.as_deref()
    }

    /// What stands in the records.
    #[must_use]
    pub fn by(&self) -> String {
        self.word.as_ref().map_or_else(|| self.job.clone(), |word| format!("{}.{word}", self.job))
    }

    /// Whether a change that is open was opened by this step; without a saved word, by any step of this job's attempt.
    #[must_use]
    pub fn is(&self, by: &str) -> bool {
        match &self.word {
            Some(_) => by == self.by(),
            None => by == self.job || by.strip_prefix(&self.job).is_some_and(|rest| rest.starts_with('.')),
        }
    }
}

fn job(context: &Context) -> String {
    let run = context.run_url().unwrap_or_else(|| "a run".to_owned());
    let plain = |c: char| if c.is_ascii_alphanumeric() || "_-".contains(c) { c } else { '_' };
    format!("{run}#{}", context.job.chars().map(plain).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(run: u64, job: &str) -> Context {
        Context {
            repository: Some("o/r".to_owned()),
            run_id: Some(run),
            run_attempt: Some(1),
            job: job.to_owned(),
            server_url: "https://github.com".to_owned(),
            ..Context::default()
        }
    }

    #[test]
    fn a_step_knows_its_own_change_and_no_other() {
        let main = Mine::begin(&context(7, "deploy"));
        let by = main.by();
        assert!(by.starts_with("https://github.com/o/r/actions/runs/7/attempts/1#deploy."), "{by}");
        assert!(Mine::again(&context(7, "deploy"), main.word()).is(&by));
        assert!(Mine::again(&context(7, "deploy"), None).is(&by), "without the saved state");
        assert!(!Mine::again(&context(7, "deploy"), Some("other")).is(&by), "another step of the job");
        assert!(!Mine::again(&context(7, "dep"), None).is(&by), "another job");
        assert!(!Mine::again(&context(70, "deploy"), None).is(&by), "another run");
    }
}
