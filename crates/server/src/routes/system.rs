//! `/ok` and `/info`: is the server there, and what can it do.

use axum::Json;
use axum::http::Method;
use serde_json::{Value, json};

use super::{Routes, Rule};

pub(super) fn routes(routes: Routes) -> Routes {
    routes.route(Method::GET, "/ok", Rule::Public, ok).route(
        Method::GET,
        "/info",
        Rule::Public,
        info,
    )
}

/// The version of the protocol's reference that this server was held against: clients look at it to know what a
/// server can do.
const REFERENCE: &str = "0.16.7";

async fn ok() -> Json<Value> {
    Json(json!({"ok": true, "services": {}}))
}

async fn info() -> Json<Value> {
    Json(json!({
        "version": REFERENCE,
        "everthread_version": env!("CARGO_PKG_VERSION"),
        "flags": {
            "assistants": true,
            "crons": false,
            "langsmith": false,
            "langsmith_tracing_replicas": false,
            "langsmith_tracing_session_on_runs": false,
        },
        "host": {
            "kind": "self-hosted",
            "project_id": null,
            "host_revision_id": null,
            "revision_id": null,
            "tenant_id": null,
        },
    }))
}
