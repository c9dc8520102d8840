//! A run as it is asked for.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// A run that is asked for. Fields that are not known are let pass.
#[derive(Debug, Deserialize, ToSchema)]
pub struct RunCreate {
    /// An assistant's UUID, or a graph's name.
    pub assistant_id: String,
    /// What goes into the state, an object of channels; `null` goes on with unfinished tasks.
    #[schema(value_type = Option<Object>)]
    pub input: Option<Box<RawValue>>,
    /// An answer, an update or places to go; it comes before `input`.
    pub command: Option<CommandBody>,
    /// What is streamed: one mode or several of `values` (the default), `updates`, `messages`, `messages-tuple`,
    /// `custom`, `tasks`, `checkpoints`, `debug`, `events`.
    #[schema(value_type = Option<Vec<String>>)]
    pub stream_mode: Option<OneOrMany>,
    /// Whether what happens in subgraphs is streamed too; `false`.
    pub stream_subgraphs: Option<bool>,
    /// Whether the events are kept, so that a client that comes back gets those it missed; `false`.
    pub stream_resumable: Option<bool>,
    /// Kept with the run and with its checkpoints.
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<Map<String, Value>>,
    /// Tags, the recursion limit and what is configurable.
    pub config: Option<ConfigBody>,
    /// What the graph's nodes read beside the state; it comes before the assistant's own, field by field.
    #[schema(value_type = Option<Object>)]
    pub context: Option<Map<String, Value>>,
    /// Where to begin instead of at the head.
    pub checkpoint: Option<CheckpointBody>,
    /// The same by its id alone.
    pub checkpoint_id: Option<String>,
    /// Nodes to stop before, or `*`.
    #[schema(value_type = Option<Vec<String>>)]
    pub interrupt_before: Option<OneOrMany>,
    /// Nodes to stop after, or `*`.
    #[schema(value_type = Option<Vec<String>>)]
    pub interrupt_after: Option<OneOrMany>,
    /// A URL that is told of the run's end.
    pub webhook: Option<String>,
    /// What happens when another run is active on the thread; `enqueue`.
    pub multitask_strategy: Option<Strategy>,
    /// What happens when the thread is not there; `reject`.
    pub if_not_exists: Option<IfNotExists>,
    /// What becomes of the run when its caller goes away; `continue`.
    pub on_disconnect: Option<OnDisconnect>,
    /// What becomes of the thread of a run without one; `delete`.
    pub on_completion: Option<OnCompletion>,
    /// Seconds until the run may begin; 0.
    pub after_seconds: Option<f64>,
    /// How many checkpoints are kept; `async`.
    pub durability: Option<DurabilityName>,
    /// The older way to ask for `durability`: `false` is `exit`.
    pub checkpoint_during: Option<bool>,
    /// Kept with the run.
    #[schema(value_type = Option<Vec<String>>)]
    pub feedback_keys: Option<Vec<String>>,
}

/// One text or several.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum OneOrMany {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

impl OneOrMany {
    /// All of them.
    #[must_use]
    pub fn into_vec(self) -> Vec<String> {
        match self {
            Self::One(one) => vec![one],
            Self::Many(many) => many,
        }
    }
}

/// A command to a thread.
#[derive(Debug, Deserialize, ToSchema)]
pub struct CommandBody {
    /// The answer to the interrupt that waits, or an object of answers by interrupt id.
    #[schema(value_type = Option<Object>)]
    pub resume: Option<Box<RawValue>>,
    /// What goes into the state: an object of channels, or an array of `[channel, value]` pairs.
    #[schema(value_type = Option<Object>)]
    pub update: Option<Box<RawValue>>,
    /// A node, `{"node": …, "input": …}`, or several of them.
    #[schema(value_type = Option<Object>)]
    pub goto: Option<GotoBody>,
}

/// Places to go.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum GotoBody {
    /// One place.
    One(PlaceBody),
    /// Several places.
    Many(Vec<PlaceBody>),
}

/// One place to go.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum PlaceBody {
    /// A node.
    Node(String),
    /// A node with an input of its own.
    Send {
        /// The node.
        node: String,
        /// Its input.
        #[serde(default)]
        input: Value,
    },
}

/// How a run is configured.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct ConfigBody {
    /// Kept with the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<String>>,
    /// Most steps that the run may take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recursion_limit: Option<u32>,
    /// What older clients give in place of `context`; `checkpoint_id` in it says where to begin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub configurable: Option<Map<String, Value>>,
    /// Kept with the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<Map<String, Value>>,
}

/// A checkpoint as clients name it; any part may be absent.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
pub struct CheckpointBody {
    /// The checkpoint; absent for the head.
    pub checkpoint_id: Option<String>,
    /// Which graph of the thread; absent or empty for its own.
    pub checkpoint_ns: Option<String>,
    /// The thread; not needed, since the path names it.
    pub thread_id: Option<String>,
}

/// Which runs are stopped.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub struct RunsCancel {
    /// Of this thread.
    pub thread_id: Option<String>,
    /// These of it.
    pub run_ids: Option<Vec<String>>,
    /// All of the caller's that stand so: `pending`, `running` or `all`.
    pub status: Option<String>,
}

macro_rules! names {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $text)] $variant),+
        }
    };
}

names! {
    /// What happens when another run is active on the thread.
    Strategy {
        /// It waits.
        #[default] Enqueue = "enqueue",
        /// It is refused with 409.
        Reject = "reject",
        /// The other is stopped where it is.
        Interrupt = "interrupt",
        /// The other is stopped and what it did is taken back.
        Rollback = "rollback",
    }
}

names! {
    /// What happens when a run's thread is not there.
    IfNotExists {
        /// 404.
        #[default] Reject = "reject",
        /// The thread is created.
        Create = "create",
    }
}

names! {
    /// What becomes of a run when its caller goes away.
    OnDisconnect {
        /// It goes on.
        #[default] Continue = "continue",
        /// It is cancelled.
        Cancel = "cancel",
    }
}

names! {
    /// What becomes of the thread of a run that was called without one.
    OnCompletion {
        /// It is deleted.
        #[default] Delete = "delete",
        /// It stays.
        Keep = "keep",
    }
}

names! {
    /// How many checkpoints a run keeps.
    DurabilityName {
        /// Each step, durable before the next begins.
        Sync = "sync",
        /// Each step, durable while the next runs.
        #[default] Async = "async",
        /// The last one.
        Exit = "exit",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_read_as_the_clients_send_it() {
        let run: RunCreate = serde_json::from_str(
            r#"{"assistant_id": "chat", "input": null, "command": {"resume": {"a": 1}, "goto": []},
                "stream_mode": "values", "interrupt_before": ["gate"], "unknown_field": 1}"#,
        )
        .expect("a run");
        assert!(run.input.is_none());
        let command = run.command.expect("a command");
        assert_eq!(
            command.resume.map(|resume| resume.get().to_owned()),
            Some(r#"{"a": 1}"#.to_owned())
        );
        assert!(matches!(command.goto, Some(GotoBody::Many(places)) if places.is_empty()));
        assert_eq!(
            run.stream_mode.map(OneOrMany::into_vec),
            Some(vec!["values".to_owned()])
        );
    }

    #[test]
    fn what_is_not_known_of_a_choice_is_refused() {
        let wrong = r#"{"assistant_id": "chat", "durability": "bogus"}"#;
        assert!(serde_json::from_str::<RunCreate>(wrong).is_err());
        assert!(serde_json::from_str::<RunCreate>(r#"{"input": {}}"#).is_err());
    }
}
