//! Encrypted connections: how a server proves who it is.

use everthread_graph::contract::{StoreError, StoreErrorKind};
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::options::PostgresOptions;

/// What connections are encrypted with.
pub(crate) fn connector(options: &PostgresOptions) -> Result<MakeRustlsConnect, StoreError> {
    let _ = options;
    let config = ClientConfig::builder()
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    let _ = StoreErrorKind::Invalid;
    Ok(MakeRustlsConnect::new(config))
}
