//! A checkpoint database of LangGraph, read as it lies: which rows there are and what is in them. What they mean is not
//! known here.
//!
//! Somebody else wrote the file, so nothing of it is believed: no view, trigger or computed column of it is run, and a
//! value that is too large is not read. Nothing is written to it.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use everthread_graph::contract::{StoreError, StoreErrorKind};
use everthread_store::langgraph::{
    Checkpoints, Line, MAX_BYTES, MAX_NAME, Put, StoredCheckpoint, StoredValue,
};
use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, Row, params};

use crate::error::{Sql, fault};
use crate::open::{Found, look_into, suffixed, uri};

const DOING: &str = "reading the checkpoint database";

/// The columns that each generation has.
const CHECKPOINTS: &[&str] = &[
    "thread_id",
    "checkpoint_ns",
    "checkpoint_id",
    "parent_checkpoint_id",
    "type",
    "checkpoint",
    "metadata",
];
const WRITES: &[&str] = &[
    "thread_id",
    "checkpoint_ns",
    "checkpoint_id",
    "task_id",
    "idx",
    "channel",
    "type",
    "value",
];

/// A checkpoint database that is open.
#[derive(Debug)]
pub struct LangGraphFile {
    connection: Connection,
    /// The last generation says at which place of its graph a task stood.
    has_paths: bool,
}

impl LangGraphFile {
    /// Opens a file that is only read; `None` when it is not there or no such database.
    ///
    /// # Errors
    /// `Unavailable` when it cannot be read; `Corrupt` when it is damaged.
    pub fn open(path: &Path) -> Result<Option<Self>, StoreError> {
        opened(path).map_err(|fault| fault.into_store(DOING))
    }

    fn read<T>(&self, read: impl FnOnce(&Connection) -> Sql<T>) -> Result<T, StoreError> {
        read(&self.connection).map_err(|fault| fault.into_store(DOING))
    }
}

impl Checkpoints for LangGraphFile {
    fn lines(&self) -> Result<Vec<Line>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare(
                "SELECT substr(thread_id, 1, ?1), checkpoint_ns, count(*) FROM checkpoints
                 GROUP BY thread_id, checkpoint_ns ORDER BY thread_id, checkpoint_ns",
            )?;
            // One more than may be: a name that is too long stays one.
            let found = statement.query_map([MAX_NAME + 1], |row| {
                Ok(Line {
                    thread: text(row, 0)?,
                    namespace: text(row, 1)?,
                    checkpoints: row.get(2)?,
                })
            })?;
            Ok(found.collect::<Result<_, _>>()?)
        })
    }

    fn ids(&self, line: &Line) -> Result<Vec<(String, Option<String>)>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT checkpoint_id, parent_checkpoint_id FROM checkpoints
                 WHERE thread_id = ?1 AND checkpoint_ns = ?2 ORDER BY checkpoint_id",
            )?;
            let found = statement.query_map([&line.thread, &line.namespace], |row| {
                let parent = text(row, 1)?;
                Ok((text(row, 0)?, (!parent.is_empty()).then_some(parent)))
            })?;
            Ok(found.collect::<Result<_, _>>()?)
        })
    }

    fn checkpoint(&self, line: &Line, id: &str) -> Result<StoredCheckpoint, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT type, CASE WHEN length(checkpoint) <= ?4 THEN checkpoint END,
                        CASE WHEN length(metadata) <= ?4 THEN metadata END
                 FROM checkpoints WHERE thread_id = ?1 AND checkpoint_ns = ?2 AND checkpoint_id = ?3",
            )?;
            let found = statement.query_row(params![line.thread, line.namespace, id, MAX_BYTES], |row| {
                Ok(StoredCheckpoint {
                    body: value(row, 0)?,
                    metadata: bytes(row, 2)?,
                })
            });
            match found {
                Err(rusqlite::Error::QueryReturnedNoRows) => Err(fault(
                    StoreErrorKind::NotFound,
                    format!("checkpoint {id:?} of thread {:?} is gone", line.thread),
                )),
                found => Ok(found?),
            }
        })
    }

    fn writes(&self, line: &Line, id: &str) -> Result<Vec<Put>, StoreError> {
        let order = if self.has_paths {
            "task_path, task_id, idx"
        } else {
            "task_id, idx"
        };
        self.read(|connection| {
            let mut statement = connection.prepare_cached(&format!(
                "SELECT channel, type, CASE WHEN length(value) <= ?4 THEN value END FROM writes
                 WHERE thread_id = ?1 AND checkpoint_ns = ?2 AND checkpoint_id = ?3 ORDER BY {order}"
            ))?;
            let mut rows = statement.query(params![line.thread, line.namespace, id, MAX_BYTES])?;
            let mut found = Vec::new();
            let mut left = MAX_BYTES;
            while let Some(row) = rows.next()? {
                let write = Put {
                    channel: text(row, 0)?,
                    value: value(row, 1)?,
                };
                let size = write.value.bytes.as_ref().map_or(0, Vec::len) + write.channel.len() + 64;
                let size = u64::try_from(size).unwrap_or(u64::MAX);
                left = left.checked_sub(size).ok_or_else(|| {
                    fault(
                        StoreErrorKind::Invalid,
                        format!("what was written at checkpoint {id:?} of thread {:?} is too much", line.thread),
                    )
                })?;
                found.push(write);
            }
            Ok(found)
        })
    }

    fn memories(&self) -> Result<u64, StoreError> {
        self.read(|connection| {
            if !has_columns(connection, "store", &["prefix", "key", "value"])? {
                return Ok(0);
            }
            Ok(connection.query_row("SELECT count(*) FROM store", [], |row| row.get(0))?)
        })
    }
}

