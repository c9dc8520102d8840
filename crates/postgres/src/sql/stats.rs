//! Sizes and counts of a whole store. Small tables are counted; for large ones it is asked what the database estimates,
//! so that the answer takes some milliseconds however much there is, but for the largest threads and users, which are
//! looked for.

use everthread_graph::contract::{ThreadId, ThreadKey, UserId};
use everthread_store::{ActiveUsers, LARGEST, LargeThread, LargeUser, SizeByKind, Stats};
use uuid::Uuid;

use crate::conn::Conn;
use crate::error::{Sql, damaged};
use crate::param::{Columns, Text, number, rows};
use crate::sql::index::HOUR_MS;

/// Tables up to this size are counted row by row.
const COUNTED_BYTES: i64 = 16 * 1024 * 1024;

/// Threads among which the largest are looked for; of more, a sample is taken.
const LOOKED_AT: u64 = 1_000_000;

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

/// What the database knows of itself, and whether some of it is estimated; where it lies is the caller's.
pub(crate) async fn stats(conn: &Conn, owner: Uuid, now_ms: i64) -> Sql<(Stats, bool)> {
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
    let live_bytes = tables.iter().map(|table| table.live_bytes).sum();
    let hours = hours(conn, live_bytes, now_ms).await?;
    note_size(conn, owner, live_bytes, now_ms).await?;
    let share = LOOKED_AT as f64 / guess("threads").max(1) as f64 * 100.0;
    let sample = match small("threads") || share >= 100.0 {
        true => String::new(),
        false => format!(" TABLESAMPLE SYSTEM ({share:.6})"),
    };
    let is_estimated = tables.iter().any(|table| !small(&table.name));
    let stats = Stats {
        storage: String::new(),
        engine: engine(conn).await?,
        file_bytes: tables.iter().map(|table| table.bytes).sum(),
        live_bytes,
        users: count("users").await?,
        active: active(conn, now_ms).await?,
        threads: count("threads").await?,
        messages,
        messages_day: hours.messages_day,
        checkpoints: count("checkpoints").await?,
        runs: count("runs").await?,
        items: count("items").await?,
        unindexed,
        growth_day_bytes: hours.growth_day_bytes,
        saved_bytes: hours.saved_bytes,
        largest_threads: largest_threads(conn, &sample).await?,
        largest_users: largest_users(conn, &sample).await?,
        kinds: kinds(&tables),
        measured_ms: None,
    };
    Ok((stats, is_estimated))
}

/// Users who were active in the last day, week and month.
async fn active(conn: &Conn, now_ms: i64) -> Sql<ActiveUsers> {
    let since = |days: i64| (now_ms.div_euclid(HOUR_MS) - days * 24 + 1) * HOUR_MS;
    let row = conn
        .row(
            "SELECT count(*) FILTER (WHERE active_ms >= $1), count(*) FILTER (WHERE active_ms >= $2), count(*)
             FROM our.users WHERE active_ms >= $3",
            &[&since(1), &since(7), &since(30)],
        )
        .await?;
    row.map_or(Ok(ActiveUsers::default()), |row| {
        Ok(ActiveUsers {
            day: row.count(0)?,
            week: row.count(1)?,
            month: row.count(2)?,
        })
    })
}

/// What the hours tell.
#[derive(Default)]
struct Hours {
    messages_day: u64,
    saved_bytes: u64,
    growth_day_bytes: i64,
}

async fn hours(conn: &Conn, live_bytes: u64, now_ms: i64) -> Sql<Hours> {
    let day_ago = now_ms.div_euclid(HOUR_MS) - 24;
    let row = conn
        .row(
            "SELECT coalesce(sum(messages) FILTER (WHERE hour > $1), 0)::bigint, coalesce(sum(saved_bytes), 0)::bigint,
               coalesce(
                 (SELECT live_bytes FROM our.hours WHERE hour <= $1 AND live_bytes IS NOT NULL
                    ORDER BY hour DESC LIMIT 1),
                 (SELECT live_bytes FROM our.hours WHERE live_bytes IS NOT NULL ORDER BY hour LIMIT 1),
                 $2)
             FROM our.hours",
            &[&day_ago, &number(live_bytes)],
        )
        .await?;
    row.map_or(Ok(Hours::default()), |row| {
        Ok(Hours {
            messages_day: row.count(0)?,
            saved_bytes: row.count(1)?,
            growth_day_bytes: number(live_bytes) - row.at::<i64>(2)?,
        })
    })
}

/// Notes the size for the growth of days to come.
async fn note_size(conn: &Conn, owner: Uuid, live_bytes: u64, now_ms: i64) -> Sql<()> {
    conn.execute(
        "INSERT INTO our.hours (hour, owner, live_bytes) VALUES ($1, $2, $3)
         ON CONFLICT (hour, owner) DO UPDATE SET live_bytes = excluded.live_bytes",
        &[&now_ms.div_euclid(HOUR_MS), &owner, &number(live_bytes)],
    )
    .await?;
    Ok(())
}

async fn largest_threads(conn: &Conn, sample: &str) -> Sql<Vec<LargeThread>> {
    let found = conn
        .query(
            format!(
                "SELECT user_id, id, messages FROM our.threads{sample} WHERE messages > 0
                 ORDER BY messages DESC, user_id, thread LIMIT $1"
            ),
            &[&rows(LARGEST)],
        )
        .await?;
    let one = |row: &tokio_postgres::Row| match (
        UserId::new(row.text(0)?),
        ThreadId::new(row.text(1)?),
    ) {
        (Ok(user), Ok(thread)) => Ok(LargeThread {
            key: ThreadKey { user, thread },
            messages: row.count(2)?,
        }),
        _ => Err(damaged("a user or a thread has an id that is none")),
    };
    found.iter().map(one).collect()
}

/// Those whose threads have the most messages at their heads, of the threads that are looked at.
async fn largest_users(conn: &Conn, sample: &str) -> Sql<Vec<LargeUser>> {
    let found = conn
        .query(
            format!(
                "SELECT user_id, sum(messages)::bigint FROM our.threads{sample} WHERE messages > 0
                 GROUP BY user_id ORDER BY 2 DESC, 1 LIMIT $1"
            ),
            &[&rows(LARGEST)],
        )
        .await?;
    let one = |row: &tokio_postgres::Row| {
        let user = UserId::new(row.text(0)?);
        Ok(LargeUser {
            user: user.map_err(|_| damaged("a user has an id that is none"))?,
            messages: row.count(1)?,
        })
    };
    found.iter().map(one).collect()
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
