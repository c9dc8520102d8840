//! `/ok`: is the server there.

use axum::Json;
use axum::http::Method;
use serde_json::{Value, json};

use super::{Routes, Rule};

pub(super) fn routes(routes: Routes) -> Routes {
    routes.route(Method::GET, "/ok", Rule::Public, ok)
}

async fn ok() -> Json<Value> {
    Json(json!({"ok": true}))
}
