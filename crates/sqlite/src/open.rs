//! Opening a file: what it is, whether it may be written, and its format.

mod onlooker;

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use everthread_graph::contract::{StoreError, StoreErrorKind};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use crate::error::{Fault, database, is_harmless};
use crate::migrations;
use crate::options::{Access, Location, SqliteOptions, Synchronous};
use crate::vfs;

/// Marks a file as ours: `EvTh`.
const APPLICATION_ID: i32 = 0x4576_5468;

/// The oldest SQLite without the bug that can lose a write-ahead log when it is reset.
const OLDEST_SQLITE: i32 = 3_051_003;

/// Statements that each connection keeps ready.
const CACHED_STATEMENTS: usize = 128;

/// Pages in the log after which it is copied into the file (4 KiB each). Idle moments copy it sooner.
const LOG_PAGES: i64 = 4_000;

/// What is opened where the contents do not matter.
const DOING: &str = "opening the store";

/// Opens the connection that writes: creates the file, or looks whether it is ours and brings its format up to date.
pub(crate) fn writer(options: &SqliteOptions) -> Result<Connection, StoreError> {
    refuse_old_sqlite()?;
    if let Location::File(path) = &options.location {
        look_at(path)?;
        if options.vfs.is_none() {
            begin_private(path);
        }
    }
    let through = SqliteOptions {
        vfs: writing_vfs(options),
        ..options.clone()
    };
    let mut connection = connect(&through, OpenFlags::SQLITE_OPEN_CREATE)?;
    let log = log_of(&connection).filter(|log| log.metadata().is_ok_and(|found| found.len() > 0));
    settle_in_patiently(&mut connection, options)
        .and_then(|()| log.map_or(Ok(()), |log| secure(&connection, &log)))
        .map_err(|fault| explain(fault, &options.location))?;
    Ok(connection)
}

fn refuse_old_sqlite() -> Result<(), StoreError> {
    if rusqlite::version_number() < OLDEST_SQLITE {
        return Err(StoreError::new(
            StoreErrorKind::Unavailable,
            format!(
                "SQLite {} can lose data: build with 3.51.3 or newer",
                rusqlite::version()
            ),
        ));
    }
    Ok(())
}

/// A file that is not there begins as one that its owner alone may read: SQLite gives its logs the same permissions.
/// Whatever is in the way is told when it is opened.
fn begin_private(path: &Path) {
    let mut file = OpenOptions::new();
    file.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut file, 0o600);
    drop(file.open(path));
}

/// Opens a connection that cannot write. Where the store is written too, it must have been opened before.
pub(crate) fn reader(options: &SqliteOptions) -> Result<Connection, StoreError> {
    if options.access == Access::ReadOnly {
        return onlooker::open(options);
    }
    let connection = connect(options, OpenFlags::empty())?;
    connection
        .execute_batch("PRAGMA query_only = 1")
        .map_err(|error| database(&error, DOING))?;
    Ok(connection)
}

/// Opens a connection that may write beside the one that is kept. The store must have been opened before.
pub(crate) fn plain_writer(options: &SqliteOptions) -> Result<Connection, StoreError> {
    let connection = connect(options, OpenFlags::empty())?;
    connection
        .execute_batch(&format!(
            "PRAGMA synchronous = {}; PRAGMA secure_delete = FAST; PRAGMA journal_size_limit = {}",
            options.synchronous.pragma(),
            LOG_PAGES * 4_096
        ))
        .map_err(|error| database(&error, DOING))?;
    Ok(connection)
}

/// The VFS of the connection that writes. Where each transaction is synced, its part of the log is written in one piece.
fn writing_vfs(options: &SqliteOptions) -> Option<String> {
    let beneath = options.vfs.as_deref();
    match options.synchronous {
        Synchronous::Full => vfs::over(beneath).or_else(|| options.vfs.clone()),
        Synchronous::Normal | Synchronous::Off => options.vfs.clone(),
    }
}

fn connect(options: &SqliteOptions, extra: OpenFlags) -> Result<Connection, StoreError> {
    open_with(options, OpenFlags::SQLITE_OPEN_READ_WRITE | extra)
}

