//! Drives one run from its start to its end, whoever reads.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use everthread_graph::contract::{Json, Multitask, ThreadKey};
use everthread_graph::{AnyOutput, AnyStream, Error, ErrorKind, Event, Standing};
use everthread_store::{StoreErrorKind, ThreadPatch};
use futures::Stream;
use serde_json::json;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::hub::Hub;
use super::live::{Live, Outcome};
use super::order::Order;
use super::store_log;
use super::tell::{About, Teller, Told, interrupts};
use crate::metrics::{Counted, Waiting};
use crate::protocol::{Ending, Speaker};

/// How long a thread that goes with its run stays for those who read it in another process.
const LINGER: Duration = Duration::from_millis(750);

/// What happened to the stream.
enum Next {
    Event(Option<Result<Event, Error>>),
    /// Nothing yet, but the run has come further.
    Further,
    /// The process is to end.
    Park,
}

/// A run on its way.
struct Drive {
    hub: Arc<Hub>,
    live: Arc<Live>,
    teller: Teller,
    /// Tells it to those who follow its thread.
    speaker: Speaker,
    tell: Option<oneshot::Sender<Result<(), Error>>>,
    standing: Standing,
    begun: Instant,
    /// Counts it while it waits, and then while it is active.
    waiting: Option<Waiting>,
    active: Option<Counted>,
    /// Gives the thread its graph's name, before the run's end is told.
    naming: Option<JoinHandle<()>>,
    /// Keeps the events of a resumable run.
    keeping: Option<JoinHandle<()>>,
}

/// Drives a run. `tell` hears when the run is durable, or why there is none.
pub(super) async fn drive(
    hub: Arc<Hub>,
    order: Order,
    live: Arc<Live>,
    mut stream: AnyStream,
    tell: oneshot::Sender<Result<(), Error>>,
) {
    let metadata = order.metadata();
    let about = About {
        run: order.id.to_string(),
        thread: order.key.thread.as_str(),
        graph: order.graph.name(),
        assistant: &order.kept.assistant,
        metadata: metadata.as_ref(),
    };
    let teller = Teller::new(order.modes(), &about).attempt(order.attempt);
    let tape = hub.tapes.tape(&order.key);
    let commanded = order.kept.commanded.clone();
    let speaker = Speaker::new(tape, order.id, order.graph.name(), commanded);
    let mut drive = Drive {
        hub,
        live,
        teller,
        speaker,
        tell: Some(tell),
        standing: Standing::Asking,
        begun: Instant::now(),
        waiting: None,
        active: None,
        naming: None,
        keeping: None,
    };
    let shown = order
        .kept
        .input
        .as_ref()
        .map(|input| Json::trusted(input.get()));
    drive.begin(order.attempt, shown.as_ref()).await;
    let mut failed = None;
    loop {
        let next = drive.next(&mut stream).await;
        let standing = stream.standing();
        if standing != drive.standing {
            drive.stands(standing, &order);
            if drive.active.is_some() {
                drive.speaker.begin().await;
            }
        }
        match next {
            Next::Further => {}
            Next::Park => return drive.leave(stream).await,
            Next::Event(Some(Ok(event))) => drive.show(&event).await,
            Next::Event(Some(Err(error))) => failed = Some(error),
            Next::Event(None) => break,
        }
    }
    drive
        .hub
        .metrics
        .store_served(!failed.as_ref().is_some_and(is_of_store));
    if drive.is_refused(failed.as_ref()) {
        return;
    }
    let output = stream.output().cloned();
    drop(stream);
    let is_paused = output.as_ref().is_some_and(AnyOutput::is_interrupted);
    let outcome = drive.outcome(failed, output).await;
    drive.end(order.graph.name(), outcome, is_paused).await;
}

/// Whether the store could not write, which is no fault of the run.
fn is_of_store(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Store(StoreErrorKind::Unavailable | StoreErrorKind::OutcomeUnknown)
    )
}

