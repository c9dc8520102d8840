//! What the server counts, as Prometheus reads it. Every name is described in `docs/METRICS.md`.

mod labels;
mod serve;
mod waiting;

use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use everthread_store::Stats;

use labels::{ModelCall, OfGraph, OfModel, OfOperation, OfRun, OfStore, Request};
pub(crate) use serve::routes;
pub(crate) use waiting::{Counted, Waiting};

type Histograms<L> = Family<L, Histogram, fn() -> Histogram>;

/// The counters of a server. Cheap to clone.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    registry: Registry,
    requests: Family<Request, Counter>,
    request_seconds: Histograms<OfOperation>,
    errors: Counter,
    runs: Family<OfRun, Counter>,
    run_seconds: Histograms<OfGraph>,
    active_runs: Gauge,
    turns: Counter,
    waiting_runs: Gauge,
    wait_seconds: Histogram,
    open_streams: Gauge,
    model_calls: Family<ModelCall, Counter>,
    model_seconds: Histograms<OfModel>,
    models_resting: Family<OfModel, Gauge>,
    conversations: Counter,
    messages: Counter,
    operations: Counter,
    store_calls: Family<OfStore, Counter>,
    store_seconds: Histograms<OfOperation>,
    uptime: Gauge<f64, AtomicU64>,
    /// When the store last failed a run, unless it has served one since.
    store_failed: Mutex<Option<Instant>>,
    storage_file: Gauge,
    storage_live: Gauge,
    storage_users: Gauge,
    storage_threads: Gauge,
    storage_messages: Gauge,
    removed_threads: Counter,
    removed_bytes: Counter,
    backup_age: Gauge<f64, AtomicU64>,
}

/// From a tenth of a millisecond to some seven minutes.
fn seconds() -> Histogram {
    Histogram::new(exponential_buckets(0.0001, 4.0, 12))
}

impl Metrics {
    /// Counters that stand at zero.
    #[must_use]
    pub fn new() -> Self {
        let mut inner = Inner {
            registry: Registry::with_prefix("everthread"),
            requests: Family::default(),
            request_seconds: Family::new_with_constructor(seconds),
            errors: Counter::default(),
            runs: Family::default(),
            run_seconds: Family::new_with_constructor(seconds),
            active_runs: Gauge::default(),
            turns: Counter::default(),
            waiting_runs: Gauge::default(),
            wait_seconds: seconds(),
            open_streams: Gauge::default(),
            model_calls: Family::default(),
            model_seconds: Family::new_with_constructor(seconds),
            models_resting: Family::default(),
            conversations: Counter::default(),
            messages: Counter::default(),
            operations: Counter::default(),
            store_calls: Family::default(),
            store_seconds: Family::new_with_constructor(seconds),
            uptime: Gauge::default(),
            store_failed: Mutex::default(),
            storage_file: Gauge::default(),
            storage_live: Gauge::default(),
            storage_users: Gauge::default(),
            storage_threads: Gauge::default(),
            storage_messages: Gauge::default(),
            removed_threads: Counter::default(),
            removed_bytes: Counter::default(),
            backup_age: Gauge::default(),
        };
        inner.register_requests();
        inner.register_runs();
        inner.register_store();
        inner.register_storage();
        inner.backup_age.set(f64::NAN);
        Self(Arc::new(inner))
    }

    /// A request was answered; for a stream, the answer began.
    pub(crate) fn request(&self, operation: &str, status: u16, took: Duration) {
        let operation = operation.to_owned();
        let label = Request {
            operation: operation.clone(),
            status,
        };
        self.0.requests.get_or_create(&label).inc();
        let histogram = self
            .0
            .request_seconds
            .get_or_create(&OfOperation { operation });
        histogram.observe(took.as_secs_f64());
        if status >= 500 {
            self.0.errors.inc();
        }
    }

    /// A stream is open until the guard is dropped.
    pub(crate) fn stream(&self) -> Counted {
        Counted::new(&self.0.open_streams)
    }

    /// A run is active until the guard is dropped.
    pub(crate) fn active_run(&self) -> Counted {
        Counted::new(&self.0.active_runs)
    }

    /// A run waits until the guard is dropped.
    pub(crate) fn waiting_run(&self) -> Waiting {
        Waiting::new(&self.0.waiting_runs, &self.0.wait_seconds)
    }

