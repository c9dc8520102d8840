//! The numbered migrations. A fresh schema is all of them, one after the other; none is ever edited.
//!
//! They are applied in one transaction, by one process at a time.

use everthread_graph::contract::StoreErrorKind;

use crate::conn::Conn;
use crate::error::{Sql, fault};
use crate::options::PostgresOptions;
use crate::param::{Columns, Text};

/// The format that this version writes.
pub(crate) const FORMAT: i64 = 2;

/// The lock under which formats are changed, in PostgreSQL's space of such locks: `EvTh`.
const LOCK: i64 = 0x4576_5468;

struct Migration {
    format: i64,
    name: &'static str,
    sql: &'static str,
}

const MIGRATIONS: &[Migration] = &[
    Migration {
        format: 1,
        name: "start",
        sql: include_str!("../migrations/0001_start.sql"),
    },
    Migration {
        format: 2,
        name: "upkeep",
        sql: include_str!("../migrations/0002_upkeep.sql"),
    },
];

/// Applies every migration that is missing.
pub(crate) async fn bring_up_to_date(conn: &Conn, options: &PostgresOptions) -> Sql<()> {
    if format(conn, options).await? == Some(FORMAT) {
        return Ok(());
    }
    conn.query("SELECT pg_advisory_xact_lock($1)", &[&LOCK])
        .await?;
    // Another process may have been doing the same: the format is read again.
    let format = match format(conn, options).await? {
        Some(format) => format,
        None => {
            begin(conn, options).await?;
            0
        }
    };
    if format > FORMAT {
        return Err(fault(
            StoreErrorKind::Newer,
            format!(
                "the schema {} has format {format} and this version knows formats up to {FORMAT}: it is not touched; \
                 use a newer version",
                options.schema
            ),
        ));
    }
    for migration in MIGRATIONS.iter().filter(|one| one.format > format) {
        conn.script(migration.sql).await?;
        conn.execute(
            "INSERT INTO our.schema_migrations (format, name, applied_ms) VALUES ($1, $2, $3)",
            &[
                &migration.format,
                &Text::of(migration.name),
                &options.clock.now_ms(),
            ],
        )
        .await?;
    }
    Ok(())
}

/// The format of the schema; `None` when it holds no store.
async fn format(conn: &Conn, options: &PostgresOptions) -> Sql<Option<i64>> {
    // Looked for in the catalogue's rows: a name may still be unknown to a session that asked for it before.
    let there = conn
        .row(
            "SELECT 1 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
             WHERE n.nspname = $1 AND c.relname = 'schema_migrations'",
            &[&Text::of(&options.schema)],
        )
        .await?;
    if there.is_none() {
        return Ok(None);
    }
    let newest = conn
        .row(
            "SELECT coalesce(max(format), 0) FROM our.schema_migrations",
            &[],
        )
        .await?;
    newest.map_or(Ok(None), |row| row.at(0).map(Some))
}

/// Makes the schema. One that holds tables of another program is not touched.
async fn begin(conn: &Conn, options: &PostgresOptions) -> Sql<()> {
    let foreign = conn
        .row(
            "SELECT count(*) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
             WHERE n.nspname = $1 AND c.relkind IN ('r', 'p', 'v', 'm')
               AND c.relname IN ('users', 'threads', 'messages', 'checkpoints', 'runs', 'items')",
            &[&Text::of(&options.schema)],
        )
        .await?;
    if foreign.map_or(Ok(0), |row| row.count(0))? > 0 {
        return Err(fault(
            StoreErrorKind::Invalid,
            format!(
                "the schema {} holds tables of another program: it is not touched; name another schema",
                options.schema
            ),
        ));
    }
    conn.create_schema().await?;
    conn.script(
        "CREATE TABLE our.schema_migrations (
           format     bigint PRIMARY KEY,
           name       text   NOT NULL,
           applied_ms bigint NOT NULL
         )",
    )
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn migrations_are_numbered_without_a_gap_up_to_the_format() {
        let numbers: Vec<i64> = MIGRATIONS.iter().map(|one| one.format).collect();
        assert_eq!(numbers, (1..=FORMAT).collect::<Vec<_>>());
    }
}
