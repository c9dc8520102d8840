//! Reading everything and saying what contradicts itself, a few threads at a time, so that no snapshot is held for long.

mod documents;
mod thread;

use everthread_graph::contract::{StoreError, UserId};
use everthread_store::CheckReport;

use crate::conn::Conn;
use crate::error::{Sql, damaged};
use crate::param::{Columns, Text};
use crate::sql::delete::ROWS_OF_THREADS;
use crate::sql::place::Place;
use crate::store::Base;

pub(crate) use thread::check as thread;

/// Threads that are looked at on one snapshot.
const THREADS_AT_ONCE: usize = 64;

/// Reads everything. `progress` hears steps done and steps in all. Each part sees one snapshot, so a store that is
/// written meanwhile is no contradiction.
pub(crate) async fn check(
    base: &Base,
    progress: &mut (dyn FnMut(u64, u64) + Send),
) -> Result<CheckReport, StoreError> {
    const DOING: &str = "checking the store";
    let conn = base.conn(DOING).await?;
    let found = threads(&conn).await;
    let places = conn.finish(DOING, found).await?;
    let total = 3 + places.len() as u64;
    let mut done = 0;
    let mut report = CheckReport::default();
    for part in 0..3 {
        let conn = base.reading(DOING).await?;
        let found = match part {
            0 => references(&conn).await,
            1 => search_index(&conn).await,
            _ => documents::check(&conn).await,
        };
        report.add(conn.finish(DOING, found).await?);
        done += 1;
        progress(done, total);
    }
    for some in places.chunks(THREADS_AT_ONCE) {
        let conn = base.reading(DOING).await?;
        let found = some_threads(&conn, some).await;
        report.add(conn.finish(DOING, found).await?);
        done += some.len() as u64;
        progress(done, total);
    }
    Ok(report)
}

async fn threads(conn: &Conn) -> Sql<Vec<Place>> {
    let found = conn
        .query(
            "SELECT user_id, thread FROM our.threads ORDER BY user_id, thread",
            &[],
        )
        .await?;
    let mut places = Vec::with_capacity(found.len());
    for row in &found {
        places.push(Place {
            user: UserId::new(row.text(0)?)
                .map_err(|_| damaged("a thread's user has an id that is none"))?,
            thread: row.at(1)?,
        });
    }
    Ok(places)
}

async fn some_threads(conn: &Conn, places: &[Place]) -> Sql<CheckReport> {
    let mut report = CheckReport::default();
    for place in places {
        report.add(thread::check(conn, place).await?);
    }
    Ok(report)
}

/// Rows that name a thread or a user that is not there: no constraint watches over these.
async fn references(conn: &Conn) -> Sql<CheckReport> {
    let mut report = CheckReport::default();
    let of_threads = ROWS_OF_THREADS.iter().filter(|table| **table != "threads");
    let of_threads = of_threads.map(|table| {
        (
            *table,
            "threads",
            "p.user_id = r.user_id AND p.thread = r.thread",
        )
    });
    let of_users =
        ["threads", "items", "sessions"].map(|table| (table, "users", "p.user_id = r.user_id"));
    for (table, parent, same) in of_threads.chain(of_users) {
        let lost = conn
            .row(
                format!(
                    "SELECT count(*) FROM our.{table} r
                     WHERE NOT EXISTS (SELECT 1 FROM our.{parent} p WHERE {same})"
                ),
                &[],
            )
            .await?;
        let lost = lost.map_or(Ok(0), |row| row.count(0))?;
        if lost > 0 {
            report.problem(
                table,
                format!(
                    "{lost} rows name one of {parent} that is not there: restore a verified backup"
                ),
            );
        }
    }
    Ok(report)
}

/// Whether the search index holds exactly the messages up to its marks.
async fn search_index(conn: &Conn) -> Sql<CheckReport> {
    let mut report = CheckReport::default();
    let row = conn
        .row(
            "SELECT (SELECT count(*) FROM our.messages m
                       JOIN our.derived d ON d.user_id = m.user_id AND d.thread = m.thread AND d.name = $1
                     WHERE m.channel = 1 AND m.seq <= d.upto AND NOT EXISTS (
                       SELECT 1 FROM our.search s
                       WHERE s.user_id = m.user_id AND s.thread = m.thread AND s.seq = m.seq)),
                    (SELECT count(*) FROM our.search s WHERE NOT EXISTS (
                       SELECT 1 FROM our.messages m
                       WHERE m.user_id = s.user_id AND m.thread = s.thread AND m.seq = s.seq AND m.channel = 1))",
            &[&Text::of("search")],
        )
        .await?;
    let (missing, foreign) = match row {
        Some(row) => (row.count(0)?, row.count(1)?),
        None => (0, 0),
    };
    for (count, what) in [
        (missing, "messages are not in it"),
        (foreign, "entries have no message"),
    ] {
        if count > 0 {
            report.problem("the search index", format!("{count} {what}: build it anew"));
        }
    }
    Ok(report)
}
