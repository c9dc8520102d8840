//! Threads of a caller, and the graphs that they are of.

use std::sync::Arc;

use everthread_graph::contract::{At, ThreadId, ThreadKey};
use everthread_graph::{AnyGraph, AnyState};
use everthread_store::{RunQuery, Thread};
use serde_json::{Map, Value};

use crate::app::App;
use crate::error::ApiError;
use crate::identity::Caller;
use crate::wire::AboutThread;

impl Caller {
    /// A thread of this caller, whether it is there or not.
    pub(crate) fn key(&self, thread: ThreadId) -> ThreadKey {
        ThreadKey {
            user: self.user.clone(),
            thread,
        }
    }
}

/// 404 for a thread that the caller has not.
pub(crate) fn no_thread(key: &ThreadKey) -> ApiError {
    ApiError::not_found(format!("Thread with ID {}", key.thread))
}

/// What a thread's metadata say.
pub(crate) fn metadata(thread: &Thread) -> Map<String, Value> {
    let read = thread
        .metadata
        .as_ref()
        .map(everthread_graph::contract::Json::read);
    // Whoever wrote them checked that they are an object.
    read.transpose().unwrap_or_default().unwrap_or_default()
}

/// What a thread's states say of graph and assistant.
pub(crate) fn about(thread: &Thread) -> AboutThread {
    let mut names = metadata(thread);
    names.retain(|name, _| matches!(name.as_str(), "graph_id" | "assistant_id"));
    AboutThread {
        thread: thread.id.as_str().to_owned(),
        names,
    }
}

impl App {
    /// A thread that the caller has.
    ///
    /// # Errors
    /// 404; as the store answers.
    pub(crate) async fn thread(&self, key: &ThreadKey) -> Result<Thread, ApiError> {
        let thread = self.store.thread(key).await?;
        thread.ok_or_else(|| no_thread(key))
    }

    /// The graph that a thread is of: the one that its metadata name, or else that of its last run. `None` when it is
    /// of none that this server has.
    ///
    /// # Errors
    /// As the store answers.
    pub(crate) async fn graph_of(
        &self,
        key: &ThreadKey,
        thread: &Thread,
    ) -> Result<Option<Arc<dyn AnyGraph>>, ApiError> {
        let graphs = &self.assistants.graphs;
        let names = metadata(thread);
        if let Some(name) = names.get("graph_id").and_then(Value::as_str) {
            return Ok(graphs.by_name(name).cloned());
        }
        let last = RunQuery {
            limit: 1,
            ..RunQuery::default()
        };
        let last = self.store.runs(key, last).await?.into_iter().next();
        Ok(last.and_then(|run| graphs.by_name(&run.graph).cloned()))
    }

    /// The state of a thread as it is now; `None` when nothing happened on it, or this server has not its graph.
    ///
    /// # Errors
    /// As the engine answers.
    pub(crate) async fn state_of(
        &self,
        key: &ThreadKey,
        thread: &Thread,
    ) -> Result<Option<AnyState>, ApiError> {
        if thread.head.is_none() {
            return Ok(None);
        }
        match self.graph_of(key, thread).await? {
            Some(graph) => Ok(graph.state(key, At::Head, false).await?),
            None => Ok(None),
        }
    }
}
