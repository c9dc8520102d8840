//! The connection that writes, what is known of the threads that it writes, and how it comes back from what went
//! wrong. Whoever holds the desk is alone at it: the clerk, or a caller who found it free.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use everthread_graph::contract::StoreError;
use rusqlite::Connection;
use tokio::sync::Notify;

use super::group::Group;
use super::idle::Derived;
use super::job::Job;
use super::{Shared, take};
use crate::open;
use crate::options::{Location, SqliteOptions};
use crate::sql::commit::Memory;
use crate::sql::run_rules::Env;

/// Threads that are remembered.
const REMEMBERED: usize = 1_024;

/// While a sync takes longer than this, transactions are left to the clerk, so that they keep no caller from other work.
const QUICK_SYNC: Duration = Duration::from_micros(500);

/// Syncs over which their time is averaged, about.
const MEAN_OF: u32 = 8;

/// How long the clerk goes on watching after the last transaction that was left open.
const WATCH: Duration = Duration::from_millis(5);

/// What the one at the desk works with.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) options: SqliteOptions,
    pub(super) connection: Shared,
    pub(super) env: Env,
    pub(super) memory: Memory,
    pub(super) derived: Derived,
    pub(super) ended: Arc<Notify>,
    /// The transaction that is open.
    pub(super) open: Option<Group>,
    /// The connection is to be opened again before it is used.
    pub(super) stale: bool,
    /// The last transaction of the clerk served several runs: callers who come together are served together.
    pub(super) crowded: bool,
    /// When a transaction was last left open for the clerk to watch.
    watched: Option<Instant>,
    /// How long a sync took of late.
    sync: Duration,
    data_version: i64,
}

/// What became of a job that a caller brought.
pub(super) enum AtOnce {
    /// It is done and answered.
    Done,
    /// It is done; the transaction is open, and the clerk is to watch it.
    Left,
    /// It is for the clerk.
    Refused(Job),
}

impl Desk {
    pub(super) fn new(
        options: SqliteOptions,
        connection: Shared,
        env: Env,
        ended: Arc<Notify>,
    ) -> Self {
        Self {
            derived: Derived::new(options.index_interval),
            options,
            connection,
            env,
            memory: Memory::default(),
            ended,
            open: None,
            stale: false,
            crowded: false,
            watched: None,
            sync: Duration::ZERO,
            data_version: 0,
        }
    }

    /// Does a job for a caller, and the sync of the disk with it when it is the last of its run. Refused when
    /// others are better served together, when the disk is slow, and when another process is writing.
    pub(super) fn at_once(&mut self, job: Job) -> AtOnce {
        if self.crowded || self.stale {
            return AtOnce::Refused(job);
        }
        if self.open.is_none() && (self.sync > QUICK_SYNC || !self.begins_at_once()) {
            return AtOnce::Refused(job);
        }
        self.guarded(|desk| {
            desk.apply(job);
            if desk.patience().is_none_or(|patience| patience.is_zero()) {
                desk.end_open();
            }
        });
        if self.open.is_none() {
            return AtOnce::Done;
        }
        match self.watched.replace(Instant::now()) {
            Some(_) => AtOnce::Done,
            None => AtOnce::Left,
        }
    }

    /// Begins a transaction unless another process holds the file.
    fn begins_at_once(&mut self) -> bool {
        let shared = Arc::clone(&self.connection);
        let tx = take(&shared);
        let begun = tx
            .busy_timeout(Duration::ZERO)
            .and_then(|()| self.begin(&tx));
        tx.busy_timeout(self.options.busy_wait).is_ok() && begun.is_ok()
    }

    /// A single slow sync says nothing of the next one; the mean of some does.
    pub(super) fn note_sync(&mut self, took: Duration) {
        self.sync = (self.sync * (MEAN_OF - 1) + took) / MEAN_OF;
    }

