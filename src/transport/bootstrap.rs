//! The two remote commands, and what they answer. Pure.
//!
//! sshd hands a command to the user's login shell, and correct POSIX quoting was executed by fish. So each command is
//! a constant: plain words and one single-quoted script without quotes, backslashes, newlines or exclamation marks,
//! which sh, bash, zsh, mksh, fish and tcsh all pass on unchanged. Everything that varies travels on standard input;
//! only the digests of our own programs stand in the text.

use rollback_deploy_core::model::{Failure, Foreign};

use super::programs::{Cpu, Programs};

/// What a line of ours begins with; whatever a login shell prints before it is noise.
const MARK: &str = "rollback-deploy: ";

/// Reads the root and looks at what is there; makes the state folder at the first contact. What `no` says is split
/// into words, so that several lines of a tool become one.
const LOOK: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin; LC_ALL=C; LANG=C; \
export PATH LC_ALL LANG; umask 077; set -f; \
no() { printf \"%s \" \"rollback-deploy: no\" $1; echo; exit 3; }; \
mk() { [ -e \"$1\" ] || [ -L \"$1\" ] || E=$(mkdir -m \"$2\" \"$1\" 2>&1) || [ -d \"$1\" ] || no \"make-$3 $E\"; }; \
own() { if [ -L \"$1\" ]; then no \"link-$2\"; fi; [ -d \"$1\" ] || no \"folder-$2\"; \
[ -O \"$1\" ] || no \"owner-$2\"; case $(ls -ldn \"$1\") in d????-??-*) ;; *) no \"others-$2\";; esac; }; \
IFS= read -r R || no input; case $R in /*) ;; *) no input;; esac; \
case $(uname -s) in Linux) ;; *) no \"os $(uname -s)\";; esac; \
case $(uname -m) in x86_64) C=x86_64; D=@x86_64@;; aarch64|arm64) C=aarch64; D=@aarch64@;; \
*) no \"cpu $(uname -m)\";; esac; \
if [ $D = none ]; then no \"program $C\"; fi; \
S=$R/.rollback-deploy; mk \"$R\" 755 root; own \"$R\" root; mk \"$S\" 700 state; own \"$S\" state; \
mk \"$S/agent\" 700 agent; own \"$S/agent\" agent; A=$S/agent/$D; ";

/// Becomes the agent, or says that it is missing.
const START: &str = "if [ -L \"$A\" ]; then no link-program; fi; \
if [ -s \"$A\" ]; then [ -x \"$A\" ] || no noexec; echo \"rollback-deploy: run\"; exec \"$A\" agent \"$R\"; fi; \
echo \"rollback-deploy: missing $C\"";

/// Takes the program from the rest of standard input, compressed. It gets its name only when it is whole and on disk.
const UPLOAD: &str = "command -v gzip >/dev/null || no \"tool gzip\"; \
command -v sha256sum >/dev/null || no \"tool sha256sum\"; \
find \"$S/agent\" -name \"up.*\" -mmin +60 -exec rm -f {} + 2>/dev/null; \
T=$S/agent/up.$$; gone() { rm -f \"$T\"; }; gone; trap \"exit 4\" HUP INT TERM; trap gone EXIT; \
E=$( { gzip -dc >\"$T\"; } 2>&1 ) || no \"write $E\"; \
case $(sha256sum <\"$T\") in \"$D \"*) ;; *) no digest;; esac; \
E=$(chmod 755 \"$T\" 2>&1 && { sync \"$T\" 2>/dev/null || sync; } && mv -f \"$T\" \"$A\" 2>&1 && \
{ sync \"$S/agent\" 2>/dev/null || sync; }) || no \"write $E\"; \
echo \"rollback-deploy: here\"";

fn command(programs: &Programs, script: &str) -> String {
    let mut script = script.to_owned();
    for cpu in Cpu::ALL {
        let digest = programs.get(cpu).map_or("none", |program| program.digest.as_str());
        script = script.replace(&format!("@{}@", cpu.word()), digest);
    }
    format!("exec /bin/sh -c '{script}'")
}

/// The command that becomes the agent. Standard input: the root and a newline, then frames.
#[must_use]
pub fn start(programs: &Programs) -> String {
    command(programs, &format!("{LOOK}{START}"))
}

/// The command that takes the program. Standard input: the root and a newline, then the program, gzipped.
#[must_use]
pub fn upload(programs: &Programs) -> String {
    command(programs, &format!("{LOOK}{UPLOAD}"))
}

/// What a command answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// The next byte is the agent's.
    Run,
    /// The program for this CPU is not there.
    Missing(Cpu),
    /// The program is in its place.
    Here,
    /// It refuses.
    No(Foreign),
}

