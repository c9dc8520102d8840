//! A copy of the whole file as it is at one moment, made a stretch at a time.
//!
//! SQLite's own copying starts over whenever another connection writes between two stretches, and then never ends on a
//! busy store. Within one transaction that reads, it sees one moment throughout and goes on; the log grows meanwhile by
//! what others write, and is copied into the file afterwards.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use everthread_graph::contract::{StoreError, StoreErrorKind};
use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};
use tokio::sync::mpsc;

use crate::error::{Sql, fault};
use crate::open;
use crate::options::Location;
use crate::store::Inner;
use crate::writer::closed;

const COPYING: &str = "copying the store";

/// Pages that are copied at once: some milliseconds of work.
const PAGES_AT_ONCE: i32 = 2_048;

impl Inner {
    /// Copies the store into a new file.
    pub(crate) async fn snapshot(
        &self,
        to: &Path,
        progress: &mut (dyn FnMut(u64, u64) + Send),
    ) -> Result<(), StoreError> {
        if self.options.location == Location::Memory {
            return Err(StoreError::new(
                StoreErrorKind::Invalid,
                "a store in memory has no file to copy: make an archive of it",
            ));
        }
        create(to)?;
        let (options, readers) = (self.options.clone(), Arc::clone(&self.readers));
        let target = to.to_owned();
        let (sender, mut steps) = mpsc::unbounded_channel();
        let copying = tokio::task::spawn_blocking(move || {
            let copied = open::reader(&options).and_then(|source| {
                copy(&source, &target, &mut |done, all| {
                    // Whoever waits no longer hears nothing.
                    let _ = sender.send((done, all));
                    match readers.is_closed() {
                        true => Err(closed().into()),
                        false => Ok(()),
                    }
                })
                .map_err(|fault| fault.into_store(COPYING))
            });
            if copied.is_err() {
                discard(&target);
            }
            copied
        });
        while let Some((done, all)) = steps.recv().await {
            progress(done, all);
        }
        copying.await.unwrap_or_else(|_| Err(closed()))
    }
}

/// A new file: one that is there is never written into.
fn create(path: &Path) -> Result<(), StoreError> {
    match OpenOptions::new().write(true).create_new(true).open(path) {
        Ok(_) => Ok(()),
        Err(error) => {
            let kind = match error.kind() {
                io::ErrorKind::AlreadyExists => StoreErrorKind::Exists,
                io::ErrorKind::NotFound => StoreErrorKind::NotFound,
                _ => StoreErrorKind::Unavailable,
            };
            let what = format!("cannot create {}", path.display());
            Err(StoreError::new(kind, what).with_source(error))
        }
    }
}

fn discard(path: &Path) {
    for end in ["", "-journal", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        let _ = std::fs::remove_file(PathBuf::from(name));
    }
}

fn copy(source: &Connection, target: &Path, step: &mut dyn FnMut(u64, u64) -> Sql<()>) -> Sql<()> {
    let mut copy = Connection::open(target)?;
    // Until it is whole, the copy is worth nothing: it is synced once, at the end.
    copy.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF")?;
    all_pages(source, &mut copy, step)?;
    // One file, with no log beside it.
    copy.execute_batch("PRAGMA journal_mode = DELETE")?;
    copy.close().map_err(|(_, error)| error)?;
    let synced = File::open(target).and_then(|file| file.sync_all());
    synced.map_err(|error| {
        let what = "the copy cannot be synced; look at the system's log before going on";
        StoreError::new(StoreErrorKind::Unavailable, what).with_source(error)
    })?;
    Ok(())
}

fn all_pages(
    source: &Connection,
    target: &mut Connection,
    step: &mut dyn FnMut(u64, u64) -> Sql<()>,
) -> Sql<()> {
    let moment = source.unchecked_transaction()?;
    // The moment begins with the first read.
    moment.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    let backup = Backup::new(&moment, target)?;
    loop {
        let done = backup.step(PAGES_AT_ONCE)?;
        let pages = backup.progress();
        let all = u64::try_from(pages.pagecount).unwrap_or(0);
        let left = u64::try_from(pages.remaining).unwrap_or(0);
        step(all - left.min(all), all)?;
        match done {
            StepResult::Done => return Ok(()),
            StepResult::More => {}
            _ => {
                return Err(fault(
                    StoreErrorKind::Unavailable,
                    "another process holds the file: try again",
                ));
            }
        }
    }
}

/// A copy in memory of what a connection sees.
pub(super) fn into_memory(source: &Connection) -> Sql<Connection> {
    let mut copy = Connection::open_in_memory()?;
    all_pages(source, &mut copy, &mut |_, _| Ok(()))?;
    Ok(copy)
}
