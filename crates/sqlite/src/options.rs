//! How a store is opened.

use std::path::PathBuf;
use std::time::Duration;

use everthread_graph::contract::{StoreError, StoreErrorKind};
use everthread_store::Clock;

/// Where a store is and how it behaves. Begin with [`SqliteOptions::at`], [`SqliteOptions::memory`] or
/// [`SqliteOptions::from_url`] and change what should differ.
#[derive(Debug, Clone)]
pub struct SqliteOptions {
    /// Where the database is.
    pub location: Location,
    /// Connections that read, at most (default 4). Each is opened when it is first needed.
    pub readers: usize,
    /// Writes that may wait for the writer before [`commit`](everthread_graph::contract::Checkpointer::commit) waits
    /// too (default 1,024).
    pub queue_len: usize,
    /// How long a transaction stays open for further steps of runs that began in it (default 300 µs).
    pub group_window: Duration,
    /// Whether it is written too (default [`Access::ReadWrite`]).
    pub access: Access,
    /// How much a power cut may take (default [`Synchronous::Full`]).
    pub synchronous: Synchronous,
    /// The name of a registered SQLite VFS; `None` for the system's.
    pub vfs: Option<String>,
    /// What gives the time.
    pub clock: Clock,
    /// How far the search index may lag behind (default 1 s).
    pub index_interval: Duration,
    /// How long a write waits for another process that is writing (default 5 s).
    pub busy_wait: Duration,
    /// Runs that may wait on one thread (default 100).
    pub waiting_runs: usize,
}

/// Where a database is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// A file; it is created when it is not there, its folder is not.
    File(PathBuf),
    /// Memory of this process: gone when the store is.
    Memory,
}

/// What may be done with a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Access {
    /// It is read and written.
    #[default]
    ReadWrite,
    /// It is only read, which takes no permission to write. Every write is refused.
    ReadOnly,
}

/// How much a power cut may take. A killed process loses nothing in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Synchronous {
    /// Nothing that was answered as durable.
    #[default]
    Full,
    /// The last moments; the file stays sound.
    Normal,
    /// Anything, up to the file itself.
    Off,
}

impl SqliteOptions {
    /// The defaults for a file.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self::of(Location::File(path.into()))
    }

    /// The defaults for a store in memory.
    #[must_use]
    pub fn memory() -> Self {
        Self::of(Location::Memory)
    }

    /// The defaults for `sqlite:PATH` or `sqlite::memory:`.
    ///
    /// ```
    /// use everthread_sqlite::{Location, SqliteOptions};
    ///
    /// assert_eq!(SqliteOptions::from_url("sqlite::memory:")?.location, Location::Memory);
    /// assert_eq!(SqliteOptions::from_url("sqlite:a/chat.db")?.location, Location::File("a/chat.db".into()));
    /// # Ok::<(), everthread_store::StoreError>(())
    /// ```
    ///
    /// # Errors
    /// `Invalid` for any other text.
    pub fn from_url(url: &str) -> Result<Self, StoreError> {
        match url.strip_prefix("sqlite:") {
            Some(":memory:") => Ok(Self::memory()),
            Some(path) if !path.is_empty() => Ok(Self::at(path.strip_prefix("//").unwrap_or(path))),
            _ => Err(StoreError::new(
                StoreErrorKind::Invalid,
                format!("{url:?} names no SQLite storage: write sqlite:PATH or sqlite::memory:"),
            )),
        }
    }

    fn of(location: Location) -> Self {
        Self {
            location,
            readers: 4,
            queue_len: 1_024,
            group_window: Duration::from_micros(300),
            access: Access::default(),
            synchronous: Synchronous::default(),
            vfs: None,
            clock: Clock::default(),
            index_interval: Duration::from_secs(1),
            busy_wait: Duration::from_secs(5),
            waiting_runs: 100,
        }
    }
}

impl Synchronous {
    /// The name that the database understands.
    pub(crate) fn pragma(self) -> &'static str {
        match self {
            Self::Full => "FULL",
            Self::Normal => "NORMAL",
            Self::Off => "OFF",
        }
    }
}

impl Location {
    /// What and where, for people.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::File(path) => format!("sqlite:{}", path.display()),
            Self::Memory => "sqlite::memory:".to_owned(),
        }
    }

    /// Bytes of the file and its logs; `None` in memory.
    pub(crate) fn file_bytes(&self) -> Option<u64> {
        let Self::File(path) = self else {
            return None;
        };
        let bytes = ["", "-wal", "-shm"].map(|end| {
            let mut name = path.clone().into_os_string();
            name.push(end);
            std::fs::metadata(name).map_or(0, |file| file.len())
        });
        Some(bytes.into_iter().sum())
    }
}
