//! What the writer does when nobody asks for anything: the search index, and pages that are free.

use std::time::{Duration, Instant};

use everthread_graph::contract::StoreError;
use rusqlite::Connection;

use super::desk::Desk;
use super::take;
use crate::error::{Sql, database};
use crate::open;
use crate::options::{Location, SqliteOptions};
use crate::sql::index::{self, Batch};
use crate::sql::tally;

/// Text of messages that is indexed in one transaction: some milliseconds of work.
pub(super) const SLICE_BYTES: usize = 256 * 1024;

/// Pages that are given back in one transaction.
const SLICE_PAGES: u32 = 256;

/// A log above this is copied into the file when nobody asks for anything.
const LONG_LOG_BYTES: u64 = 1024 * 1024;

/// How often messages are counted for statistics.
const TALLY_EVERY: Duration = Duration::from_secs(10);

/// How long closing goes on counting; the next start goes on with the rest.
const LAST_TALLY: Duration = Duration::from_millis(200);

/// When derived work is due.
#[derive(Debug)]
pub(super) struct Derived {
    interval: Duration,
    /// The first write that the index has not seen.
    behind_since: Option<Instant>,
    /// The first write that was not counted.
    untallied_since: Option<Instant>,
    last_write: Instant,
    /// Pages may be free.
    freed: bool,
}

impl Derived {
    pub(super) fn new(interval: Duration) -> Self {
        let now = Instant::now();
        Self {
            interval,
            // What an earlier process left undone is looked for at once.
            behind_since: Some(now),
            untallied_since: Some(now),
            last_write: now,
            freed: true,
        }
    }

    /// Something was written that the index has to see.
    pub(super) fn wrote(&mut self) {
        let now = Instant::now();
        self.behind_since.get_or_insert(now);
        self.untallied_since.get_or_insert(now);
        self.last_write = now;
    }

    /// Something was deleted.
    pub(super) fn freed(&mut self) {
        self.freed = true;
    }

    /// How long the writer may sleep; `None` for ever.
    pub(super) fn due_in(&self) -> Option<Duration> {
        if self.behind_since.is_some() || self.freed {
            return Some((self.interval / 5).saturating_sub(self.last_write.elapsed()));
        }
        let since = self.untallied_since?;
        Some(TALLY_EVERY.saturating_sub(since.elapsed()))
    }

    /// Whether it is to be done now, when nobody asks for anything.
    pub(super) fn is_due(&self) -> bool {
        self.due_in().is_some_and(|wait| wait.is_zero())
    }

    /// Whether the index is so far behind that it is brought up to date although others wait.
    pub(super) fn is_late(&self) -> bool {
        self.behind_since
            .is_some_and(|since| since.elapsed() >= self.interval * 4 / 5)
    }
}

impl Desk {
    /// Some derived work; says whether there is more that is worth preparing. `ahead` is what was read for the index
    /// before the desk was taken.
    pub(super) fn idle(&mut self, ahead: Option<Batch>, asked: &mut dyn FnMut() -> bool) -> bool {
        match self.slice(ahead) {
            Ok(true) => return true,
            Ok(false) => {
                self.derived.behind_since = None;
                self.tally(asked);
                self.give_back(asked);
            }
            Err(error) => {
                tracing::warn!(%error, "the search index waits");
                self.derived.behind_since = Some(Instant::now());
                self.derived.last_write = Instant::now();
            }
        }
        false
    }

    /// All derived work that there is.
    pub(super) fn settle(&mut self) -> Result<(), StoreError> {
        while self.slice(None)? {}
        self.derived.behind_since = None;
        while self.tally_slice()? {}
        self.derived.untallied_since = None;
        Ok(())
    }

    /// Writes the whole file anew, beside the connection that is kept: what it would keep of so large a transaction
    /// would not fit into memory. Nobody else comes to the desk meanwhile.
    pub(super) fn rewrite(&mut self) -> Result<(), StoreError> {
        let doing = "writing the store anew";
        let connection = open::plain_writer(&self.options)?;
        connection
            .execute_batch("VACUUM")
            .map_err(|error| database(&error, doing))
    }

    /// Counts messages, a slice at a time, when that is due.
    fn tally(&mut self, asked: &mut dyn FnMut() -> bool) {
        let since = self.derived.untallied_since;
        if since.is_none_or(|since| since.elapsed() < TALLY_EVERY) {
            return;
        }
        loop {
            match self.tally_slice() {
                Ok(true) => {}
                Ok(false) => {
                    self.derived.untallied_since = None;
                    return;
                }
                Err(error) => {
                    tracing::debug!(%error, "messages are counted later");
                    self.derived.untallied_since = Some(Instant::now());
                    return;
                }
            }
            if asked() {
                return;
            }
        }
    }

