//! What the engine shows of a run, in the words of the thread protocol.

mod blocks;
mod messages;
mod tree;

use std::collections::{HashMap, HashSet};

use everthread_graph::contract::{Checkpoint, CheckpointId, Json, Namespace};
use everthread_graph::{Event, EventData, Interrupt, View};
use serde_json::{Value, json};

use self::messages::{Messages, Speech};
pub(crate) use self::tree::{Status, Tree};
use super::event::{Head, Told};
use super::speaker::Ending;
use crate::beginning;
use crate::runs::interrupts;
use crate::wire::insert_field;

/// Turns the events of one run into those of its thread.
pub(super) struct Teller {
    graph: String,
    tree: Tree,
    /// Whether the tree changed since it was last asked for.
    grown: bool,
    /// Questions that were told: a subgraph's comes from the graphs above it again.
    asked: HashSet<String>,
    /// The newest checkpoint of each graph whose state was not told yet.
    made: HashMap<Namespace, CheckpointId>,
    messages: Messages,
}

fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// An event of this method and graph.
fn told(method: &str, ns: &Namespace, data: &str) -> Told {
    Told::new(&Head::new(method, ns.as_str()), now_ms(), None, data)
}

/// The same with the node that caused it.
fn told_of(method: &str, ns: &Namespace, node: &str, data: &str) -> Told {
    Told::new(&Head::new(method, ns.as_str()), now_ms(), Some(node), data)
}

impl Teller {
    /// For a run of this graph.
    pub(super) fn new(graph: &str) -> Self {
        Self {
            graph: graph.to_owned(),
            tree: Tree::default(),
            grown: false,
            asked: HashSet::new(),
            made: HashMap::new(),
            messages: Messages::default(),
        }
    }

    /// The tree, if it changed since this was last called.
    pub(super) fn changed_tree(&mut self) -> Option<Tree> {
        std::mem::take(&mut self.grown).then(|| self.tree.clone())
    }

    /// The run begins, with answers to these questions.
    pub(super) fn begin(&mut self, answers: &[String]) -> Vec<Told> {
        let root = Namespace::root();
        let graph = self.graph.clone();
        let mut all = vec![self.lifecycle(&root, Status::Running, &graph, &[])];
        if !answers.is_empty() {
            let data = json!({"interrupt_ids": answers}).to_string();
            all.push(told("input.answered", &root, &data));
        }
        all
    }

    /// The run ends, and with it what is still open inside.
    pub(super) fn end(&mut self, ending: Ending<'_>) -> Vec<Told> {
        let mut all = self.messages.finish_all();
        let (status, error) = match ending {
            Ending::Completed => (Status::Completed, None),
            Ending::Interrupted => (Status::Interrupted, None),
            Ending::Failed(message) => (Status::Failed, Some(message)),
        };
        for (ns, graph) in self.tree.open() {
            all.push(self.lifecycle(&ns, status, &graph, &[]));
        }
        let (root, graph) = (Namespace::root(), self.graph.clone());
        let error = error.map(|error| ("error", Value::from(error)));
        all.push(self.lifecycle(&root, status, &graph, error.as_slice()));
        all
    }

    /// What is told of an event.
    pub(super) fn tell(&mut self, event: &Event) -> Vec<Told> {
        let ns = &event.ns;
        let mut all = self.enter(ns);
        match &event.data {
            EventData::Values(view) => all.extend(self.values(ns, view)),
            EventData::Checkpoint { checkpoint, .. } => all.push(self.checkpoint(ns, checkpoint)),
            EventData::Update { node, update } => {
                let data = json!({"node": &**node}).to_string();
                let data = insert_field(&data, "values", update.as_str());
                all.push(told_of("updates", ns, node, &data));
            }
            EventData::Interrupted(asked) => self.interrupted(ns, asked, &mut all),
            EventData::Message {
                task,
                node,
                chunk,
                metadata,
                ..
            } => {
                let speech = Speech {
                    ns,
                    task: *task,
                    node,
                };
                self.messages.piece(&speech, (chunk, metadata), &mut all);
            }
            EventData::Custom { node, value } => {
                self.messages.restart(value);
                all.push(custom(ns, node, value));
            }
            EventData::TaskStarted {
                task, node, arg, ..
            } => {
                let trigger = match arg {
                    Some(_) => "__pregel_push".to_owned(),
                    None => format!("branch:to:{node}"),
                };
                let data = json!({"id": task.to_string(), "name": &**node, "triggers": [trigger]});
                let input = arg.as_ref().map_or("null", Json::as_str);
                let data = insert_field(&data.to_string(), "input", input);
                all.push(told_of("tasks", ns, node, &data));
            }
            EventData::TaskFinished { .. } => self.finished(event, &mut all),
            _ => {}
        }
        all
    }

