//! The rows of one thread, read. What a thread of usual size has comes in one round trip.

use std::sync::Arc;

use everthread_graph::contract::{Multitask, Namespace, Source, ThreadKey, WriteSlot};
use everthread_store::portable::{
    BranchRow, ChangeRow, CheckpointRow, EventRow, HeadRow, MessageRow, PendingRow, Row, RunRow,
    ThreadRow,
};
use everthread_store::{batch_events, time_of};
use tokio_postgres::Row as Found;

use super::read::Out;
use crate::conn::{Conn, Statement};
use crate::error::{Sql, damaged};
use crate::param::Columns;
use crate::sql::cursor::Cursor;
use crate::sql::place::Place;
use crate::sql::run::status_of;

/// Rows of each table that come at first. Where there are more, the table is read from its beginning, some at a time.
const AT_FIRST: usize = 64;

type Read = fn(&Found, &mut Out) -> Sql<()>;

/// What belongs to a thread, in the order of the rows: what is selected, and how it is read.
const TABLES: &[(&str, Read)] = &[
    (
        "SELECT branch, parent, forked_at, created_ms FROM our.branches
         WHERE user_id = $1 AND thread = $2 ORDER BY branch",
        branch,
    ),
    (
        "SELECT ns, checkpoint, last, branch FROM our.heads WHERE user_id = $1 AND thread = $2 ORDER BY ns",
        head,
    ),
    (
        "SELECT run, id, graph, status, fence, base, input, created_ms, ended_ms, error, policy, starts_ms, details
         FROM our.runs WHERE user_id = $1 AND thread = $2 ORDER BY run",
        run,
    ),
    (
        "SELECT id, ns, parent, branch, run, source, step, at_ms, channels, plan, metadata FROM our.checkpoints
         WHERE user_id = $1 AND thread = $2 ORDER BY id",
        checkpoint,
    ),
    (
        "SELECT change, list, body FROM our.channel_changes
         WHERE user_id = $1 AND thread = $2 ORDER BY change",
        change,
    ),
    (
        "SELECT checkpoint, task, slot, body FROM our.pending_writes
         WHERE user_id = $1 AND thread = $2 ORDER BY checkpoint, task, slot COLLATE \"C\"",
        pending,
    ),
    (
        "SELECT m.seq, c.name, c.root, m.branch, m.run, m.at_ms, m.uuid, m.id, m.body
         FROM our.messages m JOIN our.channels c ON c.channel = m.channel
         WHERE m.user_id = $1 AND m.thread = $2 ORDER BY m.seq",
        message,
    ),
    (
        "SELECT run, at_ms, body FROM our.run_events
         WHERE user_id = $1 AND thread = $2 ORDER BY run, seq",
        events,
    ),
];

/// Reads a thread and everything of it.
pub(super) async fn read(conn: &Conn, place: &Place, key: &ThreadKey, out: &mut Out) -> Sql<()> {
    let of = |sql: String| {
        Statement::new(sql)
            .with(place.owned_user())
            .with(place.thread)
    };
    let mut statements = vec![of(format!(
        "SELECT {THREAD} FROM our.threads WHERE user_id = $1 AND thread = $2"
    ))];
    statements.extend(
        TABLES
            .iter()
            .map(|(select, _)| of(format!("{select} LIMIT {AT_FIRST}"))),
    );
    let mut answers = conn.send(&statements).await?.into_iter();
    let own = answers.next().unwrap_or_default();
    let Some(row) = own.rows.first() else {
        return Ok(());
    };
    out.push(Row::Thread(thread_row(row, key)?));
    for ((select, read), answer) in TABLES.iter().zip(answers) {
        if answer.rows.len() < AT_FIRST {
            for row in &answer.rows {
                read(row, out)?;
            }
        } else {
            drop(answer);
            let params: [&dyn crate::param::Param; 2] = [&place.owned_user(), &place.thread];
            let mut cursor = Cursor::open(conn, select, &params).await?;
            while let Some(some) = cursor.next().await? {
                for row in &some {
                    read(row, out)?;
                }
                out.breathe().await?;
            }
        }
        out.breathe().await?;
    }
    Ok(())
}

const THREAD: &str = "title, pinned, archived, metadata, created_ms, updated_ms, expires_ms, fence, seq, change, run, \
    branch, messages, turns, pruned";

/// The thread's own row; `None` when it is not there.
pub(super) async fn thread(conn: &Conn, key: &ThreadKey) -> Sql<Option<ThreadRow>> {
    let row = conn
        .row(
            format!("SELECT {THREAD} FROM our.threads WHERE user_id = $1 AND id = $2"),
            &[
                &crate::param::Text::of(key.user.as_str()),
                &crate::param::Text::of(key.thread.as_str()),
            ],
        )
        .await?;
    row.map(|row| thread_row(&row, key)).transpose()
}

