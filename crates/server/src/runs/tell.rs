//! What the engine shows of a run, as the frames of the modes that were asked for.

mod debug;
mod events;
mod messages;

use std::borrow::Cow;

use everthread_graph::contract::{Json, Namespace};
use everthread_graph::{Event, EventData, Interrupt, View};
use serde_json::{Value, json};

use self::debug::Place;
use self::messages::{Partials, SaidBefore, Speaker};
use crate::wire::{Mode, Modes, insert_field};

/// A frame before it has a number: the event's name and its JSON.
pub(crate) type Told = (Cow<'static, str>, String);

/// Turns the events of one run into frames.
pub(crate) struct Teller {
    modes: Modes,
    /// What every message's metadata say of the run: `{"run_id": …, "thread_id": …, …}`.
    about: String,
    run: String,
    thread: String,
    graph: String,
    assistant: String,
    /// The newest state of the thread's own graph.
    last: Option<View>,
    /// The newest state of the subgraph that told one last.
    last_inside: Option<(Namespace, View)>,
    partials: Partials,
    said_before: SaidBefore,
}

/// Who a teller speaks of.
pub(crate) struct About<'a> {
    /// The run.
    pub(crate) run: String,
    /// Its thread.
    pub(crate) thread: &'a str,
    /// Its graph.
    pub(crate) graph: &'a str,
    /// Its assistant.
    pub(crate) assistant: &'a str,
    /// The run's metadata, a JSON object.
    pub(crate) metadata: Option<&'a Json>,
}

impl Teller {
    /// A teller for these modes.
    pub(crate) fn new(modes: Modes, about: &About<'_>) -> Self {
        let metadata = about.metadata.map_or("{}", Json::as_str);
        let fields = [
            ("graph_id", about.graph),
            ("assistant_id", about.assistant),
            ("thread_id", about.thread),
            ("run_id", &about.run),
        ];
        let text = fields
            .iter()
            .fold(metadata.to_owned(), |text, (name, value)| {
                insert_field(&text, name, &Value::from(*value).to_string())
            });
        Self {
            modes,
            about: text,
            run: about.run.clone(),
            thread: about.thread.to_owned(),
            graph: about.graph.to_owned(),
            assistant: about.assistant.to_owned(),
            last: None,
            last_inside: None,
            partials: Partials::default(),
            said_before: SaidBefore::default(),
        }
    }

    /// The same for this attempt of the run, counted from 1.
    pub(crate) fn attempt(mut self, attempt: u32) -> Self {
        self.said_before = SaidBefore::new(attempt > 1);
        self
    }

    /// The first frame of every run.
    pub(crate) fn first(&self, attempt: u32) -> Told {
        let data = json!({"run_id": self.run, "attempt": attempt});
        (Cow::Borrowed("metadata"), data.to_string())
    }

    /// What goes before the first event, in the modes that tell of the run as a whole.
    pub(crate) fn begin(&self, input: Option<&Json>) -> Vec<Told> {
        let mut told = Vec::new();
        if self.modes.has(Mode::Events) {
            told.push(self.run_starts(input));
        }
        told
    }

    /// The frames of an event.
    pub(crate) fn tell(&mut self, event: &Event) -> Vec<Told> {
        let mut told = Vec::new();
        let ns = &event.ns;
        match &event.data {
            EventData::Values(view) => {
                self.keep(ns, view);
                if self.modes.has(Mode::Values) {
                    told.extend(values(ns, view));
                }
            }
            EventData::Update { node, update } => {
                if self.modes.has(Mode::Updates) {
                    told.push((named("updates", ns), object(node, update.as_str())));
                }
                if self.modes.has(Mode::Events) {
                    told.push(self.node_streams(ns, node, update));
                }
            }
            EventData::Interrupted(asked) => self.interrupted(ns, asked, &mut told),
            EventData::Message {
                task,
                node,
                step,
                chunk,
                metadata,
            } => {
                let speaker = Speaker {
                    ns,
                    task: *task,
                    node,
                    step: *step,
                };
                self.message(&speaker, (chunk, metadata), &mut told);
            }
            EventData::Custom { value, .. } => {
                self.partials.restart(value);
                if self.modes.has(Mode::Custom) {
                    told.push((named("custom", ns), value.as_str().to_owned()));
                }
            }
            data => self.inner(ns, data, &mut told),
        }
        told
    }

    /// What is shown when the run rests at a breakpoint, where nothing is asked.
    pub(crate) fn breakpoint(&self) -> Option<Told> {
        let shown = self.modes.has(Mode::Updates);
        shown.then(|| {
            (
                Cow::Borrowed("updates"),
                r#"{"__interrupt__":[]}"#.to_owned(),
            )
        })
    }

