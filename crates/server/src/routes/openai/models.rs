//! `GET /v1/models`.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use crate::app::App;
use crate::openai::models;
use crate::openai::refusal::Refusal;
use crate::params::Path;

pub(super) async fn list(State(app): State<App>) -> Result<Json<Value>, Refusal> {
    let models = models::list(&app).await?;
    Ok(Json(json!({"object": "list", "data": models})))
}

pub(super) async fn get(State(app): State<App>, path: Path) -> Result<Json<Value>, Refusal> {
    Ok(Json(models::get(&app, path.text("model")).await?))
}
