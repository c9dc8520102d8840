//! The one thread that writes.
//!
//! It owns the only connection that may write. What is handed to it waits in a bounded queue; what waits there
//! together is written in one transaction, so that one sync of the disk serves all of it.

mod call;
mod desk;
mod group;
mod idle;
mod job;

use std::sync::mpsc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use everthread_graph::contract::{StoreError, StoreErrorKind};
use rusqlite::Connection;
use tokio::sync::{Notify, Semaphore, oneshot};

use crate::error::Sql;
use crate::options::SqliteOptions;
use crate::sql::run_rules::Env;

use call::Pending;
pub(crate) use call::Touches;
use desk::Desk;
pub(crate) use job::Job;

/// A connection that one at a time may use.
pub(crate) type Shared = Arc<Mutex<Connection>>;

/// The way to the writer.
#[derive(Debug)]
pub(crate) struct Writer {
    queue: mpsc::Sender<Job>,
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
        let desk = Desk::new(options, connection, env, jobs, Arc::clone(&room), ended);
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
