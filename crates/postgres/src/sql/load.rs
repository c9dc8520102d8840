//! Checkpoints as they are read: with their state, or as a list.

use std::sync::Arc;

use everthread_graph::contract::{
    At, ChannelValue, Checkpoint, CheckpointId, Element, HistoryQuery, Json, Namespace, RunId,
    Saved, Source, TaskWrites, ThreadKey, WriteSlot,
};
use everthread_store::{Ranges, time_of};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::conn::Conn;
use crate::error::{Sql, damaged};
use crate::param::{Columns, Text, rows};
use crate::sql::change::{self, Changes, ChannelMap};
use crate::sql::place::Place;
use crate::sql::transcript::bounds;

/// What is read of a checkpoint, in the order in which it is taken.
const COLUMNS: &str =
    "c.id, c.ns, c.parent, r.id, c.source, c.step, c.at_ms, c.plan, c.metadata, c.channels";

/// The head of a namespace, or one checkpoint, with its state.
pub(crate) async fn load(
    conn: &Conn,
    key: &ThreadKey,
    ns: &Namespace,
    at: At,
) -> Sql<Option<Saved>> {
    let wanted = match at {
        At::Head => None,
        At::Id(id) => Some(id.uuid()),
    };
    let row = conn
        .row(
            format!(
                "SELECT {COLUMNS}, t.thread, h.last FROM our.threads t
                   JOIN our.heads h ON h.user_id = t.user_id AND h.thread = t.thread AND h.ns = $3
                   JOIN our.checkpoints c ON c.user_id = t.user_id AND c.thread = t.thread AND c.ns = h.ns
                     AND c.id = coalesce($4, h.checkpoint)
                   LEFT JOIN our.runs r ON r.user_id = c.user_id AND r.thread = c.thread AND r.run = c.run
                 WHERE t.user_id = $1 AND t.id = $2"
            ),
            &[
                &Text::of(key.user.as_str()),
                &Text::of(key.thread.as_str()),
                &Text::of(ns.as_str()),
                &wanted,
            ],
        )
        .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let checkpoint = from_row(&row)?;
    let map = change::parse_map(&row.text(9)?)?;
    let place = Place {
        user: key.user.clone(),
        thread: row.at(10)?,
    };
    let wanted: Vec<u64> = map.values().copied().collect();
    // Both go out together: the transaction is open by now.
    let (changes, pending) = futures::try_join!(
        Changes::read(conn, &place, &wanted),
        pending(conn, &place, checkpoint.id),
    )?;
    let mut channels = Vec::with_capacity(map.len());
    for (name, n) in map {
        if let Some(value) = value(conn, &place, &changes, n).await? {
            channels.push((Arc::from(name), value));
        }
    }
    Ok(Some(Saved {
        checkpoint,
        last: row.checkpoint(11)?,
        channels,
        pending,
    }))
}

/// Checkpoints without their state, newest first.
pub(crate) async fn history(
    conn: &Conn,
    key: &ThreadKey,
    query: &HistoryQuery,
) -> Sql<Vec<Checkpoint>> {
    let found = conn
        .query(
            format!(
                "SELECT {COLUMNS} FROM our.threads t
                   JOIN our.checkpoints c ON c.user_id = t.user_id AND c.thread = t.thread
                   LEFT JOIN our.runs r ON r.user_id = c.user_id AND r.thread = c.thread AND r.run = c.run
                 WHERE t.user_id = $1 AND t.id = $2 AND ($3 IS NULL OR c.id < $3) AND ($4 IS NULL OR c.ns = $4)
                 ORDER BY c.id DESC LIMIT $5"
            ),
            &[
                &Text::of(key.user.as_str()),
                &Text::of(key.thread.as_str()),
                &query.before.map(CheckpointId::uuid),
                &query.ns.as_ref().map(|ns| Text::of(ns.as_str())),
                &rows(query.limit),
            ],
        )
        .await?;
    found.iter().map(from_row).collect()
}

