//! Checkpoints as they are read: with their state, or as a list.

use std::sync::Arc;

use everthread_graph::contract::{
    At, ChannelValue, Checkpoint, CheckpointId, Element, HistoryQuery, Json, Namespace, RunId,
    Saved, Source, TaskWrites, ThreadKey, WriteSlot,
};
use everthread_store::{Ranges, time_of};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::conn::{Conn, Statement};
use crate::error::{Sql, damaged};
use crate::param::{Columns, Text, number, rows};
use crate::sql::change::{self, Changes, ChannelMap};
use crate::sql::place::Place;

const COLUMNS: &str =
    "c.id, c.ns, c.parent, r.id, c.source, c.step, c.at_ms, c.plan, c.metadata, c.channels";

const RUN: &str =
    "LEFT JOIN our.runs r ON r.user_id = c.user_id AND r.thread = c.thread AND r.run = c.run";

/// The head of a namespace, or one checkpoint, with its state.
pub(crate) async fn load(
    conn: &Conn,
    key: &ThreadKey,
    ns: &Namespace,
    at: At,
) -> Sql<Option<Saved>> {
    let id = match at {
        At::Head => None,
        At::Id(id) => Some(id.uuid()),
    };
    let row = conn
        .row(
            format!(
                "SELECT {COLUMNS}, h.last, t.thread
                 FROM our.threads t
                   JOIN our.heads h ON h.user_id = t.user_id AND h.thread = t.thread AND h.ns = $3
                   JOIN our.checkpoints c ON c.user_id = t.user_id AND c.thread = t.thread AND c.ns = $3
                     AND c.id = coalesce($4, h.checkpoint)
                   {RUN}
                 WHERE t.user_id = $1 AND t.id = $2"
            ),
            &[
                &Text::of(key.user.as_str()),
                &Text::of(key.thread.as_str()),
                &Text::of(ns.as_str()),
                &id,
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
        thread: row.at(11)?,
    };
    let numbers: Vec<u64> = map.values().copied().collect();
    let changes = Changes::read(conn, &place, &numbers).await?;
    let (channels, pending) = state(conn, &place, &map, &changes, checkpoint.id).await?;
    Ok(Some(Saved {
        checkpoint,
        last: row.checkpoint(10)?,
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
                   {RUN}
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

/// One checkpoint, of any namespace, and its channels: where a transcript begins.
pub(crate) async fn channels(
    conn: &Conn,
    place: &Place,
    id: CheckpointId,
) -> Sql<Option<(Namespace, ChannelMap)>> {
    let row = conn
        .row(
            "SELECT ns, channels FROM our.checkpoints WHERE user_id = $1 AND thread = $2 AND id = $3",
            &[&place.user(), &place.thread, &id.uuid()],
        )
        .await?;
    row.map(|row| {
        let map = change::parse_map(&row.text(1)?)?;
        Ok((Namespace::from_text(&row.text(0)?), map))
    })
    .transpose()
}

/// What messages of a list are read by: where its ranges begin and end.
pub(crate) fn bounds(seqs: &Ranges) -> (Vec<i64>, Vec<i64>) {
    seqs.ranges()
        .iter()
        .map(|&(first, last)| (number(first), number(last)))
        .unzip()
}

type Channels = Vec<(Arc<str>, ChannelValue)>;

/// The values of all channels, and what tasks left, in one round trip.
async fn state(
    conn: &Conn,
    place: &Place,
    map: &ChannelMap,
    changes: &Changes,
    id: CheckpointId,
) -> Sql<(Channels, Vec<TaskWrites>)> {
    let mut sent = vec![pending_at(place, id)];
    let mut lists: Vec<(&str, Ranges)> = Vec::new();
    let mut channels: Channels = Vec::with_capacity(map.len());
    for (name, n) in map {
        match changes.get(*n)? {
            (false, body) => {
                let value = ChannelValue::Value(Json::trusted(body));
                channels.push((Arc::from(name.as_str()), value));
            }
            (true, _) => {
                if let Some(live) = &changes.list(*n)?.state.live {
                    sent.push(elements_of(place, live));
                    lists.push((name, live.clone()));
                }
            }
        }
    }
    let mut answers = conn.send(&sent).await?.into_iter();
    let pending = pending_from(&answers.next().unwrap_or_default().rows)?;
    for (name, seqs) in lists {
        let rows = answers.next().unwrap_or_default().rows;
        let elements = elements_from(&rows, &seqs)?;
        channels.push((Arc::from(name), ChannelValue::List(elements)));
    }
    Ok((channels, pending))
}

fn elements_of(place: &Place, seqs: &Ranges) -> Statement {
    let (first, last) = bounds(seqs);
    Statement::new(
        "SELECT m.uuid, m.id, m.body
         FROM unnest($3, $4) WITH ORDINALITY AS s (first, last, n)
           JOIN our.messages m ON m.user_id = $1 AND m.thread = $2 AND m.seq BETWEEN s.first AND s.last
         ORDER BY s.n, m.seq",
    )
    .with(place.owned_user())
    .with(place.thread)
    .with(first)
    .with(last)
}

fn elements_from(rows: &[Row], seqs: &Ranges) -> Sql<Vec<Element>> {
    if rows.len() as u64 != seqs.len() {
        return Err(damaged("a list names messages that are not there"));
    }
    rows.iter()
        .map(|row| {
            Ok(Element {
                id: row.element_id(0, 1)?,
                body: row.json(2)?,
            })
        })
        .collect()
}

fn pending_at(place: &Place, id: CheckpointId) -> Statement {
    Statement::new(
        "SELECT task, slot, body FROM our.pending_writes WHERE user_id = $1 AND thread = $2 AND checkpoint = $3",
    )
    .with(place.owned_user())
    .with(place.thread)
    .with(id.uuid())
}

fn pending_from(rows: &[Row]) -> Sql<Vec<TaskWrites>> {
    let mut writes = Vec::with_capacity(rows.len());
    for row in rows {
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