fn thread_row(row: &Found, key: &ThreadKey) -> Sql<ThreadRow> {
    Ok(ThreadRow {
        key: key.clone(),
        title: row.text_or_none(0)?,
        pinned: row.at(1)?,
        archived: row.at(2)?,
        metadata: row.json_or_none(3)?,
        created_ms: row.at(4)?,
        updated_ms: row.at(5)?,
        expires_ms: row.at(6)?,
        fence: row.count(7)?,
        seq: row.count(8)?,
        change: row.count(9)?,
        run: row.count(10)?,
        branch: row.count(11)?,
        messages: row.count(12)?,
        turns: row.count(13)?,
        pruned: row.checkpoint_or_none(14)?,
    })
}

fn count_or_none(row: &Found, column: usize) -> Sql<Option<u64>> {
    let number: Option<i64> = row.at(column)?;
    let number = number.map(u64::try_from).transpose();
    number.map_err(|_| damaged("a number is negative"))
}

fn branch(row: &Found, out: &mut Out) -> Sql<()> {
    out.push(Row::Branch(BranchRow {
        branch: row.count(0)?,
        parent: count_or_none(row, 1)?,
        forked_at: row.checkpoint_or_none(2)?,
        created_ms: row.at(3)?,
    }));
    Ok(())
}

fn head(row: &Found, out: &mut Out) -> Sql<()> {
    out.push(Row::Head(HeadRow {
        ns: Namespace::from_text(&row.text(0)?),
        checkpoint: row.checkpoint_or_none(1)?,
        last: row.checkpoint(2)?,
        branch: row.count(3)?,
    }));
    Ok(())
}

fn run(row: &Found, out: &mut Out) -> Sql<()> {
    let policy = match row.text_or_none(10)? {
        Some(name) => {
            Multitask::from_name(&name).ok_or_else(|| damaged("a run has an unknown policy"))?
        }
        None => Multitask::Enqueue,
    };
    out.push(Row::Run(RunRow {
        run: row.count(0)?,
        id: row.run(1)?,
        graph: row.text(2)?,
        status: status_of(&row.text(3)?)?,
        fence: count_or_none(row, 4)?,
        base: row.checkpoint_or_none(5)?,
        input: row.json_or_none(6)?,
        created_ms: row.at(7)?,
        ended_ms: row.at(8)?,
        error: row.text_or_none(9)?,
        policy,
        starts_ms: row.at(11)?,
        details: row.json_or_none(12)?,
    }));
    Ok(())
}

fn checkpoint(row: &Found, out: &mut Out) -> Sql<()> {
    let id = row.checkpoint(0)?;
    out.push(Row::Checkpoint(CheckpointRow {
        id,
        ns: Namespace::from_text(&row.text(1)?),
        parent: row.checkpoint_or_none(2)?,
        branch: row.count(3)?,
        run: count_or_none(row, 4)?,
        source: Source::from_name(&row.text(5)?)
            .ok_or_else(|| damaged("a checkpoint has an unknown source"))?,
        step: row.at(6)?,
        at_ms: row.at::<Option<i64>>(7)?.unwrap_or_else(|| time_of(id)),
        channels: serde_json::from_str(&row.text(8)?)
            .map_err(|_| damaged("a checkpoint names its channels wrongly"))?,
        plan: row.json(9)?,
        metadata: row.json_or_none(10)?,
    }));
    Ok(())
}

fn change(row: &Found, out: &mut Out) -> Sql<()> {
    out.push(Row::Change(ChangeRow {
        change: row.count(0)?,
        list: row.at(1)?,
        body: row.json(2)?,
    }));
    Ok(())
}

fn pending(row: &Found, out: &mut Out) -> Sql<()> {
    out.push(Row::Pending(PendingRow {
        checkpoint: row.checkpoint(0)?,
        task: row.task(1)?,
        slot: WriteSlot::from_name(&row.text(2)?)
            .ok_or_else(|| damaged("a task left something of an unknown kind"))?,
        body: row.json(3)?,
    }));
    Ok(())
}

fn message(row: &Found, out: &mut Out) -> Sql<()> {
    out.push(Row::Message(MessageRow {
        seq: row.count(0)?,
        channel: Arc::from(row.text(1)?),
        root: row.at(2)?,
        branch: row.count(3)?,
        run: count_or_none(row, 4)?,
        at_ms: row.at(5)?,
        id: row.element_id(6, 7)?,
        body: row.json(8)?,
    }));
    Ok(())
}

fn events(row: &Found, out: &mut Out) -> Sql<()> {
    let (run, at_ms) = (row.run(0)?, row.at(1)?);
    let batch =
        batch_events(&row.text(2)?).ok_or_else(|| damaged("events of a run cannot be read"))?;
    for event in batch {
        out.push(Row::Event(EventRow {
            run,
            seq: event.seq,
            at_ms,
            body: event.body,
        }));
    }
    Ok(())
}