/// The head of a namespace; `None` when it has none.
pub(crate) async fn head(conn: &Conn, place: &Place, ns: &Namespace) -> Sql<Option<CheckpointId>> {
    let row = conn
        .row(
            "SELECT checkpoint FROM our.heads WHERE user_id = $1 AND thread = $2 AND ns = $3",
            &[&place.user(), &place.thread, &Text::of(ns.as_str())],
        )
        .await?;
    row.map_or(Ok(None), |row| row.checkpoint_or_none(0))
}

/// One checkpoint, of any namespace, and its channels.
pub(crate) async fn checkpoint(
    conn: &Conn,
    place: &Place,
    id: CheckpointId,
) -> Sql<Option<(Checkpoint, ChannelMap)>> {
    let row = conn
        .row(
            format!(
                "SELECT {COLUMNS} FROM our.checkpoints c
                   LEFT JOIN our.runs r ON r.user_id = c.user_id AND r.thread = c.thread AND r.run = c.run
                 WHERE c.user_id = $1 AND c.thread = $2 AND c.id = $3"
            ),
            &[&place.user(), &place.thread, &id.uuid()],
        )
        .await?;
    match row {
        Some(row) => Ok(Some((from_row(&row)?, change::parse_map(&row.text(9)?)?))),
        None => Ok(None),
    }
}

/// The value that a change left; `None` when it cleared its channel.
async fn value(conn: &Conn, place: &Place, changes: &Changes, n: u64) -> Sql<Option<ChannelValue>> {
    let (list, body) = changes.get(n)?;
    if !list {
        return Ok(Some(ChannelValue::Value(Json::trusted(body))));
    }
    match &changes.list(n)?.state.live {
        Some(live) => Ok(Some(ChannelValue::List(elements(conn, place, live).await?))),
        None => Ok(None),
    }
}

async fn elements(conn: &Conn, place: &Place, seqs: &Ranges) -> Sql<Vec<Element>> {
    if seqs.is_empty() {
        return Ok(Vec::new());
    }
    let (first, last) = bounds(seqs);
    let found = conn
        .query(
            "SELECT m.uuid, m.id, m.body FROM unnest($3, $4) AS s (first, last)
               JOIN our.messages m ON m.user_id = $1 AND m.thread = $2 AND m.seq BETWEEN s.first AND s.last
             ORDER BY m.seq",
            &[&place.user(), &place.thread, &first, &last],
        )
        .await?;
    if found.len() as u64 != seqs.len() {
        return Err(damaged("a list names messages that are not there"));
    }
    let element = |row: &Row| {
        Ok(Element {
            id: row.element_id(0, 1)?,
            body: row.json(2)?,
        })
    };
    found.iter().map(element).collect()
}

async fn pending(conn: &Conn, place: &Place, id: CheckpointId) -> Sql<Vec<TaskWrites>> {
    let found = conn
        .query(
            "SELECT task, slot, body FROM our.pending_writes WHERE user_id = $1 AND thread = $2 AND checkpoint = $3",
            &[&place.user(), &place.thread, &id.uuid()],
        )
        .await?;
    let mut writes = Vec::with_capacity(found.len());
    for row in &found {
        writes.push(TaskWrites {
            task: row.task(0)?,
            slot: WriteSlot::from_name(&row.text(1)?)
                .ok_or_else(|| damaged("a task left something of an unknown kind"))?,
            body: row.json(2)?,
        });
    }
    writes.sort_by_key(|one| (one.task, one.slot));
    Ok(writes)
}

fn from_row(row: &Row) -> Sql<Checkpoint> {
    let id = row.checkpoint(0)?;
    let run: Option<Uuid> = row.at(3)?;
    Ok(Checkpoint {
        id,
        ns: Namespace::from_text(&row.text(1)?),
        parent: row.checkpoint_or_none(2)?,
        run: run.map(RunId::from_uuid),
        source: Source::from_name(&row.text(4)?)
            .ok_or_else(|| damaged("a checkpoint has an unknown source"))?,
        step: row.at(5)?,
        plan: row.json(7)?,
        metadata: row.json_or_none(8)?,
        at_ms: row.at::<Option<i64>>(6)?.unwrap_or_else(|| time_of(id)),
    })
}
