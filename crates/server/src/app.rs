//! What every handler shares, and the assembly of the router.

use std::ops::Deref;
use std::sync::Arc;

use axum::Router;
use everthread_store::Store;

use crate::front::{self, Front};
use crate::routes;
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
}

impl App {
    pub(crate) fn new(state: AppState) -> Self {
        Self(Arc::new(state))
    }

    /// The router with every route and layer.
    pub(crate) fn router(&self) -> Router {
        let router = routes::all().router.with_state(self.clone());
        let router = front::inner(router, self);
        front::outer(router, self)
    }
}

impl Deref for App {
    type Target = AppState;

    fn deref(&self) -> &AppState {
        &self.0
    }
}