impl Drive {
    /// Tells whoever asked when there is no run in the store: nothing was left to do, or it was refused.
    fn is_refused(&mut self, failed: Option<&Error>) -> bool {
        let Some(tell) = self.tell.take() else {
            return false;
        };
        // Whoever asked may have stopped listening.
        let _ = tell.send(failed.map_or(Ok(()), |error| Err(error.clone())));
        if failed.is_some() {
            self.live.log.close();
            self.live.end(Outcome::Stopped);
            self.hub.forget(self.live.id);
        }
        failed.is_some()
    }

    async fn begin(&self, attempt: u32, input: Option<&Json>) {
        if self.live.log.is_read() {
            let first = self.teller.first(attempt);
            self.push(std::iter::once(first)).await;
            self.push(self.teller.begin(input)).await;
        }
    }

    async fn push(&self, told: impl IntoIterator<Item = Told>) {
        for (name, data) in told {
            self.live.log.push(&name, &data).await;
        }
    }

    /// What comes next: an event, or that the run has come further without one.
    async fn next(&mut self, stream: &mut AnyStream) -> Next {
        let before = self.standing;
        let next = poll_fn(|cx| {
            let event = Pin::new(&mut *stream).poll_next(cx);
            match event {
                Poll::Ready(event) => Poll::Ready(Next::Event(event)),
                Poll::Pending if stream.standing() != before => Poll::Ready(Next::Further),
                Poll::Pending => Poll::Pending,
            }
        });
        tokio::select! {
            biased;
            next = next => next,
            () = self.hub.parking.cancelled() => Next::Park,
        }
    }

    /// The run waits or has begun, durably: whoever asked for it may hear of it.
    fn stands(&mut self, standing: Standing, order: &Order) {
        self.standing = standing;
        if standing == Standing::Queued {
            self.waiting = Some(self.hub.metrics.waiting_run());
        } else {
            self.waiting = None;
            self.active = Some(self.hub.metrics.active_run());
            self.begun = Instant::now();
            match order.policy {
                Multitask::Interrupt | Multitask::Rollback => self.hub.take_over(&self.live),
                Multitask::Enqueue | Multitask::Reject => self.live.begin(),
            }
        }
        let Some(tell) = self.tell.take() else {
            return;
        };
        if self.live.log.is_resumable() {
            let reader = self.live.log.reader(Some(self.live.log.unstored()));
            let keep = store_log::keep(self.hub.store.clone(), self.live.clone(), reader);
            self.keeping = Some(tokio::spawn(keep));
        }
        if !order.name_thread {
            let _ = tell.send(Ok(()));
            return;
        }
        // Clients look for a thread by its graph: they are to find it as soon as they know of the run.
        let graph = order.graph.name().to_owned();
        let naming = name_thread(self.hub.clone(), self.live.clone(), graph);
        self.naming = Some(tokio::spawn(async move {
            naming.await;
            let _ = tell.send(Ok(()));
        }));
    }

    async fn show(&mut self, event: &Event) {
        if self.live.log.is_read() {
            let told = self.teller.tell(event);
            self.push(told).await;
        }
        self.speaker.tell(event).await;
    }

    /// What the run came to.
    async fn outcome(&self, failed: Option<Error>, output: Option<AnyOutput>) -> Outcome {
        let mut outcome = match (&failed, &output) {
            (None, Some(output)) => match output.values.json() {
                Ok(values) => {
                    if output.is_interrupted() && output.interrupts.is_empty() {
                        self.push(self.teller.breakpoint()).await;
                    }
                    let asked = &output.interrupts;
                    let asked = (!asked.is_empty()).then(|| interrupts(asked));
                    Outcome::Rested { values, asked }
                }
                Err(error) => of_error(&error),
            },
            (Some(error), _) => of_error(error),
            (None, None) => Outcome::Stopped,
        };
        if self.live.is_taken_back() {
            let (key, id) = (&self.live.key, self.live.id);
            match self.hub.store.rollback_run(key, id).await {
                Ok(()) => outcome = Outcome::RolledBack,
                Err(error) if error.kind() == StoreErrorKind::NotFound => {
                    outcome = Outcome::RolledBack;
                }
                Err(error) => {
                    tracing::warn!(operation = "rollback", run = %id, %error, "a run was not taken back");
                }
            }
        }
        outcome
    }

