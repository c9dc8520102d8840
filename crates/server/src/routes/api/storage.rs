//! `GET /api/storage`: sizes and counts.

use axum::Json;
use axum::extract::State;
use axum::http::Method;

use super::wire::StorageBody;
use crate::app::App;
use crate::error::ApiError;
use crate::routes::{Routes, Rule};

pub(super) fn routes(routes: Routes) -> Routes {
    routes.route(Method::GET, "/api/storage", Rule::Manage, storage)
}

async fn storage(State(app): State<App>) -> Result<Json<StorageBody>, ApiError> {
    let stats = app.store.stats().await?;
    let (operations, errors) = app.front.metrics.operations_and_errors();
    Ok(Json(StorageBody::new(stats, operations, errors)))
}