fn open_with(options: &SqliteOptions, access: OpenFlags) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_NO_MUTEX | access;
    let connection = match (&options.location, &options.vfs) {
        (Location::Memory, _) => Connection::open_in_memory_with_flags(flags),
        (Location::File(path), None) => Connection::open_with_flags(path, flags),
        (Location::File(path), Some(vfs)) => {
            Connection::open_with_flags_and_vfs(path, flags, vfs.as_str())
        }
    }
    .map_err(|error| explain(error.into(), &options.location))?;
    made_ready(connection, options)
}

fn made_ready(
    mut connection: Connection,
    options: &SqliteOptions,
) -> Result<Connection, StoreError> {
    connection.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
    keep_plans(&connection)
        .and_then(|()| wait_when_busy(&mut connection, options.busy_wait))
        .map_err(|error| explain(error.into(), &options.location))?;
    Ok(connection)
}

/// Otherwise a statement that is kept ready is planned anew each time it is bound, where a plan might depend on what is
/// bound: for joins beside a partial index that costs more than running them.
fn keep_plans(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

/// Asks again every fraction of a millisecond: another process holds the file for one group of commits only.
fn wait_when_busy(connection: &mut Connection, limit: Duration) -> rusqlite::Result<()> {
    let mut since = Instant::now();
    connection.busy_handler(Some(move |tries: i32| {
        if tries == 0 {
            since = Instant::now();
        }
        let waited = since.elapsed();
        if waited >= limit {
            return false;
        }
        pause(waited);
        true
    }))
}

/// A moment between two tries.
fn pause(waited: Duration) {
    std::thread::sleep(if waited < Duration::from_millis(20) {
        Duration::from_micros(200)
    } else {
        Duration::from_millis(2)
    });
}

/// What can be said of a path without opening it.
fn look_at(path: &Path) -> Result<(), StoreError> {
    let shown = path.display();
    if path.is_dir() {
        return Err(StoreError::new(
            StoreErrorKind::Invalid,
            format!("{shown} is a folder: name a file in it, such as {shown}/everthread.db"),
        ));
    }
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    if !folder.is_dir() {
        return Err(StoreError::new(
            StoreErrorKind::NotFound,
            format!(
                "cannot put {shown} there: the folder {} does not exist; create it first",
                folder.display()
            ),
        ));
    }
    Ok(())
}

/// Tries again while another process creates the file: SQLite does not wait by itself where it changes the journal
/// mode.
fn settle_in_patiently(connection: &mut Connection, options: &SqliteOptions) -> Result<(), Fault> {
    let since = Instant::now();
    loop {
        match settle_in(connection, options) {
            Err(Fault::Database(error))
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && since.elapsed() < options.busy_wait =>
            {
                pause(since.elapsed());
            }
            outcome => return outcome,
        }
    }
}

/// Reads what the file is before anything of it is changed.
fn settle_in(connection: &mut Connection, options: &SqliteOptions) -> Result<(), Fault> {
    let found = look_into(connection)?;
    refuse_foreign(&found)?;
    if connection.is_readonly("main")? {
        return Err(Fault::Store(StoreError::new(
            StoreErrorKind::Unavailable,
            "the file cannot be written: check its permissions",
        )));
    }
    if found.is_new() {
        connection.execute_batch("PRAGMA auto_vacuum = INCREMENTAL")?;
    }
    let log: String =
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    let in_memory = options.location == Location::Memory;
    if !in_memory && log != "wal" {
        return Err(Fault::Store(StoreError::new(
            StoreErrorKind::Unavailable,
            format!(
                "the file system allows no write-ahead log (the journal mode stays {log}): put the file on a local disk"
            ),
        )));
    }
    connection.execute_batch(&format!(
        "PRAGMA synchronous = {}; PRAGMA foreign_keys = 1; PRAGMA temp_store = MEMORY; \
         PRAGMA secure_delete = FAST; \
         PRAGMA wal_autocheckpoint = {LOG_PAGES}; PRAGMA journal_size_limit = {};",
        options.synchronous.pragma(),
        LOG_PAGES * 4_096,
    ))?;
    if found.format < migrations::FORMAT {
        migrate(connection, options)?;
    }
    Ok(())
}

/// What a file says of itself.
pub(crate) struct Found {
    pub(crate) application: i32,
    format: i32,
    objects: i64,
}

impl Found {
    fn is_new(&self) -> bool {
        self.application == 0 && self.format == 0 && self.objects == 0
    }
}

/// Refuses what is no store, and one that a newer version wrote: what it means by its rows is not known here.
fn refuse_foreign(found: &Found) -> Result<(), Fault> {
    if !found.is_new() && found.application != APPLICATION_ID {
        return Err(Fault::Store(StoreError::new(
            StoreErrorKind::Invalid,
            "the database belongs to another program: it is not touched; name another file",
        )));
    }
    if found.format > migrations::FORMAT {
        return Err(Fault::Store(StoreError::new(
            StoreErrorKind::Newer,
            format!(
                "the file has format {} and this version knows formats up to {}: it is not touched; use a newer version",
                found.format,
                migrations::FORMAT
            ),
        )));
    }
    Ok(())
}

/// Reads at one moment: another process may be creating the store.
pub(crate) fn look_into(connection: &mut Connection) -> rusqlite::Result<Found> {
    let tx = connection.transaction()?;
    let found = Found {
        application: tx.pragma_query_value(None, "application_id", |row| row.get(0))?,
        format: tx.pragma_query_value(None, "user_version", |row| row.get(0))?,
        objects: tx.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?,
    };
    tx.commit()?;
    Ok(found)
}

/// Where the log of an open file lies; `None` in memory.
fn log_of(connection: &Connection) -> Option<PathBuf> {
    let path = connection.path().filter(|path| !path.is_empty())?;
    Some(suffixed(Path::new(path), "-wal"))
}

pub(crate) fn suffixed(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// The name of a file as SQLite takes it together with how it is to be opened.
pub(crate) fn uri(path: &Path) -> String {
    let named: String = path
        .as_os_str()
        .as_encoded_bytes()
        .iter()
        .map(|&byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => {
                char::from(byte).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect();
    format!("file:{named}")
}

/// Syncs what the log holds. A process that was killed may have written there without syncing: from now on it is
/// shown and counts as applied, so a power cut must not take it away.
fn secure(connection: &Connection, log: &Path) -> Result<(), Fault> {
    // The log is synced before any of it is copied.
    let copied = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| {
        let (busy, pages, copied): (bool, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(!busy && copied == pages)
    });
    match copied {
        Ok(true) => Ok(()),
        // Another process copies or reads: whether it has synced is not known. A full disk holds no copy, and is to
        // be opened all the same.
        Ok(false) => sync(log),
        Err(error) if is_harmless(&error) => sync(log),
        Err(error) => Err(error.into()),
    }
}

fn sync(log: &Path) -> Result<(), Fault> {
    match File::open(log).and_then(|file| file.sync_data()) {
        // The last other one to close has copied all of it.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Fault::Store(
            StoreError::new(
                StoreErrorKind::Unavailable,
                "its log cannot be synced; look at the system's log before going on",
            )
            .with_source(error),
        )),
        Ok(()) => Ok(()),
    }
}

/// Applies what is missing in one transaction. Another process may be doing the same: the format is read again.
fn migrate(connection: &mut Connection, options: &SqliteOptions) -> Result<(), Fault> {
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let format: i32 = tx.pragma_query_value(None, "user_version", |row| row.get(0))?;
    migrations::apply(&tx, format, options.clock.now_ms())?;
    tx.pragma_update(None, "application_id", APPLICATION_ID)?;
    tx.commit()?;
    Ok(())
}

/// Says which file, and what to do.
fn explain(fault: Fault, location: &Location) -> StoreError {
    let name = location.describe();
    match fault {
        Fault::Store(error) => {
            StoreError::new(error.kind(), format!("cannot open {name}: {error}"))
        }
        Fault::Database(error) => database(&error, &format!("opening {name}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::{OptionalExtension, StatementStatus};

    #[test]
    fn a_statement_that_is_kept_ready_is_planned_once() {
        let connection = writer(&SqliteOptions::memory()).unwrap();
        let join = "SELECT t.thread FROM users u JOIN threads t ON t.user = u.user AND t.id = ?2 WHERE u.id = ?1";
        for _ in 0..3 {
            let mut statement = connection.prepare_cached(join).unwrap();
            let found = statement.query_row(("anna", "main"), |row| row.get::<_, i64>(0));
            assert_eq!(found.optional().unwrap(), None);
            assert_eq!(statement.get_status(StatementStatus::RePrepare), 0);
        }
    }
}
