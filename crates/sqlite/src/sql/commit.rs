//! One step, as rows.

use std::collections::HashMap;
use std::sync::Arc;

use everthread_graph::contract::{
    Admission, Change, ChannelChange, Checkpoint, CheckpointId, Commit, Fence, Namespace, RunId,
    RunMark, Source, StoreError, StoreErrorKind, ThreadKey,
};
use everthread_store::{TRANSCRIPT, time_of};
use rusqlite::{Connection, OptionalExtension};

use crate::error::{Fault, Sql, fault};
use crate::sql::change::{self, ChannelMap};
use crate::sql::ids::checkpoint_bytes;
use crate::sql::place::{self, Place};
use crate::sql::rollback::{new_branch, transcript_len};
use crate::sql::run_rules::{self, Env, Right};
use crate::sql::state::{Head, ThreadState};

mod elements;
mod pending;

pub(crate) use elements::{CONVERSATION, Numbers};
pub(crate) use pending::write;

/// What the writer remembers between transactions.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// Threads.
    pub(crate) threads: HashMap<ThreadKey, ThreadState>,
    /// Numbers of messages and of list channels.
    pub(crate) numbers: Numbers,
}

/// What became of a write whose transaction stands. A refusal here keeps what was done to other runs.
pub(crate) type Answer = Result<Admission, StoreError>;

/// Where a step goes, once it is allowed.
struct Line {
    /// The channels of the parent.
    channels: ChannelMap,
    /// The line of history.
    branch: i64,
    /// Whether the head was somewhere else.
    jumps: bool,
}

/// Writes one step. An error means that its savepoint is to be rolled back.
pub(crate) fn commit(
    tx: &Connection,
    env: &Env,
    memory: &mut Memory,
    commit: &Commit,
) -> Sql<Answer> {
    let mut state = state_of(tx, memory, &commit.key, commit.checkpoint.at_ms)?;
    let answer = apply(tx, env, &mut memory.numbers, &mut state, commit)?;
    memory.threads.insert(commit.key.clone(), state);
    Ok(answer)
}

fn state_of(tx: &Connection, memory: &Memory, key: &ThreadKey, now_ms: i64) -> Sql<ThreadState> {
    if let Some(state) = memory.threads.get(key) {
        return Ok(state.clone());
    }
    match ThreadState::load(tx, key)? {
        Some(state) => Ok(state),
        None => Ok(ThreadState::new(
            place::new_thread(tx, key, now_ms)?,
            now_ms,
        )),
    }
}

fn apply(
    tx: &Connection,
    env: &Env,
    numbers: &mut Numbers,
    state: &mut ThreadState,
    commit: &Commit,
) -> Sql<Answer> {
    let checkpoint = &commit.checkpoint;
    let last = state.head(tx, &checkpoint.ns)?.map(|head| head.last);
    if last.is_some_and(|last| checkpoint.id <= last)
        && let Some(fence) = written_before(tx, state, commit)?
    {
        return Ok(Ok(Admission::AlreadyApplied(fence)));
    }
    let (run, fence, took_over) = match run_rules::enter(tx, env, state, &commit.run)? {
        Right::Wait { ahead } => return Ok(Ok(Admission::Queued { ahead })),
        Right::Write {
            run,
            fence,
            took_over,
        } => (run, fence, took_over),
    };
    if let Err(conflict) = expect(tx, state, commit) {
        return refuse(state, conflict, took_over);
    }
    let line = line_of(tx, state, checkpoint)?;
    let mut channels = line.channels;
    for change in &commit.changes {
        apply_change(
            tx,
            numbers,
            state,
            commit,
            (line.branch, run),
            &mut channels,
            change,
        )?;
    }
    insert(tx, state.place, checkpoint, line.branch, run, &channels)?;
    if let Some(parent) = checkpoint.parent
        && !matches!(commit.run, RunMark::Outside)
        && matches!(checkpoint.source, Source::Input | Source::Loop)
    {
        pending::forget(tx, state, &checkpoint.ns, parent)?;
    }
    let head = Head {
        checkpoint: Some(checkpoint.id),
        last: checkpoint.id,
        branch: line.branch,
        channels: Some(Arc::new(channels)),
        pending: false,
        changed: true,
    };
    state.set_head(&checkpoint.ns, head);
    state.updated_ms = state.updated_ms.max(checkpoint.at_ms);
    let says_more = commit
        .changes
        .iter()
        .any(|change| &*change.channel == TRANSCRIPT);
    if checkpoint.ns.is_root() && (line.jumps || says_more) {
        state.counters.messages = transcript_len(tx, state)?;
    }
    run_rules::leave(env, state, &commit.run);
    Ok(Ok(Admission::Applied(fence)))
}

