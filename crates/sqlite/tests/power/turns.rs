//! The child's part of the test of the store: three conversations at once, through several lives of the store.

mod speaker;

use std::path::Path;
use std::sync::Arc;

use everthread_graph::contract::StoreError;
use everthread_sqlite::{SqliteOptions, SqliteStore, Synchronous};
use everthread_store::Store;
use rusqlite::{Connection, OpenFlags};

use crate::job::Job;
use crate::vfs;
pub(crate) use speaker::ITEMS;
use speaker::Speaker;

/// How often the store is opened in one process.
const OPENINGS: u32 = 3;

/// Opens the store in a directory.
pub(crate) fn open(
    dir: &Path,
    vfs: Option<&str>,
    synchronous: &str,
) -> Result<Arc<dyn Store>, StoreError> {
    let mut options = SqliteOptions::at(dir.join("chat.db"));
    options.vfs = vfs.map(str::to_owned);
    options.synchronous = match synchronous {
        "FULL" => Synchronous::Full,
        "OFF" => Synchronous::Off,
        other => panic!("{other} is no setting of this test"),
    };
    Ok(Arc::new(SqliteStore::open(options)?))
}

/// A place for futures of one thread.
pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap()
}

/// What the child does.
pub(crate) fn work(job: &Job, synchronous: &str, early: bool) {
    let mut speakers: Vec<Speaker> = (0..3)
        .map(|number| Speaker::new(number, job.life, early))
        .collect();
    for opening in 0..OPENINGS {
        let store = open_again(&job.dir, synchronous);
        if opening == 0 && job.life > 0 {
            for speaker in &mut speakers {
                runtime().block_on(speaker.take_over(&*store)).unwrap();
            }
        }
        std::thread::scope(|scope| {
            for speaker in &mut speakers {
                let store = &*store;
                scope.spawn(move || {
                    runtime().block_on(async {
                        for _ in 0..job.turns / OPENINGS {
                            speaker.go_on(store, job).await.unwrap();
                        }
                    });
                });
            }
        });
        if opening + 1 < OPENINGS {
            // A failed sync may be the last thing that happens to the store: what was said is durable all the same.
            let _ = runtime().block_on(store.close());
        }
    }
}

/// Opens until it succeeds: where syncs fail now and then, opening fails with them.
fn open_again(dir: &Path, synchronous: &str) -> Arc<dyn Store> {
    let mut failures = 0;
    loop {
        match open(dir, Some(vfs::NAME), synchronous) {
            Ok(store) => return store,
            Err(error) => {
                failures += 1;
                assert!(failures < 5, "the store does not open: {error:?}");
            }
        }
    }
}

/// Copies the log into the file and begins it anew, as another process may at any time.
fn copy_log(dir: &Path) {
    let flags = OpenFlags::default();
    let connection =
        Connection::open_with_flags_and_vfs(dir.join("chat.db"), flags, vfs::NAME).unwrap();
    connection
        .busy_timeout(std::time::Duration::from_secs(5))
        .unwrap();
    // Where syncs fail now and then this fails with them; that must do no harm either.
    let _ = connection.query_row("PRAGMA wal_checkpoint(RESTART)", [], |_| Ok(()));
}
