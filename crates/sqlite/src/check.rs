//! The check of a whole store, a few threads at a time, so that nothing is held for long.

use std::sync::Arc;

use everthread_graph::contract::{StoreError, StoreErrorKind};
use everthread_store::CheckReport;
use rusqlite::Connection;

use crate::error::Sql;
use crate::readers::Readers;
use crate::sql::check;
use crate::sql::place::Place;

const DOING: &str = "checking the store";

/// Threads that are looked at on one snapshot.
const THREADS_AT_ONCE: usize = 64;

type Part = fn(&Connection) -> Sql<CheckReport>;

/// Reads everything. Each part sees one snapshot, so a store that is written meanwhile is no contradiction.
pub(crate) async fn check(
    readers: &Arc<Readers>,
    progress: &mut (dyn FnMut(u64, u64) + Send),
) -> Result<CheckReport, StoreError> {
    let parts: [(&str, Part); 5] = [
        ("the file", check::pages),
        ("references", check::references),
        ("the search index", check::search_index),
        ("statistics", check::totals),
        ("profiles, items, sessions and documents", check::documents),
    ];
    let places = readers.read(DOING, check::threads).await?;
    let total = (parts.len() + places.len()) as u64;
    let mut done = 0;
    let mut report = CheckReport::default();
    for (what, part) in parts {
        // Afresh: the index's own check goes by what its connection remembers, and another one may have merged since.
        let found = readers.read_afresh(DOING, part).await;
        report.add(as_far_as_read(what, found)?);
        done += 1;
        progress(done, total);
    }
    for some in places.chunks(THREADS_AT_ONCE) {
        done += some.len() as u64;
        match read_threads(readers, some.to_vec()).await {
            Err(error) if error.kind() == StoreErrorKind::Corrupt => {
                for place in some {
                    let found = read_threads(readers, vec![*place]).await;
                    let what = format!(
                        "thread number {} of user number {}",
                        place.thread, place.user
                    );
                    report.add(as_far_as_read(&what, found)?);
                }
            }
            found => report.add(found?),
        }
        progress(done, total);
    }
    Ok(report)
}

async fn read_threads(
    readers: &Arc<Readers>,
    places: Vec<Place>,
) -> Result<CheckReport, StoreError> {
    readers
        .read(DOING, move |tx| {
            let mut found = CheckReport::default();
            for place in places {
                found.add(check::thread(tx, place)?);
            }
            Ok(found)
        })
        .await
}

/// What cannot be read is one of the problems: the rest is read all the same.
fn as_far_as_read(
    what: &str,
    found: Result<CheckReport, StoreError>,
) -> Result<CheckReport, StoreError> {
    match found {
        Err(error) if error.kind() == StoreErrorKind::Corrupt => {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            let mut report = CheckReport::default();
            report.problem(
                what,
                format!(
                    "cannot be read through ({}): restore a verified backup",
                    cause.unwrap_or_else(|| error.to_string())
                ),
            );
            Ok(report)
        }
        found => found,
    }
}