    fn finished(&mut self, event: &Event, all: &mut Vec<Told>) {
        let EventData::TaskFinished {
            task,
            node,
            result,
            error,
            interrupts: asked,
            ..
        } = &event.data
        else {
            return;
        };
        let ns = &event.ns;
        all.extend(self.messages.finish(ns, *task));
        let data = json!({"id": task.to_string(), "name": &**node, "error": error});
        let result = result.as_ref().map_or("{}", Json::as_str);
        let data = insert_field(&data.to_string(), "result", result);
        let data = insert_field(&data, "interrupts", &interrupts(asked));
        let status = match (error, asked.is_empty()) {
            (Some(_), _) => Status::Failed,
            (None, false) => Status::Interrupted,
            (None, true) => Status::Completed,
        };
        let error = error.as_deref().map(|error| ("error", Value::from(error)));
        self.leave(
            &ns.child(&format!("{node}:{task}")),
            status,
            error.as_ref(),
            all,
        );
        all.push(told_of("tasks", ns, node, &data));
    }

    fn lifecycle(
        &mut self,
        ns: &Namespace,
        status: Status,
        graph: &str,
        more: &[(&str, Value)],
    ) -> Told {
        self.tree.set(ns, status, graph);
        self.grown = true;
        let mut data = json!({"event": status.name(), "graph_name": graph});
        for (name, value) in more {
            data[*name] = value.clone();
        }
        told("lifecycle", ns, &data.to_string())
    }

    /// Graphs that are heard of for the first time, from the outside in.
    fn enter(&mut self, ns: &Namespace) -> Vec<Told> {
        let mut all = Vec::new();
        if ns.is_root() || self.tree.has(ns) {
            return all;
        }
        let mut path = Namespace::root();
        for part in ns.as_str().split('|') {
            path = path.child(part);
            if self.tree.has(&path) {
                continue;
            }
            let (node, task) = part.split_once(':').unwrap_or((part, ""));
            let namespace: Value = path.as_str().split('|').map(Value::from).collect();
            let more = [
                ("namespace", namespace),
                ("trigger_call_id", Value::from(task)),
            ];
            all.push(self.lifecycle(&path, Status::Started, node, &more));
        }
        all
    }

    /// The graph inside a task has ended with it.
    fn leave(
        &mut self,
        ns: &Namespace,
        status: Status,
        error: Option<&(&str, Value)>,
        all: &mut Vec<Told>,
    ) {
        if let Some(graph) = self.tree.is_open(ns) {
            all.push(self.lifecycle(
                ns,
                status,
                &graph,
                error.map(std::slice::from_ref).unwrap_or_default(),
            ));
        }
    }

    fn values(&mut self, ns: &Namespace, view: &View) -> Option<Told> {
        let state = view.json().ok()?;
        let (made, at_ms) = (self.made.remove(ns), now_ms());
        let made = made.map(|id| id.to_string());
        let head = Head {
            state: made.as_deref().map(|id| (id, at_ms)),
            ..Head::new("values", ns.as_str())
        };
        Some(Told::state(&head, at_ms, state.as_str()))
    }

    /// A checkpoint, which comes right before its state. That of an input follows upon the place before it.
    fn checkpoint(&mut self, ns: &Namespace, made: &Checkpoint) -> Told {
        self.made.insert(ns.clone(), made.id);
        let mut data = json!({
            "id": made.id.to_string(),
            "step": made.step,
            "source": made.source.as_str(),
        });
        let parent = if beginning::is_input(made) {
            Some(beginning::place_before(made.id))
        } else {
            made.parent
        };
        if let Some(parent) = parent {
            data["parent_id"] = parent.to_string().into();
        }
        told("checkpoints", ns, &data.to_string())
    }

    /// Questions, each once, where they were asked first. Clients of two languages look under two names.
    fn interrupted(&mut self, ns: &Namespace, asked: &[Interrupt], all: &mut Vec<Told>) {
        for one in asked {
            if self.asked.insert(one.id.clone()) {
                let data =
                    json!({"interrupt_id": one.id, "payload": one.value, "value": one.value});
                all.push(told("input.requested", ns, &data.to_string()));
            }
        }
    }
}

/// What a node sent: with a name of its own if it says `{"name": …, "payload": …}`.
fn custom(ns: &Namespace, node: &str, value: &Json) -> Told {
    let read: Option<Value> = value.read().ok();
    let named = read.as_ref().and_then(|read| {
        let name = read.get("name")?.as_str()?;
        let is_named = read.get("payload").is_some() && !name.is_empty() && !name.contains('|');
        is_named.then_some(name)
    });
    let head = Head {
        custom: named,
        ..Head::new("custom", ns.as_str())
    };
    let data = match named {
        Some(_) => value.as_str().to_owned(),
        None => insert_field("{}", "payload", value.as_str()),
    };
    Told::new(&head, now_ms(), Some(node), &data)
}

#[cfg(test)]
mod tests;
