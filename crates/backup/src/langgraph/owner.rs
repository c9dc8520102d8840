//! Whose a conversation is. LangGraph knows no users: their ids are where each program puts them.

use std::borrow::Cow;

use everthread_graph::contract::UserId;
use everthread_store::langgraph::Line;
use serde_json::Value;

use super::checkpoint::{Metadata, State};
use super::report::{Leaving, Left};

/// The channel of the state, and the key of the config, by which programs name the user.
const USER: &str = "user_id";

/// What LangGraph's own server calls the user who is signed in.
const SIGNED_IN: &str = "langgraph_auth_user_id";

/// Whose conversations are that do not say so.
#[derive(Debug, Clone)]
pub struct Owner {
    /// What parts the user from the rest of a thread's id (`:` in `alice:work`), where threads are named so.
    pub before: Option<String>,
    /// Whose all others are.
    pub rest: UserId,
}

/// Where the id of a user was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NamedBy {
    /// In the state: its channel `user_id`.
    State,
    /// In the config, which is kept with each checkpoint.
    Config,
    /// In the namespace, by programs that part users so.
    Namespace,
    /// In the id of the thread.
    Thread,
    /// Nowhere: it is the one for all others.
    Rest,
}

impl NamedBy {
    /// The name for machines.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::State => "state",
            Self::Config => "config",
            Self::Namespace => "namespace",
            Self::Thread => "thread_id",
            Self::Rest => "chosen",
        }
    }
}

impl Owner {
    /// Whose a line of checkpoints is, by its newest.
    pub(super) fn of(
        &self,
        line: &Line,
        state: Option<&State<'_>>,
        metadata: &Metadata,
        left: &mut Leaving,
    ) -> (UserId, NamedBy) {
        let in_state = state.and_then(|state| state.channel_values.get(USER));
        let in_state = in_state.and_then(|value| serde_json::from_str(value.get()).ok());
        let in_config = |name: &str| metadata.more.get(name).cloned();
        let before = self.before.as_deref().filter(|before| !before.is_empty());
        let in_name = before.and_then(|before| line.thread.split_once(before));
        let places = [
            (in_state, NamedBy::State),
            (in_config(USER), NamedBy::Config),
            (in_config(SIGNED_IN), NamedBy::Config),
            (
                Some(Value::from(line.namespace.as_str())),
                NamedBy::Namespace,
            ),
            (in_name.map(|(user, _)| Value::from(user)), NamedBy::Thread),
        ];
        for (value, by) in places {
            let Some(name) = value.as_ref().and_then(name_of) else {
                continue;
            };
            match UserId::new(&name) {
                Ok(user) => return (user, by),
                Err(error) => {
                    let why = format!("what names the user is no id: {error}");
                    left.note(&line.thread, Left::User, 1, why);
                }
            }
        }
        (self.rest.clone(), NamedBy::Rest)
    }
}

fn name_of(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.into()),
        Value::Number(number) => Some(number.to_string().into()),
        _ => None,
    }
}
