//! The modes `tasks`, `checkpoints` and `debug`.

use std::sync::Arc;

use everthread_graph::contract::{Checkpoint, CheckpointId, Json, Namespace, TaskId};
use everthread_graph::{Interrupt, View};
use serde_json::{Value, json};

use crate::wire::{insert_field, iso};

/// Where in a thread something happens.
pub(super) struct Place<'a> {
    pub(super) thread: &'a str,
    pub(super) run: &'a str,
    pub(super) graph: &'a str,
    pub(super) assistant: &'a str,
    pub(super) about: &'a str,
    pub(super) ns: &'a Namespace,
}

impl Place<'_> {
    fn config(&self, id: CheckpointId) -> Value {
        json!({"configurable": {
            "thread_id": self.thread,
            "checkpoint_ns": self.ns.as_str(),
            "checkpoint_id": id.to_string(),
            "run_id": self.run,
            "graph_id": self.graph,
            "assistant_id": self.assistant,
        }})
    }

    fn named(&self, id: CheckpointId) -> Value {
        json!({
            "checkpoint_id": id.to_string(),
            "thread_id": self.thread,
            "checkpoint_ns": self.ns.as_str(),
        })
    }

    /// The payload of a checkpoint. Its tasks are named without ids: those come with the tasks themselves.
    pub(super) fn checkpoint(
        &self,
        checkpoint: &Checkpoint,
        values: &View,
        next: &[Arc<str>],
    ) -> String {
        let tasks: Vec<Value> = next
            .iter()
            .map(|node| json!({"name": &**node, "interrupts": [], "state": null}))
            .collect();
        let next: Vec<&str> = next.iter().map(|node| &**node).collect();
        let payload = json!({
            "config": self.config(checkpoint.id),
            "parent_config": checkpoint.parent.map(|parent| self.config(parent)),
            "metadata": {"source": checkpoint.source.as_str(), "step": checkpoint.step, "parents": {}},
            "next": next,
            "tasks": tasks,
            "checkpoint": self.named(checkpoint.id),
            "parent_checkpoint": checkpoint.parent.map(|parent| self.named(parent)),
        });
        let values = values.json();
        let values = values.as_ref().map_or("null", Json::as_str);
        insert_field(&payload.to_string(), "values", values)
    }

    /// The payload of a task that begins.
    pub(super) fn task_started(&self, id: TaskId, node: &str, input: &Json, sent: bool) -> String {
        let trigger = if sent {
            "__pregel_push".to_owned()
        } else {
            format!("branch:to:{node}")
        };
        let payload = json!({"id": id.to_string(), "name": node, "triggers": [trigger]});
        let payload = insert_field(&payload.to_string(), "input", input.as_str());
        insert_field(&payload, "metadata", self.about)
    }

    /// The payload of a task that has ended.
    pub(super) fn task_finished(
        &self,
        id: TaskId,
        node: &str,
        result: Option<&Json>,
        error: Option<&str>,
        asked: &[Interrupt],
    ) -> String {
        let payload = json!({"id": id.to_string(), "name": node, "error": error});
        let result = result.map_or("{}", Json::as_str);
        let payload = insert_field(&payload.to_string(), "result", result);
        insert_field(&payload, "interrupts", &super::interrupts(asked))
    }
}

/// A payload as the mode `debug` shows it.
pub(super) fn wrap(step: i64, kind: &str, payload: &str) -> String {
    let now_ms = jiff::Timestamp::now().as_millisecond();
    let head = json!({"step": step, "timestamp": iso(now_ms), "type": kind});
    insert_field(&head.to_string(), "payload", payload)
}
