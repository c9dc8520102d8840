//! Opening a file that is only read: in a folder where nothing can be written, or by somebody who may not.

use std::path::Path;

use everthread_graph::contract::{StoreError, StoreErrorKind};
use rusqlite::{Connection, OpenFlags};

use super::{
    explain, look_at, look_into, made_ready, open_with, refuse_foreign, refuse_old_sqlite,
    suffixed, uri,
};
use crate::error::Fault;
use crate::migrations;
use crate::options::{Location, SqliteOptions};

/// Opens a file that nothing is known of, without the right to write.
pub(super) fn open(options: &SqliteOptions) -> Result<Connection, StoreError> {
    refuse_old_sqlite()?;
    let Location::File(path) = &options.location else {
        return Err(StoreError::new(
            StoreErrorKind::Invalid,
            "what is in memory begins empty: there is nothing to be only read",
        ));
    };
    look_at(path)?;
    if !path.exists() {
        return Err(StoreError::new(
            StoreErrorKind::NotFound,
            format!("{} is not there", path.display()),
        ));
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    let usual = open_with(options, flags).and_then(|mut connection| {
        look_over(&mut connection).map_err(|fault| explain(fault, &options.location))?;
        Ok(connection)
    });
    let log = suffixed(path, "-wal");
    match usual {
        Err(error) if error.kind() == StoreErrorKind::Unavailable => {
            if log.metadata().is_ok_and(|found| found.len() > 0) {
                return Err(StoreError::new(
                    StoreErrorKind::Unavailable,
                    format!(
                        "{} cannot be read where it lies, because it was not closed and its log needs a place to be \
                         read at: copy it with {} to a folder of yours",
                        path.display(),
                        log.display()
                    ),
                )
                .with_source(error));
            }
            unchanging(options, path)
        }
        usual => usual,
    }
}

/// Opens a file that has no log, in a place where none can be begun: nobody writes it there.
fn unchanging(options: &SqliteOptions, path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_URI
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let opened = Connection::open_with_flags(format!("{}?immutable=1", uri(path)), flags);
    let explained = |fault| explain(fault, &options.location);
    let connection = opened.map_err(|error| explained(error.into()))?;
    let mut connection = made_ready(connection, options)?;
    look_over(&mut connection).map_err(explained)?;
    Ok(connection)
}

/// Whether a file that is only read is a store that this version can read as it is.
fn look_over(connection: &mut Connection) -> Result<(), Fault> {
    let found = look_into(connection)?;
    refuse_foreign(&found)?;
    if found.format < migrations::FORMAT {
        return Err(Fault::Store(StoreError::new(
            StoreErrorKind::Unavailable,
            format!(
                "the file has the older format {}: open it once where it may be written, which brings it up to date",
                found.format
            ),
        )));
    }
    connection.execute_batch("PRAGMA query_only = 1")?;
    Ok(())
}
