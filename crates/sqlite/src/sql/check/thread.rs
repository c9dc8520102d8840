//! One thread: whether each of its checkpoints can be restored and its counters agree with its rows.

use everthread_store::{CheckReport, CheckpointRow, RunRow, ThreadAudit, ThreadCounts};
use rusqlite::{Connection, OptionalExtension};

use crate::error::Sql;
use crate::sql::ids::{checkpoint_id, element_id};
use crate::sql::place::Place;

/// Reads a thread through.
pub(crate) fn check(tx: &Connection, place: Place) -> Sql<CheckReport> {
    let Some(mut audit) = begin(tx, place)? else {
        // It was deleted since it was listed.
        return Ok(CheckReport::default());
    };
    messages(tx, place, &mut audit)?;
    changes(tx, place, &mut audit)?;
    checkpoints(tx, place, &mut audit)?;
    heads(tx, place, &mut audit)?;
    runs(tx, place, &mut audit)?;
    pending(tx, place, &mut audit)?;
    Ok(audit.finish())
}

fn begin(tx: &Connection, place: Place) -> Sql<Option<ThreadAudit>> {
    Ok(tx
        .prepare_cached(
            "SELECT t.id, u.id, t.seq, t.change, t.run, t.fence, t.branch, t.messages, t.turns, t.pruned
             FROM threads t JOIN users u ON u.user = t.user WHERE t.user = ?1 AND t.thread = ?2",
        )?
        .query_row((place.user, place.thread), |row| {
            let (thread, user): (String, String) = (row.get(0)?, row.get(1)?);
            let counts = ThreadCounts {
                seq: row.get(2)?,
                change: row.get(3)?,
                run: row.get(4)?,
                fence: row.get(5)?,
                branch: row.get(6)?,
                messages: row.get(7)?,
                turns: row.get(8)?,
                pruned: row.get::<_, Option<[u8; 16]>>(9)?.map(checkpoint_id),
            };
            Ok(ThreadAudit::new(&thread, &user, counts))
        })
        .optional()?)
}

fn messages(tx: &Connection, place: Place, audit: &mut ThreadAudit) -> Sql<()> {
    let mut statement = tx.prepare_cached(
        "SELECT seq, id, body FROM messages WHERE user = ?1 AND thread = ?2 ORDER BY seq",
    )?;
    let mut rows = statement.query((place.user, place.thread))?;
    while let Some(row) = rows.next()? {
        let body = row.get_ref(2)?.as_str().map_err(rusqlite::Error::from)?;
        audit.message(row.get(0)?, element_id(row.get_ref(1)?).is_ok(), body);
    }
    Ok(())
}

fn changes(tx: &Connection, place: Place, audit: &mut ThreadAudit) -> Sql<()> {
    let mut statement = tx.prepare_cached(
        "SELECT change, list, body FROM channel_changes WHERE user = ?1 AND thread = ?2 ORDER BY change",
    )?;
    let mut rows = statement.query((place.user, place.thread))?;
    while let Some(row) = rows.next()? {
        let body = row.get_ref(2)?.as_str().map_err(rusqlite::Error::from)?;
        audit.change(row.get(0)?, row.get(1)?, body);
    }
    Ok(())
}

fn checkpoints(tx: &Connection, place: Place, audit: &mut ThreadAudit) -> Sql<()> {
    let mut statement = tx.prepare_cached(
        "SELECT id, parent, source, plan, metadata, channels, branch FROM checkpoints
         WHERE user = ?1 AND thread = ?2 ORDER BY id",
    )?;
    let mut rows = statement.query((place.user, place.thread))?;
    while let Some(row) = rows.next()? {
        let (source, plan): (String, String) = (row.get(2)?, row.get(3)?);
        let (metadata, channels): (Option<String>, String) = (row.get(4)?, row.get(5)?);
        audit.checkpoint(CheckpointRow {
            id: checkpoint_id(row.get(0)?),
            parent: row.get::<_, Option<[u8; 16]>>(1)?.map(checkpoint_id),
            source: &source,
            plan: &plan,
            metadata: metadata.as_deref(),
            channels: &channels,
            branch: row.get(6)?,
        });
    }
    Ok(())
}

fn heads(tx: &Connection, place: Place, audit: &mut ThreadAudit) -> Sql<()> {
    let mut statement = tx
        .prepare_cached("SELECT ns, checkpoint, last FROM heads WHERE user = ?1 AND thread = ?2")?;
    let mut rows = statement.query((place.user, place.thread))?;
    while let Some(row) = rows.next()? {
        let ns: String = row.get(0)?;
        let head = row.get::<_, Option<[u8; 16]>>(1)?.map(checkpoint_id);
        audit.head(ns.is_empty(), head, checkpoint_id(row.get(2)?));
    }
    Ok(())
}

fn runs(tx: &Connection, place: Place, audit: &mut ThreadAudit) -> Sql<()> {
    let mut statement = tx.prepare_cached(
        "SELECT run, status, queue, coalesce(fence, 0), policy, details FROM runs WHERE user = ?1 AND thread = ?2",
    )?;
    let mut rows = statement.query((place.user, place.thread))?;
    while let Some(row) = rows.next()? {
        let status: String = row.get(1)?;
        let (policy, details): (Option<String>, Option<String>) = (row.get(4)?, row.get(5)?);
        audit.run(RunRow {
            run: row.get(0)?,
            status: &status,
            queue: row.get(2)?,
            fence: row.get(3)?,
            policy: policy.as_deref(),
            details: details.as_deref(),
        });
    }
    Ok(())
}

fn pending(tx: &Connection, place: Place, audit: &mut ThreadAudit) -> Sql<()> {
    let mut statement = tx.prepare_cached(
        "SELECT checkpoint, slot, body FROM pending_writes WHERE user = ?1 AND thread = ?2",
    )?;
    let mut rows = statement.query((place.user, place.thread))?;
    while let Some(row) = rows.next()? {
        let (slot, body): (String, String) = (row.get(1)?, row.get(2)?);
        audit.pending(checkpoint_id(row.get(0)?), &slot, &body);
    }
    Ok(())
}