impl Said {
    /// From a line, without its newline; nothing when it is noise.
    #[must_use]
    pub fn parse(line: &[u8]) -> Option<Self> {
        let line = String::from_utf8_lossy(line);
        let said = line.strip_prefix(MARK)?.trim_end();
        match said.split_once(' ') {
            None if said == "run" => Some(Self::Run),
            None if said == "here" => Some(Self::Here),
            Some(("missing", cpu)) => Cpu::from_word(cpu).map(Self::Missing),
            Some(("no", why)) => Some(Self::No(Foreign::new(why))),
            _ => None,
        }
    }
}

/// A refusal in words.
#[must_use]
pub fn refusal(why: &Foreign, root: &str) -> Failure {
    let (word, detail) = why.expose().split_once(' ').unwrap_or((why.expose(), ""));
    let detail: String = detail.chars().filter(|c| !c.is_control()).take(500).collect();
    let (act, which) = word.split_once('-').unwrap_or((word, ""));
    let path = match which {
        "state" => format!("{root}/.rollback-deploy"),
        "agent" => format!("{root}/.rollback-deploy/agent"),
        "program" => format!("{root}/.rollback-deploy/agent/…"),
        _ => root.to_owned(),
    };
    let refused = |what: String| Failure::refused(what).on_host(&path);
    let is_full = detail.contains("No space left") || detail.contains("quota exceeded");
    let failure = match act {
        "link" => refused(format!("{path} is a symbolic link, but has to be a real folder"))
            .hint("Give the real path as root, and see who made the link."),
        "folder" => refused(format!("{path} is not a folder")),
        "owner" => refused(format!("{path} does not belong to the user who deploys"))
            .hint(format!("As root on the host: chown USER: {path} (USER is who logs in by SSH).")),
        "others" => refused(format!("other users can write to {path}"))
            .hint(format!("Whoever can write there decides what runs. On the host: chmod go-w {path}")),
        "make" if is_full => refused(format!("{path} cannot be made: the disk is full")),
        "make" => refused(format!("{path} does not exist and cannot be made by the user who deploys"))
            .hint(format!("As root on the host: install -d -o USER -g USER -m 755 {root}")),
        "os" => refused(format!("the host runs {detail}: only Linux is supported"))
            .hint("Deploy to a host with Linux on x86_64 or aarch64."),
        "cpu" => refused(format!("the host's CPU is {detail}: only x86_64 and aarch64 are supported"))
            .hint("Deploy to a host with Linux on x86_64 or aarch64."),
        "program" if which.is_empty() => {
            refused(format!("there is no program for the host's CPU ({detail}) where the controller runs"))
                .hint(format!("Put rollback-deploy-host-{detail} beside the controller, or name it with --agent FILE."))
        }
        "noexec" => refused(format!("programs cannot be run from {root}: it is mounted noexec"))
            .hint("Mount it without noexec, or choose a root on another filesystem."),
        "tool" => refused(format!("the host lacks the program {detail}")).hint(format!(
            "Install it on the host (Debian: apt-get install {}).",
            if detail == "gzip" { "gzip" } else { "coreutils" }
        )),
        "digest" => refused("the program arrived on the host damaged".into())
            .hint("Try again; if it stays so, look at the host's disk and memory."),
        "write" if is_full => refused("the disk of the host is full: the program could not be written".into())
            .hint(format!("Free some space on the filesystem of {root}.")),
        "write" => refused("the program could not be written on the host".into()),
        "input" => Failure::bug("the host got no root to look at"),
        _ => Failure::failed("the host answered the first question with something unknown"),
    };
    if detail.is_empty() { failure } else { failure.because(detail) }
}

#[cfg(test)]
#[path = "bootstrap_tests.rs"]
mod tests;
