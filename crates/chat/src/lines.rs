//! Reads a thread: its state at a checkpoint, and its line of history from the head backwards.

use everthread_graph::contract::{At, Checkpoint, HistoryQuery, Namespace, Source, ThreadKey};
use everthread_graph::{Error, State};
use everthread_store::{Store, StoreError};

use crate::ChatState;

/// How many checkpoints are read at once.
const PAGE: usize = 64;

/// The state at the head or at a checkpoint; `None` when it is not there.
pub(crate) async fn state(
    store: &dyn Store,
    key: &ThreadKey,
    at: At,
) -> Result<Option<ChatState>, Error> {
    let Some(saved) = store.load(key, &Namespace::root(), at).await? else {
        return Ok(None);
    };
    let mut state = ChatState::initial();
    for (channel, value) in &saved.channels {
        state.load(channel, value)?;
    }
    Ok(Some(state))
}

/// The checkpoints at which the last `count` turns of a line began, newest first: the line that leads to the head
/// or to a checkpoint.
pub(crate) async fn newest_inputs(
    store: &dyn Store,
    key: &ThreadKey,
    at: At,
    count: usize,
) -> Result<Vec<Checkpoint>, StoreError> {
    let root = Namespace::root();
    let end = store.load(key, &root, at).await?;
    let mut next = end.map(|end| end.checkpoint.id);
    let mut before = None;
    let mut inputs = Vec::new();
    while next.is_some() && inputs.len() < count {
        let query = HistoryQuery {
            ns: Some(root.clone()),
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
                if checkpoint.source == Source::Input && inputs.len() < count {
                    inputs.push(checkpoint);
                }
            }
        }
    }
    Ok(inputs)
}
