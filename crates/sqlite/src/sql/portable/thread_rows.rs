//! The rows of one thread, read.

use everthread_graph::contract::{
    CheckpointId, Multitask, Namespace, Source, ThreadKey, WriteSlot,
};
use everthread_store::portable::{
    BranchRow, ChangeRow, CheckpointRow, EventRow, HeadRow, MessageRow, PendingRow, Row, RunRow,
    ThreadRow,
};
use everthread_store::{batch_events, time_of};
use rusqlite::{CachedStatement, Connection, OptionalExtension, Row as Found};

use super::read::{Out, json, json_or_none, shared, text};
use crate::error::Sql;
use crate::sql::change::{damaged, parse_map};

use crate::sql::ids::{checkpoint_id, element_id, run_id, task_id};
use crate::sql::place::Place;
use crate::sql::run::status_of;

type Read = fn(&Found<'_>, Out<'_>) -> Sql<()>;

/// What belongs to a thread, in the order of the rows: what is selected, and how it is read.
const TABLES: &[(&str, Read)] = &[
    (
        "SELECT branch, parent, forked_at, created_ms FROM branches
         WHERE user = ?1 AND thread = ?2 ORDER BY branch",
        branch,
    ),
    (
        "SELECT ns, checkpoint, last, branch FROM heads WHERE user = ?1 AND thread = ?2 ORDER BY ns",
        head,
    ),
    (
        "SELECT run, id, graph, status, fence, base, input, created_ms, ended_ms, error, policy, starts_ms, details
         FROM runs WHERE user = ?1 AND thread = ?2 ORDER BY run",
        run,
    ),
    (
        "SELECT id, ns, parent, branch, run, source, step, at_ms, channels, plan, metadata FROM checkpoints
         WHERE user = ?1 AND thread = ?2 ORDER BY id",
        checkpoint,
    ),
    (
        "SELECT change, list, body FROM channel_changes WHERE user = ?1 AND thread = ?2 ORDER BY change",
        change,
    ),
    (
        "SELECT checkpoint, task, slot, body FROM pending_writes
         WHERE user = ?1 AND thread = ?2 ORDER BY checkpoint, task, slot",
        pending,
    ),
    (
        "SELECT m.seq, c.name, c.root, m.branch, m.run, m.at_ms, m.id, m.body
         FROM messages m JOIN channels c ON c.channel = m.channel
         WHERE m.user = ?1 AND m.thread = ?2 ORDER BY m.seq",
        message,
    ),
    (
        "SELECT run, at_ms, body FROM run_events WHERE user = ?1 AND thread = ?2 ORDER BY run, seq",
        events,
    ),
];

/// Reads a thread and everything of it.
pub(super) fn read(tx: &Connection, place: Place, key: &ThreadKey, out: Out<'_>) -> Sql<()> {
    let Some(row) = thread(tx, place, key)? else {
        return Ok(());
    };
    out(Row::Thread(row))?;
    for (select, read) in TABLES {
        let mut statement: CachedStatement<'_> = tx.prepare_cached(select)?;
        let mut rows = statement.query((place.user, place.thread))?;
        while let Some(row) = rows.next()? {
            read(row, out)?;
        }
    }
    Ok(())
}

/// The thread's own row.
pub(super) fn thread(tx: &Connection, place: Place, key: &ThreadKey) -> Sql<Option<ThreadRow>> {
    let row = tx
        .prepare_cached(
            "SELECT title, pinned, archived, metadata, created_ms, updated_ms, expires_ms, fence, seq, change, run,
               branch, messages, turns, pruned
             FROM threads WHERE user = ?1 AND thread = ?2",
        )?
        .query_row((place.user, place.thread), |row| {
            Ok(ThreadRow {
                key: key.clone(),
                title: row.get(0)?,
                pinned: row.get(1)?,
                archived: row.get(2)?,
                metadata: row
                    .get_ref(3)?
                    .as_str_or_null()?
                    .map(everthread_graph::contract::Json::trusted),
                created_ms: row.get(4)?,
                updated_ms: row.get(5)?,
                expires_ms: row.get(6)?,
                fence: row.get(7)?,
                seq: row.get(8)?,
                change: row.get(9)?,
                run: row.get(10)?,
                branch: row.get(11)?,
                messages: row.get(12)?,
                turns: row.get(13)?,
                pruned: row.get::<_, Option<[u8; 16]>>(14)?.map(checkpoint_id),
            })
        })
        .optional()?;
    Ok(row)
}

