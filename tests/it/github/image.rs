//! The built image as GitHub's runner runs it: PID 1, signals, what is left when the runner kills it.

use std::time::Duration;

use crate::world::action::image;
use crate::world::command::await_some;
use crate::world::runner::{Go, Stage};

use super::scene::{FIRST, SECOND, SICK, Scene};

#[test]
#[ignore = "world: github"]
fn in_its_image_a_deploy_is_done_cancelled_and_killed() {
    let scene = Scene::new();
    let mut runner = scene.runner(image());
    runner.input("version", FIRST);
    let ended = runner.run(Stage::Main);
    assert!(ended.success(), "{}\n{:?}", ended.console.text(), ended.problems);
    assert_eq!((ended.outputs["version"].as_str(), ended.outputs["outcome"].as_str()), (FIRST, "done"));
    assert_eq!(scene.serves(), FIRST);
    assert_eq!(scene.github.artifacts().len(), 1);
    scene.assert_no_secret_left(&ended);
    assert!(runner.run(Stage::Post).console.text().contains("nothing is left to do"));

    // PID 1 passes the runner's first signal on, and takes the exit code over.
    let mut runner = scene.runner(image());
    runner.input("version", SICK);
    let ended =
        runner.run_watched(Stage::Main, &mut |line| if line == "::group::verify" { Go::Cancel } else { Go::On });
    assert_eq!(ended.code, Some(130), "{}", ended.console.text());
    assert!(ended.settled_in.is_some_and(|time| time <= Duration::from_secs(7)), "{ended:?}");
    assert_eq!(scene.settled(), (Some(FIRST.to_owned()), true), "{}", ended.console.text());
    assert_eq!(runner.run(Stage::Post).code, Some(0));

    // The runner kills its docker client: the container goes on, beside the post step, which takes its change back.
    let mut runner = scene.runner(image());
    runner.input("version", SICK);
    runner.keeps_state = false;
    let ended = runner.run_watched(Stage::Main, &mut |line| if line == "::group::verify" { Go::Kill } else { Go::On });
    assert_eq!(ended.signal, Some(9), "{}", ended.console.text());
    let post = runner.run(Stage::Post);
    assert_eq!(post.code, Some(0), "{}", post.console.text());
    await_some("the host is settled", Duration::from_secs(30), || {
        (scene.settled() == (Some(FIRST.to_owned()), true)).then_some(())
    });
    assert_eq!(scene.serves(), FIRST);
    drop(runner);

    let mut runner = scene.runner(image());
    runner.input("version", SECOND);
    assert!(runner.run(Stage::Main).success(), "free to go on");
}
