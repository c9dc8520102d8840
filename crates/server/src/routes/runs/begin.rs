//! `POST /threads/{thread_id}/runs`, `/runs/stream` and `/runs/wait`.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use everthread_graph::contract::ThreadKey;
use everthread_store::{Run, RunStatus, Thread};
use serde_json::{Map, Value};

use crate::app::App;
use crate::assistants::Resolved;
use crate::beginning;
use crate::body::Body;
use crate::error::ApiError;
use crate::identity::Caller;
use crate::params::{Path, segment};
use crate::runs::{Live, Order, Reader, Target, order};
use crate::sse::{self, Follow, Leave};
use crate::thread_graph::metadata;
use crate::wire::{self, IfNotExists, OnDisconnect, RunCreate};

/// Longest time that a run may be put off.
const MAX_DELAY: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// A run that is about to begin, and where clients find it.
pub(super) struct Begin {
    pub(super) order: Order,
    /// When it begins, in milliseconds since 1970-01-01 UTC.
    pub(super) starts_ms: Option<i64>,
    /// `/threads/{thread_id}/runs/{run_id}` or `/runs/{run_id}`.
    pub(super) place: String,
}

impl Begin {
    /// A run of a thread.
    ///
    /// # Errors
    /// 404 for an unknown assistant or thread, 422 for what cannot be read.
    async fn of(
        app: &App,
        caller: &Caller,
        path: &Path,
        asked: RunCreate,
    ) -> Result<Self, ApiError> {
        let key = caller.key(path.thread()?);
        let found = resolve(app, &asked.assistant_id).await?;
        let thread = app.store.thread(&key).await?;
        if thread.is_none() && asked.if_not_exists != Some(IfNotExists::Create) {
            return Err(absent());
        }
        let target = Target {
            name_thread: !thread
                .as_ref()
                .is_some_and(|thread| is_named(thread, &found)),
            key,
            temporary: false,
        };
        let starts_ms = starts_ms(asked.after_seconds)?;
        let mut order = order(&app.runs, asked, &found, target).await?;
        if let Some(id) = order.checkpoint {
            order.begin_at(beginning::resolve(&*order.graph, &order.key, id, &order.input).await?);
        }
        let thread = segment(order.key.thread.as_str());
        Ok(Self {
            place: format!("/threads/{thread}/runs/{}", order.id),
            order,
            starts_ms,
        })
    }

    /// Starts it; with a reader of all its events if `read`.
    pub(super) async fn start(
        self,
        app: &App,
        read: bool,
    ) -> Result<(Arc<Live>, Option<Reader>, String), ApiError> {
        if let Some(starts_ms) = self.starts_ms {
            self.order.graph.check(&self.order.input)?;
            app.runs.put_off(&self.order, starts_ms).await?;
        }
        let (key, id) = (self.order.key.clone(), self.order.id);
        let started = app.runs.start(self.order, read).await;
        if let (Err(_), Some(_)) = (&started, self.starts_ms) {
            // Nobody would ever begin it: it must not wait for ever.
            app.store.withdraw(&key, id).await?;
        }
        let (live, reader) = started?;
        Ok((live, reader, self.place))
    }
}

/// 404 as the reference says it.
fn absent() -> ApiError {
    ApiError::new(
        StatusCode::NOT_FOUND,
        "not_found",
        "Thread or assistant not found.",
    )
}

pub(super) async fn resolve(app: &App, assistant: &str) -> Result<Resolved, ApiError> {
    let found = app.assistants.resolve(assistant).await;
    found.map_err(|error| match error.status() {
        StatusCode::NOT_FOUND => absent(),
        _ => error,
    })
}

/// Whether a thread's metadata name this graph and assistant.
fn is_named(thread: &Thread, found: &Resolved) -> bool {
    let names: Map<String, Value> = metadata(thread);
    let is = |name: &str, value: &str| names.get(name).and_then(Value::as_str) == Some(value);
    is("graph_id", found.graph.name()) && is("assistant_id", &found.assistant.id.to_string())
}

