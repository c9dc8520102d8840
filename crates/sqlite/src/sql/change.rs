//! Changes of channels: their rows, and the map of a checkpoint that names for each channel the change that last set
//! it.

use std::collections::BTreeMap;

use everthread_graph::contract::StoreErrorKind;
use everthread_store::StoredList;
use rusqlite::{Connection, OptionalExtension};

use crate::error::{Fault, Sql, fault};
use crate::sql::place::Place;

/// For each channel that has a value, the change that last set it.
pub(crate) type ChannelMap = BTreeMap<String, u64>;

/// Reads a checkpoint's map.
pub(crate) fn parse_map(text: &str) -> Sql<ChannelMap> {
    serde_json::from_str(text).map_err(|_| damaged("a checkpoint names its channels wrongly"))
}

/// The map as it lies at rest.
pub(crate) fn map_text(map: &ChannelMap) -> String {
    serde_json::to_string(map).expect("names and numbers always have a JSON form")
}

/// Writes a change.
pub(crate) fn write(tx: &Connection, place: Place, n: u64, list: bool, body: &str) -> Sql<()> {
    tx.prepare_cached(
        "INSERT INTO channel_changes (user, thread, change, list, body) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute((place.user, place.thread, n, list, body))?;
    Ok(())
}

/// Reads a change: whether it is a list's, and its body.
pub(crate) fn read(tx: &Connection, place: Place, n: u64) -> Sql<(bool, String)> {
    tx.prepare_cached(
        "SELECT list, body FROM channel_changes WHERE user = ?1 AND thread = ?2 AND change = ?3",
    )?
    .query_row((place.user, place.thread, n), |row| {
        Ok((row.get(0)?, row.get(1)?))
    })
    .optional()?
    .ok_or_else(|| damaged("a checkpoint names a change that is not there"))
}

/// The list that a change left.
pub(crate) fn read_list(tx: &Connection, place: Place, n: u64) -> Sql<StoredList> {
    StoredList::read(n, |n| -> Sql<String> {
        match read(tx, place, n)? {
            (true, body) => Ok(body),
            (false, _) => Err(damaged("a list builds on a value that is none")),
        }
    })
}

/// Whether a change says exactly this, so that it need not be written again.
pub(crate) fn says(tx: &Connection, place: Place, n: u64, body: &str) -> Sql<bool> {
    let same: Option<bool> = tx
        .prepare_cached(
            "SELECT list = 0 AND body = ?4 FROM channel_changes WHERE user = ?1 AND thread = ?2 AND change = ?3",
        )?
        .query_row((place.user, place.thread, n, body), |row| row.get(0))
        .optional()?;
    Ok(same == Some(true))
}

pub(crate) fn damaged(what: &str) -> Fault {
    fault(
        StoreErrorKind::Corrupt,
        format!("{what}: run `storage check`, then restore a verified backup"),
    )
}
