//! `/threads`: making, reading, changing and deleting threads.

mod copies;
mod create;
mod search;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use everthread_graph::contract::Json as Stored;
use everthread_store::{StoreErrorKind, ThreadPatch};
use serde_json::{Value, json};

use super::{Routes, Rule};
use crate::app::App;
use crate::body::Body;
use crate::error::ApiError;
use crate::identity::Caller;
use crate::params::{Params, Path};
use crate::wire::{self, ThreadPatchBody, iso};
pub(crate) use search::{contains, pages};

pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .route(Method::POST, "/threads", Rule::Own, create::create)
        .route(Method::POST, "/threads/search", Rule::Own, search::search)
        .route(Method::POST, "/threads/count", Rule::Own, search::count)
        .route(Method::POST, "/threads/prune", Rule::Own, copies::prune)
        .route(Method::GET, "/threads/{thread_id}", Rule::Own, get)
        .route(Method::PATCH, "/threads/{thread_id}", Rule::Own, patch)
        .route(Method::DELETE, "/threads/{thread_id}", Rule::Own, delete)
        .route(
            Method::POST,
            "/threads/{thread_id}/copy",
            Rule::Own,
            copies::copy,
        )
}

async fn get(
    State(app): State<App>,
    caller: Caller,
    path: Path,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    let key = caller.key(path.thread()?);
    let thread = app.thread(&key).await?;
    let state = app.state_of(&key, &thread).await?;
    let mut shown = wire::thread(&thread, state.as_ref());
    if params
        .all("include")
        .any(|part| part.split(',').any(|part| part == "ttl"))
        && let Some(expires_ms) = thread.expires_ms
    {
        let left_ms = expires_ms - jiff::Timestamp::now().as_millisecond();
        shown["ttl"] = json!({
            "strategy": "delete",
            "ttl_minutes": left_ms.max(0) / 60_000,
            "expires_at": iso(expires_ms),
        });
    }
    Ok(Json(shown))
}

async fn patch(
    State(app): State<App>,
    caller: Caller,
    path: Path,
    headers: HeaderMap,
    Body(body): Body<ThreadPatchBody>,
) -> Result<Response, ApiError> {
    let key = caller.key(path.thread()?);
    let metadata = body.metadata.as_ref().map(Stored::of).transpose();
    let metadata = metadata.map_err(|error| ApiError::invalid(error.to_string()))?;
    let patch = ThreadPatch {
        merge_metadata: metadata,
        expires_ms: body.ttl.as_ref().and_then(|ttl| ttl.expires_ms()),
        ..ThreadPatch::default()
    };
    let thread = app
        .store
        .update_thread(&key, patch)
        .await
        .map_err(|error| match error.kind() {
            StoreErrorKind::NotFound => crate::thread_graph::no_thread(&key),
            _ => error.into(),
        })?;
    let minimal = headers
        .get("prefer")
        .and_then(|prefer| prefer.to_str().ok())
        .is_some_and(|prefer| prefer.contains("return=minimal"));
    if minimal {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let state = app.state_of(&key, &thread).await?;
    Ok(Json(wire::thread(&thread, state.as_ref())).into_response())
}

async fn delete(
    State(app): State<App>,
    caller: Caller,
    path: Path,
) -> Result<StatusCode, ApiError> {
    let key = caller.key(path.thread()?);
    app.thread(&key).await?;
    app.runs.clear_thread(&key).await?;
    app.store.delete_thread(&key).await?;
    Ok(StatusCode::NO_CONTENT)
}
