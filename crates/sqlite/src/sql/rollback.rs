//! Taking back what a run did: the heads go back to where they were, and what was written stays behind on a line of
//! its own.

use std::sync::Arc;

use everthread_graph::contract::{CheckpointId, Namespace, RunId, StoreErrorKind, ThreadKey};
use everthread_store::{RunStatus, TRANSCRIPT};
use rusqlite::{Connection, OptionalExtension};

use crate::error::{Sql, fault};
use crate::sql::change;
use crate::sql::hold;
use crate::sql::ids::{checkpoint_bytes, checkpoint_id};
use crate::sql::place::Place;
use crate::sql::run;
use crate::sql::state::{Head, ThreadState};
use crate::sql::thread;

/// Stops the active run and moves the heads back to where it began.
pub(crate) fn roll_back(tx: &Connection, state: &mut ThreadState, now_ms: i64) -> Sql<()> {
    let Some(active) = state.active.clone() else {
        return Ok(());
    };
    state.end_active(RunStatus::RolledBack, None, now_ms);
    state.flush(tx)?;
    take_back(tx, state, active.run, active.base, now_ms)
}

/// Moves the heads back to where a run began that is not active any more.
fn take_back(
    tx: &Connection,
    state: &mut ThreadState,
    run: i64,
    base: Option<CheckpointId>,
    now_ms: i64,
) -> Sql<()> {
    let root = Namespace::root();
    if let Some(head) = state.head(tx, &root)?.cloned()
        && head.checkpoint != base
    {
        let branch = new_branch(tx, state, Some(head.branch), base, now_ms)?;
        let back = head_at(tx, state.place, &head, base, branch)?;
        state.set_head(&root, back);
        state.counters.messages = transcript_len(tx, state)?;
    }
    if let Some(base) = base {
        // A question that the run answered is asked again.
        tx.prepare_cached(
            "DELETE FROM pending_writes WHERE user = ?1 AND thread = ?2 AND checkpoint = ?3 AND slot = 'resume'",
        )?
        .execute((state.place.user, state.place.thread, checkpoint_bytes(base)))?;
    }
    for (ns, checkpoint) in heads_of_run(tx, state.place, run)? {
        let Some(head) = state.head(tx, &ns)?.cloned() else {
            continue;
        };
        let before = before_run(tx, state.place, checkpoint, run)?;
        let back = head_at(tx, state.place, &head, before, head.branch)?;
        state.set_head(&ns, back);
    }
    Ok(())
}

/// Takes a run back and deletes it: the active one, the one that ended last, or one that never began.
pub(crate) fn run(tx: &Connection, key: &ThreadKey, id: RunId, now_ms: i64) -> Sql<()> {
    let mut state = ThreadState::load(tx, key)?.ok_or_else(|| thread::missing(key))?;
    let known = run::known(tx, state.place, id)?.ok_or_else(|| run::missing(key, id))?;
    hold::refuse(tx, state.place.user, &key.user)?;
    match known.status {
        RunStatus::Running => roll_back(tx, &mut state, now_ms)?,
        RunStatus::Pending | RunStatus::RolledBack => {}
        _ if known.fence.is_none() => {}
        _ => {
            refuse_built_upon(tx, &mut state, &known, id)?;
            let base = known.base.map(checkpoint_id);
            take_back(tx, &mut state, known.run, base, now_ms)?;
        }
    }
    if known.status == RunStatus::Success {
        state.counters.turns = state.counters.turns.saturating_sub(1);
    }
    state.updated_ms = state.updated_ms.max(now_ms);
    state.touch();
    state.flush(tx)?;
    run::delete(tx, state.place, known.run, id)
}

/// Refuses a run after which the thread went on: what came later would be taken back with it.
fn refuse_built_upon(
    tx: &Connection,
    state: &mut ThreadState,
    known: &run::Known,
    id: RunId,
) -> Sql<()> {
    let place = state.place;
    let later = tx
        .prepare_cached("SELECT 1 FROM runs WHERE user = ?1 AND thread = ?2 AND fence > ?3")?
        .exists((place.user, place.thread, known.fence))?;
    let head = state
        .head(tx, &Namespace::root())?
        .and_then(|head| head.checkpoint);
    let by: Option<Option<i64>> = tx
        .prepare_cached("SELECT run FROM checkpoints WHERE user = ?1 AND thread = ?2 AND id = ?3")?
        .query_row(
            (place.user, place.thread, head.map(checkpoint_bytes)),
            |row| row.get(0),
        )
        .optional()?;
    let stands = head == known.base.map(checkpoint_id) || by == Some(Some(known.run));
    if later || !stands {
        return Err(fault(
            StoreErrorKind::Conflict,
            format!("the thread went on after run {id}: only its last run can be taken back"),
        ));
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
        Some(n) if state.knows_list(n) || change::read(tx, state.place, n)?.0 => {
            Ok(state.list(tx, n)?.state.all.len())
        }
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
