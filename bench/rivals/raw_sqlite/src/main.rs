//! What SQLite itself needs for the rows of a conversation: the limit that a store on it can come near.
//!
//! `raw-sqlite SOURCE TARGET` reads the rows that `everthread bench turns` left in the database SOURCE, deals them
//! out over its turns, and writes them into a new database TARGET with the same tables and indexes: plain inserts
//! and the updates of the thread and its head, one transaction with one fsync a turn (WAL, `synchronous=FULL`).
//! There is no engine, no model, no check of the head, and no search index. Prints one JSON line.
//!
//! What is in memory when the clock starts: the rows and the prepared statements.

mod figures;
mod replay;
mod source;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use figures::Figures;
use replay::Target;
use source::Source;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(source), Some(target), None) = (arguments.next(), arguments.next(), arguments.next())
    else {
        eprintln!("usage: raw-sqlite SOURCE.db TARGET.db");
        return ExitCode::from(2);
    };
    match run(&source, &target) {
        Ok(figures) => {
            println!("{figures}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("raw-sqlite: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(source: &Path, target: &Path) -> Result<Figures, Box<dyn Error>> {
    let source = Source::read(source)?;
    let mut target = Target::create(target, &source)?;
    let turns = target.replay(&source)?;
    let file_bytes = target.close()?;
    Ok(Figures {
        turns,
        rows: source.rows_dealt_out(),
        file_bytes,
    })
}
