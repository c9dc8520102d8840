//! Whoever says one message and hears the reply, in this process or over HTTP.

use std::sync::Arc;
use std::time::Duration;

use everthread_graph::AnyGraph;
use everthread_graph::contract::ThreadKey;
use everthread_store::Store;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use super::beside::Beside;
use super::here::Here;
use super::http::{Server, There};

/// How a reply is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    /// The state, when the turn is over.
    Whole,
    /// Piece by piece.
    Stream,
}

/// What a turn showed.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// From the request to the first piece of the reply; `None` when it was read whole.
    pub(super) first_token: Option<Duration>,
}

/// Why a turn failed: a short name, to be counted.
#[derive(Debug)]
pub(super) struct Trouble(String);

/// Says messages.
pub(crate) enum Speaker {
    /// To the graph in this process.
    Here(Here),
    /// To a server.
    There(There),
}

impl Speaker {
    /// One for a graph in this process.
    pub(crate) fn here(
        graph: &Arc<dyn AnyGraph>,
        store: &Arc<dyn Store>,
        reading: Reading,
    ) -> Self {
        Self::Here(Here::new(Arc::clone(graph), Arc::clone(store), reading))
    }

    /// One with a connection of its own to this server.
    pub(super) fn there(server: &Arc<Server>, reading: Reading) -> Self {
        Self::There(There::new(Arc::clone(server), reading))
    }

    /// Says this in a conversation, which begins with its first message, and hears the reply to its end.
    pub(super) async fn say(&mut self, key: &ThreadKey, text: &str) -> Result<Heard, Trouble> {
        match self {
            Self::Here(here) => here.say(key, text).await,
            Self::There(there) => there.say(key, text).await,
        }
    }
}

impl Speaker {
    /// Does something beside the turns; a search is for a word of this text.
    pub(super) async fn beside(
        &mut self,
        what: Beside,
        key: &ThreadKey,
        text: &str,
    ) -> Result<(), Trouble> {
        let word = text.split(' ').next().unwrap_or_default();
        match self {
            Self::Here(here) => here.beside(what, key, word).await,
            Self::There(there) => there.beside(what, key, word).await,
        }
    }
}

impl Trouble {
    pub(super) fn new(kind: impl Into<String>) -> Self {
        Self(kind.into())
    }

    pub(super) fn kind(&self) -> &str {
        &self.0
    }
}

/// The input of a turn: the same for both.
pub(super) fn input(text: &str) -> Value {
    json!({"messages": [{"role": "user", "content": text}]})
}

/// What of a state is looked at.
#[derive(Deserialize)]
struct State {
    #[serde(default)]
    messages: Vec<IgnoredAny>,
    #[serde(rename = "__error__")]
    error: Option<Failed>,
}

#[derive(Deserialize)]
struct Failed {
    error: String,
}

/// That a turn left a state with messages in it: the same for both.
pub(super) fn check(state: &[u8]) -> Result<(), Trouble> {
    let state: State = serde_json::from_slice(state).map_err(|_| Trouble::new("no_state"))?;
    match state.error {
        Some(failed) => Err(Trouble::new(failed.error)),
        None if state.messages.is_empty() => Err(Trouble::new("no_messages")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_run_is_no_turn() {
        assert!(check(br#"{"messages": [{"type": "ai"}], "summary": null}"#).is_ok());
        let failed = check(br#"{"__error__": {"error": "NodeError", "message": "no"}}"#);
        assert_eq!(failed.unwrap_err().kind(), "NodeError");
        assert_eq!(check(b"{}").unwrap_err().kind(), "no_messages");
        assert_eq!(check(b"<html>").unwrap_err().kind(), "no_state");
    }
}
