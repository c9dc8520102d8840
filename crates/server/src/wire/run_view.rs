//! A run as clients read it.

use everthread_graph::contract::Multitask;
use everthread_store::{Run, RunStatus, Store};
use serde_json::{Map, Value, json};

use super::iso;
use crate::error::ApiError;
use crate::graphs;
use crate::runs::{Kept, Live, Outcome};

/// The status on the wire. A run that waits for a person has come to its end; that its thread waits is told there.
pub(crate) fn run_status(run: &Run) -> &'static str {
    match run.status {
        RunStatus::Pending => "pending",
        RunStatus::Running => "running",
        RunStatus::Success => "success",
        // One that another run stopped says so.
        RunStatus::Interrupted if run.error.is_none() => "success",
        RunStatus::Interrupted | RunStatus::Cancelled | RunStatus::RolledBack => "interrupted",
        RunStatus::Error | RunStatus::Orphaned => "error",
    }
}

/// The statuses at rest that a status of the wire stands for.
pub(crate) fn stored_statuses(wire: &str) -> Option<&'static [RunStatus]> {
    Some(match wire {
        "pending" => &[RunStatus::Pending],
        "running" => &[RunStatus::Running],
        "success" => &[RunStatus::Success, RunStatus::Interrupted],
        "interrupted" => &[RunStatus::Interrupted, RunStatus::Cancelled],
        "error" => &[RunStatus::Error, RunStatus::Orphaned],
        "timeout" => &[],
        _ => return None,
    })
}

/// A run as clients read it.
pub(crate) fn run(thread: &str, run: &Run) -> Value {
    let kept = Kept::read(run.details.as_ref()).unwrap_or_else(|| Kept {
        assistant: graphs::id_of(&run.graph).to_string(),
        ..Kept::default()
    });
    let updated_ms = run.ended_ms.unwrap_or(run.created_ms);
    json!({
        "run_id": run.id.to_string(),
        "thread_id": thread,
        "assistant_id": kept.assistant,
        "metadata": metadata(run, &kept),
        "status": run_status(run),
        "kwargs": kwargs(thread, run, &kept),
        "multitask_strategy": strategy(run.policy),
        "created_at": iso(run.created_ms),
        "updated_at": iso(updated_ms),
    })
}

fn strategy(policy: Multitask) -> &'static str {
    policy.as_str()
}

fn metadata(run: &Run, kept: &Kept) -> Map<String, Value> {
    let mut metadata = kept.metadata.clone();
    metadata.insert("graph_id".to_owned(), run.graph.as_str().into());
    metadata.insert("assistant_id".to_owned(), kept.assistant.as_str().into());
    metadata
}

fn kwargs(thread: &str, run: &Run, kept: &Kept) -> Value {
    let config = kept.config.clone().unwrap_or_default();
    let mut configurable = config.configurable.clone().unwrap_or_default();
    for (name, value) in [
        ("run_id", run.id.to_string()),
        ("thread_id", thread.to_owned()),
        ("graph_id", run.graph.clone()),
        ("assistant_id", kept.assistant.clone()),
    ] {
        configurable.insert(name.to_owned(), value.into());
    }
    if let Some(id) = &kept.checkpoint {
        configurable.insert("checkpoint_id".to_owned(), id.as_str().into());
    }
    let names = |names: &[String]| match names {
        [] => Value::Null,
        [all] if all == "*" => Value::from("*"),
        names => Value::from(names),
    };
    let raw = |raw: &Option<Box<serde_json::value::RawValue>>| {
        let raw = raw.as_ref().map(|raw| serde_json::from_str(raw.get()));
        raw.transpose().unwrap_or_default().unwrap_or(Value::Null)
    };
    json!({
        "input": raw(&kept.input),
        "command": raw(&kept.command),
        "config": {
            "tags": config.tags.unwrap_or_default(),
            "recursion_limit": config.recursion_limit,
            "configurable": configurable,
            "metadata": metadata(run, kept),
        },
        "context": kept.context,
        "stream_mode": kept.modes,
        "interrupt_before": names(&kept.before),
        "interrupt_after": names(&kept.after),
        "webhook": kept.webhook,
        "feedback_keys": kept.feedback_keys,
        "temporary": kept.temporary,
        "subgraphs": kept.subgraphs,
        "resumable": kept.resumable,
        "durability": kept.durability,
    })
}

/// What a webhook is told of a run that has ended.
///
/// # Errors
/// As the store answers.
pub(crate) async fn webhook_body(store: &dyn Store, live: &Live) -> Result<Value, ApiError> {
    let thread = live.key.thread.as_str();
    let row = store.run(&live.key, live.id).await?;
    let now_ms = jiff::Timestamp::now().as_millisecond();
    let mut body = match &row {
        Some(row) => run(thread, row),
        // The thread of a single run is gone by now, and with it the run's row.
        None => json!({
            "run_id": live.id.to_string(),
            "thread_id": thread,
            "assistant_id": live.kept.assistant,
            "metadata": live.kept.metadata,
        }),
    };
    let outcome = live.outcome();
    body["status"] = outcome.map_or("error", Outcome::status).into();
    let started_ms = row.as_ref().map_or(now_ms, |row| row.created_ms);
    let ended_ms = row.as_ref().and_then(|row| row.ended_ms).unwrap_or(now_ms);
    body["run_started_at"] = iso(started_ms).into();
    body["run_ended_at"] = iso(ended_ms).into();
    body["webhook_sent_at"] = iso(now_ms).into();
    if let Some(Outcome::Rested { values, .. }) = outcome {
        body["values"] = values.read().unwrap_or_default();
    }
    if let Some(Outcome::Failed { error, message }) = outcome {
        body["error"] = json!({"error": error, "message": message});
    }
    Ok(body)
}
