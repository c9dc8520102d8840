//! Opening a store: connections, and the format of what is there.

use std::fmt;
use std::sync::Arc;

use deadpool_postgres::{Hook, Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use everthread_graph::contract::{StoreError, StoreErrorKind};
use tokio_postgres::{Client, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::conn::{Conn, Statements};
use crate::error::{database, pool as pool_error};
use crate::migrations;
use crate::options::PostgresOptions;
use crate::tls;

/// Settings of each connection, where connections are ours alone. Somebody who stops in the middle of a transaction, or
/// holds a row for ever, holds nobody up for longer than this.
const SETTINGS: &str = "SET idle_in_transaction_session_timeout = '30s'; SET lock_timeout = '30s'";

/// Makes connections, in one of two ways.
#[derive(Clone)]
pub(crate) struct Opener {
    options: PostgresOptions,
    tls: Option<MakeRustlsConnect>,
}

impl fmt::Debug for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.options, f)
    }
}

impl Opener {
    /// For these options.
    pub(crate) fn new(options: PostgresOptions) -> Result<Self, StoreError> {
        let tls = options
            .encrypts()
            .then(|| tls::connector(&options))
            .transpose()?;
        Ok(Self { options, tls })
    }

    /// One connection beside the pool.
    pub(crate) async fn connect(&self) -> Result<Client, StoreError> {
        let doing = format!("connecting to {}", self.options.describe());
        match &self.tls {
            Some(tls) => match self.options.config.connect(tls.clone()).await {
                Ok((client, connection)) => {
                    tokio::spawn(drive(connection));
                    Ok(client)
                }
                Err(error) => Err(database(&error, &doing)),
            },
            None => match self.options.config.connect(NoTls).await {
                Ok((client, connection)) => {
                    tokio::spawn(drive(connection));
                    Ok(client)
                }
                Err(error) => Err(database(&error, &doing)),
            },
        }
    }

    /// The pool.
    pub(crate) fn pool(&self) -> Result<Pool, StoreError> {
        let options = &self.options;
        let config = ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
        };
        let manager = match &self.tls {
            Some(tls) => Manager::from_config(options.config.clone(), tls.clone(), config),
            None => Manager::from_config(options.config.clone(), NoTls, config),
        };
        let mut builder = Pool::builder(manager)
            .max_size(options.connections)
            .wait_timeout(Some(options.busy_wait))
            .create_timeout(Some(options.busy_wait * 2))
            .runtime(Runtime::Tokio1);
        if options.statement_cache {
            builder = builder.post_create(Hook::async_fn(|client, _| {
                Box::pin(async move {
                    let set = client.batch_execute(SETTINGS).await;
                    set.map_err(deadpool_postgres::HookError::Backend)
                })
            }));
        }
        builder.build().map_err(|error| {
            StoreError::new(
                StoreErrorKind::Invalid,
                format!("no pool of connections: {error}"),
            )
        })
    }
}

async fn drive<S, T>(connection: tokio_postgres::Connection<S, T>)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    if let Err(error) = connection.await {
        tracing::debug!(%error, "a connection to the database ended");
    }
}

/// Takes a connection for the first time, and brings the format up to date.
pub(crate) async fn settle_in(
    pool: &Pool,
    statements: &Arc<Statements>,
    options: &PostgresOptions,
) -> Result<(), StoreError> {
    let doing = format!("opening {}", options.describe());
    let client = pool
        .get()
        .await
        .map_err(|error| pool_error(&error, &doing))?;
    let conn = Conn::new(client, Arc::clone(statements));
    let synchronous = conn
        .row("SELECT current_setting('synchronous_commit')", &[])
        .await
        .map_err(|fault| fault.into_store(&doing))?;
    if synchronous.is_some_and(|row| row.try_get::<_, &str>(0).is_ok_and(|set| set == "off")) {
        tracing::warn!(
            "the database's synchronous_commit is off: what is told as saved may be lost with its power"
        );
    }
    let conn = conn.writing();
    let outcome = migrations::bring_up_to_date(&conn, options).await;
    conn.finish(&doing, outcome).await
}
