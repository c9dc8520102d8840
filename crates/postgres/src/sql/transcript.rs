//! What a person reads: everything that was said on a line of history.

use everthread_graph::contract::{CheckpointId, RunId, StoreErrorKind, ThreadKey};
use everthread_store::{Ranges, ReadMessages, StoredMessage, TRANSCRIPT};
use uuid::Uuid;

use crate::conn::Conn;
use crate::error::{Sql, damaged, fault};
use crate::param::{Columns, Text};
use crate::sql::change::Changes;
use crate::sql::load;
use crate::sql::place::Place;
use crate::sql::thread;

/// The transcript at the head or at a checkpoint.
pub(crate) async fn read(
    conn: &Conn,
    key: &ThreadKey,
    query: &ReadMessages,
) -> Sql<Vec<StoredMessage>> {
    let row = conn
        .row(
            "SELECT t.thread, h.checkpoint FROM our.threads t
               LEFT JOIN our.heads h ON h.user_id = t.user_id AND h.thread = t.thread AND h.ns = ''
             WHERE t.user_id = $1 AND t.id = $2",
            &[&Text::of(key.user.as_str()), &Text::of(key.thread.as_str())],
        )
        .await?
        .ok_or_else(|| thread::missing(key))?;
    let place = Place {
        user: key.user.clone(),
        thread: row.at(0)?,
    };
    let id = match query.at {
        Some(id) => Some(id),
        None => row.checkpoint_or_none(1)?,
    };
    let Some(id) = id else {
        return Ok(Vec::new());
    };
    let all = numbers(conn, &place, id).await?.ok_or_else(|| {
        fault(
            StoreErrorKind::NotFound,
            format!("checkpoint {id} of {key} is not there: it may have been pruned"),
        )
    })?;
    messages(conn, &place, &all.newest(query.before_seq, query.limit)).await
}

/// The numbers of a transcript; `None` when the thread's own graph has no such checkpoint.
pub(crate) async fn numbers(conn: &Conn, place: &Place, id: CheckpointId) -> Sql<Option<Ranges>> {
    let Some((ns, channels)) = load::channels(conn, place, id).await? else {
        return Ok(None);
    };
    if !ns.is_root() {
        return Ok(None);
    }
    let Some(n) = channels.get(TRANSCRIPT) else {
        return Ok(Some(Ranges::default()));
    };
    let changes = Changes::read(conn, place, &[*n]).await?;
    if !changes.get(*n)?.0 {
        return Ok(Some(Ranges::default()));
    }
    Ok(Some(changes.list(*n)?.state.all.clone()))
}

async fn messages(conn: &Conn, place: &Place, seqs: &Ranges) -> Sql<Vec<StoredMessage>> {
    let (first, last) = load::bounds(seqs);
    let rows = conn
        .query(
            "SELECT m.seq, m.uuid, m.id, m.body, m.at_ms, r.id
             FROM unnest($3, $4) WITH ORDINALITY AS s (first, last, n)
               JOIN our.messages m ON m.user_id = $1 AND m.thread = $2 AND m.seq BETWEEN s.first AND s.last
               LEFT JOIN our.runs r ON r.user_id = $1 AND r.thread = $2 AND r.run = m.run
             ORDER BY s.n, m.seq",
            &[&place.user(), &place.thread, &first, &last],
        )
        .await?;
    if rows.len() as u64 != seqs.len() {
        return Err(damaged("a transcript names messages that are not there"));
    }
    rows.iter()
        .map(|row| {
            let run: Option<Uuid> = row.at(5)?;
            Ok(StoredMessage {
                seq: row.count(0)?,
                id: row
                    .element_id(1, 2)?
                    .map_or_else(String::new, |id| id.to_string()),
                body: row.json(3)?,
                at_ms: row.at(4)?,
                run: run.map(RunId::from_uuid),
            })
        })
        .collect()
}
