//! What the listener serves: whichever router stands behind the door now. Connections stay while it is another one.

use std::sync::{Arc, PoisonError, RwLock};

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use tower::ServiceExt;

/// The door.
#[derive(Debug)]
pub(crate) struct Door(RwLock<Router>);

impl Door {
    /// A door to this router.
    pub(crate) fn to(router: Router) -> Arc<Self> {
        Arc::new(Self(RwLock::new(router)))
    }

    /// From now on it leads to this one.
    pub(crate) fn turn(&self, router: Router) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = router;
    }

    /// The door as a service.
    pub(crate) fn service(self: &Arc<Self>) -> Router {
        Router::new().fallback(through).with_state(self.clone())
    }

    fn now(&self) -> Router {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

async fn through(State(door): State<Arc<Door>>, request: Request) -> Response {
    match door.now().oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}