fn opened(path: &Path) -> Sql<Option<LangGraphFile>> {
    if !is_sqlite(path) {
        return Ok(None);
    }
    let mut connection = connect(path)?;
    let Found { application, .. } = look_into(&mut connection)?;
    let is_one = application == 0
        && has_columns(&connection, "checkpoints", CHECKPOINTS)?
        && has_columns(&connection, "writes", WRITES)?;
    if !is_one {
        return Ok(None);
    }
    let has_paths = has_columns(&connection, "writes", &["task_path"])?;
    // One moment for all that is read, whoever goes on writing.
    connection.execute_batch("BEGIN")?;
    Ok(Some(LangGraphFile {
        connection,
        has_paths,
    }))
}

/// Whether the file begins as those of SQLite do.
fn is_sqlite(path: &Path) -> bool {
    let mut first = [0; 16];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut first));
    read.is_ok() && first == *b"SQLite format 3\0"
}

/// Opens the file so that nothing is written beside it where nobody has it open.
fn connect(path: &Path) -> Sql<Connection> {
    let log = suffixed(path, "-wal");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = if log.metadata().is_ok_and(|found| found.len() > 0) {
        Connection::open_with_flags(path, flags)?
    } else {
        let named = format!("{}?immutable=1", uri(path));
        Connection::open_with_flags(named, flags | OpenFlags::SQLITE_OPEN_URI)?
    };
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
    let most = i32::try_from(MAX_BYTES * 4).unwrap_or(i32::MAX);
    connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, most)?;
    connection.execute_batch("PRAGMA query_only = 1; PRAGMA cell_size_check = 1")?;
    Ok(connection)
}

/// Whether there is a plain table of this name with these columns, none of them computed.
fn has_columns(connection: &Connection, table: &str, columns: &[&str]) -> Sql<bool> {
    let plain: bool = connection.query_row(
        "SELECT count(*) = 1 FROM sqlite_schema
         WHERE name = ?1 AND type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'",
        [table],
        |row| row.get(0),
    )?;
    if !plain {
        return Ok(false);
    }
    let mut statement = connection.prepare(&format!("PRAGMA table_xinfo({table})"))?;
    let mut found = Vec::new();
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let computed = row.get::<_, i64>("hidden")? != 0;
        if computed {
            return Ok(false);
        }
        found.push(row.get::<_, String>("name")?);
    }
    Ok(columns
        .iter()
        .all(|column| found.iter().any(|name| name == column)))
}

/// Text as it is; what is none is empty.
fn text(row: &Row<'_>, at: usize) -> rusqlite::Result<String> {
    Ok(match row.get_ref(at)? {
        ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
        _ => String::new(),
    })
}

fn bytes(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<Vec<u8>>> {
    Ok(match row.get_ref(at)? {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Some(bytes.to_vec()),
        _ => None,
    })
}

/// The form in a column and the value in the next.
fn value(row: &Row<'_>, at: usize) -> rusqlite::Result<StoredValue> {
    Ok(StoredValue {
        form: match row.get_ref(at)? {
            ValueRef::Text(form) => Some(String::from_utf8_lossy(form).into_owned()),
            _ => None,
        },
        bytes: bytes(row, at + 1)?,
    })
}
