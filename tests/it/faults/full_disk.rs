//! A disk without a free block, and one without a free inode: going back and confirming work all the same.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use rollback_deploy_core::wire::{Act, Answer};

use crate::agent::root::{Root, done, files, undone};

/// Room for the program, for the reserve that staging wants, and for little else, in MiB.
const SIZE: u32 = 128;

/// Takes every free block.
fn fill_blocks(root: &Root) {
    let mut file = fs::File::create(root.path().join("filler")).unwrap();
    for piece in [1 << 20, 4096, 1] {
        let bytes = vec![1_u8; piece];
        while file.write_all(&bytes).is_ok() {}
    }
    assert!(fs::write(root.path().join("one-more"), "x").is_err(), "the disk is full");
    let _gone = fs::remove_file(root.path().join("one-more"));
}

/// Takes every free inode.
fn fill_inodes(root: &Root) {
    let folder = root.path().join("fillers");
    fs::create_dir(&folder).unwrap();
    let made = (0..1_000_000).take_while(|n| fs::File::create(folder.join(n.to_string())).is_ok()).count();
    assert!(made > 0 && made < 1_000_000, "the inodes are used up");
}

fn empty(root: &Root) {
    let _gone = fs::remove_file(root.path().join("filler"));
    let _gone = fs::remove_dir_all(root.path().join("fillers"));
}

fn both_ways(fill: fn(&Root)) {
    let root = Root::on_a_small_disk(SIZE, 3000);
    let v1 = root.deploy("v1");
    let v2 = root.stage("v2");

    // Full right after begin: nothing can be recorded any more, and the undo works.
    let intent = root.intent(&v2);
    done(root.act(Act::Begin(Box::new(intent.clone()))));
    fill(&root);
    let ending = undone(root.abort(&intent.txn));
    assert!(ending.healthy, "{ending:?}");
    root.assert_serves(Some(&v1));
    empty(&root);

    // Full after the switch: the undo works, asked for or not.
    for nobody in [false, true] {
        let txn = root.switched(&root.intent(&v2));
        fill_after_expiry(&root, nobody, fill);
        if nobody {
            root.await_settled();
        } else {
            undone(root.abort(&txn));
        }
        root.assert_serves(Some(&v1));
        empty(&root);
    }

    // Full after the switch: confirm works, and so does a rollback that was begun.
    let txn = root.switched(&root.intent(&v2));
    fill(&root);
    done(root.confirm(&txn));
    root.assert_serves(Some(&v2));
    empty(&root);
    let txn = root.switched(&root.rollback(&v1));
    fill(&root);
    done(root.confirm(&txn));
    root.assert_serves(Some(&v1));

    // Still full: a new release is refused early, with the figures.
    let content = files("v3");
    let what = match root.try_stage(&root.staging("v3", &content), &content) {
        Answer::Failed(failure) | Answer::Refused(failure) => failure.what,
        other => panic!("{other:?}"),
    };
    assert!(what.contains("needed") && what.contains("free"), "{what}");
    assert!(!Path::new(&root.path().join("releases/v3")).exists());
    empty(&root);
    root.deploy("v3");
}

/// The clock is turned before the disk is full: turning it needs a block.
fn fill_after_expiry(root: &Root, expire: bool, fill: fn(&Root)) {
    if !expire {
        return fill(root);
    }
    // Nobody may act before the disk is full.
    let mutex = root.mutex();
    root.expire_under(&mutex);
    fill(root);
}

#[test]
#[ignore = "world: faults"]
fn without_a_free_block() {
    both_ways(fill_blocks);
}

#[test]
#[ignore = "world: faults"]
fn without_a_free_inode() {
    both_ways(fill_inodes);
}
