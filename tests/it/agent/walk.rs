//! The walk: one act after the other interrupted at one system call after the other, and what came of it, as a table.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::sync::Mutex;

use super::bench::Bench;
pub(crate) use super::bench::{Op, leftovers};
use super::trace::Injection;

/// Which cases of one act, call and fault: some, or the first, the second … until it does not come about any more.
#[derive(Debug, Clone)]
pub(crate) struct Walk {
    pub(crate) op: Op,
    pub(crate) call: String,
    pub(crate) fault: &'static str,
    pub(crate) nths: Option<Vec<usize>>,
}

/// More than any act has calls of one name.
const MOST: usize = 400;

/// What came of them, as a table; and what went wrong.
pub(crate) fn run(walks: Vec<Walk>, workers: usize) -> (String, Vec<String>) {
    let queue = Mutex::new(VecDeque::from(walks));
    let table: Mutex<BTreeMap<(Op, String, &str), BTreeMap<String, usize>>> = Mutex::default();
    let wrong: Mutex<Vec<String>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                let bench = Bench::new();
                loop {
                    let next = queue.lock().unwrap().pop_front();
                    let Some(walk) = next else { return };
                    let mut came = BTreeMap::new();
                    let mut failed = walk_through(&bench, &walk, &mut came);
                    if came.is_empty() && failed.is_empty() {
                        failed.push(format!("{walk:?}: the fault never came about, although there are such calls"));
                    }
                    table.lock().unwrap().insert((walk.op, walk.call.clone(), walk.fault), came);
                    wrong.lock().unwrap().extend(failed);
                }
            });
        }
    });
    let mut text = format!("{:<9} {:<16} {:<13} outcomes (answer, who serves)\n", "act", "call", "fault");
    let mut all = 0;
    for ((op, call, fault), came) in table.into_inner().unwrap() {
        let counts: Vec<String> = came.iter().map(|(ended, count)| format!("{ended} × {count}")).collect();
        all += came.values().sum::<usize>();
        let _infallible = writeln!(text, "{:<9} {call:<16} {fault:<13} {}", format!("{op:?}"), counts.join("; "));
    }
    let wrong = wrong.into_inner().unwrap();
    let _infallible = writeln!(text, "{all} faults, {} wrong", wrong.len());
    (text, wrong)
}

fn walk_through(bench: &Bench, walk: &Walk, came: &mut BTreeMap<String, usize>) -> Vec<String> {
    let mut wrong = Vec::new();
    let all: Vec<usize> = walk.nths.clone().unwrap_or_else(|| (1..=MOST).collect());
    for nth in all {
        let injection = Injection { call: walk.call.clone(), fault: walk.fault, nth };
        // Every other time nobody comes back.
        match bench.case(walk.op, &injection, nth % 2 == 1) {
            Ok(Some(ended)) => *came.entry(ended).or_default() += 1,
            Ok(None) if walk.nths.is_some() => {}
            Ok(None) => break,
            Err(what) => {
                *came.entry("WRONG".to_owned()).or_default() += 1;
                wrong.push(format!("{:?} {} {} #{nth}: {what}", walk.op, walk.call, walk.fault));
            }
        }
    }
    wrong
}

/// The plain trace of each act: which changing calls its main thread makes. Other threads may make none.
pub(crate) fn changing_calls(ops: &[Op]) -> BTreeMap<Op, BTreeMap<String, Vec<usize>>> {
    let bench = Bench::new();
    let mut all = BTreeMap::new();
    for op in ops {
        let plain = bench.plain(*op);
        assert!(plain.others.is_empty(), "{op:?}: threads besides the main one change the disk: {:#?}", plain.others);
        // Arming waits for the watchdog, verifying asks: neither changes anything by itself.
        let asks_only = matches!(op, Op::Arm | Op::Verify);
        assert!(!plain.main.is_empty() || asks_only, "{op:?}: no changing call was seen");
        all.insert(*op, plain.main);
    }
    all
}
