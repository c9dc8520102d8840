//! Reads a schema: its tables, and the rows of each conversation in the order in which they were written.

use std::collections::BTreeMap;

use tokio_postgres::Client;

use crate::Outcome;
use crate::raw::Raw;

/// The tables that turns add to, each with the column that rises from turn to turn.
pub(crate) const TABLES: [(&str, &str); 5] = [
    ("runs", "run"),
    ("branches", "branch"),
    ("messages", "seq"),
    ("channel_changes", "change"),
    ("checkpoints", "id"),
];

/// The tables whose row each turn updates: the thread's counters, and where its head is.
pub(crate) const HEADS: [&str; 2] = ["threads", "heads"];

/// Tables that are there before the first turn.
const BEFORE: [&str; 2] = ["users", "channels"];

/// What was read.
pub(crate) struct Source {
    schema: String,
    /// Columns by table.
    pub(crate) columns: BTreeMap<String, Vec<String>>,
    /// Columns of the primary key, by table.
    pub(crate) keys: BTreeMap<String, Vec<String>>,
    pub(crate) conversations: Vec<Conversation>,
}

/// The rows of one thread.
#[derive(Default)]
pub(crate) struct Conversation {
    /// How many turns they are of: its rows in `runs`.
    pub(crate) turns: usize,
    /// Rows in the order of [`TABLES`].
    pub(crate) rows: [Vec<Vec<Raw>>; TABLES.len()],
    /// Rows in the order of [`HEADS`].
    pub(crate) heads: [Vec<Vec<Raw>>; HEADS.len()],
}

impl Source {
    /// Reads all of it into memory.
    pub(crate) async fn read(client: &Client, schema: &str) -> Outcome<Self> {
        let mut source = Self {
            schema: schema.to_owned(),
            columns: BTreeMap::new(),
            keys: BTreeMap::new(),
            conversations: Vec::new(),
        };
        let mut all: BTreeMap<(String, i64), Conversation> = BTreeMap::new();
        for (at, (table, rising)) in TABLES.into_iter().enumerate() {
            for (key, row) in source.rows(client, table, rising).await? {
                all.entry(key).or_default().rows[at].push(row);
            }
        }
        for (at, table) in HEADS.into_iter().enumerate() {
            for (key, row) in source.rows(client, table, "thread").await? {
                all.entry(key).or_default().heads[at].push(row);
            }
        }
        source.conversations = all.into_values().collect();
        source.conversations.retain(|one| !one.rows[0].is_empty());
        for one in &mut source.conversations {
            one.turns = one.rows[0].len();
        }
        match source.conversations.is_empty() {
            true => Err("the source holds no runs".into()),
            false => Ok(source),
        }
    }

    async fn rows(
        &mut self,
        client: &Client,
        table: &str,
        rising: &str,
    ) -> Outcome<Vec<((String, i64), Vec<Raw>)>> {
        let columns = strings(
            client,
            "SELECT column_name::text FROM information_schema.columns
             WHERE table_schema = $1 AND table_name = $2 ORDER BY ordinal_position",
            &self.schema,
            table,
        );
        let columns = columns.await?;
        let keys = strings(
            client,
            "SELECT a.attname::text FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey)
             WHERE i.indisprimary AND i.indrelid = (quote_ident($1) || '.' || quote_ident($2))::regclass",
            &self.schema,
            table,
        );
        self.keys.insert(table.to_owned(), keys.await?);
        let sql = format!(
            "SELECT user_id, thread, {} FROM \"{}\".\"{table}\" ORDER BY user_id, thread, \"{rising}\"",
            list(&columns),
            self.schema
        );
        let count = columns.len();
        self.columns.insert(table.to_owned(), columns);
        let found = client.query(&sql, &[]).await?;
        let row = |row: &tokio_postgres::Row| {
            let raw = (2..count + 2).map(|at| row.get(at)).collect();
            ((row.get(0), row.get(1)), raw)
        };
        Ok(found.iter().map(row).collect())
    }

    /// A new schema with the same tables and indexes, and the rows that are there before the first turn.
    pub(crate) async fn create(&self, client: &Client, target: &str) -> Outcome<()> {
        let mut sql =
            format!("DROP SCHEMA IF EXISTS \"{target}\" CASCADE; CREATE SCHEMA \"{target}\";");
        let tables = TABLES.iter().map(|(table, _)| *table);
        for table in BEFORE.into_iter().chain(HEADS).chain(tables) {
            sql += &format!(
                "CREATE TABLE \"{target}\".\"{table}\" (LIKE \"{}\".\"{table}\" INCLUDING ALL);",
                self.schema
            );
        }
        for table in BEFORE {
            sql += &format!(
                "INSERT INTO \"{target}\".\"{table}\" SELECT * FROM \"{}\".\"{table}\";",
                self.schema
            );
        }
        Ok(client.batch_execute(&(sql + "CHECKPOINT")).await?)
    }
}

/// Quoted names with commas between.
pub(crate) fn list(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
    quoted.join(", ")
}

async fn strings(client: &Client, sql: &str, schema: &str, table: &str) -> Outcome<Vec<String>> {
    let rows = client.query(sql, &[&schema, &table]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}
