//! The mode `events`: LangChain's `astream_events`, told from what the engine shows. The graph and its nodes are
//! chains; a node that speaks is a chat model too.

use std::borrow::Cow;

use everthread_graph::contract::{Json, Namespace};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Teller, Told, named};
use crate::wire::insert_field;

/// One event's fixed parts.
struct Kind<'a> {
    event: &'a str,
    name: &'a str,
    run: String,
    tags: Vec<String>,
    parents: Vec<&'a str>,
}

impl Teller {
    pub(super) fn run_starts(&self, input: Option<&Json>) -> Told {
        let input = input.map_or("null", Json::as_str);
        self.of_run("on_chain_start", "input", input)
    }

    pub(super) fn run_ends(&self) -> Told {
        let output = self.state_json(&Namespace::root());
        self.of_run("on_chain_end", "output", output.as_str())
    }

    fn of_run(&self, event: &str, field: &str, value: &str) -> Told {
        let kind = Kind {
            event,
            name: &self.graph,
            run: self.run.clone(),
            tags: Vec::new(),
            parents: Vec::new(),
        };
        let data = insert_field("{}", field, value);
        (Cow::Borrowed("events"), write(&kind, &self.about, &data))
    }

    pub(super) fn node_starts(&self, ns: &Namespace, node: &str, step: i64, input: &Json) -> Told {
        let data = insert_field("{}", "input", input.as_str());
        self.of_node(ns, ("on_chain_start", node), Some(step), &data)
    }

    pub(super) fn node_streams(&self, ns: &Namespace, node: &str, update: &Json) -> Told {
        let data = insert_field("{}", "chunk", update.as_str());
        self.of_node(ns, ("on_chain_stream", node), None, &data)
    }

    pub(super) fn node_ends(&self, ns: &Namespace, node: &str, step: i64, output: &Json) -> Told {
        let data = insert_field("{}", "output", output.as_str());
        self.of_node(ns, ("on_chain_end", node), Some(step), &data)
    }

    pub(super) fn model_streams(
        &self,
        ns: &Namespace,
        node: &str,
        step: i64,
        chunk: &Json,
    ) -> Told {
        let data = insert_field("{}", "chunk", chunk.as_str());
        self.of_node(ns, ("on_chat_model_stream", node), Some(step), &data)
    }

    fn of_node(
        &self,
        ns: &Namespace,
        (event, node): (&str, &str),
        step: Option<i64>,
        data: &str,
    ) -> Told {
        let place = format!("{}|{}|{node}", self.run, ns.as_str());
        let kind = Kind {
            event,
            name: node,
            run: Uuid::new_v5(&Uuid::NAMESPACE_OID, place.as_bytes()).to_string(),
            tags: step
                .map(|step| format!("graph:step:{step}"))
                .into_iter()
                .collect(),
            parents: vec![&self.run],
        };
        let mut about = insert_field(
            &self.about,
            "langgraph_node",
            &Value::from(node).to_string(),
        );
        if let Some(step) = step {
            about = insert_field(&about, "langgraph_step", &step.to_string());
        }
        (named("events", ns), write(&kind, &about, data))
    }
}

fn write(kind: &Kind<'_>, about: &str, data: &str) -> String {
    let head = json!({
        "event": kind.event,
        "name": kind.name,
        "run_id": kind.run,
        "tags": kind.tags,
        "parent_ids": kind.parents,
    });
    let head = insert_field(&head.to_string(), "metadata", about);
    insert_field(&head, "data", data)
}
