//! What a distributed engine asks of the schema and of the statements: rows are placed by `user_id`, so every unique key
//! holds it and no statement of a turn crosses users. No such engine can be installed where the tests run; this reads
//! the tables and the source.

use std::fs;
use std::path::{Path, PathBuf};

use everthread_store::Store;

use crate::conformance::SchemaFactory;
use crate::postgres::Server;

/// Tables of the whole deployment, small: every node has them all.
const OF_ALL: &[&str] = &[
    "channels",
    "hours",
    "leases",
    "records",
    "schema_migrations",
];

/// Files with statements over all users, and who waits for these: nobody whose turn is on its way.
const OVER_ALL_USERS: &[(&str, &str)] = &[
    ("sql/check.rs", "the check of a store"),
    ("sql/check/documents.rs", "the check of a store"),
    ("sql/claim.rs", "a process that starts"),
    ("sql/event.rs", "the deletion of old events"),
    (
        "sql/index.rs",
        "the search index, looking for what others left",
    ),
    ("sql/item.rs", "the deletion of expired items"),
    ("sql/portable/read.rs", "a backup"),
    ("sql/stale.rs", "retention"),
    ("sql/stats.rs", "statistics"),
    ("sql/thread/find.rs", "the deletion of expired threads"),
    ("sql/upkeep.rs", "upkeep"),
    ("sql/user.rs", "the list of users"),
];

/// Every unique key of a large table begins with the user, and so do rows that refer to others.
#[tokio::test]
async fn every_key_of_a_large_table_begins_with_its_user() {
    let factory = SchemaFactory::new();
    let store = factory.store().await;
    let schema = factory.options().schema;
    let server = Server::shared();
    let keys = server.psql(&format!(
        "SELECT t.relname, string_agg(a.attname, ',' ORDER BY k.n)
         FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid JOIN pg_namespace s ON s.oid = t.relnamespace,
           unnest(i.indkey::int2[]) WITH ORDINALITY k (attribute, n)
           JOIN pg_attribute a ON a.attnum = k.attribute
         WHERE s.nspname = '{schema}' AND i.indisunique AND a.attrelid = t.oid
         GROUP BY i.indexrelid, t.relname ORDER BY 1"
    ));
    let mut large = 0;
    for line in keys.lines() {
        let (table, columns) = line.split_once('|').unwrap();
        if OF_ALL.contains(&table) {
            continue;
        }
        large += 1;
        assert!(
            columns == "user_id" || columns.starts_with("user_id,"),
            "a unique key of {table} is ({columns}): a distributed engine refuses it"
        );
    }
    assert!(large >= 14, "{keys}");
    let without = server.psql(&format!(
        "SELECT string_agg(t.relname, ' ' ORDER BY t.relname) FROM pg_class t JOIN pg_namespace s ON s.oid = t.relnamespace
         WHERE s.nspname = '{schema}' AND t.relkind = 'r' AND NOT EXISTS (
           SELECT 1 FROM pg_attribute a WHERE a.attrelid = t.oid AND a.attname = 'user_id' AND a.attnotnull)"
    ));
    let mut of_all = OF_ALL.to_vec();
    of_all.sort_unstable();
    assert_eq!(without, of_all.join(" "));
    store.close().await.unwrap();
}

/// Ids and times come from the application: on a distributed table the database may make none.
#[test]
fn no_column_has_a_default_that_changes() {
    for file in files(&root().join("migrations"), "sql") {
        let text = fs::read_to_string(&file).unwrap().to_lowercase();
        for volatile in [
            "gen_random_uuid",
            "now()",
            "clock_timestamp",
            "nextval",
            "serial",
            "identity",
        ] {
            assert!(
                !text.contains(volatile),
                "{} uses {volatile}",
                file.display()
            );
        }
    }
}

/// A statement about a large table names the user, but where it is for the whole deployment.
#[test]
fn no_statement_of_a_turn_crosses_users() {
    let src = root().join("src");
    let mut seen = 0;
    let mut crossing = Vec::new();
    for file in files(&src, "rs") {
        let text = fs::read_to_string(&file).unwrap();
        let text = text.split("#[cfg(test)]").next().unwrap();
        let name = file.strip_prefix(&src).unwrap().display().to_string();
        for statement in literals(text) {
            let about_large = statement
                .split("our.")
                .skip(1)
                .any(|rest| !OF_ALL.iter().any(|table| rest.starts_with(table)));
            let is_statement = ["SELECT", "INSERT", "UPDATE", "DELETE", "WITH"]
                .iter()
                .any(|verb| statement.trim_start().starts_with(verb));
            if !about_large || !is_statement {
                continue;
            }
            seen += 1;
            let listed = OVER_ALL_USERS.iter().any(|(listed, _)| *listed == name);
            if crosses_users(&statement) && !listed {
                crossing.push(format!("{name}: {statement}"));
            }
        }
    }
    assert!(seen > 50, "only {seen} statements were found");
    assert!(
        crossing.is_empty(),
        "these statements do not name a user: {crossing:#?}"
    );
}

/// Whether a statement is not about one user, or joins rows of another table without saying that they are the same
/// user's.
fn crosses_users(statement: &str) -> bool {
    let of_one_user = statement.contains("user_id = $1")
        || statement.contains(" (user_id, ")
        || statement.contains("SELECT $1,");
    let joins = statement.split("JOIN our.").skip(1);
    let mut beside = joins.filter(|join| {
        let mut words = join.split_whitespace().filter(|word| *word != "AS");
        let (table, alias) = (words.next().unwrap(), words.next().unwrap_or_default());
        let is_same_users = join.contains(&format!("{alias}.user_id = "));
        !OF_ALL.contains(&table) && !is_same_users
    });
    !of_one_user || beside.next().is_some()
}

#[test]
fn a_statement_that_crosses_users_is_found() {
    for fine in [
        "SELECT 1 FROM our.heads WHERE user_id = $1 AND thread = $2",
        "INSERT INTO our.heads (user_id, thread) VALUES ($1, $2)",
        "SELECT 1 FROM our.threads t JOIN our.runs r ON r.user_id = t.user_id WHERE t.user_id = $1",
        "SELECT 1 FROM our.runs r LEFT JOIN our.leases l ON l.owner = r.owner WHERE r.user_id = $1",
    ] {
        assert!(!crosses_users(fine), "{fine}");
    }
    for wrong in [
        "SELECT body FROM our.messages WHERE thread = $1",
        "UPDATE our.threads SET mark = $3 WHERE id = $2",
        "SELECT 1 FROM our.threads t JOIN our.runs r ON r.thread = t.thread WHERE t.user_id = $1",
    ] {
        assert!(crosses_users(wrong), "{wrong}");
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|own| own == extension) {
            found.push(path);
        }
    }
    found
}

/// The string literals of a source file, comments left out.
fn literals(text: &str) -> Vec<String> {
    let code: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect();
    let code = code.join("\n");
    let mut found = Vec::new();
    let mut chars = code.chars();
    while let Some(c) = chars.next() {
        match c {
            // A character literal may be a quotation mark.
            '\'' => {
                let rest = chars.as_str();
                if let Some(after) = rest
                    .strip_prefix("\\\"'")
                    .or_else(|| rest.strip_prefix("\"'"))
                {
                    chars = after.chars();
                }
            }
            '"' => {
                let mut literal = String::new();
                while let Some(c) = chars.next() {
                    match c {
                        '"' => break,
                        '\\' => literal.extend(chars.next()),
                        c => literal.push(c),
                    }
                }
                found.push(literal);
            }
            _ => {}
        }
    }
    found
}
