//! The whole walk: each changing system call of each act, killed before it, or failing with a full or a broken disk.

mod full_disk;

use crate::agent::trace::FAULTS;
use crate::agent::walk::{self, Op, Walk};

/// Calls that are made mostly to read: only those that change something are interrupted.
const MOSTLY_READING: [&str; 2] = ["openat", "write"];

fn walk_through(op: Op) {
    let calls = walk::changing_calls(&[op]);
    let mut walks = Vec::new();
    for (call, nths) in &calls[&op] {
        // Going back shares most of its code with going forward: one of the errors is enough there.
        let faults = if op.goes_back() { &FAULTS[..2] } else { &FAULTS[..] };
        for &fault in faults {
            let nths = MOSTLY_READING.contains(&call.as_str()).then(|| nths.clone());
            walks.push(Walk { op, call: call.clone(), fault, nths });
        }
    }
    let (table, wrong) = walk::run(walks, 8);
    eprintln!("{table}");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

macro_rules! every_changing_call_of {
    ($($name:ident: $op:ident),+ $(,)?) => {
        $(
            #[test]
            #[ignore = "world: faults"]
            fn $name() {
                walk_through(Op::$op);
            }
        )+
    };
}

every_changing_call_of! {
    begin: Begin,
    confirm: Confirm,
    activate: Activate,
    abort: Abort,
    recover: Recover,
    stage: Stage,
    arm: Arm,
    migrate: Migrate,
    verify: Verify,
    prune: Prune,
    begin_going_back: BackBegin,
    activate_going_back: BackActivate,
    abort_going_back: BackAbort,
}
