//! The writer's loop: what it does next, and how it comes back from what went wrong.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::{Duration, Instant};

use everthread_graph::contract::{StoreError, StoreErrorKind};
use rusqlite::Connection;
use tokio::sync::{Notify, Semaphore, oneshot};

use super::idle::Derived;
use super::job::Job;
use super::{Shared, take};
use crate::open;
use crate::options::{Location, SqliteOptions};
use crate::sql::commit::Memory;
use crate::sql::run_rules::Env;

/// How long the writer looks at the queue before it sleeps: whoever waits for an answer asks again soon, and waking a
/// thread costs as much as this.
const LOOK_AROUND: Duration = Duration::from_micros(100);

/// How much of that it keeps its core for itself.
const LOOK_HARD: Duration = Duration::from_micros(30);

/// Threads that are remembered.
const REMEMBERED: usize = 1_024;

/// The writer's own state.
pub(super) struct Desk {
    pub(super) options: SqliteOptions,
    pub(super) connection: Shared,
    pub(super) env: Env,
    pub(super) memory: Memory,
    pub(super) derived: Derived,
    pub(super) ended: Arc<Notify>,
    /// Whether a transaction is on its way to the disk, so that nobody need look for a quick answer.
    pub(super) syncing: Arc<AtomicBool>,
    /// Why the last group was lost, when it was.
    pub(super) failure: Option<StoreError>,
    queue: Receiver<Job>,
    /// Jobs that were taken out of the queue too early.
    later: VecDeque<Job>,
    room: Arc<Semaphore>,
    data_version: i64,
    /// The connection is to be opened again before it is used.
    pub(super) stale: bool,
}

/// What the loop finds in the queue.
enum Found {
    Job(Job),
    Nothing,
    Gone,
}

impl Desk {
    pub(super) fn new(
        options: SqliteOptions,
        connection: Shared,
        env: Env,
        queue: Receiver<Job>,
        room: Arc<Semaphore>,
        ended: Arc<Notify>,
        syncing: Arc<AtomicBool>,
    ) -> Self {
        Self {
            derived: Derived::new(options.index_interval),
            options,
            connection,
            env,
            memory: Memory::default(),
            ended,
            syncing,
            failure: None,
            queue,
            later: VecDeque::new(),
            room,
            data_version: 0,
            stale: false,
        }
    }

    /// Works until the store is closed or everybody who could ask is gone.
    pub(super) fn run(mut self) {
        loop {
            let wait = self.derived.due_in();
            match self.next(wait) {
                Found::Job(Job::Close(answer)) => return self.close(Some(answer)),
                Found::Job(job) => self.guarded(|desk| desk.work(job)),
                Found::Nothing => self.guarded(Self::idle),
                Found::Gone => return self.close(None),
            }
        }
    }

    fn work(&mut self, job: Job) {
        match job {
            Job::Settle(answer) => {
                let outcome = self.settle();
                let _ = answer.send(outcome);
            }
            job => self.group(job),
        }
        if self.derived.is_late() {
            self.idle();
        }
    }

    /// A panic loses what was in hand, whose callers hear that the outcome is unknown, and nothing else.
    fn guarded(&mut self, work: impl FnOnce(&mut Self)) {
        if catch_unwind(AssertUnwindSafe(|| work(self))).is_err() {
            tracing::error!("the writer of the store panicked and starts again");
            self.stale = true;
        }
    }

    /// The next job, looking around before going to sleep.
    fn next(&mut self, wait: Option<Duration>) -> Found {
        if let Some(found) = self.look(LOOK_AROUND) {
            return found;
        }
        let received = match wait {
            Some(wait) => self.queue.recv_timeout(wait),
            None => self
                .queue
                .recv()
                .map_err(|_| RecvTimeoutError::Disconnected),
        };
        match received {
            Ok(job) => self.taken(job),
            Err(RecvTimeoutError::Timeout) => Found::Nothing,
            Err(RecvTimeoutError::Disconnected) => Found::Gone,
        }
    }

    /// A job that comes within this time, without sleeping; `None` when none comes.
    fn look(&mut self, limit: Duration) -> Option<Found> {
        let mut since = None;
        loop {
            match self.poll() {
                Found::Nothing => {}
                found => return Some(found),
            }
            let looked = since.get_or_insert_with(Instant::now).elapsed();
            if looked >= limit {
                return None;
            }
            if looked < LOOK_HARD {
                std::hint::spin_loop();
            } else {
                // Somebody else may need this core to produce the next job.
                std::thread::yield_now();
            }
        }
    }

    fn poll(&mut self) -> Found {
        if let Some(job) = self.later.pop_front() {
            return Found::Job(job);
        }
        match self.queue.try_recv() {
            Ok(job) => self.taken(job),
            Err(TryRecvError::Empty) => Found::Nothing,
            Err(TryRecvError::Disconnected) => Found::Gone,
        }
    }

    fn taken(&self, job: Job) -> Found {
        self.room.add_permits(1);
        Found::Job(job)
    }

    /// A job for the transaction that is open, if one is there or comes within this time.
    pub(super) fn more(&mut self, wait: Duration) -> Option<Job> {
        match self.look(wait) {
            Some(Found::Job(job @ (Job::Settle(_) | Job::Close(_)))) => {
                self.later.push_front(job);
                None
            }
            Some(Found::Job(job)) => Some(job),
            _ => None,
        }
    }

    /// Everything that waits right now.
    pub(super) fn drain(&mut self) -> Vec<Job> {
        let mut jobs = Vec::new();
        while let Found::Job(job) = self.poll() {
            jobs.push(job);
        }
        jobs
    }

    /// Gives a job back to be found first.
    pub(super) fn put_back(&mut self, job: Job) {
        self.later.push_front(job);
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
    pub(super) fn check_memory(&mut self, tx: &Connection) -> rusqlite::Result<()> {
        let version: i64 = tx
            .prepare_cached("PRAGMA data_version")?
            .query_row([], |row| row.get(0))?;
        if version != self.data_version || self.memory.threads.len() > REMEMBERED {
            self.memory = Memory::default();
            self.data_version = version;
        }
        Ok(())
    }

    fn close(mut self, answer: Option<oneshot::Sender<Result<(), StoreError>>>) {
        self.room.close();
        for job in self.drain() {
            match job {
                Job::Close(_) => {}
                job => self.guarded(|desk| desk.work(job)),
            }
        }
        self.guarded(Self::finish);
        let outcome = match self.failure.take() {
            Some(error) => Err(error),
            None => Ok(()),
        };
        let location = self.options.location.describe();
        // The last connection copies the log into the file and removes it.
        let connection = self.connection;
        if let Some(connection) = Arc::into_inner(connection) {
            let connection = connection
                .into_inner()
                .unwrap_or_else(|poisoned| poisoned.into_inner());
            if let Err((_, error)) = connection.close() {
                tracing::warn!(%location, %error, "the store did not close cleanly");
            }
        }
        if let Some(answer) = answer {
            let _ = answer.send(outcome);
        }
    }

    /// An error for a group whose outcome nobody knows.
    pub(super) fn unknown(error: &rusqlite::Error) -> StoreError {
        let cause = crate::error::database(error, "making the commit durable");
        StoreError::new(
            StoreErrorKind::OutcomeUnknown,
            "the commit failed on the way to the disk: load the thread and look whether it is there",
        )
        .with_source(cause)
    }
}
