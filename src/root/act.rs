//! Carries out a verb, within the policy.

use rollback_deploy_core::model::failure::Kind;
use rollback_deploy_core::model::{Failure, Seconds, UnitName};

use super::policy::Policy;
use super::prune;
use super::verb::Verb;
use crate::ask::command::{Ended, Spec, take};
use crate::ask::processes;
use crate::ask::unit::{UnitState, program, systemctl};

/// The most lines of a journal in one answer.
const MOST_LINES: u32 = 50_000;
/// How long a call of systemctl or nginx may take: jobs are queued, not waited for.
const LIMIT: Seconds = Seconds(25);

/// Does what a verb says; what it printed.
///
/// # Errors
/// The policy does not allow it, or it failed.
pub fn perform(verb: &Verb, policy: &Policy) -> Result<String, Failure> {
    if let Some(unit) = verb.unit() {
        allowed(unit, verb, policy)?;
    }
    let queue = |word: &str, unit: &UnitName| plain(&[systemctl()?, word, "--no-block", "--", &unit.full()]);
    match verb {
        Verb::Restart(unit) => queue("restart", unit),
        Verb::Reload(unit) => queue("reload", unit),
        Verb::Start(unit) => queue("start", unit),
        Verb::Stop(unit) => queue("stop", unit),
        Verb::ResetFailed(unit) => plain(&[systemctl()?, "reset-failed", "--", &unit.full()]),
        Verb::Status(unit) => {
            // Its exit code says what the unit does, not whether the question was answered.
            let ended = call(&[systemctl()?, "status", "--no-pager", "--full", "--lines=50", "--", &unit.full()])?;
            Ok(String::from_utf8_lossy(&ended.whole).into_owned())
        }
        Verb::Log { unit, lines, since_us, after } => {
            let after = after.as_ref().map(super::Cursor::as_str);
            log(&unit.full(), (*lines).min(MOST_LINES), *since_us, after)
        }
        Verb::Processes(unit) => of_unit(unit, policy),
        Verb::Users => {
            let found = processes::below(&policy.root.as_path().join("releases"))
                .map_err(|error| Failure::failed("/proc cannot be read").because(error.to_string()))?;
            json(&found)
        }
        Verb::NginxTest => nginx_test(),
        Verb::NginxReload => {
            nginx_test()?;
            plain(&[systemctl()?, "reload", "--no-block", "nginx.service"])
        }
        Verb::DaemonReload => plain(&[systemctl()?, "daemon-reload"]),
        Verb::Check(_) => Ok("permitted\n".to_owned()),
        Verb::Prune(release) => prune::prune(release, policy),
    }
}

/// A unit of the policy, or a socket, path or timer that starts one.
fn allowed(unit: &UnitName, verb: &Verb, policy: &Policy) -> Result<(), Failure> {
    let name = unit.full();
    let reads = match verb {
        Verb::Check(inner) => matches!(**inner, Verb::Log { .. }),
        verb => matches!(verb, Verb::Log { .. }),
    };
    if policy.units.contains(&name) || (reads && policy.logs.contains(&name)) {
        return Ok(());
    }
    let starts = |service: &String| {
        UnitState::read(service).is_ok_and(|state| state.units("TriggeredBy").any(|trigger| trigger == name))
    };
    if name.ends_with(".socket") && policy.units.iter().any(starts) {
        return Ok(());
    }
    Err(Failure::refused(format!("the policy of {} does not name the unit {name}", policy.app))
        .hint("Run rollback-deploy setup again: it writes the units that the deploy file names."))
}

fn call(argv: &[&str]) -> Result<Ended, Failure> {
    take(&Spec::program(argv).apart().within(LIMIT))
        .map_err(|error| Failure::failed(format!("{} could not be started", argv[0])).because(error.to_string()))
}

fn plain(argv: &[&str]) -> Result<String, Failure> {
    let ended = call(argv)?;
    if !ended.ok() {
        return Err(
            Failure::failed(format!("{} {}", argv[..2.min(argv.len())].join(" "), ended.words())).because(ended.tail)
        );
    }
    Ok(String::from_utf8_lossy(&ended.whole).into_owned())
}