/// When a run begins that is put off by so many seconds.
///
/// # Errors
/// 422 for what is no time.
pub(super) fn starts_ms(after_seconds: Option<f64>) -> Result<Option<i64>, ApiError> {
    let Some(seconds) = after_seconds.filter(|seconds| *seconds != 0.0) else {
        return Ok(None);
    };
    let delay = Duration::try_from_secs_f64(seconds).ok();
    let delay = delay.filter(|delay| *delay <= MAX_DELAY);
    let Some(delay) = delay else {
        return Err(ApiError::invalid(format!(
            "after_seconds: {seconds} is not between 0 and a year"
        )));
    };
    let delay_ms = i64::try_from(delay.as_millis()).unwrap_or(i64::MAX);
    Ok(Some(jiff::Timestamp::now().as_millisecond() + delay_ms))
}

pub(super) async fn background(
    State(app): State<App>,
    caller: Caller,
    path: Path,
    Body(asked): Body<RunCreate>,
) -> Result<Response, ApiError> {
    let begin = Begin::of(&app, &caller, &path, asked).await?;
    background_answer(&app, begin).await
}

pub(super) async fn stream(
    State(app): State<App>,
    caller: Caller,
    path: Path,
    Body(asked): Body<RunCreate>,
) -> Result<Response, ApiError> {
    let begin = Begin::of(&app, &caller, &path, asked).await?;
    stream_answer(&app, begin).await
}

pub(super) async fn wait(
    State(app): State<App>,
    caller: Caller,
    path: Path,
    Body(asked): Body<RunCreate>,
) -> Result<Response, ApiError> {
    let begin = Begin::of(&app, &caller, &path, asked).await?;
    wait_answer(&app, begin).await
}

/// Starts a run and answers with its row.
pub(super) async fn background_answer(app: &App, begin: Begin) -> Result<Response, ApiError> {
    let row = pending(&begin);
    let (_, _, place) = begin.start(app, false).await?;
    let mut response = Json(row).into_response();
    locate(&mut response, &place, None);
    Ok(response)
}

/// The row of a run that has not begun.
pub(super) fn pending(begin: &Begin) -> Value {
    let order = &begin.order;
    let new = order.to_new_run();
    let run = Run {
        id: order.id,
        graph: new.graph,
        status: RunStatus::Pending,
        input: None,
        base: None,
        created_ms: jiff::Timestamp::now().as_millisecond(),
        ended_ms: None,
        error: None,
        policy: new.policy,
        details: new.details,
        starts_ms: begin.starts_ms,
    };
    wire::run(order.key.thread.as_str(), &run)
}

/// Starts a run and streams its events.
pub(super) async fn stream_answer(app: &App, begin: Begin) -> Result<Response, ApiError> {
    let cancel = begin.order.kept.on_disconnect == OnDisconnect::Cancel;
    let (live, reader, place) = begin.start(app, true).await?;
    let reader = reader.unwrap_or_else(|| live.log.reader(None));
    let leave = Leave::new(&live, cancel);
    let every = app.settings.heartbeat;
    let follow = Follow::live(&app.runs, &live, reader, every).leave(leave);
    let mut response = sse::answer(follow.bytes(), &app.front.metrics);
    locate(&mut response, &place, Some("stream"));
    Ok(response)
}

/// Starts a run and answers with what it came to.
pub(super) async fn wait_answer(app: &App, begin: Begin) -> Result<Response, ApiError> {
    let cancel = begin.order.kept.on_disconnect == OnDisconnect::Cancel;
    let (live, _, place) = begin.start(app, false).await?;
    let leave = Leave::new(&live, cancel);
    let mut response = sse::wait(live, leave, app.settings.heartbeat, body).await;
    locate(&mut response, &place, Some("join"));
    Ok(response)
}

/// What who waited is given.
pub(super) fn body(live: &Live) -> String {
    live.outcome()
        .map_or_else(|| "{}".to_owned(), crate::runs::Outcome::body)
}

/// Says where a run is found, and where to come back to.
pub(super) fn locate(response: &mut Response, place: &str, again: Option<&str>) {
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, value: &str| {
        // Every segment was escaped: this is plain ASCII.
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    set(header::CONTENT_LOCATION, place);
    if let Some(again) = again {
        set(header::LOCATION, &format!("{place}/{again}"));
    }
}

/// Where a run of a thread is found.
pub(super) fn place(key: &ThreadKey, run: everthread_graph::contract::RunId) -> String {
    format!("/threads/{}/runs/{run}", segment(key.thread.as_str()))
}