fn checkpoint_or_none(row: &Found<'_>, column: usize) -> Sql<Option<CheckpointId>> {
    Ok(row.get::<_, Option<[u8; 16]>>(column)?.map(checkpoint_id))
}

fn branch(row: &Found<'_>, out: Out<'_>) -> Sql<()> {
    out(Row::Branch(BranchRow {
        branch: row.get(0)?,
        parent: row.get(1)?,
        forked_at: checkpoint_or_none(row, 2)?,
        created_ms: row.get(3)?,
    }))
}

fn head(row: &Found<'_>, out: Out<'_>) -> Sql<()> {
    out(Row::Head(HeadRow {
        ns: Namespace::from_text(text(row, 0)?),
        checkpoint: checkpoint_or_none(row, 1)?,
        last: checkpoint_id(row.get(2)?),
        branch: row.get(3)?,
    }))
}

fn run(row: &Found<'_>, out: Out<'_>) -> Sql<()> {
    let policy = match row.get::<_, Option<String>>(10)? {
        Some(name) => {
            Multitask::from_name(&name).ok_or_else(|| damaged("a run has an unknown policy"))?
        }
        None => Multitask::Enqueue,
    };
    out(Row::Run(RunRow {
        run: row.get(0)?,
        id: run_id(row.get(1)?),
        graph: row.get(2)?,
        status: status_of(text(row, 3)?)?,
        fence: row.get(4)?,
        base: checkpoint_or_none(row, 5)?,
        input: json_or_none(row, 6)?,
        created_ms: row.get(7)?,
        ended_ms: row.get(8)?,
        error: row.get(9)?,
        policy,
        starts_ms: row.get(11)?,
        details: json_or_none(row, 12)?,
    }))
}

fn checkpoint(row: &Found<'_>, out: Out<'_>) -> Sql<()> {
    let id = checkpoint_id(row.get(0)?);
    out(Row::Checkpoint(CheckpointRow {
        id,
        ns: Namespace::from_text(text(row, 1)?),
        parent: checkpoint_or_none(row, 2)?,
        branch: row.get(3)?,
        run: row.get(4)?,
        source: Source::from_name(text(row, 5)?)
            .ok_or_else(|| damaged("a checkpoint has an unknown source"))?,
        step: row.get(6)?,
        at_ms: row.get::<_, Option<i64>>(7)?.unwrap_or_else(|| time_of(id)),
        channels: parse_map(text(row, 8)?)?,
        plan: json(row, 9)?,
        metadata: json_or_none(row, 10)?,
    }))
}

fn change(row: &Found<'_>, out: Out<'_>) -> Sql<()> {
    out(Row::Change(ChangeRow {
        change: row.get(0)?,
        list: row.get(1)?,
        body: json(row, 2)?,
    }))
}

fn pending(row: &Found<'_>, out: Out<'_>) -> Sql<()> {
    out(Row::Pending(PendingRow {
        checkpoint: checkpoint_id(row.get(0)?),
        task: task_id(row.get(1)?),
        slot: WriteSlot::from_name(text(row, 2)?)
            .ok_or_else(|| damaged("a task left something of an unknown kind"))?,
        body: json(row, 3)?,
    }))
}

fn message(row: &Found<'_>, out: Out<'_>) -> Sql<()> {
    out(Row::Message(MessageRow {
        seq: row.get(0)?,
        channel: shared(row, 1)?,
        root: row.get(2)?,
        branch: row.get(3)?,
        run: row.get(4)?,
        at_ms: row.get(5)?,
        id: element_id(row.get_ref(6)?)?,
        body: json(row, 7)?,
    }))
}

fn events(row: &Found<'_>, out: Out<'_>) -> Sql<()> {
    let (run, at_ms) = (run_id(row.get(0)?), row.get(1)?);
    let batch =
        batch_events(text(row, 2)?).ok_or_else(|| damaged("events of a run cannot be read"))?;
    for event in batch {
        out(Row::Event(EventRow {
            run,
            seq: event.seq,
            at_ms,
            body: event.body,
        }))?;
    }
    Ok(())
}
