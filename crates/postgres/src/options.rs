//! How a store is opened.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use everthread_graph::contract::{StoreError, StoreErrorKind};
use everthread_store::Clock;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

mod url;

/// Where a store is and how it behaves. Begin with [`PostgresOptions::from_url`] and change what should differ.
#[derive(Clone)]
pub struct PostgresOptions {
    /// How the database is reached.
    pub(crate) config: Config,
    /// The schema that holds the tables (default `everthread`); it is created when it is not there.
    pub schema: String,
    /// Connections, at most (default 16). Each is opened when it is first needed; one more renews the lease.
    pub connections: usize,
    /// Whether each connection keeps its statements prepared (default). To be off behind a pooler that gives each
    /// transaction another connection and does not know prepared statements, such as PgBouncer before 1.21.
    pub statement_cache: bool,
    /// How the server proves who it is.
    pub tls: Tls,
    /// For how long runs stay with a process that is not heard of (default 10 s). It is heard of three times as often.
    pub lease: Duration,
    /// Writes that may wait before [`commit`](everthread_graph::contract::Checkpointer::commit) waits too (default
    /// 1,024).
    pub queue_len: usize,
    /// How long a transaction stays open for further steps of a run that began in it (default 2 ms): it costs a
    /// connection, not a place at the disk, and a model that answers within it spares a turn its second transaction.
    pub group_window: Duration,
    /// How long a call waits for a connection (default 5 s).
    pub busy_wait: Duration,
    /// How far the search index may lag behind (default 1 s).
    pub index_interval: Duration,
    /// Runs that may wait on one thread (default 100).
    pub waiting_runs: usize,
    /// What gives the time of rows. Leases go by the database's clock.
    pub clock: Clock,
}

/// How a server proves who it is: the URL's `sslmode` and `sslrootcert`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tls {
    /// What is asked of it.
    pub verify: Verify,
    /// A file of certificates that are trusted, as PEM; `None` for those that the system trusts.
    pub roots: Option<PathBuf>,
}

/// What is asked of a server's certificate, as PostgreSQL's own clients ask.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Verify {
    /// Nothing (`prefer`, `require`): nobody else can read, but the server may be another.
    #[default]
    Nothing,
    /// That somebody trusted signed it (`verify-ca`).
    Signer,
    /// That and the host's name (`verify-full`).
    Host,
}

impl PostgresOptions {
    /// The defaults for `postgres://USER:PASSWORD@HOST:PORT/DATABASE`, or `postgresql://`.
    ///
    /// What PostgreSQL's own clients take after `?` is taken: `sslmode`, `sslrootcert`, `connect_timeout`,
    /// `application_name`, `host` (a folder for a Unix socket) and others. So are our own: `schema`, `connections`,
    /// `statement_cache` (`on`, `off`) and `lease_seconds`.
    ///
    /// ```
    /// use everthread_postgres::PostgresOptions;
    ///
    /// let options = PostgresOptions::from_url("postgres://eve:secret@db/chat?schema=bots&statement_cache=off")?;
    /// assert_eq!(options.schema, "bots");
    /// assert!(!options.statement_cache);
    /// assert_eq!(options.describe(), "postgres://db:5432/chat (schema bots)");
    /// # Ok::<(), everthread_store::StoreError>(())
    /// ```
    ///
    /// # Errors
    /// `Invalid` for any other text.
    pub fn from_url(url: &str) -> Result<Self, StoreError> {
        url::parse(url)
    }

    /// The defaults for a database that is reached so.
    fn of(mut config: Config) -> Self {
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(Duration::from_secs(5));
        }
        if config.get_application_name().is_none() {
            config.application_name("everthread");
        }
        Self {
            config,
            schema: "everthread".to_owned(),
            connections: 16,
            statement_cache: true,
            tls: Tls::default(),
            lease: Duration::from_secs(10),
            queue_len: 1_024,
            group_window: Duration::from_millis(2),
            busy_wait: Duration::from_secs(5),
            index_interval: Duration::from_secs(1),
            waiting_runs: 100,
            clock: Clock::default(),
        }
    }

    /// Where it is, for people, without the password.
    #[must_use]
    pub fn describe(&self) -> String {
        let host = match self.config.get_hosts().first() {
            Some(Host::Tcp(name)) => name.clone(),
            #[cfg(unix)]
            Some(Host::Unix(folder)) => folder.display().to_string(),
            _ => "localhost".to_owned(),
        };
        let port = self.config.get_ports().first().copied().unwrap_or(5432);
        let database = self
            .config
            .get_dbname()
            .or(self.config.get_user())
            .unwrap_or("postgres");
        format!(
            "postgres://{host}:{port}/{database} (schema {})",
            self.schema
        )
    }

    /// Refuses what cannot work.
    pub(crate) fn checked(self) -> Result<Self, StoreError> {
        let problem = if self.schema.is_empty() || self.schema.len() > 63 {
            "a schema's name has 1 to 63 bytes"
        } else if self.schema.contains('\0') || self.schema.starts_with("pg_") {
            "a schema's name holds no NUL and does not begin with pg_, which is PostgreSQL's own"
        } else if self.connections == 0 {
            "at least one connection is needed"
        } else if self.lease < Duration::from_secs(1) {
            "a lease lasts at least a second"
        } else {
            return Ok(self);
        };
        Err(StoreError::new(StoreErrorKind::Invalid, problem))
    }

    /// Whether anything is encrypted.
    pub(crate) fn encrypts(&self) -> bool {
        self.config.get_ssl_mode() != SslMode::Disable
    }
}

impl fmt::Debug for PostgresOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresOptions")
            .field("at", &self.describe())
            .field("connections", &self.connections)
            .field("statement_cache", &self.statement_cache)
            .field("tls", &self.tls)
            .field("lease", &self.lease)
            .finish_non_exhaustive()
    }
}
