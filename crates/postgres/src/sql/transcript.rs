//! What a person reads: everything that was said on a line of history.

use everthread_graph::contract::{CheckpointId, Namespace, StoreErrorKind, ThreadKey};
use everthread_store::{Ranges, ReadMessages, StoredMessage, TRANSCRIPT};

use crate::conn::Conn;
use crate::error::{Sql, damaged, fault};
use crate::param::{Columns, number};
use crate::sql::change::Changes;
use crate::sql::place::{self, Place};
use crate::sql::{load, thread};

/// The transcript at the head or at a checkpoint.
pub(crate) async fn read(
    conn: &Conn,
    key: &ThreadKey,
    query: &ReadMessages,
) -> Sql<Vec<StoredMessage>> {
    let place = place::thread(conn, key)
        .await?
        .ok_or_else(|| thread::missing(key))?;
    let id = match query.at {
        Some(id) => Some(id),
        None => load::head(conn, &place, &Namespace::root()).await?,
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
    let Some((checkpoint, channels)) = load::checkpoint(conn, place, id).await? else {
        return Ok(None);
    };
    if !checkpoint.ns.is_root() {
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
    let (first, last) = bounds(seqs);
    let rows = conn
        .query(
            "SELECT m.seq, m.uuid, m.id, m.body, m.at_ms, r.id
             FROM unnest($3, $4) AS s (first, last)
               JOIN our.messages m ON m.user_id = $1 AND m.thread = $2 AND m.seq BETWEEN s.first AND s.last
               LEFT JOIN our.runs r ON r.user_id = m.user_id AND r.thread = m.thread AND r.run = m.run
             ORDER BY m.seq",
            &[&place.user(), &place.thread, &first, &last],
        )
        .await?;
    if rows.len() as u64 != seqs.len() {
        return Err(damaged("a transcript names messages that are not there"));
    }
    let mut found = Vec::with_capacity(rows.len());
    for row in &rows {
        let run: Option<uuid::Uuid> = row.at(5)?;
        found.push(StoredMessage {
            seq: row.count(0)?,
            id: row
                .element_id(1, 2)?
                .map_or_else(String::new, |id| id.to_string()),
            body: row.json(3)?,
            at_ms: row.at(4)?,
            run: run.map(everthread_graph::contract::RunId::from_uuid),
        });
    }
    Ok(found)
}

/// Stretches of numbers as two columns: where each begins and where it ends.
pub(crate) fn bounds(seqs: &Ranges) -> (Vec<i64>, Vec<i64>) {
    let ranges = seqs.ranges().iter();
    ranges
        .map(|&(first, last)| (number(first), number(last)))
        .unzip()
}
