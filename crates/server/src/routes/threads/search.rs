//! `POST /threads/search` and `POST /threads/count`.

mod extract;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use everthread_graph::contract::Json as Stored;
use everthread_store::{FindThreads, Thread, ThreadSort, ThreadStatus};
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::{Map, Value};

use crate::app::App;
use crate::body::Body;
use crate::error::ApiError;
use crate::identity::Caller;
use crate::params::{limited, thread_id};
use crate::wire::{self, ThreadCount, ThreadSearch};

/// States that are read at a time.
const AT_ONCE: usize = 8;
/// Threads whose states are looked through for `values`.
const MAX_LOOKED_THROUGH: usize = 10_000;

pub(super) async fn search(
    State(app): State<App>,
    caller: Caller,
    Body(body): Body<ThreadSearch>,
) -> Result<Response, ApiError> {
    let limit = limited(body.limit, 10)?;
    let offset = body.offset.unwrap_or(0);
    let ids = body.ids.iter().flatten().map(|id| thread_id(id));
    let query = FindThreads {
        ids: ids.collect::<Result<_, _>>()?,
        metadata: object(body.metadata.as_ref())?,
        status: status(body.status.as_deref())?,
        sort_by: sort(body.sort_by.as_deref())?,
        descending: body.sort_order.as_deref() != Some("asc"),
        archived: true,
        offset,
        limit,
    };
    let fields = body.select.unwrap_or_default();
    let extract = body.extract.unwrap_or_default();
    let wanted = [
        "values",
        "interrupts",
        "config",
        "state_updated_at",
        "status",
    ];
    let with_state = !extract.is_empty()
        || fields.is_empty()
        || fields.iter().any(|field| wanted.contains(&field.as_str()));
    // An empty list of ids asks for none of them, not for all.
    let none = body.ids.as_ref().is_some_and(Vec::is_empty);
    let (threads, total) = match &body.values {
        _ if none => (Vec::new(), 0),
        Some(values) if !values.is_empty() => by_values(&app, &caller, query, values).await?,
        _ => {
            let page = app.store.find_threads(&caller.user, query).await?;
            (
                show(&app, &caller, page.threads, with_state).await?,
                page.total,
            )
        }
    };
    let shown = threads.into_iter().map(|mut thread| {
        if !extract.is_empty() {
            thread["extracted"] = extract::extract(&thread, &extract);
        }
        let kept = fields.iter().map(String::as_str);
        let extracted = (!fields.is_empty() && !extract.is_empty()).then_some("extracted");
        wire::select(thread, kept.chain(extracted))
    });
    let shown: Vec<Value> = shown.collect();
    let headers = pages(total, offset, shown.len());
    Ok((headers, Json(shown)).into_response())
}

pub(super) async fn count(
    State(app): State<App>,
    caller: Caller,
    Body(body): Body<ThreadCount>,
) -> Result<Json<u64>, ApiError> {
    let query = FindThreads {
        metadata: object(body.metadata.as_ref())?,
        status: status(body.status.as_deref())?,
        archived: true,
        limit: 0,
        ..FindThreads::default()
    };
    if let Some(values) = body.values.filter(|values| !values.is_empty()) {
        let (_, total) = by_values(&app, &caller, query, &values).await?;
        return Ok(Json(total));
    }
    let page = app.store.find_threads(&caller.user, query).await?;
    Ok(Json(page.total))
}

/// How many there are in all, and where the next page begins.
pub(crate) fn pages(total: u64, offset: usize, shown: usize) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("x-pagination-total", HeaderValue::from(total));
    let next = u64::try_from(offset + shown).unwrap_or(u64::MAX);
    if next < total && shown > 0 {
        headers.insert("x-pagination-next", HeaderValue::from(next));
    }
    headers
}

fn object(map: Option<&Map<String, Value>>) -> Result<Option<Stored>, ApiError> {
    let map = map
        .filter(|map| !map.is_empty())
        .map(Stored::of)
        .transpose();
    map.map_err(|error| ApiError::invalid(error.to_string()))
}

fn status(name: Option<&str>) -> Result<Option<ThreadStatus>, ApiError> {
    let read = |name: &str| {
        let wrong = || {
            ApiError::invalid(format!(
                "status: {name:?} is none of idle, busy, interrupted, error"
            ))
        };
        ThreadStatus::from_name(name).ok_or_else(wrong)
    };
    name.map(read).transpose()
}

fn sort(name: Option<&str>) -> Result<ThreadSort, ApiError> {
    match name {
        None | Some("updated_at" | "state_updated_at") => Ok(ThreadSort::Updated),
        Some("created_at") => Ok(ThreadSort::Created),
        Some("thread_id") => Ok(ThreadSort::Id),
        Some("status") => Ok(ThreadSort::Status),
        Some(other) => Err(ApiError::invalid(format!(
            "sort_by: {other:?} is none of thread_id, status, created_at, updated_at"
        ))),
    }
}

/// Threads as clients read them, in their order.
async fn show(
    app: &App,
    caller: &Caller,
    threads: Vec<Thread>,
    with_state: bool,
) -> Result<Vec<Value>, ApiError> {
    let shown = stream::iter(threads).map(|thread| async move {
        let key = caller.key(thread.id.clone());
        let state = if with_state {
            app.state_of(&key, &thread).await?
        } else {
            None
        };
        Ok(wire::thread(&thread, state.as_ref()))
    });
    shown.buffered(AT_ONCE).try_collect().await
}

/// Threads whose state has this in it: all that are like the rest of the query are looked through.
async fn by_values(
    app: &App,
    caller: &Caller,
    query: FindThreads,
    values: &Map<String, Value>,
) -> Result<(Vec<Value>, u64), ApiError> {
    let (offset, limit) = (query.offset, query.limit);
    let all = FindThreads {
        offset: 0,
        limit: MAX_LOOKED_THROUGH,
        ..query
    };
    let page = app.store.find_threads(&caller.user, all).await?;
    let mut shown = show(app, caller, page.threads, true).await?;
    shown.retain(|thread| {
        values
            .iter()
            .all(|(name, value)| contains(&thread["values"][name.as_str()], value))
    });
    let total = u64::try_from(shown.len()).unwrap_or(u64::MAX);
    Ok((shown.into_iter().skip(offset).take(limit).collect(), total))
}

/// Whether a value has this in it: each field of an object, each element of a list, any other value as it is.
pub(crate) fn contains(value: &Value, wanted: &Value) -> bool {
    match (value, wanted) {
        (Value::Object(value), Value::Object(wanted)) => wanted
            .iter()
            .all(|(name, wanted)| value.get(name).is_some_and(|value| contains(value, wanted))),
        (Value::Array(value), Value::Array(wanted)) => wanted
            .iter()
            .all(|wanted| value.iter().any(|value| contains(value, wanted))),
        (value, wanted) => value == wanted,
    }
}
