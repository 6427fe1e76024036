//! A bounded sample of the faults that `./test faults` walks through completely: of begin, activate, confirm and abort
//! the middle one of each kind of changing call.

use super::walk::{self, Op, Walk};

const SAMPLED: [Op; 4] = [Op::Begin, Op::Activate, Op::Confirm, Op::Abort];

#[test]
fn an_interrupted_act_leaves_the_old_or_the_new_release_serving() {
    let calls = walk::changing_calls(&SAMPLED);
    let mut walks = Vec::new();
    for (op, calls) in &calls {
        for (turn, (call, nths)) in calls.iter().enumerate() {
            // A kill at each; of the two errors one, in turn.
            for fault in ["signal=KILL", ["error=ENOSPC", "error=EIO"][turn % 2]] {
                let middle = nths[nths.len() / 2];
                walks.push(Walk { op: *op, call: call.clone(), fault, nths: Some(vec![middle]) });
            }
        }
    }
    let (table, wrong) = walk::run(walks, 6);
    eprintln!("{table}");
    assert!(wrong.is_empty(), "{wrong:#?}");
}
