//! Checkpoints as they are read: with their state, or as a list.

use std::sync::Arc;

use everthread_graph::contract::{
    At, ChannelValue, Checkpoint, CheckpointId, Element, HistoryQuery, Json, Namespace, Saved,
    Source, TaskWrites, ThreadKey, WriteSlot,
};
use everthread_store::{Ranges, time_of};
use rusqlite::{Connection, OptionalExtension, Row};

use crate::error::Sql;
use crate::sql::change::{self, ChannelMap};
use crate::sql::ids::{checkpoint_bytes, checkpoint_id, element_id, run_id, task_id};
use crate::sql::place::{self, Place};

const COLUMNS: &str =
    "c.id, c.ns, c.parent, r.id, c.source, c.step, c.at_ms, c.plan, c.metadata, c.channels";

const TABLES: &str =
    "checkpoints c LEFT JOIN runs r ON r.user = c.user AND r.thread = c.thread AND r.run = c.run";

/// The head of a namespace, or one checkpoint, with its state.
pub(crate) fn load(tx: &Connection, key: &ThreadKey, ns: &Namespace, at: At) -> Sql<Option<Saved>> {
    let Some(place) = place::thread(tx, key)? else {
        return Ok(None);
    };
    let Some((head, last)) = head(tx, place, ns)? else {
        return Ok(None);
    };
    let id = match at {
        At::Head => head,
        At::Id(id) => Some(id),
    };
    let Some(id) = id else {
        return Ok(None);
    };
    let Some((checkpoint, map)) = checkpoint(tx, place, id)? else {
        return Ok(None);
    };
    if checkpoint.ns != *ns {
        return Ok(None);
    }
    let mut channels = Vec::with_capacity(map.len());
    for (name, n) in map {
        if let Some(value) = value(tx, place, n)? {
            channels.push((Arc::from(name), value));
        }
    }
    Ok(Some(Saved {
        checkpoint,
        last,
        channels,
        pending: pending(tx, place, id)?,
    }))
}

/// Checkpoints without their state, newest first.
pub(crate) fn history(
    tx: &Connection,
    key: &ThreadKey,
    query: &HistoryQuery,
) -> Sql<Vec<Checkpoint>> {
    let Some(place) = place::thread(tx, key)? else {
        return Ok(Vec::new());
    };
    let mut statement = tx.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM {TABLES}
         WHERE c.user = ?1 AND c.thread = ?2 AND c.id < ?3 AND (?4 IS NULL OR c.ns = ?4)
         ORDER BY c.id DESC LIMIT ?5"
    ))?;
    // No id is above this text: text sorts after every blob only in unstrict columns, so a blob of 17 bytes does it.
    let before = query
        .before
        .map_or_else(|| vec![0xFF; 17], |id| checkpoint_bytes(id).to_vec());
    let ns = query.ns.as_ref().map(Namespace::as_str);
    let limit = i64::try_from(query.limit).unwrap_or(i64::MAX);
    let mut rows = statement.query((place.user, place.thread, before, ns, limit))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(from_row(row)?);
    }
    Ok(found)
}

/// The head of a namespace and the highest checkpoint that it ever had.
pub(crate) fn head(
    tx: &Connection,
    place: Place,
    ns: &Namespace,
) -> Sql<Option<(Option<CheckpointId>, CheckpointId)>> {
    Ok(tx
        .prepare_cached(
            "SELECT checkpoint, last FROM heads WHERE user = ?1 AND thread = ?2 AND ns = ?3",
        )?
        .query_row((place.user, place.thread, ns.as_str()), |row| {
            Ok((
                row.get::<_, Option<[u8; 16]>>(0)?.map(checkpoint_id),
                checkpoint_id(row.get(1)?),
            ))
        })
        .optional()?)
}