    /// Counts some messages; says whether there are more.
    fn tally_slice(&mut self) -> Result<bool, StoreError> {
        let now_ms = self.env.clock.now_ms();
        self.in_own_transaction("counting messages", |tx| {
            // Looked at first without the right to write, which another process may hold.
            if !tally::is_behind(tx)? {
                return Ok(false);
            }
            tx.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
            let more = tally::advance(tx, now_ms)?;
            tx.prepare_cached("COMMIT")?.execute([])?;
            Ok(more)
        })
    }

    /// The last things before the connection is closed.
    pub(super) fn finish(&mut self) {
        self.end_open();
        let since = Instant::now();
        let settled = loop {
            match self.slice(None) {
                Ok(true) => {}
                Ok(false) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        if let Err(error) = settled {
            tracing::warn!(%error, "the search index is left behind; the next start goes on with it");
        }
        while since.elapsed() < LAST_TALLY && matches!(self.tally_slice(), Ok(true)) {}
        self.give_back(&mut || false);
    }

    /// Takes a slice of messages into the search index; says whether there are more.
    fn slice(&mut self, ahead: Option<Batch>) -> Result<bool, StoreError> {
        let doing = "bringing the search index up to date";
        self.in_own_transaction(doing, |tx| index_slice(tx, ahead))
    }

    /// Does something in a transaction that it begins and ends itself.
    fn in_own_transaction(
        &mut self,
        doing: &str,
        work: impl FnOnce(&Connection) -> Sql<bool>,
    ) -> Result<bool, StoreError> {
        self.refresh()?;
        let shared = self.connection.clone();
        let tx = take(&shared);
        let done = work(&tx);
        if done.is_err() && !tx.is_autocommit() && tx.execute_batch("ROLLBACK").is_err() {
            self.stale = true;
        }
        done.map_err(|fault| fault.into_store(doing))
    }

    /// Gives free pages back to the file system, a few at a time, and copies a long log into the file.
    fn give_back(&mut self, asked: &mut dyn FnMut() -> bool) {
        let shared = self.connection.clone();
        while std::mem::take(&mut self.derived.freed) {
            let tx = take(&shared);
            let freed = free_pages(&tx);
            drop(tx);
            match freed {
                Ok(more) => self.derived.freed = more,
                Err(error) => tracing::debug!(%error, "free pages stay in the file for now"),
            }
            if asked() {
                return;
            }
        }
        if log_bytes(&self.options) > LONG_LOG_BYTES {
            let tx = take(&shared);
            let copied = tx.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
            if let Err(error) = copied {
                tracing::debug!(%error, "the log is copied later");
            }
        }
    }
}

fn index_slice(tx: &Connection, ahead: Option<Batch>) -> Sql<bool> {
    // Looked at first without the right to write, which another process may hold.
    if ahead.is_none() && !index::is_behind(tx)? {
        return Ok(false);
    }
    tx.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
    let more = advance(tx, ahead)?;
    tx.prepare_cached("COMMIT")?.execute([])?;
    Ok(more)
}

fn advance(tx: &Connection, ahead: Option<Batch>) -> Sql<bool> {
    if let Some(batch) = ahead
        && index::take_in(tx, &batch)?
    {
        return Ok(true);
    }
    match index::read(tx, SLICE_BYTES)? {
        Some(batch) => index::take_in(tx, &batch),
        None => index::purge(tx),
    }
}

/// Gives some free pages back; says whether there are more.
fn free_pages(tx: &Connection) -> rusqlite::Result<bool> {
    let free =
        |tx: &Connection| tx.pragma_query_value(None, "freelist_count", |row| row.get::<_, i64>(0));
    let before = free(tx)?;
    if before == 0 {
        return Ok(false);
    }
    let mut statement = tx.prepare_cached(&format!("PRAGMA incremental_vacuum({SLICE_PAGES})"))?;
    let mut rows = statement.query([])?;
    while rows.next()?.is_some() {}
    drop(rows);
    let after = free(tx)?;
    Ok(after > 0 && after < before)
}

fn log_bytes(options: &SqliteOptions) -> u64 {
    let Location::File(path) = &options.location else {
        return 0;
    };
    let mut log = path.clone().into_os_string();
    log.push("-wal");
    std::fs::metadata(log).map_or(0, |log| log.len())
}
