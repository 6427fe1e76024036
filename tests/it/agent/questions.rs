//! Questions and plans: nothing comes into being by asking.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rollback_deploy_core::wire::{Act, Answer, Logs, Query, Report, Request, SetupMode, SetupRequest};

use super::root::{Root, done, id};

/// Everything below a folder, by its path.
fn tree(folder: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(at) = folders.pop() {
        for entry in fs::read_dir(at).unwrap().flatten() {
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            }
            found.insert(entry.path());
        }
    }
    found
}

/// All questions, on one connection to an agent whose program lies outside the root.
fn ask_everything(root: &Root, program: &Path) -> Vec<Answer> {
    let mut agent = root.agent_by(Command::new(program));
    let set_up =
        |mode| Request::Setup(Box::new(SetupRequest { mode, settings: root.settings.clone(), watchdog: None }));
    let asked = [
        Request::Ask(Query::Status),
        Request::Ask(Query::List),
        Request::Ask(Query::History { limit: 10 }),
        Request::Ask(Query::Settings),
        Request::Ask(Query::Health),
        Request::Ask(Query::Logs(Logs { sources: Vec::new(), lines: 5, follow: false })),
        Request::Ask(Query::Backup { release: id("v1") }),
        Request::Act(Act::Inspect(Box::new(root.settings.clone()))),
        set_up(SetupMode::Plan),
        set_up(SetupMode::Check),
    ];
    let answers = asked.map(|request| agent.ask(request).expect("an answer")).to_vec();
    agent.leave();
    answers
}

#[test]
fn questions_and_plans_make_nothing() {
    let root = Root::new();
    let program = root.base().join("program");
    fs::copy(root.program(), &program).unwrap();
    // With what a bootstrap makes, and with nothing at all.
    for bootstrapped in [true, false] {
        fs::remove_dir_all(root.state("")).unwrap();
        if bootstrapped {
            root.place_program();
        }
        let before = tree(&root.path());
        let answers = ask_everything(&root, &program);
        if !bootstrapped {
            // Cron starts it every minute.
            assert!(Command::new(&program).arg("watchdog").arg(root.path()).status().unwrap().success());
        }
        assert_eq!(tree(&root.path()), before);
        let reports = answers.into_iter().filter_map(|answer| match answer {
            Answer::Done(report) => Some(*report),
            _ => None,
        });
        let reports: Vec<Report> = reports.collect();
        let empty = |report: &Report| match report {
            Report::Status(status) => status.confirmed.is_none() && status.open.is_none() && status.drift.is_none(),
            Report::Releases(rows) => rows.is_empty(),
            Report::History(lines) => lines.is_empty(),
            Report::Settings(settings) => settings.is_none(),
            Report::Facts(facts) => facts.releases.is_empty(),
            _ => true,
        };
        assert!(reports.len() >= 5 && reports.iter().all(empty), "{reports:#?}");
    }
    // And a first deploy begins there all the same.
    root.place_program();
    let v1 = root.deploy("v1");
    let before = tree(&root.path());
    for answer in ask_everything(&root, &program).into_iter().take(8) {
        done(answer);
    }
    assert_eq!(tree(&root.path()), before);
    root.assert_serves(Some(&v1));
}

#[test]
fn a_folder_above_the_link_that_others_can_write_is_in_the_way() {
    use std::os::unix::fs::PermissionsExt as _;
    let mut root = Root::new();
    let www = root.base().join("www");
    fs::create_dir_all(www.join("sites")).unwrap();
    root.settings.link = rollback_deploy_core::model::AbsPath::new(format!("{}/sites/live", www.display())).unwrap();
    let obstacles = |mode: u32| {
        fs::set_permissions(&www, fs::Permissions::from_mode(mode)).unwrap();
        let Report::Facts(facts) = done(root.act(Act::Inspect(Box::new(root.settings.clone())))) else { panic!() };
        let here = rollback_deploy_core::model::Place::Host(www.display().to_string());
        facts.obstacles.into_iter().filter(|failure| failure.place.as_ref() == Some(&here)).collect::<Vec<_>>()
    };
    assert_eq!(obstacles(0o755), []);
    assert_eq!(obstacles(0o1777), [], "nobody can move what lies there");
    for mode in [0o777, 0o775] {
        let found = obstacles(mode);
        let [only] = found.as_slice() else { panic!("{mode:o}: {found:?}") };
        assert!(only.what.starts_with("others can write a folder above the live link"), "{only:?}");
        assert_eq!(only.lifted_by(), None);
    }
}

#[test]
fn health_says_how_it_is_now() {
    let mut root = Root::new();
    let asked = root.base().join("asked");
    // While it is deployed all is well; later one says no for as long as anybody asks.
    let check = format!("echo once >>{0}; [ ! -e {0}.no ]", asked.display());
    root.settings.checks.push(rollback_deploy_core::model::Check {
        within: rollback_deploy_core::model::Seconds(600),
        ..super::root::command_check(&check)
    });
    root.deploy("v1");
    fs::write(root.base().join("asked.no"), "").unwrap();
    fs::write(&asked, "").unwrap();
    let Report::Checked(results) = done(root.ask(Request::Ask(Query::Health))) else { panic!("checked") };
    assert_eq!(results.last().unwrap().verdict, rollback_deploy_core::model::Verdict::Fail);
    assert_eq!(fs::read_to_string(&asked).unwrap(), "once\n");
}
