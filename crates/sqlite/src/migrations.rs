//! The numbered migrations. A fresh file is all of them, one after the other; none is ever edited.

use rusqlite::Connection;

use crate::error::Sql;

/// The format that this version writes.
pub(crate) const FORMAT: i32 = 3;

struct Migration {
    format: i32,
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
        name: "server",
        sql: include_str!("../migrations/0002_server.sql"),
    },
    Migration {
        format: 3,
        name: "upkeep",
        sql: include_str!("../migrations/0003_upkeep.sql"),
    },
];

/// Applies every migration above `format`, inside the caller's transaction.
pub(crate) fn apply(tx: &Connection, format: i32, now_ms: i64) -> Sql<()> {
    tx.execute_batch(
        "CREATE TABLE IF NOT EXISTS schema_migrations (
           format     INTEGER PRIMARY KEY,
           name       TEXT    NOT NULL,
           applied_ms INTEGER NOT NULL
         ) STRICT",
    )?;
    for migration in MIGRATIONS.iter().filter(|one| one.format > format) {
        tx.execute_batch(migration.sql)?;
        tx.execute(
            "INSERT INTO schema_migrations (format, name, applied_ms) VALUES (?1, ?2, ?3)",
            (migration.format, migration.name, now_ms),
        )?;
        tx.pragma_update(None, "user_version", migration.format)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn migrations_are_numbered_without_a_gap_up_to_the_format() {
        let numbers: Vec<i32> = MIGRATIONS.iter().map(|one| one.format).collect();
        assert_eq!(numbers, (1..=FORMAT).collect::<Vec<_>>());
    }
}
