//! Which database a storage URL means.

use std::path::Path;
use std::sync::Arc;

use everthread_postgres::{PostgresOptions, PostgresStore};
use everthread_sqlite::{Location, SqliteOptions, SqliteStore};
use everthread_store::Store;

use crate::failure::Failure;

/// A database that can be opened.
#[derive(Debug, Clone)]
pub(crate) enum Storage {
    /// A file, or memory.
    Sqlite(SqliteOptions),
    /// A schema of a PostgreSQL database, which other processes may use at the same time.
    Postgres(Box<PostgresOptions>),
}

impl Storage {
    /// What a URL means: `sqlite:PATH`, `sqlite::memory:` or `postgres://…`.
    ///
    /// # Errors
    /// `Invalid` for any other text.
    pub(crate) fn named(url: &str) -> Result<Self, Failure> {
        if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            return Ok(Self::Postgres(Box::new(PostgresOptions::from_url(url)?)));
        }
        Ok(Self::Sqlite(SqliteOptions::from_url(url)?))
    }

    /// The file of one that is kept in a file.
    pub(crate) fn file(&self) -> Option<&Path> {
        match self {
            Self::Sqlite(SqliteOptions {
                location: Location::File(path),
                ..
            }) => Some(path),
            _ => None,
        }
    }

    /// Opens it: a file or a schema that is new is made.
    ///
    /// # Errors
    /// What the store answers: `Unavailable` when it cannot be reached.
    pub(crate) async fn open(self) -> Result<Arc<dyn Store>, Failure> {
        let store: Arc<dyn Store> = match self {
            Self::Sqlite(options) => Arc::new(SqliteStore::open(options)?),
            Self::Postgres(options) => Arc::new(PostgresStore::open(*options).await?),
        };
        Ok(store)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_its_database() {
        assert!(matches!(
            Storage::named("sqlite::memory:"),
            Ok(Storage::Sqlite(_))
        ));
        for url in ["postgres://eve@db/chat", "postgresql://db/chat?schema=a"] {
            assert!(matches!(Storage::named(url), Ok(Storage::Postgres(_))));
        }
        for url in ["mysql://db/chat", "postgres:chat", "chat.db"] {
            assert!(Storage::named(url).is_err(), "{url}");
        }
    }

    #[tokio::test]
    async fn a_database_that_is_not_there_is_unavailable() {
        // Nobody listens on the port of discarded bytes.
        let storage = Storage::named("postgres://eve:secret@127.0.0.1:9/chat?sslmode=disable");
        let Err(refused) = storage.unwrap().open().await else {
            panic!("nobody is there");
        };
        assert!(refused.is_unavailable());
        let told = refused.to_string();
        assert!(told.contains("127.0.0.1:9/chat"), "{told}");
        assert!(!told.contains("secret"), "{told}");
    }
}
