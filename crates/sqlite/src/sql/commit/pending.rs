//! What tasks leave at a checkpoint before their step is committed.

use everthread_graph::contract::{
    Admission, CheckpointId, Namespace, PendingWrites, RunMark, StoreErrorKind, TaskWrites,
};
use rusqlite::{Connection, OptionalExtension};

use super::{Answer, Memory, refuse};
use crate::error::{Fault, Sql, fault};
use crate::sql::ids::checkpoint_bytes;
use crate::sql::place::Place;
use crate::sql::run_rules::{self, Env, Right};
use crate::sql::state::ThreadState;

/// Writes what tasks left, and what that means for their run. An error means that its savepoint is to be rolled back.
pub(crate) fn write(
    tx: &Connection,
    env: &Env,
    memory: &mut Memory,
    writes: &PendingWrites,
) -> Sql<Answer> {
    let known = match memory.threads.get(&writes.key) {
        Some(state) => Some(state.clone()),
        None => ThreadState::load(tx, &writes.key)?,
    };
    let Some(mut state) = known else {
        return Err(fault(
            StoreErrorKind::NotFound,
            format!("{} is not there", writes.key),
        ));
    };
    let answer = apply(tx, env, &mut state, writes)?;
    memory.threads.insert(writes.key.clone(), state);
    Ok(answer)
}

fn apply(
    tx: &Connection,
    env: &Env,
    state: &mut ThreadState,
    writes: &PendingWrites,
) -> Sql<Answer> {
    let again = match (&writes.run, &state.active) {
        (RunMark::Start(new), Some(active)) => active.id == new.id,
        _ => false,
    };
    let (fence, took_over) = match run_rules::enter(tx, env, state, &writes.run) {
        Ok(Right::Wait { ahead }) => return Ok(Ok(Admission::Queued { ahead })),
        Ok(Right::Write {
            fence, took_over, ..
        }) => (fence, took_over),
        Err(refused) => return ended_before(tx, state, writes, refused),
    };
    let is_head = is_head(tx, state, &writes.key.to_string(), writes.checkpoint)?;
    if let RunMark::Start(_) = &writes.run
        && !is_head
    {
        if again {
            // The run has gone on since: what it began with is in its steps.
            return Ok(Ok(Admission::AlreadyApplied(fence)));
        }
        return refuse(state, moved(writes), took_over);
    }
    for one in &writes.writes {
        insert(tx, state.place, writes.checkpoint, one)?;
    }
    if !writes.writes.is_empty() {
        mark_pending(tx, state, writes.checkpoint)?;
    }
    state.updated_ms = state.updated_ms.max(env.clock.now_ms());
    state.touch();
    run_rules::leave(env, state, &writes.run);
    Ok(Ok(if again {
        Admission::AlreadyApplied(fence)
    } else {
        Admission::Applied(fence)
    }))
}

/// A run that ended with this very mark has no right any more, and its last write was applied: it is sent again.
fn ended_before(
    tx: &Connection,
    state: &ThreadState,
    writes: &PendingWrites,
    refused: Fault,
) -> Sql<Answer> {
    if let RunMark::End(id, fence, _) = &writes.run
        && run_rules::ended_before(tx, state, *id, *fence)?
    {
        return Ok(Ok(Admission::AlreadyApplied(*fence)));
    }
    Err(refused)
}

/// Whether a checkpoint, which must be there, is the head of its namespace.
fn is_head(tx: &Connection, state: &mut ThreadState, shown: &str, id: CheckpointId) -> Sql<bool> {
    let root = state.head(tx, &Namespace::root())?;
    if root.is_some_and(|head| head.checkpoint == Some(id)) {
        return Ok(true);
    }
    let found: Option<String> = tx
        .prepare_cached("SELECT ns FROM checkpoints WHERE user = ?1 AND thread = ?2 AND id = ?3")?
        .query_row(
            (state.place.user, state.place.thread, checkpoint_bytes(id)),
            |row| row.get(0),
        )
        .optional()?;
    let Some(ns) = found else {
        return Err(fault(
            StoreErrorKind::NotFound,
            format!("checkpoint {id} of {shown} is not there: it may have been pruned"),
        ));
    };
    let head = state.head(tx, &Namespace::from_text(&ns))?;
    Ok(head.is_some_and(|head| head.checkpoint == Some(id)))
}

/// Two runs that go on from one checkpoint would do the same twice.
fn moved(writes: &PendingWrites) -> Fault {
    fault(
        StoreErrorKind::Conflict,
        format!(
            "checkpoint {} is no longer a head of {}: load it and decide anew",
            writes.checkpoint, writes.key
        ),
    )
}

fn insert(tx: &Connection, place: Place, id: CheckpointId, writes: &TaskWrites) -> Sql<()> {
    tx.prepare_cached(
        "INSERT INTO pending_writes (user, thread, checkpoint, task, slot, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT DO UPDATE SET body = ?6",
    )?
    .execute((
        place.user,
        place.thread,
        checkpoint_bytes(id),
        writes.task.uuid().into_bytes(),
        writes.slot.as_str(),
        writes.body.as_str(),
    ))?;
    Ok(())
}

/// Forgets what was left at the parent of a step: it is in the step now.
pub(super) fn forget(
    tx: &Connection,
    state: &mut ThreadState,
    ns: &Namespace,
    parent: CheckpointId,
) -> Sql<()> {
    let nothing = state
        .head(tx, ns)?
        .is_some_and(|head| head.checkpoint == Some(parent) && !head.pending);
    if nothing {
        return Ok(());
    }
    tx.prepare_cached(
        "DELETE FROM pending_writes WHERE user = ?1 AND thread = ?2 AND checkpoint = ?3",
    )?
    .execute((
        state.place.user,
        state.place.thread,
        checkpoint_bytes(parent),
    ))?;
    Ok(())
}

fn mark_pending(tx: &Connection, state: &mut ThreadState, id: CheckpointId) -> Sql<()> {
    // The namespace is the engine's to know; whichever head this is, it has something left at it now.
    let _ = state.head(tx, &Namespace::root())?;
    for head in state.heads_mut().filter(|head| head.checkpoint == Some(id)) {
        head.pending = true;
    }
    Ok(())
}
