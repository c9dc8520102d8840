//! Builds and serves.

use std::future::Future;
use std::io;
use std::sync::Arc;

use axum::serve::ListenerExt;
use everthread_graph::AnyGraph;
use everthread_store::Store;
use std::net::SocketAddr;
use tokio::net::TcpListener;

use crate::app::{App, AppState};
use crate::assistants::Assistants;
use crate::embedder::Embedder;
use crate::front::{Front, FrontParts};
use crate::graphs::Graphs;
use crate::health::Probe;
use crate::identity::JwtSettings;
use crate::limits::LimitSettings;
use crate::metrics::Metrics;
use crate::openai::{Offer, OpenAi, Turns};
use crate::runs::Hub;
use crate::sessions::{self, Sessions};
use crate::settings::Settings;
use crate::upkeep;

/// A server that is being put together.
pub struct Server {
    store: Arc<dyn Store>,
    settings: Settings,
    front: FrontParts,
    graphs: Vec<Arc<dyn AnyGraph>>,
    embedder: Option<Arc<dyn Embedder>>,
    offer: Option<Offer>,
}

impl Server {
    /// A server over this store, with default settings.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            settings: Settings::default(),
            front: FrontParts::default(),
            graphs: Vec::new(),
            embedder: None,
            offer: None,
        }
    }

    /// One more graph, which was compiled over the same store; it is an assistant under its name.
    #[must_use]
    pub fn graph(mut self, graph: Arc<dyn AnyGraph>) -> Self {
        self.graphs.push(graph);
        self
    }

    /// Ranks items by meaning where a search asks; without, they come by their last change.
    #[must_use]
    pub fn embedder(mut self, embedder: Arc<dyn Embedder>) -> Self {
        self.embedder = Some(embedder);
        self
    }

    /// What clients of OpenAI's protocol are offered; without, the first graph answers them.
    #[must_use]
    pub fn offer(mut self, offer: Offer) -> Self {
        self.offer = Some(offer);
        self
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

    /// Serves until `shutdown` is done: first takes up the runs that other processes left, and at the end lets runs
    /// come to theirs, or leaves them for the next start. The store stays open.
    ///
    /// # Errors
    /// When the listener fails, or the store when it is asked for what was left.
    pub async fn serve(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        let address = listener.local_addr()?.ip();
        let front = Front::new(self.front, &self.store, address).await?;
        let first = self.graphs.first().map(|first| first.name().to_owned());
        let offer = self
            .offer
            .unwrap_or_else(|| Offer::new(first.unwrap_or_default()));
        let now_ms = jiff::Timestamp::now().as_millisecond();
        let graphs = Graphs::new(self.graphs, now_ms);
        let assistants = Arc::new(Assistants::new(graphs, self.store.clone()));
        let runs = Hub::new(
            self.store.clone(),
            assistants.clone(),
            self.settings.clone(),
            front.metrics.clone(),
        );
        runs.recover().await.map_err(io::Error::other)?;
        let app = App::new(AppState {
            store: self.store,
            settings: self.settings,
            front,
            assistants,
            runs: runs.clone(),
            openai: OpenAi {
                offer,
                turns: Turns::default(),
            },
            sessions: Sessions::default(),
            embedder: self.embedder,
        });
        let recovering = tokio::spawn(runs.clone().keep_recovering());
        let hearing = tokio::spawn(runs.clone().hear_asks());
        let upkeep = tokio::spawn(upkeep::keep_up(app.clone()));
        let keeping = tokio::spawn(sessions::keep(app.clone()));
        let service = app.router();
        let service = service.into_make_service_with_connect_info::<SocketAddr>();
        // A first token is small: it must not wait for a second one to fill its packet.
        let listener = listener.tap_io(|connection| {
            if let Err(error) = connection.set_nodelay(true) {
                tracing::debug!(operation = "connection", %error, "small packets wait");
            }
        });
        let stopping = runs.clone();
        let served = axum::serve(listener, service)
            .with_graceful_shutdown(async move {
                shutdown.await;
                // Streams end with their runs, and the connections with the streams.
                tokio::spawn(async move { stopping.stop().await });
            })
            .await;
        runs.stop().await;
        recovering.abort();
        hearing.abort();
        upkeep.abort();
        keeping.abort();
        app.sessions.write(&*app.store).await;
        served
    }
}
