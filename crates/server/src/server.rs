//! Builds and serves.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::serve::ListenerExt;
use everthread_graph::AnyGraph;
use everthread_store::Store;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinError;
use tokio_util::task::AbortOnDropHandle;

use crate::backups::{Backups, Jobs, Swap};
use crate::door::Door;
use crate::embedder::Embedder;
use crate::front::FrontParts;
use crate::health::Probe;
use crate::house::{Ground, House};
use crate::identity::JwtSettings;
use crate::limits::LimitSettings;
use crate::metrics::Metrics;
use crate::openai::Offer;
use crate::replace::replace;
use crate::settings::Settings;

/// A server that is being put together.
pub struct Server {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) settings: Settings,
    pub(crate) front: FrontParts,
    pub(crate) graphs: Vec<Arc<dyn AnyGraph>>,
    pub(crate) embedder: Option<Arc<dyn Embedder>>,
    pub(crate) offer: Option<Offer>,
    backups: Option<Backups>,
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
            backups: None,
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

    /// Makes, verifies and restores backups; by default none.
    #[must_use]
    pub fn backups(mut self, backups: Backups) -> Self {
        self.backups = Some(backups);
        self
    }

    /// Serves until `shutdown` is done: first takes up the runs that other processes left, and at the end lets runs
    /// come to theirs, or leaves them for the next start. The store stays open, unless a backup took its place: then
    /// both are closed.
    ///
    /// # Errors
    /// When the listener fails, or the store when it is asked for what was left.
    pub async fn serve(
        mut self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        let (jobs, mut swaps) = self.backups.take().map(Jobs::new).unzip();
        let ground = Ground {
            address: listener.local_addr()?.ip(),
            started: Instant::now(),
            jobs,
        };
        let mut house = House::open(self, &ground).await?;
        let mut is_own = false;
        let door = Door::to(house.app.router());
        let (quit, quitting) = oneshot::channel::<()>();
        let mut listening = listen(listener, &door, quitting);
        tokio::pin!(shutdown);
        // The listener ends by itself only when it fails.
        let failed = loop {
            let swap = tokio::select! {
                () = &mut shutdown => break None,
                failed = &mut listening => break Some(failed),
                swap = next(&mut swaps) => swap,
            };
            if let Some(jobs) = &ground.jobs {
                house = replace(house, swap, &ground, jobs, &door).await;
                is_own = true;
            }
        };
        let _ = quit.send(());
        // Streams end with their runs, and the connections with the streams.
        house.app.runs.stop().await;
        let served = match failed {
            Some(failed) => listened(failed),
            None => listened(listening.await),
        };
        drop(swaps);
        if let Some(jobs) = &ground.jobs {
            jobs.cancel_but(None).await;
        }
        house.leave().await;
        if is_own {
            house.app.store.close().await.map_err(io::Error::other)?;
        }
        served
    }
}

type Listening = AbortOnDropHandle<io::Result<()>>;

/// Serves what is behind the door, until told to quit.
fn listen(listener: TcpListener, door: &Arc<Door>, quitting: oneshot::Receiver<()>) -> Listening {
    let service = door.service();
    let service = service.into_make_service_with_connect_info::<SocketAddr>();
    // A first token is small: it must not wait for a second one to fill its packet.
    let listener = listener.tap_io(|connection| {
        if let Err(error) = connection.set_nodelay(true) {
            tracing::debug!(operation = "connection", %error, "small packets wait");
        }
    });
    let serving = axum::serve(listener, service).with_graceful_shutdown(async {
        // Whoever is gone without a word wants it to end too.
        let _ = quitting.await;
    });
    AbortOnDropHandle::new(tokio::spawn(serving.into_future()))
}

fn listened(ended: Result<io::Result<()>, JoinError>) -> io::Result<()> {
    ended.unwrap_or_else(|error| Err(io::Error::other(error)))
}

/// The next store that is to be swapped in; never one where there are no backups.
async fn next(swaps: &mut Option<mpsc::UnboundedReceiver<Swap>>) -> Swap {
    let next = match swaps {
        Some(swaps) => swaps.recv().await,
        None => None,
    };
    match next {
        Some(swap) => swap,
        None => std::future::pending().await,
    }
}
