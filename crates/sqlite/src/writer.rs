//! The one thread that writes.
//!
//! It owns the only connection that may write. What is handed to it waits in a bounded queue; what waits there
//! together is written in one transaction, so that one sync of the disk serves all of it.

mod call;
mod desk;
mod group;
mod idle;
mod job;

use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use everthread_graph::contract::{Commit, RunMark, StoreError, StoreErrorKind, Ticket};
use rusqlite::Connection;
use tokio::sync::{Notify, Semaphore, oneshot};

use crate::error::Sql;
use crate::options::SqliteOptions;
use crate::sql::run_rules::Env;

use call::Pending;
pub(crate) use call::Touches;
use desk::Desk;
use job::Answered;
pub(crate) use job::Job;

/// How long a caller looks for the first answer before it sleeps.
const LOOK_FOR_ANSWER: Duration = Duration::from_micros(60);

/// How long the caller of a run's last step looks for the second answer: about as long as a quick disk needs.
const LOOK_FOR_THE_DISK: Duration = Duration::from_micros(150);

/// Callers that do not look after one looked in vain.
const BLIND_CALLS: i32 = 32;

/// A connection that one at a time may use.
pub(crate) type Shared = Arc<Mutex<Connection>>;

/// The way to the writer.
#[derive(Debug)]
pub(crate) struct Writer {
    queue: mpsc::Sender<Job>,
    syncing: Arc<AtomicBool>,
    /// Callers that are not to look for their first answer.
    blind: AtomicI32,
    /// Callers that are not to look for their second answer.
    blind_to_the_disk: AtomicI32,
    room: Arc<Semaphore>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    /// Starts the thread. `ended` is notified whenever a run may have left its thread.
    pub(crate) fn start(
        options: SqliteOptions,
        connection: Shared,
        env: Env,
        ended: Arc<Notify>,
    ) -> Result<Self, StoreError> {
        let (queue, jobs) = mpsc::channel();
        let room = Arc::new(Semaphore::new(options.queue_len.max(1)));
        let syncing = Arc::new(AtomicBool::new(false));
        let shared = (Arc::clone(&room), ended, Arc::clone(&syncing));
        let desk = Desk::new(options, connection, env, jobs, shared.0, shared.1, shared.2);
        let thread = std::thread::Builder::new()
            .name("everthread-writer".to_owned())
            .spawn(move || desk.run())
            .map_err(|error| {
                StoreError::new(
                    StoreErrorKind::Unavailable,
                    "the system gives no further thread: try again later",
                )
                .with_source(error)
            })?;
        Ok(Self {
            queue,
            syncing,
            blind: AtomicI32::new(0),
            blind_to_the_disk: AtomicI32::new(0),
            room,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Hands over a job. Waits while the queue is full.
    pub(crate) async fn send(&self, job: Job) -> Result<(), StoreError> {
        match self.room.acquire().await {
            // The writer gives the place back when it takes the job out of the queue.
            Ok(place) => place.forget(),
            Err(_) => return Err(closed()),
        }
        self.queue.send(job).map_err(|_| closed())
    }

    /// Hands over a step. The first answer takes some microseconds, less than it takes to sleep and be woken: so
    /// this looks for it a moment before it returns, unless the writer waits for the disk. After the last step of a
    /// run there is nothing to do but to wait for the second answer: this looks for that one, as long as a quick disk
    /// needs.
    pub(crate) async fn commit(&self, commit: Commit) -> Result<Ticket, StoreError> {
        let (sender, ticket) = Ticket::new();
        let is_last = matches!(commit.run, RunMark::End(..));
        let answered = Answered::default();
        self.send(Job::Commit(Box::new(commit), sender, Arc::clone(&answered)))
            .await?;
        if is_last {
            look(&self.blind_to_the_disk, LOOK_FOR_THE_DISK, || {
                answered.load(Ordering::Acquire)
            });
        } else {
            look(&self.blind, LOOK_FOR_ANSWER, || {
                answered.load(Ordering::Acquire) || self.syncing.load(Ordering::Relaxed)
            });
        }
        Ok(ticket)
    }

    /// Runs a function inside a transaction of the writer; what it wrote is durable at return.
    pub(crate) async fn call<T: Send + 'static>(
        &self,
        doing: &'static str,
        touches: Touches,
        function: impl FnOnce(&Connection) -> Sql<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (pending, answer) = Pending::new(doing, touches, function);
        self.send(Job::Call(Box::new(pending))).await?;
        answer.await.unwrap_or_else(|_| Err(gone()))
    }

    /// Hands over a job that is answered without a value.
    pub(crate) async fn ask(
        &self,
        job: impl FnOnce(oneshot::Sender<Result<(), StoreError>>) -> Job,
    ) -> Result<(), StoreError> {
        let (sender, answer) = oneshot::channel();
        self.send(job(sender)).await?;
        answer.await.unwrap_or_else(|_| Err(gone()))
    }

    /// Waits for the end of the thread, after it was told to end.
    pub(crate) fn join(&self) {
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread {
            // A panic of the thread was reported where it happened.
            let _ = thread.join();
        }
    }

    /// Tells the thread to end and waits for it, from where nothing can be awaited.
    pub(crate) fn stop(&self) {
        let (sender, _answer) = oneshot::channel();
        let _ = self.queue.send(Job::Close(sender));
        self.join();
    }
}

/// Looks for an answer. Where the writer has no core to run on, or the disk is slow, looking only keeps others from
/// working: after a look in vain, the next callers sleep at once.
fn look(blind: &AtomicI32, patience: Duration, is_there: impl Fn() -> bool) {
    if blind.load(Ordering::Relaxed) > 0 {
        blind.fetch_sub(1, Ordering::Relaxed);
        return;
    }
    let begun = Instant::now();
    while !is_there() {
        if begun.elapsed() >= patience {
            blind.store(BLIND_CALLS, Ordering::Relaxed);
            return;
        }
        std::hint::spin_loop();
    }
}

/// Takes a connection, whatever happened to those who held it before: SQLite keeps its own state sound.
pub(crate) fn take(connection: &Shared) -> MutexGuard<'_, Connection> {
    connection.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn closed() -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, "the store is closed")
}

fn gone() -> StoreError {
    StoreError::new(
        StoreErrorKind::OutcomeUnknown,
        "the writer stopped before it answered: look whether the change is there",
    )
}
