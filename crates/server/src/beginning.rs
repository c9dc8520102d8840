//! The place before an input.
//!
//! LangGraph keeps a checkpoint before each input, with the input still to be taken in, and one after. Clients go back
//! to the first to say something else: it is the parent of the state in which a message is seen first. Here an input
//! is one checkpoint, with the input in it; the place before it is its parent, or nothing. So that clients find what
//! they look for, that place is shown as a checkpoint too. It has no row: its id is that of the input's checkpoint
//! with the version of the UUID changed from 7 to 6.

use everthread_graph::contract::{At, Checkpoint, CheckpointId, Source, ThreadKey};
use everthread_graph::{AnyGraph, AnyInput, AnyState};
use uuid::Uuid;

use crate::error::ApiError;

/// Where a UUID has its version.
const VERSION_BITS: u32 = 76;

fn with_version(id: CheckpointId, version: u128) -> CheckpointId {
    let others = id.uuid().as_u128() & !(0xf << VERSION_BITS);
    CheckpointId::from_uuid(Uuid::from_u128(others | version << VERSION_BITS))
}

/// The place before an input, by the input's checkpoint.
pub(crate) fn place_before(input: CheckpointId) -> CheckpointId {
    with_version(input, 6)
}

/// The checkpoint of the input that comes after this place; `None` for what is no such place.
pub(crate) fn input_after(place: CheckpointId) -> Option<CheckpointId> {
    (place.uuid().get_version_num() == 6).then(|| with_version(place, 7))
}

/// Whether a checkpoint is an input of the thread's own graph.
pub(crate) fn is_input(checkpoint: &Checkpoint) -> bool {
    checkpoint.source == Source::Input && checkpoint.ns.is_root()
}

/// The state before an input: its parent's, looked for among those at hand first. `None` when there was none yet.
///
/// # Errors
/// As the engine answers.
pub(crate) async fn state_before(
    graph: &dyn AnyGraph,
    key: &ThreadKey,
    input: &Checkpoint,
    at_hand: &[AnyState],
) -> Result<Option<AnyState>, ApiError> {
    let Some(parent) = input.parent else {
        return Ok(None);
    };
    let known = at_hand.iter().find(|state| state.checkpoint.id == parent);
    match known {
        Some(state) => Ok(Some(state.clone())),
        None => Ok(graph.state(key, At::Id(parent), false).await?),
    }
}

/// The checkpoint at which a run is to begin that a client wants to begin at `id`. At a place before an input that is
/// the place's parent, or the beginning of the thread; with nothing to take in, the input comes again.
///
/// # Errors
/// As the engine answers.
pub(crate) async fn resolve(
    graph: &dyn AnyGraph,
    key: &ThreadKey,
    id: CheckpointId,
    input: &AnyInput,
) -> Result<CheckpointId, ApiError> {
    let Some(after) = input_after(id) else {
        return Ok(id);
    };
    if *input == AnyInput::Resume {
        return Ok(after);
    }
    let found = graph.state(key, At::Id(after), false).await?;
    Ok(match found {
        Some(state) => state
            .checkpoint
            .parent
            .unwrap_or(CheckpointId::from_uuid(Uuid::nil())),
        // The engine says what it does not find.
        None => after,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_leads_to_its_input_and_sorts_before_it() {
        let input = CheckpointId::from_uuid(Uuid::now_v7());
        let place = place_before(input);
        assert_eq!(input_after(place), Some(input));
        assert_eq!(input_after(input), None);
        assert!(place < input);
    }
}
