//! From a login to an agent that greets: the bootstrap's commands over one master.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use flate2::Compression;
use flate2::read::GzEncoder;
use rollback_deploy_core::model::{AbsPath, Failure, Foreign};
use rollback_deploy_core::wire::Hello;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout};

use super::Channel as _;
use super::bootstrap::{self, Said};
use super::channel::{Behind, FramedChannel};
use super::master::Master;
use super::programs::{Cpu, Programs};
use super::stderr::LastWords;

/// The most that a login shell may print before our first line.
const NOISE: u64 = 64 * 1024;
/// How long the first line may take, a slow login shell included.
const FIRST_LINE: Duration = Duration::from_mins(1);
/// How long the program may travel, and then be written to a busy disk.
const UPLOAD: Duration = Duration::from_mins(10);

/// A command on the host, with what it has said so far.
struct Running {
    child: Child,
    /// Gone when there is nothing more to say: that is the end of its input.
    to: Option<ChildStdin>,
    from: BufReader<ChildStdout>,
    last_words: LastWords,
}

/// Brings the program there if it is missing, starts it and greets.
pub(super) async fn open(
    master: Master,
    root: &AbsPath,
    programs: &Programs,
    hello: &Hello,
    whose: &str,
) -> Result<FramedChannel, Failure> {
    match started(&master, root, programs, hello, whose).await {
        Ok((channel, child)) => Ok(channel.with(RemoteAgent { child, master })),
        Err(failure) => {
            let failure =
                if master.stands().await { failure } else { failure.hint("The SSH connection broke meanwhile.") };
            master.close().await;
            Err(failure)
        }
    }
}

async fn started(
    master: &Master,
    root: &AbsPath,
    programs: &Programs,
    hello: &Hello,
    whose: &str,
) -> Result<(FramedChannel, Child), Failure> {
    let start = bootstrap::start(programs);
    let (mut running, mut said) = ask(master, &start, root, whose).await?;
    if let Said::Missing(cpu) = said {
        upload(master, root, programs, cpu, whose).await?;
        (running, said) = ask(master, &start, root, whose).await?;
    }
    match said {
        Said::Run => {}
        Said::No(why) => return Err(bootstrap::refusal(&why, root.as_str())),
        Said::Missing(_) | Said::Here => {
            return Err(Failure::failed("the program is not on the host although it was just brought there"));
        }
    }
    let to = running.to.take().ok_or_else(|| Failure::bug("the agent's input is closed"))?;
    let channel = FramedChannel::open(running.from, to, hello.clone(), running.last_words).await?;
    let is_ours =
        Cpu::ALL.iter().filter_map(|cpu| programs.get(*cpu)).any(|program| program.digest == *channel.agent());
    if !is_ours {
        return Err(Failure::refused("the program on the host is not the one that was brought there").hint(format!(
            "Somebody changed it: see who can write to {root}/.rollback-deploy/agent, then remove that folder."
        )));
    }
    Ok((channel, running.child))
}

/// Starts a command and reads its first line of ours.
async fn ask(master: &Master, command: &str, root: &AbsPath, whose: &str) -> Result<(Running, Said), Failure> {
    let mut running = run(master, command, whose)?;
    // A host that refuses at once closes its end: its words are read all the same.
    if let Some(to) = &mut running.to {
        let _refused_early = to.write_all(format!("{root}\n").as_bytes()).await;
    }
    let said = first_line(&mut running, FIRST_LINE).await?;
    Ok((running, said))
}

fn run(master: &Master, command: &str, whose: &str) -> Result<Running, Failure> {
    let cannot = |why: String| Failure::failed("ssh could not be started where the controller runs").because(why);
    let mut child = master.run(command).map_err(|error| cannot(error.to_string()))?;
    match (child.stdin.take(), child.stdout.take(), child.stderr.take()) {
        (Some(to), Some(from), Some(errors)) => {
            let last_words = LastWords::listen(errors, whose.to_owned());
            Ok(Running { child, to: Some(to), from: BufReader::new(from), last_words })
        }
        _ => Err(cannot("it has no pipes".into())),
    }
}

/// The first line of ours. What a login shell prints before it is noise, kept only for a failure.
async fn first_line(running: &mut Running, within: Duration) -> Result<Said, Failure> {
    let mut noise = Vec::new();
    let reading = async {
        let mut line = Vec::new();
        loop {
            line.clear();
            let left = NOISE.saturating_sub(u64::try_from(noise.len()).unwrap_or(NOISE));
            if (&mut running.from).take(left).read_until(b'\n', &mut line).await.unwrap_or(0) == 0 {
                return None;
            }
            match Said::parse(line.strip_suffix(b"\n").unwrap_or(&line)) {
                Some(said) => return Some(said),
                None => noise.extend_from_slice(&line),
            }
        }
    };
    if let Ok(Some(said)) = tokio::time::timeout(within, reading).await {
        return Ok(said);
    }
    // Its end brings its last words.
    let _at_most = tokio::time::timeout(Duration::from_secs(2), running.child.wait()).await;
    let mut failure = Failure::failed("the host did not run our command")
        .hint("The user needs an ordinary login shell: a forced command, a shell such as nologin or a start file that asks something or changes shells prevents it.");
    if !noise.is_empty() {
        failure = failure.because(Foreign::from_bytes(&noise));
    }
    failure.because.extend(running.last_words.get());
    Err(failure)
}

async fn upload(master: &Master, root: &AbsPath, programs: &Programs, cpu: Cpu, whose: &str) -> Result<(), Failure> {
    let program = programs.get(cpu).ok_or_else(|| Failure::bug("the host asks for a program that we do not have"))?;
    tracing::debug!(host = whose, cpu = cpu.word(), "bringing the program to the host");
    let path = program.path.clone();
    let packed = tokio::task::spawn_blocking(move || gzip(path)).await;
    let packed = packed.map_err(io::Error::other).and_then(|packed| packed).map_err(|error| {
        Failure::failed(format!("the program {} cannot be read", program.path.display())).because(error.to_string())
    })?;
    let mut running = run(master, &bootstrap::upload(programs), whose)?;
    let mut to = running.to.take();
    let sending = async move {
        if let Some(to) = &mut to {
            to.write_all(format!("{root}\n").as_bytes()).await?;
            to.write_all(&packed).await?;
            to.shutdown().await?;
        }
        io::Result::Ok(())
    };
    // A host that refuses closes its end early: its words say more than our broken pipe.
    if tokio::time::timeout(UPLOAD, sending).await.is_err() {
        return Err(Failure::failed("the program could not be brought to the host in ten minutes"));
    }
    match first_line(&mut running, UPLOAD).await? {
        Said::Here => Ok(()),
        Said::No(why) => Err(bootstrap::refusal(&why, root.as_str())),
        Said::Run | Said::Missing(_) => Err(Failure::failed("the host answered the upload with something unknown")),
    }
}

fn gzip(path: PathBuf) -> io::Result<Vec<u8>> {
    use io::Read as _;
    let mut packed = Vec::new();
    GzEncoder::new(File::open(path)?, Compression::default()).read_to_end(&mut packed)?;
    Ok(packed)
}

/// The agent's process on the host, and the connection it hangs on.
struct RemoteAgent {
    child: Child,
    master: Master,
}

#[async_trait]
impl Behind for RemoteAgent {
    async fn close(mut self: Box<Self>) {
        // It ends by itself when its input is closed; a step still under way there goes on without us.
        let _still_working = tokio::time::timeout(Duration::from_secs(5), self.child.wait()).await;
        self.master.close().await;
    }
}
