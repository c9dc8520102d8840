//! The thread on which a local model lives.

use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;

use tokio::sync::mpsc::UnboundedSender;

use super::engine::{Engine, Task};
use super::vocabulary::Vocabulary;
use super::{Source, failed_load};
use crate::{ChatRequest, LocalConfig, ModelError, ModelErrorKind, Reply};

/// Requests that may wait for the model.
const MAX_WAITING: usize = 64;

/// Something for the thread to do.
pub(super) struct Job {
    /// What to answer; without it the model is only loaded.
    pub(super) request: Option<ChatRequest>,
    /// Hears what happens; closed when nobody waits any more.
    pub(super) events: UnboundedSender<Event>,
}

/// Something that happened while a job was done.
pub(super) enum Event {
    /// More text of the reply.
    Text(String),
    /// The end.
    Done(Box<Result<Option<Reply>, ModelError>>),
}

/// What is known once the model is loaded.
pub(super) struct Loaded {
    pub(super) vocabulary: Arc<Vocabulary>,
    pub(super) window: usize,
}

/// The way to the thread. It starts with the first job and ends, after the job at hand, when this is dropped.
pub(super) struct Worker {
    source: Source,
    config: LocalConfig,
    jobs: Mutex<Option<SyncSender<Job>>>,
    loaded: Arc<OnceLock<Loaded>>,
}

impl Worker {
    pub(super) fn new(source: Source, config: LocalConfig) -> Self {
        Self {
            source,
            config,
            jobs: Mutex::new(None),
            loaded: Arc::default(),
        }
    }

    /// What is known of the model, once it is loaded.
    pub(super) fn loaded(&self) -> Option<&Loaded> {
        self.loaded.get()
    }

    /// Queues a job.
    pub(super) fn submit(&self, job: Job) -> Result<(), ModelError> {
        let unavailable = |detail: &str| {
            ModelError::new(ModelErrorKind::Unavailable, &self.source.name).detail(detail)
        };
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        let sender =
            match &*jobs {
                Some(sender) => sender,
                None => jobs.insert(self.start().map_err(|error| {
                    unavailable("its thread cannot be started").caused_by(error)
                })?),
            };
        sender.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => unavailable("too many requests are waiting"),
            TrySendError::Disconnected(_) => unavailable("its thread has ended"),
        })
    }

    fn start(&self) -> io::Result<SyncSender<Job>> {
        let (sender, jobs) = sync_channel(MAX_WAITING);
        let thread = Thread {
            source: self.source.clone(),
            config: self.config.clone(),
            loaded: Arc::clone(&self.loaded),
            engine: None,
        };
        thread::Builder::new()
            .name("local-model".to_owned())
            .spawn(move || thread.run(&jobs))?;
        Ok(sender)
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker")
            .field("path", &self.source.path)
            .field("loaded", &self.loaded().is_some())
            .finish_non_exhaustive()
    }
}

struct Thread {
    source: Source,
    config: LocalConfig,
    loaded: Arc<OnceLock<Loaded>>,
    engine: Option<Engine>,
}

impl Thread {
    fn run(mut self, jobs: &Receiver<Job>) {
        while let Ok(Job { request, events }) = jobs.recv() {
            if events.is_closed() {
                continue;
            }
            // A panic would be our mistake; it must not take every later request with it.
            let work = AssertUnwindSafe(|| self.work(request.as_ref(), &events));
            let result = catch_unwind(work).unwrap_or_else(|_| {
                self.engine = None;
                let error = ModelError::new(ModelErrorKind::Unavailable, &self.source.name);
                Err(error.detail("it failed in an unforeseen way and starts anew"))
            });
            // Whoever asked may be gone by now.
            let _ = events.send(Event::Done(Box::new(result)));
        }
    }

    fn work(
        &mut self,
        request: Option<&ChatRequest>,
        events: &UnboundedSender<Event>,
    ) -> Result<Option<Reply>, ModelError> {
        let engine = match &mut self.engine {
            Some(engine) => engine,
            None => {
                let engine = load(&self.source, &self.config)?;
                self.loaded.get_or_init(|| Loaded {
                    vocabulary: Arc::clone(engine.vocabulary()),
                    window: engine.window(),
                });
                self.engine.insert(engine)
            }
        };
        let Some(request) = request else {
            return Ok(None);
        };
        let reply = engine.answer(Task {
            request,
            cancelled: &|| events.is_closed(),
            say: &mut |text| {
                let _ = events.send(Event::Text(text));
            },
        })?;
        Ok(Some(reply))
    }
}

fn load(source: &Source, config: &LocalConfig) -> Result<Engine, ModelError> {
    let verified = match &source.listed {
        Some((weights, dir)) => weights.verify(dir),
        None => Ok(()),
    };
    verified
        .and_then(|()| Engine::load(&source.name, &source.path, source.penalty, config))
        .map_err(|error| failed_load(&source.name, &source.path, error))
}