/// One checkpoint, of any namespace, and its channels.
pub(crate) fn checkpoint(
    tx: &Connection,
    place: Place,
    id: CheckpointId,
) -> Sql<Option<(Checkpoint, ChannelMap)>> {
    let mut statement = tx.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM {TABLES} WHERE c.user = ?1 AND c.thread = ?2 AND c.id = ?3"
    ))?;
    let mut rows = statement.query((place.user, place.thread, checkpoint_bytes(id)))?;
    match rows.next()? {
        Some(row) => {
            let map = change::parse_map(row.get_ref(9)?.as_str().map_err(rusqlite::Error::from)?)?;
            Ok(Some((from_row(row)?, map)))
        }
        None => Ok(None),
    }
}

/// The value that a change left; `None` when it cleared its channel.
pub(crate) fn value(tx: &Connection, place: Place, n: u64) -> Sql<Option<ChannelValue>> {
    let (list, body) = change::read(tx, place, n)?;
    if !list {
        return Ok(Some(ChannelValue::Value(Json::trusted(&body))));
    }
    match &change::read_list(tx, place, n)?.state.live {
        Some(live) => Ok(Some(ChannelValue::List(elements(tx, place, live)?))),
        None => Ok(None),
    }
}

fn elements(tx: &Connection, place: Place, seqs: &Ranges) -> Sql<Vec<Element>> {
    let mut statement = tx.prepare_cached(
        "SELECT id, body FROM messages WHERE user = ?1 AND thread = ?2 AND seq BETWEEN ?3 AND ?4 ORDER BY seq",
    )?;
    let mut elements = Vec::with_capacity(usize::try_from(seqs.len()).unwrap_or(0));
    for &(first, last) in seqs.ranges() {
        let before = elements.len();
        let mut rows = statement.query((place.user, place.thread, first, last))?;
        while let Some(row) = rows.next()? {
            elements.push(Element {
                id: element_id(row.get_ref(0)?)?,
                body: Json::trusted(row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?),
            });
        }
        if (elements.len() - before) as u64 != last - first + 1 {
            return Err(change::damaged("a list names messages that are not there"));
        }
    }
    Ok(elements)
}

fn pending(tx: &Connection, place: Place, id: CheckpointId) -> Sql<Vec<TaskWrites>> {
    let mut statement = tx.prepare_cached(
        "SELECT task, slot, body FROM pending_writes WHERE user = ?1 AND thread = ?2 AND checkpoint = ?3",
    )?;
    let mut rows = statement.query((place.user, place.thread, checkpoint_bytes(id)))?;
    let mut writes = Vec::new();
    while let Some(row) = rows.next()? {
        let slot = row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?;
        writes.push(TaskWrites {
            task: task_id(row.get(0)?),
            slot: WriteSlot::from_name(slot)
                .ok_or_else(|| change::damaged("a task left something of an unknown kind"))?,
            body: Json::trusted(row.get_ref(2)?.as_str().map_err(rusqlite::Error::from)?),
        });
    }
    writes.sort_by_key(|one| (one.task, one.slot));
    Ok(writes)
}

fn from_row(row: &Row<'_>) -> Sql<Checkpoint> {
    let text = |column: usize| -> Sql<&str> {
        Ok(row
            .get_ref(column)?
            .as_str()
            .map_err(rusqlite::Error::from)?)
    };
    let id = checkpoint_id(row.get(0)?);
    Ok(Checkpoint {
        id,
        ns: Namespace::from_text(text(1)?),
        parent: row.get::<_, Option<[u8; 16]>>(2)?.map(checkpoint_id),
        run: row.get::<_, Option<[u8; 16]>>(3)?.map(run_id),
        source: Source::from_name(text(4)?)
            .ok_or_else(|| change::damaged("a checkpoint has an unknown source"))?,
        step: row.get(5)?,
        plan: Json::trusted(text(7)?),
        metadata: row
            .get::<_, Option<String>>(8)?
            .as_deref()
            .map(Json::trusted),
        at_ms: row.get::<_, Option<i64>>(6)?.unwrap_or_else(|| time_of(id)),
    })
}
