//! The check of a whole store, a few threads at a time, so that nothing is held for long.

use std::sync::Arc;

use everthread_graph::contract::StoreError;
use everthread_store::CheckReport;
use rusqlite::Connection;

use crate::error::Sql;
use crate::readers::Readers;
use crate::sql::check;

/// Threads that are looked at on one snapshot.
const THREADS_AT_ONCE: usize = 64;

type Part = fn(&Connection) -> Sql<CheckReport>;

/// Reads everything. Each part sees one snapshot, so a store that is written meanwhile is no contradiction.
pub(crate) async fn check(
    readers: &Arc<Readers>,
    progress: &mut (dyn FnMut(u64, u64) + Send),
) -> Result<CheckReport, StoreError> {
    const DOING: &str = "checking the store";
    let parts: [Part; 4] = [
        check::pages,
        check::references,
        check::search_index,
        check::documents,
    ];
    let places = readers.read(DOING, check::threads).await?;
    let total = (parts.len() + places.len()) as u64;
    let mut done = 0;
    let mut report = CheckReport::default();
    for part in parts {
        // Afresh: the index's own check goes by what its connection remembers, and another one may have merged since.
        report.add(readers.read_afresh(DOING, part).await?);
        done += 1;
        progress(done, total);
    }
    for some in places.chunks(THREADS_AT_ONCE) {
        let some = some.to_vec();
        done += some.len() as u64;
        let found = readers
            .read(DOING, move |tx| {
                let mut found = CheckReport::default();
                for place in some {
                    found.add(check::thread(tx, place)?);
                }
                Ok(found)
            })
            .await?;
        report.add(found);
        progress(done, total);
    }
    Ok(report)
}
