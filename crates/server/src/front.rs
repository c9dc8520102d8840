//! What stands between the network and the handlers: identity, limits, the log, counters, health.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::middleware::from_fn_with_state;
use everthread_store::Store;

use crate::app::App;
use crate::gate;
use crate::health::{Probe, StorageProbe};
use crate::identity::guard::{self, Rules};
use crate::identity::{Auth, Exposed, JwtSettings};
use crate::limits::{LimitSettings, Limits};
use crate::metrics::Metrics;
use crate::request_log;
use crate::routes::route_table;
use crate::sessions;

/// What is set about the front before the server begins.
#[derive(Debug, Default)]
pub(crate) struct FrontParts {
    pub(crate) jwt: Option<JwtSettings>,
    pub(crate) limits: LimitSettings,
    pub(crate) metrics: Metrics,
    pub(crate) probes: Vec<Arc<dyn Probe>>,
}

/// What the front of a server works with.
#[derive(Debug)]
pub struct Front {
    pub(crate) auth: Auth,
    pub(crate) limits: Limits,
    pub(crate) rules: Rules,
    pub(crate) metrics: Metrics,
    pub(crate) storage: Arc<StorageProbe>,
    pub(crate) probes: Vec<Arc<dyn Probe>>,
    pub(crate) started: Instant,
}

impl Front {
    /// The front of a server that listens on this address, since then.
    ///
    /// # Errors
    /// `PermissionDenied` with [`Exposed`]; `InvalidInput` when tokens cannot work as they are set up; those of the
    /// store.
    pub(crate) async fn new(
        parts: FrontParts,
        store: &Arc<dyn Store>,
        address: IpAddr,
        started: Instant,
    ) -> io::Result<Self> {
        let has_tokens = parts.jwt.is_some();
        let auth = Auth::new(Arc::clone(store), parts.jwt, address)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        if !address.is_loopback() && !has_tokens {
            let any = auth.keys().any().await.map_err(io::Error::other)?;
            if !any {
                let exposed = Exposed(address);
                return Err(io::Error::new(io::ErrorKind::PermissionDenied, exposed));
            }
        }
        let storage = Arc::new(StorageProbe::new(Arc::clone(store)));
        let mut probes: Vec<Arc<dyn Probe>> = vec![storage.clone()];
        probes.extend(parts.probes);
        Ok(Self {
            auth,
            limits: Limits::new(parts.limits),
            rules: Rules::of(&route_table()),
            metrics: parts.metrics,
            storage,
            probes,
            started,
        })
    }
}

/// The layers next to the handlers: who calls, whether the route is for them, and whose turn it is.
pub(crate) fn inner(router: Router, app: &App) -> Router {
    router
        .layer(from_fn_with_state(app.clone(), guard::rule))
        .layer(from_fn_with_state(app.clone(), sessions::note))
}

/// The outermost layers: only this machine in local mode; nobody while the store is replaced; and the log, which sees
/// every answer.
pub(crate) fn outer(router: Router, app: &App) -> Router {
    router
        .layer(from_fn_with_state(app.clone(), guard::place))
        .layer(from_fn_with_state(app.clone(), gate::pass))
        .layer(from_fn_with_state(app.clone(), request_log::log))
}