fn log(unit: &str, lines: u32, since_us: Option<u64>, after: Option<&str>) -> Result<String, Failure> {
    let journalctl = program(&["/usr/bin/journalctl", "/bin/journalctl"])
        .ok_or_else(|| Failure::refused("this host has no journalctl"))?;
    let unit = format!("--unit={unit}");
    let lines = format!("--lines={lines}");
    let since = since_us.map(|us| format!("--since=@{}", us / 1_000_000));
    let after = after.map(|cursor| format!("--after-cursor={cursor}"));
    let mut argv = vec![journalctl, "--no-pager", "--output=short-unix", "--show-cursor", &unit, &lines];
    argv.extend(since.as_deref());
    argv.extend(after.as_deref());
    let ended = call(&argv)?;
    let text = String::from_utf8_lossy(&ended.whole);
    // No line at all is an exit code of 1, and said; no journal at all is said elsewhere, and is no silence.
    let no_line = ended.code == Some(1) && text.lines().any(|line| line == "-- No entries --");
    if !(ended.ok() || no_line) || ended.tail.expose().contains("No journal files") {
        return Err(Failure::failed(format!("journalctl {}", ended.words())).because(ended.tail));
    }
    // journalctl takes whole seconds: what was logged before, within the same second, is left out here.
    let is_before = |line: &str| match (since_us, stamp_us(line)) {
        (Some(since), Some(stamp)) => stamp < since,
        _ => false,
    };
    // Lines of journalctl's own, about boots and ranges, are nobody's log.
    let own = |line: &&str| line.starts_with("-- ") && !line.starts_with("-- cursor: ");
    let lines = text.lines().filter(|line| !own(line)).skip_while(|line| is_before(line));
    Ok(lines.fold(String::new(), |text, line| text + line + "\n"))
}

/// The time stamp of a line in the form `1700000000.123456 host …`, in microseconds.
fn stamp_us(line: &str) -> Option<u64> {
    let (seconds, rest) = line.split_once('.')?;
    let micros = rest.get(..6)?;
    seconds.parse::<u64>().ok()?.checked_mul(1_000_000)?.checked_add(micros.parse().ok()?)
}

fn of_unit(unit: &UnitName, policy: &Policy) -> Result<String, Failure> {
    let state = UnitState::of(unit)?;
    let releases = policy.root.as_path().join("releases");
    let found = processes::of_group(state.get("ControlGroup"), state.main_pid(), &releases)
        .map_err(|error| Failure::failed("/proc cannot be read").because(error.to_string()))?;
    json(&found)
}

fn json(found: &[processes::ProcessInfo]) -> Result<String, Failure> {
    serde_json::to_string(found).map_err(|error| Failure::bug("processes cannot be written").because(error.to_string()))
}

/// nginx says all it has to say on its error stream.
fn nginx_test() -> Result<String, Failure> {
    let nginx = program(&["/usr/sbin/nginx", "/usr/bin/nginx", "/usr/local/sbin/nginx", "/usr/local/nginx/sbin/nginx"])
        .ok_or_else(|| Failure::refused("this host has no nginx"))?;
    let ended = call(&[nginx, "-t"])?;
    if ended.ok() {
        return Ok(format!("{}\n", ended.tail.expose()));
    }
    let kind = if ended.code.is_some() { Kind::No } else { Kind::Failed };
    Err(Failure::new(kind, format!("nginx -t {}", ended.words())).because(ended.tail))
}

#[cfg(test)]
mod tests {
    use rollback_deploy_core::model::{AbsPath, AppName};

    use super::*;

    #[test]
    fn stamps_of_journal_lines() {
        assert_eq!(stamp_us("1700000000.123456 host web[1]: x"), Some(1_700_000_000_123_456));
        assert_eq!(stamp_us("-- cursor: s=a"), None);
        assert_eq!(stamp_us("1.x"), None);
    }

    #[test]
    fn a_unit_that_the_policy_does_not_name_is_refused() {
        let policy = Policy {
            app: AppName::new("diary").unwrap(),
            root: AbsPath::new("/srv/diary").unwrap(),
            link: AbsPath::new("/srv/diary/current").unwrap(),
            user: "deploy".into(),
            units: ["web.service".to_owned()].into(),
            logs: ["sshd.service".to_owned()].into(),
            program: None,
        };
        let check = |words: &[&str]| perform(&Verb::parse(words).unwrap(), &policy);
        assert_eq!(check(&["check", "restart", "web"]).unwrap(), "permitted\n");
        for unit in ["sshd", "web2", "web.socket", "web@1"] {
            assert!(check(&["check", "restart", unit]).is_err(), "{unit}");
            assert!(check(&["restart", unit]).is_err(), "{unit}");
        }
    }
}