/// Answers a write whose head is not where its writer thinks.
fn refuse(state: &mut ThreadState, conflict: Fault, took_over: bool) -> Sql<Answer> {
    match conflict {
        Fault::Store(conflict) if took_over => {
            // The run that was stopped stays stopped: whoever asks again finds the head where it is now.
            state.active = None;
            state.waiting = true;
            Ok(Err(conflict))
        }
        conflict => Err(conflict),
    }
}

/// The fence under which the same run wrote this checkpoint before; `None` when it did not.
fn written_before(tx: &Connection, state: &ThreadState, commit: &Commit) -> Sql<Option<Fence>> {
    let (place, checkpoint) = (state.place, &commit.checkpoint);
    let run: Option<Option<i64>> = tx
        .prepare_cached(
            "SELECT run FROM checkpoints WHERE user = ?1 AND thread = ?2 AND id = ?3 AND ns = ?4",
        )?
        .query_row(
            (
                place.user,
                place.thread,
                checkpoint_bytes(checkpoint.id),
                checkpoint.ns.as_str(),
            ),
            |row| row.get(0),
        )
        .optional()?;
    let Some(run) = run else {
        return Ok(None);
    };
    let by = match &commit.run {
        RunMark::Outside => None,
        RunMark::Start(new) => Some(new.id),
        RunMark::Step(id, _) | RunMark::End(id, ..) => Some(*id),
    };
    match (run, by) {
        (None, None) => Ok(Some(Fence(0))),
        (Some(run), Some(by)) => fence_of(tx, state, run, by),
        _ => Ok(None),
    }
}

/// The fence of a run by its number; `None` when it has another id.
fn fence_of(tx: &Connection, state: &ThreadState, run: i64, id: RunId) -> Sql<Option<Fence>> {
    let held = state
        .active
        .iter()
        .chain(&state.ended)
        .find(|held| held.run == run);
    if let Some(held) = held {
        return Ok((held.id == id).then_some(Fence(held.fence)));
    }
    let fence: Option<Option<i64>> = tx
        .prepare_cached(
            "SELECT fence FROM runs WHERE user = ?1 AND thread = ?2 AND run = ?3 AND id = ?4",
        )?
        .query_row(
            (
                state.place.user,
                state.place.thread,
                run,
                id.uuid().into_bytes(),
            ),
            |row| row.get(0),
        )
        .optional()?;
    Ok(fence.map(|fence| Fence(fence.unwrap_or(0))))
}

fn expect(tx: &Connection, state: &mut ThreadState, commit: &Commit) -> Sql<()> {
    let head = state.head(tx, &commit.checkpoint.ns)?;
    let (now, last) = match head {
        Some(head) => (head.checkpoint, Some(head.last)),
        None => (None, None),
    };
    let shown = |id: Option<CheckpointId>| id.map_or("none".to_owned(), |id| id.to_string());
    if now != commit.expected {
        return Err(fault(
            StoreErrorKind::Conflict,
            format!(
                "the head of {} is {} and not {}: load it and decide anew",
                commit.key,
                shown(now),
                shown(commit.expected)
            ),
        ));
    }
    if last.is_some_and(|last| commit.checkpoint.id <= last) {
        return Err(fault(
            StoreErrorKind::Conflict,
            format!(
                "checkpoint {} is not above {}, the last of {}: take a higher id",
                commit.checkpoint.id,
                shown(last),
                commit.key
            ),
        ));
    }
    Ok(())
}

