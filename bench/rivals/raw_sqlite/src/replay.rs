//! Writes the rows again, one durable transaction a turn.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::types::Value;
use rusqlite::{Connection, Statement, params_from_iter};

use crate::source::{HEADS, Source, Table, list};

/// The database that is written.
pub(crate) struct Target {
    path: PathBuf,
    db: Connection,
}

impl Target {
    /// A new file with the source's tables and indexes, and the rows that are there before the first turn.
    pub(crate) fn create(path: &Path, source: &Source) -> Result<Self, Box<dyn Error>> {
        remove(path)?;
        let db = Connection::open(path)?;
        db.pragma_update(None, "page_size", source.page_size)?;
        db.pragma_update(None, "auto_vacuum", source.auto_vacuum)?;
        db.pragma_update(None, "journal_mode", "WAL")?;
        db.pragma_update(None, "synchronous", "FULL")?;
        // Rows of one turn come table by table; checking their references would only slow the limit down.
        db.pragma_update(None, "foreign_keys", false)?;
        db.execute_batch("BEGIN")?;
        for statement in &source.schema {
            db.execute_batch(statement)?;
        }
        for table in source
            .tables
            .iter()
            .filter(|table| !source.is_dealt_out(table))
        {
            let mut insert = insert(&db, table)?;
            for row in &table.rows {
                insert.execute(params_from_iter(row))?;
            }
        }
        db.execute_batch("COMMIT")?;
        expect_durable(&db)?;
        Ok(Self {
            path: path.to_owned(),
            db,
        })
    }

    /// Replays every turn; gives how long each took.
    pub(crate) fn replay(&mut self, source: &Source) -> Result<Vec<Duration>, Box<dyn Error>> {
        let dealt = source
            .tables
            .iter()
            .filter(|table| source.is_dealt_out(table));
        let mut dealt = dealt
            .map(|table| Ok((table, insert(&self.db, table)?)))
            .collect::<rusqlite::Result<Vec<_>>>()?;
        let heads = HEADS.iter().map(|name| Head::of(&self.db, source, name));
        let mut heads = heads.collect::<Result<Vec<_>, _>>()?;
        let mut begin = self.db.prepare("BEGIN IMMEDIATE")?;
        let mut commit = self.db.prepare("COMMIT")?;
        let mut turns = Vec::with_capacity(source.turns);
        for turn in 0..source.turns {
            let start = Instant::now();
            begin.execute([])?;
            for (table, insert) in &mut dealt {
                for row in rows_of(table, turn, source.turns) {
                    insert.execute(params_from_iter(row))?;
                }
            }
            for head in &mut heads {
                head.update()?;
            }
            commit.execute([])?;
            turns.push(start.elapsed());
        }
        Ok(turns)
    }

    /// Writes the log back and gives the bytes on disk.
    pub(crate) fn close(self) -> Result<u64, Box<dyn Error>> {
        self.db.close().map_err(|(_, error)| error)?;
        Ok(fs::metadata(&self.path)?.len())
    }
}

/// Row `k` of `n` is written in turn `k * turns / n`.
fn rows_of(table: &Table, turn: usize, turns: usize) -> &[Vec<Value>] {
    let first = |turn: usize| (turn * table.rows.len()).div_ceil(turns);
    &table.rows[first(turn)..first(turn + 1)]
}

/// A row that each turn updates: all columns but those that identify it.
struct Head<'db> {
    statement: Statement<'db>,
    values: Vec<Value>,
}

impl<'db> Head<'db> {
    fn of(db: &'db Connection, source: &Source, name: &str) -> Result<Self, Box<dyn Error>> {
        let table = source.tables.iter().find(|table| table.name == name);
        let table = table.ok_or_else(|| format!("the source has no table {name}"))?;
        let row = table
            .rows
            .first()
            .ok_or_else(|| format!("{name} holds no row"))?;
        let chosen = |choose: &dyn Fn(&String) -> bool| -> (Vec<String>, Vec<Value>) {
            let columns = table
                .columns
                .iter()
                .zip(row)
                .filter(|(column, _)| choose(column));
            columns
                .map(|(column, value)| (format!("\"{column}\" = ?"), value.clone()))
                .unzip()
        };
        let by_key = |column: &String| table.key.contains(column);
        let changes = |column: &String| !by_key(column) && !table.indexed.contains(column);
        let ((set, new), (by, key)) = (chosen(&changes), chosen(&by_key));
        let sql = format!(
            "UPDATE \"{name}\" SET {} WHERE {}",
            set.join(", "),
            by.join(" AND ")
        );
        Ok(Self {
            statement: db.prepare(&sql)?,
            values: new.into_iter().chain(key).collect(),
        })
    }

    fn update(&mut self) -> Result<(), Box<dyn Error>> {
        match self.statement.execute(params_from_iter(&self.values))? {
            1 => Ok(()),
            rows => Err(format!("an update of the thread reached {rows} rows").into()),
        }
    }
}

fn insert<'db>(db: &'db Connection, table: &Table) -> rusqlite::Result<Statement<'db>> {
    let places = vec!["?"; table.columns.len()].join(", ");
    let columns = list(&table.columns);
    db.prepare(&format!(
        "INSERT INTO \"{}\" ({columns}) VALUES ({places})",
        table.name
    ))
}

/// A limit that was measured without its fsync would be none.
fn expect_durable(db: &Connection) -> Result<(), Box<dyn Error>> {
    let journal: String = db.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
    let synchronous: i64 = db.pragma_query_value(None, "synchronous", |row| row.get(0))?;
    if (journal.as_str(), synchronous) != ("wal", 2) {
        return Err(format!("not durable: journal {journal}, synchronous {synchronous}").into());
    }
    Ok(())
}

fn remove(path: &Path) -> std::io::Result<()> {
    for suffix in ["", "-wal", "-shm", "-journal"] {
        let mut file = path.as_os_str().to_owned();
        file.push(suffix);
        match fs::remove_file(PathBuf::from(file)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rusqlite::types::Value;

    use super::rows_of;
    use crate::source::Table;

    #[test]
    fn each_row_is_written_once_and_in_order() {
        for (rows, turns) in [(0, 3), (1, 3), (3, 3), (10, 3), (333, 1000), (3330, 1000)] {
            let table = Table {
                name: "messages".to_owned(),
                columns: vec!["seq".to_owned()],
                key: vec![],
                indexed: vec![],
                rows: (0..rows).map(|seq| vec![Value::Integer(seq)]).collect(),
            };
            let written: Vec<_> = (0..turns)
                .flat_map(|turn| rows_of(&table, turn, turns))
                .collect();
            assert_eq!(written, table.rows.iter().collect::<Vec<_>>());
        }
    }
}