    /// Tells the end, when everything of the run is final.
    async fn end(mut self, graph: &str, outcome: Outcome, is_paused: bool) {
        let took = self.begun.elapsed();
        self.hub.metrics.run_ended(graph, outcome.status(), took);
        self.active = None;
        if let Outcome::Failed { error, .. } = &outcome {
            let ThreadKey { user, thread } = &self.live.key;
            let duration_ms = took.as_micros() as f64 / 1000.0;
            // The reason may quote what was said: it is in the run, not in the log.
            tracing::warn!(operation = "run", %user, %thread, run = %self.live.id, duration_ms, outcome = "error", error, "a run failed");
        }
        done(self.naming.take()).await;
        let error = outcome.error();
        let end = json!({"run_id": self.live.id.to_string(), "status": outcome.status()});
        // Before a reader hears of it: whoever knows that the run has ended may go on with its thread.
        self.live.end(outcome);
        let ending = match self.live.outcome() {
            Some(Outcome::Rested { .. }) if !is_paused => Ending::Completed,
            Some(Outcome::Failed { message, .. }) => Ending::Failed(message),
            _ => Ending::Interrupted,
        };
        self.speaker.end(ending).await;
        let log = self.live.log.clone();
        if log.is_read() {
            self.push(self.teller.finish()).await;
            if let Some(error) = error {
                log.push("error", &error).await;
            }
            log.push("end", &end.to_string()).await;
        }
        log.close();
        done(self.keeping.take()).await;
        if self.live.kept.temporary {
            if self.live.is_read_elsewhere() {
                // Its events go with it: who reads them elsewhere is to see the last of them.
                tokio::time::sleep(LINGER).await;
            }
            let key = &self.live.key;
            if let Err(error) = self.hub.store.delete_thread(key).await
                && error.kind() != StoreErrorKind::NotFound
            {
                tracing::warn!(operation = "thread_delete", %key, %error, "a thread of one run stays");
            }
        }
        self.hub.forget(self.live.id);
        if self.live.kept.webhook.is_some() {
            self.hub.webhooks.send(&self.hub, &self.live).await;
        }
    }

    /// Leaves the run as it is: the store sees it as active until this process is gone, and the next one takes it up.
    async fn leave(mut self, stream: AnyStream) {
        self.hub.park(stream);
        self.speaker.leave().await;
        self.live.log.close();
        self.live.end(Outcome::Parked);
        done(self.keeping.take()).await;
        self.hub.forget(self.live.id);
    }
}

/// Waits for work beside the run.
async fn done(work: Option<JoinHandle<()>>) {
    if let Some(work) = work
        && let Err(error) = work.await
    {
        tracing::error!(operation = "run", %error, "work beside a run did not end well");
    }
}

async fn name_thread(hub: Arc<Hub>, live: Arc<Live>, graph: String) {
    let names = json!({"graph_id": graph, "assistant_id": live.kept.assistant});
    let patch = ThreadPatch {
        merge_metadata: Some(Json::trusted(&names.to_string())),
        ..ThreadPatch::default()
    };
    if let Err(error) = hub.store.update_thread(&live.key, patch).await {
        tracing::warn!(operation = "thread_name", run = %live.id, %error, "a thread was not named");
    }
}

fn of_error(error: &Error) -> Outcome {
    let class = match error.kind() {
        ErrorKind::Cancelled | ErrorKind::Store(StoreErrorKind::Fenced) => return Outcome::Stopped,
        ErrorKind::Node => "NodeError",
        ErrorKind::Timeout => "NodeTimeoutError",
        ErrorKind::RecursionLimit => "GraphRecursionError",
        ErrorKind::InvalidUpdate => "InvalidUpdateError",
        ErrorKind::InvalidInput | ErrorKind::NothingToResume | ErrorKind::AmbiguousResume => {
            "InvalidInputError"
        }
        ErrorKind::Store(_) => "StoreError",
        _ => "GraphError",
    };
    Outcome::Failed {
        error: class,
        message: error.to_string(),
    }
}
