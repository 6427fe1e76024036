//! What would stop a deploy, by what the host says of itself.

use super::*;
use crate::model::facts::{Room, SetupState};
use crate::model::{Operation, Seconds, Status, TxnId};
use crate::plan::next::tests::plan;

fn facts() -> Facts {
    Facts {
        status: Status::default(),
        releases: vec![],
        room: Room { bytes: 1 << 30, inodes: Some(100_000) },
        watchdog: None,
        setup: SetupState::NotNeeded,
        obstacles: vec![],
        warnings: vec![],
        strangers: vec![],
        agent: Digest::of(b""),
    }
}

fn stopped(plan: &Plan, facts: &Facts) -> Vec<String> {
    stops(plan, &plan.targets[0], facts).into_iter().map(|failure| failure.what).collect()
}

/// What the plan stages, as the host has it.
fn row(plan: &Plan, state: ReleaseState) -> ReleaseRow {
    let Wanted::Staged(staging) = &plan.targets[0].wanted else { panic!("nothing is staged") };
    ReleaseRow {
        id: staging.info.version.clone(),
        version: staging.info.version.clone(),
        commit: None,
        content: staging.manifest.digest(),
        settings: staging.settings.fingerprint(),
        state,
        live: false,
        proven: false,
        at: String::new(),
        by: String::new(),
        present: true,
    }
}

#[test]
fn a_full_disk_stops_what_has_to_be_written() {
    let plan = plan(Operation::Deploy, &["a"]);
    assert_eq!(stopped(&plan, &facts()), [""; 0]);
    let no_blocks = Facts { room: Room { bytes: 1 << 20, inodes: None }, ..facts() };
    assert_eq!(stopped(&plan, &no_blocks), ["the disk is too full: 33 MiB are needed, 1 MiB are free"]);
    let no_inodes = Facts { room: Room { bytes: 1 << 30, inodes: Some(9) }, ..facts() };
    assert_eq!(stopped(&plan, &no_inodes), ["too few inodes: 257 are needed, 9 are free"]);
    // What is there already needs no room.
    let there = Facts { releases: vec![row(&plan, ReleaseState::Staged)], ..no_blocks };
    assert_eq!(stopped(&plan, &there), [""; 0]);
}

#[test]
fn known_bad_stops_until_it_is_lifted() {
    let mut plan = plan(Operation::Deploy, &["a"]);
    let bad = ReleaseState::Bad { why: "it crashed".into(), txn: "t".into() };
    let facts = Facts { releases: vec![row(&plan, bad)], ..facts() };
    assert_eq!(stopped(&plan, &facts), ["v2 was deployed here before and failed: it crashed"]);
    plan.allow = vec![Allow::KnownBad];
    assert_eq!(stopped(&plan, &facts), [""; 0]);
    let (lines, is_new) = staging(&plan, staging_of(&plan), &facts);
    assert!(is_new && lines[0].ends_with("/releases, as v2_2"), "{lines:?}");
}

fn staging_of(plan: &Plan) -> &Staging {
    let Wanted::Staged(staging) = &plan.targets[0].wanted else { panic!("nothing is staged") };
    staging
}

#[test]
fn an_open_change_stops_what_does_not_wait() {
    let mut plan = plan(Operation::Deploy, &["a"]);
    let open = |settles_in, aborting| {
        let open = Open {
            txn: TxnId::new("t").unwrap(),
            operation: Operation::Deploy,
            release: ReleaseId::new("v9").unwrap(),
            previous: None,
            by: "them".into(),
            at: "noon".into(),
            switched: true,
            aborting,
            held: false,
            settles_in: Seconds(settles_in),
        };
        Facts { status: Status { open: Some(open), ..Status::default() }, ..facts() }
    };
    assert_eq!(stopped(&plan, &open(9, false)), ["a deploy of v9 is open, by them since noon"]);
    // What is being undone, or is over, is settled first.
    assert_eq!(stopped(&plan, &open(9, true)), [""; 0]);
    assert_eq!(stopped(&plan, &open(0, false)), [""; 0]);
    plan.wait = Seconds(60);
    assert_eq!(stopped(&plan, &open(9, false)), [""; 0]);
}
