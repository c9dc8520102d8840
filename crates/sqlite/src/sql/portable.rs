//! Rows as every store understands them: from the tables, and into them.

mod own;
mod read;
mod thread;
mod thread_rows;

use everthread_graph::contract::StoreErrorKind;
use rusqlite::ErrorCode;

use crate::error::{Fault, Sql, fault};

pub(crate) use own::{Tally, apply as write_own};
pub(crate) use read::read;
pub(crate) use thread::{decide, write as write_thread};

/// Rows of a part, some at a time; `None` after the last.
pub(crate) type Source<'a> =
    &'a mut dyn FnMut() -> Sql<Option<Vec<everthread_store::portable::Row>>>;

/// A row that the tables refuse is the fault of the one who brought it.
fn refused(error: Fault) -> Fault {
    let Fault::Database(error) = error else {
        return error;
    };
    match error.sqlite_error_code() {
        None | Some(ErrorCode::ConstraintViolation) => fault(
            StoreErrorKind::Invalid,
            format!("the rows cannot be stored ({error}): nothing of them was written"),
        ),
        _ => Fault::Database(error),
    }
}
