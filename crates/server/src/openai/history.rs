//! Where a thread had so many messages: the checkpoint from which an edited history goes on.

use everthread_graph::contract::{At, CheckpointId, HistoryQuery, Namespace, ThreadKey};
use everthread_graph::{AnyGraph, AnyState};
use everthread_store::Store;
use serde::Deserialize;
use serde_json::Value;

use super::message::Message;
use super::refusal::Refusal;

/// Checkpoints that are read at a time.
const PAGE: usize = 256;

/// What a state says.
pub(super) fn messages(state: &AnyState) -> Vec<Message> {
    #[derive(Deserialize)]
    struct Values {
        #[serde(default)]
        messages: Vec<Value>,
    }
    let values: Option<Values> = state.values.read().ok();
    let all = values.map(|values| values.messages).unwrap_or_default();
    all.iter().filter_map(Message::of_state).collect()
}

/// The newest state on the line that ends at `end` in which there are so many messages, and these; `None` when there
/// is none any more.
///
/// Along a line messages are added and hardly ever removed, so it is looked for by halves.
///
/// # Errors
/// As the store and the engine answer.
pub(super) async fn with_messages(
    store: &dyn Store,
    graph: &dyn AnyGraph,
    key: &ThreadKey,
    end: CheckpointId,
    wanted: &[Message],
) -> Result<Option<AnyState>, Refusal> {
    // The newest first: the messages become fewer.
    let line = line(store, key, end).await?;
    let (mut low, mut high) = (0, line.len());
    while low < high {
        let middle = low + (high - low) / 2;
        let state = graph.state(key, At::Id(line[middle]), false).await?;
        let count = state.as_ref().map_or(0, |state| messages(state).len());
        if count > wanted.len() {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    let Some(id) = line.get(low) else {
        return Ok(None);
    };
    let found = graph.state(key, At::Id(*id), false).await?;
    Ok(found.filter(|state| {
        let there = messages(state);
        there.len() == wanted.len() && there.iter().zip(wanted).all(|(a, b)| a.is_same(b))
    }))
}

/// The checkpoints of the line that ends here, the newest first.
async fn line(
    store: &dyn Store,
    key: &ThreadKey,
    end: CheckpointId,
) -> Result<Vec<CheckpointId>, Refusal> {
    let mut line = Vec::new();
    let (mut next, mut before) = (Some(end), None);
    while next.is_some() {
        let query = HistoryQuery {
            ns: Some(Namespace::root()),
            before,
            limit: PAGE,
        };
        let page = store.history(key, query).await?;
        let Some(oldest) = page.last() else { break };
        before = Some(oldest.id);
        // Ids ascend along a line, so one pass downwards meets each of its checkpoints.
        for checkpoint in page {
            if Some(checkpoint.id) == next {
                next = checkpoint.parent;
                line.push(checkpoint.id);
            }
        }
    }
    Ok(line)
}

/// The last checkpoint that a run made; `None` when it made none that is still there.
///
/// # Errors
/// As the store answers.
pub(super) async fn end_of_run(
    store: &dyn Store,
    key: &ThreadKey,
    run: everthread_graph::contract::RunId,
) -> Result<Option<CheckpointId>, Refusal> {
    let mut before = None;
    loop {
        let query = HistoryQuery {
            ns: Some(Namespace::root()),
            before,
            limit: PAGE,
        };
        let page = store.history(key, query).await?;
        if let Some(found) = page.iter().find(|one| one.run == Some(run)) {
            return Ok(Some(found.id));
        }
        match page.last() {
            Some(oldest) => before = Some(oldest.id),
            None => return Ok(None),
        }
    }
}
