//! What keeps the tables quick. The database does most of it by itself; this is for who does not want to wait.

use everthread_store::upkeep::Upkeep;

/// Every table that grows.
const TABLES: &[&str] = &[
    "users",
    "threads",
    "branches",
    "heads",
    "runs",
    "run_events",
    "checkpoints",
    "channel_changes",
    "pending_writes",
    "messages",
    "items",
    "sessions",
    "derived",
    "search",
    "records",
    "hours",
];

/// The statements of a task, each to be sent outside of a transaction; `None` where the database has no need of it.
pub(crate) fn statements(task: Upkeep) -> Option<Vec<String>> {
    let each = |verb: &str| {
        let statements = TABLES.iter().map(|table| format!("{verb} our.{table}"));
        Some(statements.collect())
    };
    match task {
        Upkeep::Index => Some(vec![
            // The words that wait to be put in order.
            "SELECT pg_catalog.gin_clean_pending_list(c.oid) FROM pg_catalog.pg_class c
             JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid
             WHERE c.relname = 'search_words' AND i.indrelid = 'our.search'::regclass"
                .to_owned(),
        ]),
        Upkeep::Analyze => each("ANALYZE"),
        Upkeep::Space => each("VACUUM"),
        Upkeep::Rewrite => each("VACUUM FULL"),
        Upkeep::Log | Upkeep::Measure => None,
    }
}
