//! `GET /metrics`

use axum::extract::State;
use axum::http::{Method, header};
use axum::response::IntoResponse;

use crate::app::App;
use crate::routes::{Routes, Rule};

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

pub(crate) fn routes(routes: Routes) -> Routes {
    routes.route(Method::GET, "/metrics", Rule::Manage, metrics)
}

async fn metrics(State(app): State<App>) -> impl IntoResponse {
    app.front.metrics.set_uptime(app.front.started.elapsed());
    for probe in &app.front.probes {
        probe.refresh(&app.front.metrics).await;
    }
    (
        [(header::CONTENT_TYPE, OPENMETRICS)],
        app.front.metrics.text(),
    )
}
