//! What no thread's check reads: items, sessions, documents of the deployment, what runs told.

use everthread_store::{CheckReport, DocumentAudit};
use rusqlite::Connection;

use crate::error::Sql;
use crate::sql::ids::run_id;

/// Whether each can be read.
pub(crate) fn check(tx: &Connection) -> Sql<CheckReport> {
    let mut audit = DocumentAudit::default();
    items(tx, &mut audit)?;
    sessions(tx, &mut audit)?;
    records(tx, &mut audit)?;
    events(tx, &mut audit)?;
    Ok(audit.finish())
}

fn items(tx: &Connection, audit: &mut DocumentAudit) -> Sql<()> {
    let mut statement = tx.prepare(
        "SELECT u.id, i.namespace, i.key, i.value, (i.expires_ms IS NULL) = (i.ttl_ms IS NULL)
         FROM items i JOIN users u ON u.user = i.user",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (user, namespace, key): (String, String, String) =
            (row.get(0)?, row.get(1)?, row.get(2)?);
        let value = row.get_ref(3)?.as_str().map_err(rusqlite::Error::from)?;
        audit.item(&user, (&namespace, &key), value, row.get(4)?);
    }
    Ok(())
}

fn sessions(tx: &Connection, audit: &mut DocumentAudit) -> Sql<()> {
    let mut statement = tx.prepare(
        "SELECT u.id, s.id, s.thread, s.turns FROM sessions s JOIN users u ON u.user = s.user",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (user, id): (String, String) = (row.get(0)?, row.get(1)?);
        let thread: Option<String> = row.get(2)?;
        audit.session(&user, &id, thread.as_deref(), row.get(3)?);
    }
    Ok(())
}

fn records(tx: &Connection, audit: &mut DocumentAudit) -> Sql<()> {
    let mut statement = tx.prepare("SELECT kind, id, version, body FROM records")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (kind, id): (String, String) = (row.get(0)?, row.get(1)?);
        let body = row.get_ref(3)?.as_str().map_err(rusqlite::Error::from)?;
        audit.record((&kind, &id), row.get(2)?, body);
    }
    Ok(())
}

fn events(tx: &Connection, audit: &mut DocumentAudit) -> Sql<()> {
    let mut statement = tx.prepare(
        "SELECT CAST(user AS TEXT), thread, run, seq, last, count, body FROM run_events
         ORDER BY user, thread, run, seq",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let user: String = row.get(0)?;
        let of = (&*user, row.get(1)?, run_id(row.get(2)?));
        let body = row.get_ref(6)?.as_str().map_err(rusqlite::Error::from)?;
        audit.events(of, (row.get(3)?, row.get(4)?), row.get(5)?, body);
    }
    Ok(())
}