    /// The store served a run, or failed it.
    pub(crate) fn store_served(&self, well: bool) {
        let mut failed = self.store_failure();
        *failed = (!well).then(Instant::now);
    }

    /// How long ago the store failed a run, unless it has served one since.
    pub(crate) fn store_failed_before(&self) -> Option<Duration> {
        self.store_failure().map(|at| at.elapsed())
    }

    fn store_failure(&self) -> MutexGuard<'_, Option<Instant>> {
        self.0
            .store_failed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// A run ended.
    pub(crate) fn run_ended(&self, graph: &str, outcome: &'static str, took: Duration) {
        let graph = graph.to_owned();
        let label = OfRun {
            graph: graph.clone(),
            outcome,
        };
        self.0.runs.get_or_create(&label).inc();
        let histogram = self.0.run_seconds.get_or_create(&OfGraph { graph });
        histogram.observe(took.as_secs_f64());
        match outcome {
            "success" => drop(self.0.turns.inc()),
            "error" => drop(self.0.errors.inc()),
            _ => {}
        }
    }

    /// A model answered, or failed with an error of this kind.
    pub fn model_call(&self, model: &str, outcome: &'static str, took: Duration) {
        let model = model.to_owned();
        let label = ModelCall {
            model: model.clone(),
            outcome,
        };
        self.0.model_calls.get_or_create(&label).inc();
        let histogram = self.0.model_seconds.get_or_create(&OfModel { model });
        histogram.observe(took.as_secs_f64());
    }

    /// Whether a model is left alone for now because it failed too often.
    pub fn model_resting(&self, model: &str, is_resting: bool) {
        let label = OfModel {
            model: model.to_owned(),
        };
        let gauge = self.0.models_resting.get_or_create(&label);
        gauge.set(i64::from(is_resting));
    }

    /// A call of the store was answered.
    pub(crate) fn store_call(
        &self,
        operation: &'static str,
        outcome: &'static str,
        took: Duration,
    ) {
        self.0.operations.inc();
        let label = OfStore { operation, outcome };
        self.0.store_calls.get_or_create(&label).inc();
        let operation = operation.to_owned();
        let histogram = self
            .0
            .store_seconds
            .get_or_create(&OfOperation { operation });
        histogram.observe(took.as_secs_f64());
    }

    /// A conversation was created.
    pub(crate) fn conversation(&self) {
        self.0.conversations.inc();
    }

    /// So many messages were handed to the store.
    pub(crate) fn messages(&self, count: usize) {
        self.0.messages.inc_by(count as u64);
    }

    /// The storage is this large.
    pub(crate) fn storage(&self, stats: &Stats) {
        let set = |gauge: &Gauge, n: u64| gauge.set(i64::try_from(n).unwrap_or(i64::MAX));
        set(&self.0.storage_file, stats.file_bytes);
        set(&self.0.storage_live, stats.live_bytes);
        set(&self.0.storage_users, stats.users);
        set(&self.0.storage_threads, stats.threads);
        set(&self.0.storage_messages, stats.messages);
    }

    /// Retention removed so much.
    pub(crate) fn removed(&self, threads: u64, bytes: u64) {
        self.0.removed_threads.inc_by(threads);
        self.0.removed_bytes.inc_by(bytes);
    }

    /// Runs that came to rest.
    pub(crate) fn turns(&self) -> u64 {
        self.0.turns.get()
    }

    /// Calls of the store, and requests and runs that failed.
    pub(crate) fn operations_and_errors(&self) -> (u64, u64) {
        (self.0.operations.get(), self.0.errors.get())
    }

    /// Runs that wait for their turn in this process.
    pub(crate) fn waiting_runs(&self) -> i64 {
        self.0.waiting_runs.get()
    }

    /// Runs that are active in this process.
    pub(crate) fn active_runs(&self) -> i64 {
        self.0.active_runs.get()
    }

    /// Streams that are open.
    pub(crate) fn open_streams(&self) -> i64 {
        self.0.open_streams.get()
    }

    /// Everything, as text in the OpenMetrics format.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        encode(&mut text, &self.0.registry).expect("writing to a string does not fail");
        text
    }

    /// How old the newest verified backup is.
    pub(crate) fn set_backup_age(&self, age: Option<Duration>) {
        let age = age.map_or(f64::NAN, |age| age.as_secs_f64());
        self.0.backup_age.set(age);
    }

    pub(crate) fn set_uptime(&self, uptime: Duration) {
        self.0.uptime.set(uptime.as_secs_f64());
    }
}

