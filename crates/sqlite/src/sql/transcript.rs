//! What a person reads: everything that was said on a line of history.

use everthread_graph::contract::{CheckpointId, Json, Namespace, StoreErrorKind, ThreadKey};
use everthread_store::{Ranges, ReadMessages, StoredMessage, TRANSCRIPT};
use rusqlite::Connection;

use crate::error::{Sql, fault};
use crate::sql::change;
use crate::sql::ids::{element_id, run_id};
use crate::sql::load;
use crate::sql::place::{self, Place};

/// The transcript at the head or at a checkpoint.
pub(crate) fn read(
    tx: &Connection,
    key: &ThreadKey,
    query: &ReadMessages,
) -> Sql<Vec<StoredMessage>> {
    let place = place::thread(tx, key)?
        .ok_or_else(|| fault(StoreErrorKind::NotFound, format!("{key} is not there")))?;
    let id = match query.at {
        Some(id) => Some(id),
        None => load::head(tx, place, &Namespace::root())?.and_then(|(head, _)| head),
    };
    let Some(id) = id else {
        return Ok(Vec::new());
    };
    let all = numbers(tx, place, id)?.ok_or_else(|| {
        fault(
            StoreErrorKind::NotFound,
            format!("checkpoint {id} of {key} is not there: it may have been pruned"),
        )
    })?;
    messages(tx, place, &all.newest(query.before_seq, query.limit))
}

/// The numbers of a transcript; `None` when the thread's own graph has no such checkpoint.
pub(crate) fn numbers(tx: &Connection, place: Place, id: CheckpointId) -> Sql<Option<Ranges>> {
    let Some((checkpoint, channels)) = load::checkpoint(tx, place, id)? else {
        return Ok(None);
    };
    if !checkpoint.ns.is_root() {
        return Ok(None);
    }
    let Some(n) = channels.get(TRANSCRIPT) else {
        return Ok(Some(Ranges::default()));
    };
    if !change::read(tx, place, *n)?.0 {
        return Ok(Some(Ranges::default()));
    }
    Ok(Some(change::read_list(tx, place, *n)?.state.all.clone()))
}

fn messages(tx: &Connection, place: Place, seqs: &Ranges) -> Sql<Vec<StoredMessage>> {
    let mut statement = tx.prepare_cached(
        "SELECT m.seq, m.id, m.body, m.at_ms, r.id
         FROM messages m LEFT JOIN runs r ON r.user = m.user AND r.thread = m.thread AND r.run = m.run
         WHERE m.user = ?1 AND m.thread = ?2 AND m.seq BETWEEN ?3 AND ?4 ORDER BY m.seq",
    )?;
    let mut found = Vec::with_capacity(usize::try_from(seqs.len()).unwrap_or(0));
    for &(first, last) in seqs.ranges() {
        let mut rows = statement.query((place.user, place.thread, first, last))?;
        while let Some(row) = rows.next()? {
            found.push(StoredMessage {
                seq: row.get(0)?,
                id: element_id(row.get_ref(1)?)?.map_or_else(String::new, |id| id.to_string()),
                body: Json::trusted(row.get_ref(2)?.as_str().map_err(rusqlite::Error::from)?),
                at_ms: row.get(3)?,
                run: row.get::<_, Option<[u8; 16]>>(4)?.map(run_id),
            });
        }
    }
    if found.len() as u64 != seqs.len() {
        return Err(change::damaged(
            "a transcript names messages that are not there",
        ));
    }
    Ok(found)
}
