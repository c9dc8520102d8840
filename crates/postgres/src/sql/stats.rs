//! Sizes and counts of a whole store. Small tables are counted; for large ones it is asked what the database estimates,
//! so that the answer takes some milliseconds however much there is.

use everthread_store::{SizeByKind, Stats};

use crate::conn::Conn;
use crate::error::{Sql, damaged};
use crate::param::{Columns, Text};

/// Tables up to this size are counted row by row.
const COUNTED_BYTES: i64 = 16 * 1024 * 1024;

/// A table as the database's own books have it.
struct Table {
    name: String,
    /// Of its rows, without indexes.
    heap_bytes: i64,
    /// Everything.
    bytes: u64,
    /// Everything but rows that nobody sees any more.
    live_bytes: u64,
    /// How many rows it is thought to have.
    rows: u64,
}

/// What the database knows of itself; where it lies is the caller's.
pub(crate) async fn stats(conn: &Conn) -> Sql<Stats> {
    let tables = tables(conn).await?;
    let small = |name: &str| {
        let table = tables.iter().find(|table| table.name == name);
        table.is_none_or(|table| table.heap_bytes <= COUNTED_BYTES)
    };
    let guess = |name: &str| {
        let table = tables.iter().find(|table| table.name == name);
        table.map_or(0, |table| table.rows)
    };
    let unindexed = unindexed(conn, small("threads")).await?;
    let count = async |name: &str| match small(name) {
        true => counted(conn, &format!("SELECT count(*) FROM our.{name}")).await,
        false => Ok(guess(name)),
    };
    let messages = match small("messages") {
        true => counted(conn, "SELECT count(*) FROM our.messages WHERE channel = 1").await?,
        // Each message of a conversation has a row in the index, and elements of other lists have none.
        false => guess("search") + unindexed,
    };
    Ok(Stats {
        storage: String::new(),
        engine: engine(conn).await?,
        file_bytes: tables.iter().map(|table| table.bytes).sum(),
        live_bytes: tables.iter().map(|table| table.live_bytes).sum(),
        users: count("users").await?,
        threads: count("threads").await?,
        messages,
        checkpoints: count("checkpoints").await?,
        runs: count("runs").await?,
        items: count("items").await?,
        unindexed,
        kinds: kinds(&tables),
    })
}

async fn counted(conn: &Conn, sql: &str) -> Sql<u64> {
    let row = conn.row(sql.to_owned(), &[]).await?;
    row.map_or(Ok(0), |row| row.count(0))
}

/// The tables of the schema. How many rows one has is guessed as the planner does: as many on each page as there were
/// when it was last looked through.
async fn tables(conn: &Conn) -> Sql<Vec<Table>> {
    let found = conn
        .query(
            "SELECT c.relname::text, pg_relation_size(c.oid), pg_total_relation_size(c.oid),
               (pg_total_relation_size(c.oid) - pg_relation_size(c.oid)
                 + pg_relation_size(c.oid) * coalesce(s.n_live_tup::float8 / nullif(s.n_live_tup + s.n_dead_tup, 0), 1)
               )::bigint,
               (greatest(c.reltuples, 0)::float8 / greatest(c.relpages, 1)
                 * (pg_relation_size(c.oid) / current_setting('block_size')::bigint))::bigint
             FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_stat_user_tables s ON s.relid = c.oid
             WHERE c.relkind = 'r'
               AND c.relnamespace = (SELECT u.relnamespace FROM pg_catalog.pg_class u WHERE u.oid = to_regclass($1))",
            &[&Text::owned(conn.place("our.users"))],
        )
        .await?;
    let table = |row: &tokio_postgres::Row| {
        Ok(Table {
            name: row.text(0)?,
            heap_bytes: row.at(1)?,
            bytes: row.count(2)?,
            live_bytes: row.count(3)?,
            rows: row.count(4)?,
        })
    };
    found.iter().map(table).collect()
}

/// Messages that the index has not seen; where there are many threads, in those of users who were active last.
async fn unindexed(conn: &Conn, all: bool) -> Sql<u64> {
    let sql = if all {
        "SELECT count(*) FROM our.threads t
           LEFT JOIN our.derived d ON d.user_id = t.user_id AND d.thread = t.thread AND d.name = 'search'
           JOIN our.messages m ON m.user_id = t.user_id AND m.thread = t.thread
             AND m.seq > coalesce(d.upto, 0) AND m.channel = 1
         WHERE t.seq > coalesce(d.upto, 0)"
    } else {
        "SELECT count(*) FROM our.users u JOIN our.threads t ON t.user_id = u.user_id
           LEFT JOIN our.derived d ON d.user_id = t.user_id AND d.thread = t.thread AND d.name = 'search'
           JOIN our.messages m ON m.user_id = t.user_id AND m.thread = t.thread
             AND m.seq > coalesce(d.upto, 0) AND m.channel = 1
         WHERE u.active_ms > (SELECT max(active_ms) - 60000 FROM our.users) AND t.seq > coalesce(d.upto, 0)"
    };
    counted(conn, sql).await
}

/// The database and its version, and that of what spreads it over several nodes.
async fn engine(conn: &Conn) -> Sql<String> {
    let row = conn
        .row(
            "SELECT current_setting('server_version'),
               (SELECT extversion FROM pg_catalog.pg_extension WHERE extname = 'citus')",
            &[],
        )
        .await?
        .ok_or_else(|| damaged("the database has no version"))?;
    let version = row.text(0)?;
    let version = version.split_whitespace().next().unwrap_or("?");
    Ok(match row.text_or_none(1)? {
        Some(citus) => format!("PostgreSQL {version} with Citus {citus}"),
        None => format!("PostgreSQL {version}"),
    })
}

/// Bytes by table, its indexes with it, largest first.
fn kinds(tables: &[Table]) -> Vec<SizeByKind> {
    let mut kinds: Vec<SizeByKind> = tables
        .iter()
        .map(|table| SizeByKind {
            kind: table.name.clone(),
            bytes: table.bytes,
        })
        .collect();
    kinds.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.kind.cmp(&b.kind)));
    kinds
}
