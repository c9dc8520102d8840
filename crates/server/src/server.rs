//! Builds and serves.

use std::future::Future;
use std::io;
use std::sync::Arc;

use everthread_store::Store;
use std::net::SocketAddr;
use tokio::net::TcpListener;

use crate::app::{App, AppState};
use crate::front::{Front, FrontParts};
use crate::health::Probe;
use crate::identity::JwtSettings;
use crate::limits::LimitSettings;
use crate::metrics::Metrics;
use crate::settings::Settings;

/// A server that is being put together.
pub struct Server {
    store: Arc<dyn Store>,
    settings: Settings,
    front: FrontParts,
}

impl Server {
    /// A server over this store, with default settings.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            settings: Settings::default(),
            front: FrontParts::default(),
        }
    }

    /// Other settings.
    #[must_use]
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// Believes tokens of an identity provider; none by default.
    #[must_use]
    pub fn tokens(mut self, jwt: JwtSettings) -> Self {
        self.front.jwt = Some(jwt);
        self
    }

    /// Other limits.
    #[must_use]
    pub fn limits(mut self, limits: LimitSettings) -> Self {
        self.front.limits = limits;
        self
    }

    /// Counters that are shared with what was wired before, such as a [`Metered`](crate::Metered) store.
    #[must_use]
    pub fn metrics(mut self, metrics: Metrics) -> Self {
        self.front.metrics = metrics;
        self
    }

    /// One more part whose health is told.
    #[must_use]
    pub fn probe(mut self, probe: Arc<dyn Probe>) -> Self {
        self.front.probes.push(probe);
        self
    }

    /// Serves until `shutdown` is done.
    ///
    /// # Errors
    /// When the listener fails.
    pub async fn serve(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        let address = listener.local_addr()?.ip();
        let front = Front::new(self.front, &self.store, address).await?;
        let app = App::new(AppState {
            store: self.store,
            settings: self.settings,
            front,
        });
        let service = app.router();
        let service = service.into_make_service_with_connect_info::<SocketAddr>();
        axum::serve(listener, service)
            .with_graceful_shutdown(shutdown)
            .await
    }
}
