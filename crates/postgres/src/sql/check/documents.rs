//! What no thread's check reads: items, sessions, documents of the deployment, what runs told.

use everthread_store::{CheckReport, DocumentAudit};

use crate::conn::Conn;
use crate::error::Sql;
use crate::param::Columns;
use crate::sql::cursor::each;

/// Whether each can be read.
pub(super) async fn check(conn: &Conn) -> Sql<CheckReport> {
    let mut audit = DocumentAudit::default();
    each(
        conn,
        "SELECT user_id, namespace, key, value, (expires_ms IS NULL) = (ttl_ms IS NULL) FROM our.items",
        &[],
        |row| {
            let name = (&*row.text(1)?, &*row.text(2)?);
            audit.item(&row.text(0)?, name, &row.text(3)?, row.at(4)?);
            Ok(())
        },
    )
    .await?;
    each(
        conn,
        "SELECT user_id, id, thread, turns FROM our.sessions",
        &[],
        |row| {
            let thread = row.text_or_none(2)?;
            audit.session(&row.text(0)?, &row.text(1)?, thread.as_deref(), row.at(3)?);
            Ok(())
        },
    )
    .await?;
    each(
        conn,
        "SELECT kind, id, version, body FROM our.records",
        &[],
        |row| {
            let name = (&*row.text(0)?, &*row.text(1)?);
            audit.record(name, row.at(2)?, &row.text(3)?);
            Ok(())
        },
    )
    .await?;
    each(
        conn,
        "SELECT user_id, thread, run, seq, last, count, body FROM our.run_events
         ORDER BY user_id, thread, run, seq",
        &[],
        |row| {
            let user = row.text(0)?;
            let of = (&*user, row.at(1)?, row.run(2)?);
            let count = usize::try_from(row.at::<i64>(5)?).unwrap_or(usize::MAX);
            audit.events(of, (row.count(3)?, row.count(4)?), count, &row.text(6)?);
            Ok(())
        },
    )
    .await?;
    Ok(audit.finish())
}
