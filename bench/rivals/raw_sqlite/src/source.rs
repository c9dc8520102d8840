//! Reads a database: its schema, and the rows of each table in the order in which they were written.

use std::error::Error;
use std::path::Path;

use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags};

/// Columns that rise from turn to turn. A table without a rowid is ordered by the first of these that it has.
const RISING: [&str; 3] = ["run", "checkpoint", "seq"];

/// A table with fewer rows than one in so many turns holds no rows of turns: users, threads, versions.
const TURNS_PER_ROW_LIMIT: usize = 20;

/// The tables whose row each turn updates: the thread's counters, and where its head is.
pub(crate) const HEADS: [&str; 2] = ["threads", "heads"];

/// What was read.
pub(crate) struct Source {
    /// How many turns the rows are of: the rows of `runs`.
    pub(crate) turns: usize,
    pub(crate) page_size: i64,
    pub(crate) auto_vacuum: i64,
    /// `CREATE TABLE` and `CREATE INDEX` statements, tables first.
    pub(crate) schema: Vec<String>,
    pub(crate) tables: Vec<Table>,
}

/// One table.
pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) columns: Vec<String>,
    /// The columns of the primary key.
    pub(crate) key: Vec<String>,
    /// The columns of all its indexes.
    pub(crate) indexed: Vec<String>,
    pub(crate) rows: Vec<Vec<Value>>,
}

impl Source {
    /// Reads all of it into memory.
    pub(crate) fn read(path: &Path) -> Result<Self, Box<dyn Error>> {
        let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let turns: u32 = db.query_row("SELECT count(*) FROM runs", [], |row| row.get(0))?;
        let turns = turns as usize;
        if turns == 0 {
            return Err("the source holds no runs".into());
        }
        Ok(Self {
            turns,
            page_size: db.pragma_query_value(None, "page_size", |row| row.get(0))?,
            auto_vacuum: db.pragma_query_value(None, "auto_vacuum", |row| row.get(0))?,
            schema: schema(&db)?,
            tables: tables(&db)?,
        })
    }

    /// Rows that the turns write.
    pub(crate) fn rows_dealt_out(&self) -> usize {
        let dealt = self.tables.iter().filter(|table| self.is_dealt_out(table));
        dealt.map(|table| table.rows.len()).sum()
    }

    /// Whether the table's rows come turn by turn; the others are there before the first turn.
    pub(crate) fn is_dealt_out(&self, table: &Table) -> bool {
        table.rows.len() * TURNS_PER_ROW_LIMIT >= self.turns
            && !HEADS.contains(&table.name.as_str())
    }
}

/// Ordinary tables and their indexes; what belongs to a virtual table is derived and left out.
fn schema(db: &Connection) -> rusqlite::Result<Vec<String>> {
    let sql = "SELECT sql FROM sqlite_schema AS s
               JOIN pragma_table_list AS t ON t.name = s.tbl_name AND t.schema = 'main'
               WHERE t.type = 'table' AND s.type IN ('table', 'index') AND s.sql IS NOT NULL
                 AND s.name NOT LIKE 'sqlite!_%' ESCAPE '!'
               ORDER BY s.type DESC, s.rowid";
    strings(db, sql, "")
}

fn tables(db: &Connection) -> rusqlite::Result<Vec<Table>> {
    let sql = "SELECT name FROM pragma_table_list
               WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!'";
    let names = strings(db, sql, "")?;
    names.into_iter().map(|name| table(db, name)).collect()
}

fn table(db: &Connection, name: String) -> rusqlite::Result<Table> {
    let columns = strings(
        db,
        "SELECT name FROM pragma_table_xinfo(?1) WHERE hidden = 0",
        &name,
    )?;
    let key = strings(
        db,
        "SELECT name FROM pragma_table_info(?1) WHERE pk > 0 ORDER BY pk",
        &name,
    )?;
    let indexed = "SELECT DISTINCT column.name
                   FROM pragma_index_list(?1) AS one, pragma_index_info(one.name) AS column";
    let indexed = strings(db, indexed, &name)?;
    let has_rowid = "SELECT NOT wr FROM pragma_table_list WHERE schema = 'main' AND name = ?1";
    let order = if db.query_row(has_rowid, [&name], |row| row.get(0))? {
        "rowid".to_owned()
    } else {
        let rising = RISING
            .iter()
            .find(|rising| columns.iter().any(|c| c == **rising));
        list(rising.map(|c| (*c).to_owned()).iter().chain(&key))
    };
    let sql = format!("SELECT {} FROM \"{name}\" ORDER BY {order}", list(&columns));
    let mut statement = db.prepare(&sql)?;
    let rows = statement.query_map([], |row| {
        (0..columns.len()).map(|index| row.get(index)).collect()
    })?;
    let rows = rows.collect::<rusqlite::Result<_>>()?;
    Ok(Table {
        name,
        columns,
        key,
        indexed,
        rows,
    })
}

/// Quoted names with commas between.
pub(crate) fn list<'a>(names: impl IntoIterator<Item = &'a String>) -> String {
    let quoted: Vec<String> = names
        .into_iter()
        .map(|name| format!("\"{name}\""))
        .collect();
    quoted.join(", ")
}

fn strings(db: &Connection, sql: &str, argument: &str) -> rusqlite::Result<Vec<String>> {
    let mut statement = db.prepare(sql)?;
    let arguments = &[argument][..statement.parameter_count()];
    let rows = statement.query_map(rusqlite::params_from_iter(arguments), |row| row.get(0))?;
    rows.collect()
}
