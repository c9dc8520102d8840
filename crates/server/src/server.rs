//! Builds and serves.

use std::future::Future;
use std::io;
use std::sync::Arc;

use everthread_store::Store;
use tokio::net::TcpListener;

use crate::app::{App, AppState};
use crate::settings::Settings;

/// A server that is being put together.
pub struct Server {
    store: Arc<dyn Store>,
    settings: Settings,
}

impl Server {
    /// A server over this store, with default settings.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            settings: Settings::default(),
        }
    }

    /// Other settings.
    #[must_use]
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
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
        let app = App::new(AppState {
            store: self.store,
            settings: self.settings,
        });
        axum::serve(listener, app.router())
            .with_graceful_shutdown(shutdown)
            .await
    }
}
