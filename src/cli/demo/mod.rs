//! `demo`: all of it on this machine, with nothing but this program and git. A small app with three versions is deployed
//! through the very same agent that runs on hosts, while its traffic is counted; a bad version goes back by itself; a
//! rollback on request; and a runner that is killed in mid-deploy.

mod app;
mod front;
mod sample;
mod steps;
mod traffic;

use std::io::{self, Write as _};
use std::time::Duration;

use rollback_deploy_core::model::{Failure, Outcome};

pub use app::main as app_main;

use crate::engine::perform::Stop;
use sample::Sample;
use steps::{Row, Steps};
use traffic::Traffic;

/// Requests a second while everything happens.
const RATE: u32 = 50;

/// Says a line to the person who watches.
fn say(line: &str) {
    let _nobody_reads = writeln!(io::stdout(), "{line}");
}

/// Runs the demo.
pub(super) async fn run(stop: &Stop) -> Result<Outcome, Vec<Failure>> {
    let sample = Sample::make().map_err(|failure| vec![failure])?;
    say("An app with three versions in a git repository, and this machine as its host.");
    say(&format!("Its traffic: {RATE} requests a second through a front that holds them while the app restarts."));
    let front = front::start(sample.port_file()).await.map_err(|failure| vec![failure])?;
    let traffic = Traffic::start(front.port(), RATE);
    let steps = Steps::new(&sample, &traffic, stop);
    let played = play(&steps, stop).await;
    let report = traffic.stop().await;
    front.stop();
    sample.stop_everything().await;
    if let Some(signal) = stop.signal() {
        say("Stopped. Nothing is left behind: no process, no file.");
        return Ok(Outcome::Cancelled { signal });
    }
    let rows = played.map_err(|failure| vec![failure])?;
    table(&rows, report.asked, report.failed);
    let right = rows.iter().all(|row| row.right) && report.failed == 0;
    Ok(if right { Outcome::Done } else { Outcome::Failed })
}

/// What happens, in order; a cancelled demo ends early.
async fn play(steps: &Steps<'_>, stop: &Stop) -> Result<Vec<Row>, Failure> {
    let mut rows = Vec::new();
    for number in 0.. {
        if stop.signal().is_some() {
            break;
        }
        rows.push(match number {
            0 => steps.deploy("v1.0.0", "first deploy").await?,
            1 => steps.deploy("v1.1.0", "next deploy").await?,
            2 => steps.bad("v1.2.0", "v1.1.0").await?,
            3 => steps.rollback("v1.0.0").await?,
            4 => steps.killed_runner("v1.1.0", "v1.0.0").await?,
            _ => break,
        });
    }
    Ok(rows)
}

fn table(rows: &[Row], asked: u64, failed: u64) {
    say("");
    say("what happened                                        live now   seconds   failed requests");
    for row in rows {
        let seconds = seconds(row.took);
        say(&format!("{:<52} {:<8} {seconds:>8} {:>12}", row.what, row.live, row.failed));
    }
    say("");
    say(&format!("{asked} requests, {failed} failed. Nothing is left behind: no process, no file."));
}

fn seconds(took: Duration) -> String {
    format!("{:.1}", took.as_secs_f64())
}
