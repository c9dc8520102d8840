//! Runs, as LangGraph's clients know them.

use super::doc::Doc;
use super::shapes::Run;
use crate::wire::{RunCreate, RunsCancel};

pub(super) fn docs() -> Vec<Doc> {
    let mut docs = on_threads();
    docs.extend(of_one());
    docs.extend(stateless());
    docs.extend(crons());
    docs
}

fn doc(method: &'static str, path: &'static str, summary: &'static str) -> Doc {
    Doc::new(method, path, "runs", summary)
}

const MODE: &str = "What the stream tells.";
const LEAVE: &str = "Whether the run is cancelled when its reader leaves.";

fn on_threads() -> Vec<Doc> {
    vec![
        doc(
            "POST",
            "/threads/{thread_id}/runs",
            "Begin a run in the background",
        )
        .reads::<RunCreate>()
        .gives::<Run>(),
        doc(
            "POST",
            "/threads/{thread_id}/runs/stream",
            "Begin a run and stream it",
        )
        .reads::<RunCreate>()
        .streams(),
        doc(
            "POST",
            "/threads/{thread_id}/runs/wait",
            "Begin a run and wait for its end",
        )
        .reads::<RunCreate>()
        .gives_any("The state's values."),
        doc(
            "GET",
            "/threads/{thread_id}/runs",
            "List runs, the newest first",
        )
        .paged()
        .query("status", "string", "Of this status only.")
        .gives_many::<Run>(),
        doc(
            "GET",
            "/threads/{thread_id}/stream",
            "Follow all runs of a thread",
        )
        .query("stream_mode", "array", MODE)
        .streams(),
    ]
}

fn of_one() -> Vec<Doc> {
    vec![
        doc("GET", "/threads/{thread_id}/runs/{run_id}", "Get a run").gives::<Run>(),
        doc(
            "DELETE",
            "/threads/{thread_id}/runs/{run_id}",
            "Delete a run that has ended",
        )
        .nothing(204),
        doc(
            "GET",
            "/threads/{thread_id}/runs/{run_id}/join",
            "Wait for the end of a run",
        )
        .query("cancel_on_disconnect", "boolean", LEAVE)
        .gives_any("The state's values."),
        doc(
            "GET",
            "/threads/{thread_id}/runs/{run_id}/stream",
            "Follow a run",
        )
        .query("stream_mode", "array", MODE)
        .query("cancel_on_disconnect", "boolean", LEAVE)
        .streams(),
        doc(
            "POST",
            "/threads/{thread_id}/runs/{run_id}/cancel",
            "Cancel a run",
        )
        .query("wait", "boolean", "Whether to wait until it has ended.")
        .query(
            "action",
            "string",
            "`interrupt` keeps what it did, `rollback` takes it back.",
        )
        .status(202)
        .gives_any("Nothing, or {} when it was waited for."),
    ]
}

fn stateless() -> Vec<Doc> {
    vec![
        doc(
            "POST",
            "/runs",
            "Begin a run without a thread in the background",
        )
        .reads::<RunCreate>()
        .gives::<Run>(),
        doc(
            "POST",
            "/runs/stream",
            "Begin a run without a thread and stream it",
        )
        .reads::<RunCreate>()
        .streams(),
        doc(
            "POST",
            "/runs/wait",
            "Begin a run without a thread and wait for its end",
        )
        .reads::<RunCreate>()
        .gives_any("The state's values."),
        doc("POST", "/runs/batch", "Begin many runs without threads")
            .reads_many::<RunCreate>()
            .gives_many::<Run>(),
        doc("POST", "/runs/cancel", "Cancel many runs")
            .query("action", "string", "`interrupt` or `rollback`.")
            .reads::<RunsCancel>()
            .nothing(204),
        doc(
            "GET",
            "/runs/{run_id}/stream",
            "Follow a run without a thread",
        )
        .streams(),
        doc(
            "GET",
            "/runs/{run_id}/join",
            "Wait for the end of a run without a thread",
        )
        .gives_any("The state's values."),
    ]
}

/// This server has no schedule, and says so.
fn crons() -> Vec<Doc> {
    let none = |method, path| doc(method, path, "Not offered: answers 404").status(404);
    vec![
        none("POST", "/runs/crons"),
        none("POST", "/runs/crons/search"),
        none("POST", "/runs/crons/count"),
        none("PATCH", "/runs/crons/{cron_id}"),
        none("DELETE", "/runs/crons/{cron_id}"),
        none("POST", "/threads/{thread_id}/runs/crons"),
    ]
}
