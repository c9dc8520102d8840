//! What every handler shares, and the assembly of the router.

use std::any::Any;
use std::ops::Deref;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::middleware::from_fn;
use axum::response::IntoResponse;
use everthread_store::Store;
use tower_http::catch_panic::CatchPanicLayer;

use crate::assistants::Assistants;
use crate::backups::Jobs;
use crate::cors;
use crate::embedder::Embedder;
use crate::error::ApiError;
use crate::front::{self, Front};
use crate::gate::Gate;
use crate::openai::{OpenAi, refusal};
use crate::routes;
use crate::runs::Hub;
use crate::sessions::Sessions;
use crate::settings::Settings;

/// What every handler shares. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<AppState>);

/// The parts of an [`App`].
pub struct AppState {
    /// The durable home of everything.
    pub store: Arc<dyn Store>,
    /// What the operator set.
    pub settings: Settings,
    /// Identity, limits, counters and health.
    pub front: Front,
    /// Whether requests come in.
    pub(crate) gate: Gate,
    /// Graphs and what was made of them.
    pub(crate) assistants: Arc<Assistants>,
    /// The runs that this process drives.
    pub(crate) runs: Arc<Hub>,
    /// What clients of OpenAI's protocol are offered.
    pub(crate) openai: OpenAi,
    /// Who is at work.
    pub(crate) sessions: Sessions,
    /// What ranks items by meaning; `None` where nothing does.
    pub(crate) embedder: Option<Arc<dyn Embedder>>,
    /// Backups that are made and restored; `None` where there are none.
    pub(crate) jobs: Option<Arc<Jobs>>,
}

impl App {
    pub(crate) fn new(state: AppState) -> Self {
        Self(Arc::new(state))
    }

    /// The router with every route and layer.
    pub(crate) fn router(&self) -> Router {
        let router = routes::all()
            .router
            .fallback(absent)
            .method_not_allowed_fallback(not_allowed)
            .layer(DefaultBodyLimit::max(self.settings.max_body_bytes))
            .with_state(self.clone());
        let router = front::inner(router, self);
        let router = router
            .layer(CatchPanicLayer::custom(panicked))
            .layer(cors::layer());
        front::outer(router, self).layer(from_fn(refusal::shape))
    }
}

impl Deref for App {
    type Target = AppState;

    fn deref(&self) -> &AppState {
        &self.0
    }
}

async fn absent() -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "no_route", "Not Found")
}

async fn not_allowed() -> ApiError {
    ApiError::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        "Method Not Allowed",
    )
}

/// The last resort: no request takes the server down, and none is answered with nothing.
#[expect(clippy::needless_pass_by_value, reason = "the layer hands it over")]
fn panicked(what: Box<dyn Any + Send>) -> axum::response::Response {
    let text = what
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| what.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without words");
    tracing::error!(operation = "request", outcome = "panic", panic = %text, "a handler panicked");
    ApiError::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "internal",
        "something is wrong inside the server; its log says what",
    )
    .into_response()
}