impl Inner {
    fn register_requests(&mut self) {
        let to = &mut self.registry;
        to.register(
            "requests",
            "Requests answered, by operation (method and route) and status",
            self.requests.clone(),
        );
        to.register_with_unit(
            "request",
            "Time from a request to its answer, or to the beginning of a stream",
            Unit::Seconds,
            self.request_seconds.clone(),
        );
        to.register(
            "errors",
            "Requests answered with a status of 500 or more, and runs that ended as error",
            self.errors.clone(),
        );
        to.register(
            "open_streams",
            "Streams that are open",
            self.open_streams.clone(),
        );
        to.register_with_unit(
            "uptime",
            "Time since the server began to listen",
            Unit::Seconds,
            self.uptime.clone(),
        );
    }

    fn register_runs(&mut self) {
        let to = &mut self.registry;
        to.register(
            "runs",
            "Runs that ended, by graph and outcome",
            self.runs.clone(),
        );
        to.register_with_unit(
            "run",
            "Time from the admission of a run to its end",
            Unit::Seconds,
            self.run_seconds.clone(),
        );
        to.register(
            "active_runs",
            "Runs that are active",
            self.active_runs.clone(),
        );
        to.register("turns", "Runs that came to rest", self.turns.clone());
        to.register(
            "waiting_runs",
            "Runs that wait for their turn on a thread: the depth of the queue",
            self.waiting_runs.clone(),
        );
        to.register_with_unit(
            "wait",
            "Time that runs waited for their turn",
            Unit::Seconds,
            self.wait_seconds.clone(),
        );
        to.register(
            "model_calls",
            "Calls of a model, by model and outcome: ok, or the kind of failure",
            self.model_calls.clone(),
        );
        to.register_with_unit(
            "model",
            "Time that a model took to answer or fail",
            Unit::Seconds,
            self.model_seconds.clone(),
        );
        to.register(
            "models_resting",
            "1 while a model is left alone because it failed too often (its circuit breaker is open)",
            self.models_resting.clone(),
        );
    }

    fn register_store(&mut self) {
        let to = &mut self.registry;
        to.register(
            "conversations_created",
            "Conversations that were created",
            self.conversations.clone(),
        );
        to.register(
            "messages_processed",
            "Messages that were handed to the store, of people and models",
            self.messages.clone(),
        );
        to.register(
            "database_operations",
            "Calls of the store",
            self.operations.clone(),
        );
        to.register(
            "store_calls",
            "Calls of the store, by operation and outcome: ok, or the kind of error",
            self.store_calls.clone(),
        );
        to.register_with_unit(
            "store",
            "Time that the store took to answer; of a commit, until it was handed over",
            Unit::Seconds,
            self.store_seconds.clone(),
        );
        to.register_with_unit(
            "backup_verified_age",
            "Age of the newest backup that was restored to scratch and compared; NaN while there is none",
            Unit::Seconds,
            self.backup_age.clone(),
        );
    }

    fn register_storage(&mut self) {
        let to = &mut self.registry;
        let gauges = [
            (
                "storage_file",
                "Bytes of the storage on disk, logs included, as of the last minute",
                &self.storage_file,
            ),
            (
                "storage_live",
                "Bytes of the storage in use, as of the last minute",
                &self.storage_live,
            ),
        ];
        for (name, about, gauge) in gauges {
            to.register_with_unit(name, about, Unit::Bytes, gauge.clone());
        }
        let gauges = [
            (
                "storage_users",
                "Users, as of the last minute",
                &self.storage_users,
            ),
            (
                "storage_threads",
                "Threads, as of the last minute",
                &self.storage_threads,
            ),
            (
                "storage_messages",
                "Messages, as of the last minute",
                &self.storage_messages,
            ),
        ];
        for (name, about, gauge) in gauges {
            to.register(name, about, gauge.clone());
        }
        to.register(
            "retention_threads",
            "Threads that retention removed",
            self.removed_threads.clone(),
        );
        to.register_with_unit(
            "retention",
            "Bytes that retention freed, about",
            Unit::Bytes,
            self.removed_bytes.clone(),
        );
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

#[cfg(test)]
mod tests;