/// Finds the parent, and begins a line of history where it is not the head.
fn line_of(tx: &Connection, state: &mut ThreadState, checkpoint: &Checkpoint) -> Sql<Line> {
    let newest = state.counters.branch;
    let root_branch = state
        .head(tx, &Namespace::root())?
        .map_or(newest, |head| head.branch);
    let head = state.head(tx, &checkpoint.ns)?;
    let at_head = match &head {
        Some(head) => head.checkpoint == checkpoint.parent,
        None => checkpoint.parent.is_none(),
    };
    let known = head
        .filter(|_| at_head)
        .map(|head| (head.branch, head.channels.clone()));
    let (mut branch, channels) = match (known, checkpoint.parent) {
        (Some((branch, Some(channels))), Some(_)) => (branch, (*channels).clone()),
        (Some((branch, _)), None) => (branch, ChannelMap::new()),
        (_, Some(parent)) => parent_row(tx, state.place, &checkpoint.ns, parent)?,
        (None, None) => (root_branch, ChannelMap::new()),
    };
    if !checkpoint.ns.is_root() {
        branch = root_branch.max(1);
    } else if !at_head || state.counters.branch == 0 {
        let from = (state.counters.branch > 0 && checkpoint.parent.is_some()).then_some(branch);
        branch = new_branch(tx, state, from, checkpoint.parent, checkpoint.at_ms)?;
    }
    Ok(Line {
        channels,
        branch,
        jumps: !at_head,
    })
}

fn parent_row(
    tx: &Connection,
    place: Place,
    ns: &Namespace,
    parent: CheckpointId,
) -> Sql<(i64, ChannelMap)> {
    let row: Option<(i64, String)> = tx
        .prepare_cached(
            "SELECT branch, channels FROM checkpoints WHERE user = ?1 AND thread = ?2 AND id = ?3 AND ns = ?4",
        )?
        .query_row(
            (place.user, place.thread, checkpoint_bytes(parent), ns.as_str()),
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()?;
    match row {
        Some((branch, channels)) => Ok((branch, change::parse_map(&channels)?)),
        None => Err(fault(
            StoreErrorKind::NotFound,
            format!("the parent checkpoint {parent} is not there: it may have been pruned"),
        )),
    }
}

fn apply_change(
    tx: &Connection,
    numbers: &mut Numbers,
    state: &mut ThreadState,
    commit: &Commit,
    (branch, run): (i64, Option<i64>),
    channels: &mut ChannelMap,
    change: &ChannelChange,
) -> Sql<()> {
    let name = &*change.channel;
    let before = channels.get(name).copied();
    let next = match &change.change {
        Change::Set(value) => {
            if let Some(n) = before
                && change::says(tx, state.place, n, value.as_str())?
            {
                return Ok(());
            }
            state.counters.change += 1;
            let n = state.counters.change;
            change::write(tx, state.place, n, false, value.as_str())?;
            Some(n)
        }
        Change::Clear => elements::clear(tx, state, &commit.checkpoint.ns, name, before)?,
        Change::List(delta) => {
            let by = elements::By {
                ns: &commit.checkpoint.ns,
                channel: name,
                branch,
                run,
                at_ms: commit.checkpoint.at_ms,
            };
            Some(elements::apply(tx, numbers, state, &by, before, delta)?)
        }
    };
    match next {
        Some(n) => channels.insert(name.to_owned(), n),
        None => channels.remove(name),
    };
    Ok(())
}

fn insert(
    tx: &Connection,
    place: Place,
    checkpoint: &Checkpoint,
    branch: i64,
    run: Option<i64>,
    channels: &ChannelMap,
) -> Sql<()> {
    let at_ms = (checkpoint.at_ms != time_of(checkpoint.id)).then_some(checkpoint.at_ms);
    tx.prepare_cached(
        "INSERT INTO checkpoints (user, thread, id, ns, parent, branch, run, source, step, at_ms, channels, plan, metadata)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    )?
    .execute((
        place.user,
        place.thread,
        checkpoint_bytes(checkpoint.id),
        checkpoint.ns.as_str(),
        checkpoint.parent.map(checkpoint_bytes),
        branch,
        run,
        checkpoint.source.as_str(),
        checkpoint.step,
        at_ms,
        change::map_text(channels),
        checkpoint.plan.as_str(),
        checkpoint.metadata.as_ref().map(|metadata| metadata.as_str()),
    ))?;
    Ok(())
}
