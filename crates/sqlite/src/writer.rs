//! The one place that writes.
//!
//! A [`Desk`] owns the only connection that may write, and does one thing at a time. There are two ways to it. A
//! caller who finds it free, with nobody waiting and a disk that is quick, works there itself: that spares two threads
//! the waking of each other, which costs as much as the work. Everybody else hands in a job, which waits in a bounded
//! queue for the writer's own [`Clerk`]; what waits there together is written in one transaction, so that one sync of
//! the disk serves all of it.

mod ahead;
mod call;
mod clerk;
mod desk;
mod group;
mod idle;
mod job;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread::JoinHandle;

use everthread_graph::contract::{Commit, PendingWrites, StoreError, StoreErrorKind, Ticket};
use rusqlite::Connection;
use tokio::sync::{Notify, Semaphore, oneshot};

use crate::error::Sql;
use crate::options::SqliteOptions;
use crate::sql::run_rules::Env;

use ahead::Ahead;
use call::Pending;
pub(crate) use call::Touches;
use clerk::Clerk;
use desk::Desk;
pub(crate) use job::Job;

/// How often a caller looks whether the desk is free, a few microseconds in all.
const LOOKS: usize = 64;

/// A connection that one at a time may use.
pub(crate) type Shared = Arc<Mutex<Connection>>;

/// The desk; `None` once the store is closed.
type SharedDesk = Arc<Mutex<Option<Desk>>>;

/// The way to the writer.
#[derive(Debug)]
pub(crate) struct Writer {
    queue: mpsc::Sender<Job>,
    /// Jobs in the queue that the clerk has not taken to the desk.
    queued: Arc<AtomicUsize>,
    desk: SharedDesk,
    room: Arc<Semaphore>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    /// Starts the clerk. `ended` is notified whenever a run may have left its thread.
    pub(crate) fn start(
        options: SqliteOptions,
        connection: Shared,
        env: Env,
        ended: Arc<Notify>,
    ) -> Result<Self, StoreError> {
        let (queue, jobs) = mpsc::channel();
        let queued = Arc::new(AtomicUsize::new(0));
        let room = Arc::new(Semaphore::new(options.queue_len.max(1)));
        let ahead = Ahead::new(options.clone());
        let desk = Desk::new(options, connection, env, ended);
        let desk = Arc::new(Mutex::new(Some(desk)));
        let clerk = Clerk::new(
            Arc::clone(&desk),
            jobs,
            Arc::clone(&queued),
            Arc::clone(&room),
            ahead,
        );
        let thread = std::thread::Builder::new()
            .name("everthread-writer".to_owned())
            .spawn(move || clerk.run())
            .map_err(|error| {
                StoreError::new(
                    StoreErrorKind::Unavailable,
                    "the system gives no further thread: try again later",
                )
                .with_source(error)
            })?;
        Ok(Self {
            queue,
            queued,
            desk,
            room,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// The writer of a store that is only read: it takes no job.
    pub(crate) fn none() -> Self {
        let room = Arc::new(Semaphore::new(0));
        room.close();
        Self {
            queue: mpsc::channel().0,
            queued: Arc::default(),
            desk: Arc::default(),
            room,
            thread: Mutex::default(),
        }
    }

    /// Hands over a job. Waits while the queue is full.
    pub(crate) async fn send(&self, job: Job) -> Result<(), StoreError> {
        match self.room.acquire().await {
            // The clerk gives the place back when it takes the job out of the queue.
            Ok(place) => place.forget(),
            Err(_) => return Err(closed()),
        }
        self.put(job)
    }

    fn put(&self, job: Job) -> Result<(), StoreError> {
        self.queued.fetch_add(1, Ordering::SeqCst);
        self.queue.send(job).map_err(|_| closed())
    }

    /// Writes a step, here and now if the desk is free.
    pub(crate) async fn commit(&self, commit: Commit) -> Result<Ticket, StoreError> {
        let (sender, ticket) = Ticket::new();
        self.do_or_send(Job::Commit(Box::new(commit), sender))
            .await?;
        Ok(ticket)
    }

    /// Writes what tasks left, here and now if the desk is free.
    pub(crate) async fn write(&self, writes: PendingWrites) -> Result<Ticket, StoreError> {
        let (sender, ticket) = Ticket::new();
        self.do_or_send(Job::Write(Box::new(writes), sender))
            .await?;
        Ok(ticket)
    }

    async fn do_or_send(&self, job: Job) -> Result<(), StoreError> {
        match self.do_at_once(job) {
            None => Ok(()),
            Some(job) => self.send(job).await,
        }
    }

    /// Does a job at the desk; gives it back when somebody else is there or waits.
    fn do_at_once(&self, job: Job) -> Option<Job> {
        let Some(mut desk) = self.free_desk() else {
            return Some(job);
        };
        // Looked at while the desk is held: a job that was sent before is done before.
        if self.queued.load(Ordering::SeqCst) > 0 {
            return Some(job);
        }
        let Some(desk) = desk.as_mut() else {
            return Some(job);
        };
        match desk.at_once(job) {
            desk::AtOnce::Done => None,
            desk::AtOnce::Left => {
                // Nobody waits for an answer to this; a clerk that is gone has closed the transaction.
                let _ = self.put(Job::Watch);
                None
            }
            desk::AtOnce::Refused(job) => Some(job),
        }
    }

    /// The desk, if it is free now or in a moment: whoever is answered may be back before the clerk has left.
    fn free_desk(&self) -> Option<MutexGuard<'_, Option<Desk>>> {
        for _ in 0..LOOKS {
            match self.desk.try_lock() {
                Ok(desk) => return Some(desk),
                Err(TryLockError::Poisoned(poisoned)) => return Some(poisoned.into_inner()),
                Err(TryLockError::WouldBlock) => std::hint::spin_loop(),
            }
        }
        None
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
        let _ = self.put(Job::Close(sender));
        self.join();
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
