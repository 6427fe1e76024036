//! The whole walk: each changing system call of each act, killed before it, or failing with a full or a broken disk.

mod full_disk;

use crate::agent::trace::FAULTS;
use crate::agent::walk::{self, OPS, Op, Walk};

/// Calls that are made mostly to read: only those that change something are interrupted.
const MOSTLY_READING: [&str; 2] = ["openat", "write"];

fn walk_through(ops: &[Op]) {
    let calls = walk::changing_calls(ops);
    let mut walks = Vec::new();
    for (op, calls) in &calls {
        for (call, nths) in calls {
            for fault in FAULTS {
                let nths = MOSTLY_READING.contains(&call.as_str()).then(|| nths.clone());
                walks.push(Walk { op: *op, call: call.clone(), fault, nths });
            }
        }
    }
    let (table, wrong) = walk::run(walks, 5);
    eprintln!("{table}");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
#[ignore = "world: faults"]
fn every_changing_call_of_every_act_may_be_the_last() {
    walk_through(&OPS);
}
