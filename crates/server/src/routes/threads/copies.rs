//! `POST /threads/{thread_id}/copy` and `POST /threads/prune`.

use axum::Json;
use axum::extract::State;
use everthread_store::{Kept, StoreErrorKind};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::app::App;
use crate::body::Body;
use crate::error::ApiError;
use crate::identity::Caller;
use crate::params::{Path, thread_id};
use crate::wire::{self, ThreadPrune};

pub(super) async fn copy(
    State(app): State<App>,
    caller: Caller,
    path: Path,
) -> Result<Json<Value>, ApiError> {
    let from = caller.key(path.thread()?);
    let to = caller.key(thread_id(&Uuid::now_v7().to_string())?);
    let copy = app.store.copy_thread(&from, &to).await;
    let copy = copy.map_err(|error| match error.kind() {
        // The reference's answer for a thread that is not there.
        StoreErrorKind::NotFound => ApiError::conflict("conflict", "Conflict"),
        _ => error.into(),
    })?;
    let mut shown = wire::thread(&copy, None);
    if let Some(fields) = shown.as_object_mut() {
        fields.remove("values");
    }
    Ok(Json(shown))
}

pub(super) async fn prune(
    State(app): State<App>,
    caller: Caller,
    Body(body): Body<ThreadPrune>,
) -> Result<Json<Value>, ApiError> {
    let latest = match body.strategy.as_deref() {
        None | Some("delete") => false,
        Some("keep_latest") => true,
        Some(other) => {
            return Err(ApiError::invalid(format!(
                "strategy must be delete or keep_latest, not {other:?}"
            )));
        }
    };
    let ids = body.thread_ids.iter().map(|id| thread_id(id));
    let ids: Vec<_> = ids.collect::<Result<_, _>>()?;
    let mut pruned = 0;
    for id in ids {
        let key = caller.key(id);
        let done = if latest {
            app.store.prune(&key, Kept::Newest(1)).await.map(drop)
        } else {
            app.runs.clear_thread(&key).await?;
            app.store.delete_thread(&key).await.map(drop)
        };
        match done {
            Ok(()) => pruned += 1,
            // What is not there, or is another's, is not counted.
            Err(error) if error.kind() == StoreErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Json(json!({"pruned_count": pruned})))
}
