//! Taking back what a run did: the heads go back to where they were, and what was written stays behind on a line of
//! its own.

use std::sync::Arc;

use everthread_graph::contract::{CheckpointId, Namespace};
use everthread_store::{RunStatus, TRANSCRIPT};
use rusqlite::{Connection, OptionalExtension};

use crate::error::Sql;
use crate::sql::change;
use crate::sql::ids::{checkpoint_bytes, checkpoint_id};
use crate::sql::place::Place;
use crate::sql::state::{Head, ThreadState};

/// Stops the active run and moves the heads back to where it began.
pub(crate) fn roll_back(tx: &Connection, state: &mut ThreadState, now_ms: i64) -> Sql<()> {
    let Some(active) = state.active.clone() else {
        return Ok(());
    };
    state.end_active(RunStatus::RolledBack, None, now_ms);
    state.flush(tx)?;
    let root = Namespace::root();
    if let Some(head) = state.head(tx, &root)?.cloned()
        && head.checkpoint != active.base
    {
        let branch = new_branch(tx, state, Some(head.branch), active.base, now_ms)?;
        let back = head_at(tx, state.place, &head, active.base, branch)?;
        state.set_head(&root, back);
        state.counters.messages = transcript_len(tx, state)?;
    }
    for (ns, checkpoint) in heads_of_run(tx, state.place, active.run)? {
        let Some(head) = state.head(tx, &ns)?.cloned() else {
            continue;
        };
        let before = before_run(tx, state.place, checkpoint, active.run)?;
        let back = head_at(tx, state.place, &head, before, head.branch)?;
        state.set_head(&ns, back);
    }
    Ok(())
}

/// Begins a line of history of the thread's own graph.
pub(crate) fn new_branch(
    tx: &Connection,
    state: &mut ThreadState,
    parent: Option<i64>,
    forked_at: Option<CheckpointId>,
    now_ms: i64,
) -> Sql<i64> {
    state.counters.branch += 1;
    state.touch();
    tx.prepare_cached(
        "INSERT INTO branches (user, thread, branch, parent, forked_at, created_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute((
        state.place.user,
        state.place.thread,
        state.counters.branch,
        parent,
        forked_at.map(checkpoint_bytes),
        now_ms,
    ))?;
    Ok(state.counters.branch)
}

/// Messages in the transcript of the head.
pub(crate) fn transcript_len(tx: &Connection, state: &mut ThreadState) -> Sql<u64> {
    let change = state
        .head(tx, &Namespace::root())?
        .and_then(|head| head.channels.as_ref())
        .and_then(|channels| channels.get(TRANSCRIPT).copied());
    match change {
        Some(n) if change::read(tx, state.place, n)?.0 => Ok(state.list(tx, n)?.state.all.len()),
        _ => Ok(0),
    }
}

fn head_at(
    tx: &Connection,
    place: Place,
    head: &Head,
    checkpoint: Option<CheckpointId>,
    branch: i64,
) -> Sql<Head> {
    let channels = match checkpoint {
        Some(id) => Some(Arc::new(channels_of(tx, place, id)?)),
        None => None,
    };
    Ok(Head {
        checkpoint,
        last: head.last,
        branch,
        channels,
        pending: true,
        changed: true,
    })
}

fn channels_of(tx: &Connection, place: Place, id: CheckpointId) -> Sql<change::ChannelMap> {
    let text: Option<String> = tx
        .prepare_cached(
            "SELECT channels FROM checkpoints WHERE user = ?1 AND thread = ?2 AND id = ?3",
        )?
        .query_row((place.user, place.thread, checkpoint_bytes(id)), |row| {
            row.get(0)
        })
        .optional()?;
    let text = text.ok_or_else(|| change::damaged("the checkpoint where a run began is gone"))?;
    change::parse_map(&text)
}

/// Namespaces of subgraphs whose head this run made.
fn heads_of_run(tx: &Connection, place: Place, run: i64) -> Sql<Vec<(Namespace, CheckpointId)>> {
    let mut statement = tx.prepare_cached(
        "SELECT h.ns, h.checkpoint FROM heads h
           JOIN checkpoints c ON c.user = h.user AND c.thread = h.thread AND c.id = h.checkpoint
         WHERE h.user = ?1 AND h.thread = ?2 AND h.ns <> '' AND c.run = ?3",
    )?;
    let mut rows = statement.query((place.user, place.thread, run))?;
    let mut heads = Vec::new();
    while let Some(row) = rows.next()? {
        let ns: String = row.get(0)?;
        heads.push((Namespace::from_text(&ns), checkpoint_id(row.get(1)?)));
    }
    Ok(heads)
}

/// The nearest ancestor that this run did not make.
fn before_run(
    tx: &Connection,
    place: Place,
    from: CheckpointId,
    run: i64,
) -> Sql<Option<CheckpointId>> {
    let mut at = from;
    loop {
        let row: Option<(Option<[u8; 16]>, Option<i64>)> = tx
            .prepare_cached(
                "SELECT parent, run FROM checkpoints WHERE user = ?1 AND thread = ?2 AND id = ?3",
            )?
            .query_row((place.user, place.thread, checkpoint_bytes(at)), |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .optional()?;
        match row {
            None => return Ok(None),
            Some((_, by)) if by != Some(run) => return Ok(Some(at)),
            Some((None, _)) => return Ok(None),
            Some((Some(parent), _)) => at = checkpoint_id(parent),
        }
    }
}
