//! An agent on this machine: a child process with pipes.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use async_trait::async_trait;
use rollback_deploy_core::model::{AbsPath, Failure};
use rollback_deploy_core::wire::Hello;
use tokio::process::Child;

use super::channel::{Behind, FramedChannel};
use super::process::clean;
use super::stderr::LastWords;
use super::{Channel, Link};

/// A way to the agent on this machine.
#[derive(Debug, Clone)]
pub struct LocalLink {
    program: PathBuf,
    root: AbsPath,
    hello: Hello,
    environment: Vec<(OsString, OsString)>,
}

impl LocalLink {
    /// Through this program, for this root.
    #[must_use]
    pub fn new(program: PathBuf, root: AbsPath, hello: Hello) -> Self {
        Self { program, root, hello, environment: Vec::new() }
    }

    /// Sets what a login would set: `HOME`, `USER`, `LOGNAME`. Nothing else of our environment reaches the agent.
    #[must_use]
    pub fn with_env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }
}

#[async_trait]
impl Link for LocalLink {
    fn describe(&self) -> String {
        format!("this machine, {}", self.root)
    }

    async fn connect(&self) -> Result<Box<dyn Channel>, Failure> {
        let mut command = clean(&self.program);
        command.arg("agent").arg(self.root.as_str()).envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // A group of its own: Ctrl-C on our terminal asks us, and we ask the agent; it must not be shot meanwhile.
        // And it is not killed with us: it sees the closed pipe, ends its step, and the watchdog does the rest.
        command.process_group(0).kill_on_drop(false);
        let cannot = |because: String| {
            Failure::failed(format!("the agent {} could not be started", self.program.display())).because(because)
        };
        let mut child = command.spawn().map_err(|error| cannot(error.to_string()))?;
        let (Some(input), Some(output), Some(errors)) = (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(cannot("it has no pipes".into()));
        };
        let last_words = LastWords::listen(errors, self.describe());
        let channel = FramedChannel::open(output, input, self.hello.clone(), last_words).await?;
        Ok(Box::new(channel.with(LocalAgent(child))))
    }
}

struct LocalAgent(Child);

#[async_trait]
impl Behind for LocalAgent {
    async fn close(mut self: Box<Self>) {
        // It ends by itself when its input is closed. If a step is still under way it goes on without us.
        let _still_working = tokio::time::timeout(Duration::from_secs(5), self.0.wait()).await;
    }
}

#[cfg(test)]
#[path = "local_tests.rs"]
mod tests;
