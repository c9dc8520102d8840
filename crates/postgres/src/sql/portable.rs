//! Rows as every store understands them: from the tables, and into them.

mod own;
mod read;
mod rows;
mod thread;

use everthread_graph::contract::StoreErrorKind;

use crate::error::{Fault, Sql, fault};

pub(crate) use own::{Tally, apply as write_own};
pub(crate) use read::{Out, read};
pub(crate) use thread::{Writing, decide};

/// A row that the tables refuse is the fault of the one who brought it.
fn refused<T>(outcome: Sql<T>) -> Sql<T> {
    match outcome {
        Err(Fault::Database(error)) => {
            let code = error.code().map_or("", |code| code.code());
            // A constraint that is broken, or a value that no column holds.
            match code.get(..2) {
                Some("22" | "23") => Err(fault(
                    StoreErrorKind::Invalid,
                    format!("the rows cannot be stored ({error}): nothing of them was written"),
                )),
                _ => Err(Fault::Database(error)),
            }
        }
        outcome => outcome,
    }
}