    /// What goes after the last event.
    pub(crate) fn finish(&self) -> Vec<Told> {
        let mut told = Vec::new();
        if self.modes.has(Mode::Events) {
            told.push(self.run_ends());
        }
        told
    }

    fn keep(&mut self, ns: &Namespace, view: &View) {
        if ns.is_root() {
            self.last = Some(view.clone());
        } else {
            self.last_inside = Some((ns.clone(), view.clone()));
        }
    }

    /// The newest state of this graph.
    fn state(&self, ns: &Namespace) -> Option<&View> {
        if ns.is_root() {
            return self.last.as_ref();
        }
        let inside = self.last_inside.as_ref();
        inside.filter(|(of, _)| of == ns).map(|(_, view)| view)
    }

    fn state_json(&self, ns: &Namespace) -> Json {
        let json = self.state(ns).and_then(|view| view.json().ok());
        json.unwrap_or_else(|| Json::trusted("null"))
    }

    fn interrupted(&self, ns: &Namespace, asked: &[Interrupt], told: &mut Vec<Told>) {
        let asked_json = interrupts(asked);
        if self.modes.has(Mode::Updates) {
            told.push((named("updates", ns), object("__interrupt__", &asked_json)));
        }
        if self.modes.has(Mode::Values) && !asked.is_empty() {
            let state = self.state_json(ns);
            let data = insert_field(state.as_str(), "__interrupt__", &asked_json);
            told.push((named("values", ns), data));
        }
    }

    fn place<'a>(&'a self, ns: &'a Namespace) -> Place<'a> {
        Place {
            thread: &self.thread,
            run: &self.run,
            graph: &self.graph,
            assistant: &self.assistant,
            about: &self.about,
            ns,
        }
    }

    /// Checkpoints and tasks.
    fn inner(&self, ns: &Namespace, data: &EventData, told: &mut Vec<Told>) {
        let place = self.place(ns);
        match data {
            EventData::Checkpoint {
                checkpoint,
                values,
                next,
            } => {
                let payload = place.checkpoint(checkpoint, values, next);
                if self.modes.has(Mode::Checkpoints) {
                    told.push((named("checkpoints", ns), payload.clone()));
                }
                if self.modes.has(Mode::Debug) {
                    let data = debug::wrap(checkpoint.step, "checkpoint", &payload);
                    told.push((named("debug", ns), data));
                }
            }
            EventData::TaskStarted {
                task,
                node,
                step,
                arg,
            } => {
                let input = arg.clone().unwrap_or_else(|| self.state_json(ns));
                let payload = place.task_started(*task, node, &input, arg.is_some());
                self.task(ns, *step, "task", &payload, told);
                if self.modes.has(Mode::Events) {
                    told.push(self.node_starts(ns, node, *step, &input));
                }
            }
            EventData::TaskFinished {
                task,
                node,
                step,
                result,
                error,
                interrupts: asked,
            } => {
                let result = result.as_ref();
                let payload = place.task_finished(*task, node, result, error.as_deref(), asked);
                self.task(ns, *step, "task_result", &payload, told);
                if let (true, Some(result)) = (self.modes.has(Mode::Events), result) {
                    told.push(self.node_ends(ns, node, *step, result));
                }
            }
            _ => {}
        }
    }

    fn task(&self, ns: &Namespace, step: i64, kind: &str, payload: &str, told: &mut Vec<Told>) {
        if self.modes.has(Mode::Tasks) {
            told.push((named("tasks", ns), payload.to_owned()));
        }
        if self.modes.has(Mode::Debug) {
            told.push((named("debug", ns), debug::wrap(step, kind, payload)));
        }
    }
}

/// The frame of a state, unless it has no JSON form.
fn values(ns: &Namespace, view: &View) -> Option<Told> {
    let json = view.json().ok()?;
    Some((named("values", ns), json.as_str().to_owned()))
}

/// An event's name with its namespace.
fn named(mode: &'static str, ns: &Namespace) -> Cow<'static, str> {
    if ns.is_root() {
        Cow::Borrowed(mode)
    } else {
        Cow::Owned(format!("{mode}|{}", ns.as_str()))
    }
}

/// A JSON object of one field.
fn object(name: &str, value: &str) -> String {
    insert_field("{}", name, value)
}

/// Questions as clients read them.
pub(crate) fn interrupts(asked: &[Interrupt]) -> String {
    let all: Vec<Value> = asked
        .iter()
        .map(|one| json!({"value": one.value, "id": one.id, "response_schema": null}))
        .collect();
    Value::from(all).to_string()
}

#[cfg(test)]
mod tests;
