//! Rows as the document tells them.

use everthread_graph::contract::{CheckpointId, Json};
use everthread_store::portable::{
    CheckpointRow, ItemRow, MessageRow, PendingRow, Row, RunRow, ThreadRow,
};
use serde_json::{Value, json};

use crate::routes::api::wire::{SessionBody, value};
use crate::times::iso;

/// A row as an object.
pub(super) fn told(row: &Row) -> Value {
    match row {
        Row::Session(session) => json!(SessionBody::from(session)),
        Row::Item(item) => of_item(item),
        Row::Thread(thread) => of_thread(thread),
        Row::Branch(branch) => json!({
            "branch": branch.branch,
            "parent": branch.parent,
            "forked_at": text(branch.forked_at),
            "created_at": iso(branch.created_ms),
        }),
        Row::Head(head) => json!({
            "namespace": head.ns.as_str(),
            "checkpoint": text(head.checkpoint),
            "branch": head.branch,
        }),
        Row::Run(run) => of_run(run),
        Row::Checkpoint(checkpoint) => of_checkpoint(checkpoint),
        Row::Change(change) => json!({
            "change": change.change,
            "list": change.list,
            "value": value(&change.body),
        }),
        Row::Pending(pending) => of_pending(pending),
        Row::Message(message) => of_message(message),
        Row::Event(event) => json!({
            "run_id": event.run.to_string(),
            "seq": event.seq,
            "at": iso(event.at_ms),
            "event": value(&event.body),
        }),
        // The profile stands at the beginning, and documents are the deployment's.
        Row::User(_) | Row::Record(_) => Value::Null,
    }
}

fn of_item(item: &ItemRow) -> Value {
    json!({
        "namespace": item.namespace,
        "key": item.key,
        "value": value(&item.value),
        "created_at": iso(item.created_ms),
        "updated_at": iso(item.updated_ms),
        "expires_at": item.expires_ms.map(iso),
    })
}

fn of_thread(thread: &ThreadRow) -> Value {
    json!({
        "thread_id": thread.key.thread.as_str(),
        "title": thread.title,
        "pinned": thread.pinned,
        "archived": thread.archived,
        "metadata": some(thread.metadata.as_ref()),
        "created_at": iso(thread.created_ms),
        "updated_at": iso(thread.updated_ms),
        "expires_at": thread.expires_ms.map(iso),
        "turns": thread.turns,
    })
}

fn of_run(run: &RunRow) -> Value {
    json!({
        "run": run.run,
        "run_id": run.id.to_string(),
        "graph": run.graph,
        "status": run.status.as_str(),
        "multitask": run.policy.as_str(),
        "began_at": text(run.base),
        "input": some(run.input.as_ref()),
        "error": run.error,
        "details": some(run.details.as_ref()),
        "created_at": iso(run.created_ms),
        "starts_at": run.starts_ms.map(iso),
        "ended_at": run.ended_ms.map(iso),
    })
}

fn of_checkpoint(checkpoint: &CheckpointRow) -> Value {
    json!({
        "checkpoint": checkpoint.id.to_string(),
        "namespace": checkpoint.ns.as_str(),
        "parent": text(checkpoint.parent),
        "branch": checkpoint.branch,
        "run": checkpoint.run,
        "source": checkpoint.source.as_str(),
        "step": checkpoint.step,
        "at": iso(checkpoint.at_ms),
        "channels": checkpoint.channels,
        "plan": value(&checkpoint.plan),
        "metadata": some(checkpoint.metadata.as_ref()),
    })
}

fn of_pending(pending: &PendingRow) -> Value {
    json!({
        "checkpoint": pending.checkpoint.to_string(),
        "task": pending.task.to_string(),
        "slot": pending.slot.as_str(),
        "value": value(&pending.body),
    })
}

fn of_message(message: &MessageRow) -> Value {
    json!({
        "seq": message.seq,
        "id": message.id.as_deref(),
        "at": iso(message.at_ms),
        "channel": &*message.channel,
        "branch": message.branch,
        "run": message.run,
        "message": value(&message.body),
    })
}

fn text(id: Option<CheckpointId>) -> Option<String> {
    id.map(|id| id.to_string())
}

fn some(json: Option<&Json>) -> Option<Value> {
    json.and_then(value)
}