    /// Begins a transaction, unless one is open, and does a job in it. Gives the job back when that cannot be.
    pub(super) fn begin_for(&mut self, job: Job) -> Result<(), (Job, StoreError)> {
        if self.open.is_none()
            && let Err(error) = self.refresh().and_then(|()| self.begin_or_explain())
        {
            return Err((job, error));
        }
        self.apply(job);
        Ok(())
    }

    fn begin_or_explain(&mut self) -> Result<(), StoreError> {
        let shared = Arc::clone(&self.connection);
        let tx = take(&shared);
        self.begin(&tx).map_err(|error| {
            if !crate::error::is_harmless(&error) {
                self.stale = true;
            }
            crate::error::database(&error, "beginning to write")
        })
    }

    pub(super) fn begin(&mut self, tx: &Connection) -> rusqlite::Result<()> {
        tx.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        self.check_memory(tx).inspect_err(|_| {
            let _ = tx.execute_batch("ROLLBACK");
        })?;
        self.open.get_or_insert_with(Group::new);
        Ok(())
    }

    /// A panic loses what was in hand, whose callers hear that the outcome is unknown, and nothing else.
    pub(super) fn guarded(&mut self, work: impl FnOnce(&mut Self)) {
        if catch_unwind(AssertUnwindSafe(|| work(self))).is_err() {
            tracing::error!("the writer of the store panicked and starts again");
            self.open = None;
            self.stale = true;
        }
    }

    /// How long the clerk may sleep; `None` for ever.
    pub(super) fn due_in(&self) -> Option<Duration> {
        let window = self.watched.map(|_| self.options.group_window);
        let derived = self.derived.due_in();
        window.into_iter().chain(derived).min()
    }

    /// What is to be done when the clerk finds nothing in the queue.
    pub(super) fn rest(&mut self) {
        if let Some(since) = self.watched
            && since.elapsed() >= WATCH
        {
            self.watched = None;
        }
        if let Some(group) = &self.open
            && group.is_overdue(self.options.group_window)
        {
            self.end_open();
        }
    }

    /// Whether derived work is to be done, now that nobody asks for anything.
    pub(super) fn is_due(&self) -> bool {
        self.open.is_none() && (self.derived.is_due() || self.derived.is_late())
    }

    /// Whether it is to be done although others ask for something.
    pub(super) fn is_late(&self) -> bool {
        self.derived.is_late()
    }

    /// Opens the connection again if it is no longer to be trusted. A store in memory would be lost with its
    /// connection, and its connection cannot go bad the way a disk can.
    pub(super) fn refresh(&mut self) -> Result<(), StoreError> {
        if !self.stale {
            return Ok(());
        }
        self.memory = Memory::default();
        if self.options.location == Location::Memory {
            let connection = take(&self.connection);
            if !connection.is_autocommit() {
                let _ = connection.execute_batch("ROLLBACK");
            }
        } else {
            let fresh = open::writer(&self.options)?;
            *take(&self.connection) = fresh;
        }
        self.data_version = 0;
        self.stale = false;
        Ok(())
    }

    /// Forgets what is remembered when another process wrote, or when it is too much.
    fn check_memory(&mut self, tx: &Connection) -> rusqlite::Result<()> {
        let version: i64 = tx
            .prepare_cached("PRAGMA data_version")?
            .query_row([], |row| row.get(0))?;
        if version != self.data_version || self.memory.threads.len() > REMEMBERED {
            self.memory = Memory::default();
            self.data_version = version;
        }
        Ok(())
    }

    /// Closes the connection, which copies the log into the file and removes it.
    pub(super) fn close(self) {
        let location = self.options.location.describe();
        if let Some(connection) = Arc::into_inner(self.connection) {
            let connection = connection
                .into_inner()
                .unwrap_or_else(|poisoned| poisoned.into_inner());
            if let Err((_, error)) = connection.close() {
                tracing::warn!(%location, %error, "the store did not close cleanly");
            }
        }
    }
}
