//! `GET /livez`, `/readyz` and `/health`

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Component, Standing};
use crate::app::App;
use crate::error::ApiError;
use crate::routes::{Routes, Rule};

/// Where it is told that the process runs, whatever else does not.
pub(crate) const LIVEZ: &str = "/livez";

/// How the whole server stands: as its worst part does.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    status: Standing,
    /// The server's version.
    version: &'static str,
    /// Seconds since it began to listen.
    uptime_s: u64,
    components: Vec<Component>,
}

/// That the server is there.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Alive {
    status: &'static str,
}

pub(crate) fn routes(routes: Routes) -> Routes {
    routes
        .route(Method::GET, LIVEZ, Rule::Public, livez)
        .route(Method::GET, "/readyz", Rule::Public, readyz)
        .route(Method::GET, "/health", Rule::Manage, health)
}

async fn livez() -> Json<Alive> {
    alive()
}

/// The process runs and answers.
pub(crate) fn alive() -> Json<Alive> {
    Json(Alive { status: "alive" })
}

/// How long a server is not ready after the storage failed a run: then the next one tries again.
const REST: Duration = Duration::from_secs(10);

/// The storage answers and takes what runs write, every part has what it needs, and the server does not stop: a load balancer may send requests
/// here.
async fn readyz(State(app): State<App>) -> Result<Json<Alive>, ApiError> {
    if app.runs.is_stopping() {
        return Err(ApiError::unavailable(
            "stopping",
            "the server is stopping and takes no more runs",
        ));
    }
    if let Err(why) = app.front.storage.answers().await {
        tracing::warn!(operation = "readyz", outcome = "error", error = %why, "not ready");
        let detail = "the storage does not answer";
        return Err(ApiError::unavailable("store_unavailable", detail));
    }
    if app
        .front
        .metrics
        .store_failed_before()
        .is_some_and(|ago| ago < REST)
    {
        let detail = "the storage could not write what a run said: is the disk full?";
        return Err(ApiError::unavailable("store_unavailable", detail));
    }
    for probe in &app.front.probes {
        if let Err(why) = probe.ready().await {
            return Err(ApiError::unavailable("not_ready", why));
        }
    }
    Ok(Json(Alive { status: "ready" }))
}

/// Every part with its state; 503 when one of them has failed.
async fn health(State(app): State<App>) -> Response {
    let mut components = Vec::new();
    for probe in &app.front.probes {
        components.push(probe.look().await);
    }
    components.push(queue(&app));
    let status = components.iter().map(|part| part.status).max();
    let status = status.unwrap_or(Standing::Ok);
    let code = match status {
        Standing::Failed => StatusCode::SERVICE_UNAVAILABLE,
        Standing::Ok | Standing::Degraded => StatusCode::OK,
    };
    let health = Health {
        status,
        version: env!("CARGO_PKG_VERSION"),
        uptime_s: app.front.started.elapsed().as_secs(),
        components,
    };
    (code, Json(health)).into_response()
}

fn queue(app: &App) -> Component {
    let (active, waiting) = (
        app.front.metrics.active_runs(),
        app.front.metrics.waiting_runs(),
    );
    let most = app.settings.max_runs;
    let live = usize::try_from(active + waiting).unwrap_or(0);
    let component = if live * 10 >= most * 9 {
        Component::new("queue", Standing::Degraded)
            .hint("nearly as many runs as the server takes: new ones will be refused for a while")
    } else {
        Component::new("queue", Standing::Ok)
    };
    component
        .fact("active_runs", active)
        .fact("waiting_runs", waiting)
        .fact("max_runs", most)
        .fact("open_streams", app.front.metrics.open_streams())
}
