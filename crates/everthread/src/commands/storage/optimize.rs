//! `storage optimize`

use everthread_store::Store;
use everthread_store::upkeep::{Upkeep, UpkeepStep, tend};
use serde_json::{Value, json};

use super::{Stop, stopped};
use crate::failure::Failure;
use crate::output::{Output, bytes, table};
use crate::terminal::progress;

pub(super) async fn run(store: &dyn Store, output: Output, full: bool) -> Result<(), Failure> {
    let tasks: &[Upkeep] = match full {
        true => &Upkeep::ALL,
        false => &Upkeep::ONLINE,
    };
    let (steps, is_whole) = tend_shown(store, tasks).await?;
    let told: Vec<Value> = steps.iter().map(step_json).collect();
    output.print(json!({ "steps": told, "stopped": !is_whole }), || {
        lines(&steps)
    })?;
    match is_whole {
        true => Ok(()),
        false => Err(stopped()),
    }
}

/// Does tasks with a bar for each; what was done, and whether all of it was.
pub(super) async fn tend_shown(
    store: &dyn Store,
    tasks: &[Upkeep],
) -> Result<(Vec<UpkeepStep>, bool), Failure> {
    let stop = Stop::listen();
    let bar = progress::of_steps("", 0);
    let mut is_whole = true;
    let steps = tend(store, tasks, &mut |task, done, total| {
        bar.set_message(task.doing());
        bar.set_length(total.max(done));
        bar.set_position(done);
        let go_on = stop.go_on();
        is_whole &= go_on.is_continue();
        go_on
    })
    .await;
    bar.finish_and_clear();
    Ok((steps?, is_whole))
}

fn step_json(step: &UpkeepStep) -> Value {
    json!({
        "step": step.task.as_str(), "took_ms": step.took.as_secs_f64() * 1e3,
        "file_bytes_before": step.file_bytes.0, "file_bytes_after": step.file_bytes.1,
        "live_bytes_before": step.live_bytes.0, "live_bytes_after": step.live_bytes.1,
        "freed_bytes": step.file_bytes.0.saturating_sub(step.file_bytes.1),
        "stopped": step.stopped,
    })
}

fn lines(steps: &[UpkeepStep]) -> String {
    let rows: Vec<Vec<String>> = steps
        .iter()
        .map(|step| {
            vec![
                step.task.as_str().to_owned(),
                format!("{:.1} ms", step.took.as_secs_f64() * 1e3),
                bytes(step.file_bytes.0),
                bytes(step.file_bytes.1),
                if step.stopped { "stopped" } else { "" }.to_owned(),
            ]
        })
        .collect();
    table(&["step", "took", "before", "after", ""], &rows)
}
