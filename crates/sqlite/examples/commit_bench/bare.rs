//! A bare loop over the driver: the rows of a finished store again, one synced transaction a turn.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use rusqlite::types::Value;
use rusqlite::{Connection, TransactionBehavior, params_from_iter};

use crate::Outcome;
use crate::figures::Figures;

/// The rows of one turn, by table.
#[derive(Default)]
struct Turn {
    rows: Vec<(usize, Vec<Value>)>,
    seq: i64,
    change: i64,
    head: Vec<u8>,
}

const TABLES: [&str; 4] = ["runs", "messages", "checkpoints", "channel_changes"];

/// Writes the rows of the store at `from` to a new file.
pub(crate) fn replay(from: &Path, to: &Path) -> Outcome<Figures> {
    let source = Connection::open(from)?;
    let turns = turns(&source)?;
    let mut target = Connection::open(to)?;
    prepare(&source, &target)?;
    let inserts = inserts(&source)?;
    let mut times = Vec::with_capacity(turns.len());
    for (run, turn) in &turns {
        let begun = Instant::now();
        let tx = target.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for (table, row) in &turn.rows {
            tx.prepare_cached(&inserts[*table])?
                .execute(params_from_iter(row))?;
        }
        tx.prepare_cached(
            "UPDATE heads SET checkpoint = ?1, last = ?1 WHERE user = 1 AND thread = 1 AND ns = ''",
        )?
        .execute([&turn.head])?;
        tx.prepare_cached(
            "UPDATE threads SET seq = ?1, messages = ?1, change = ?2, run = ?3, fence = ?3, turns = ?3, updated_ms = ?3
             WHERE user = 1 AND thread = 1",
        )?
        .execute((turn.seq, turn.change, run))?;
        tx.prepare_cached("UPDATE users SET active_ms = ?1 WHERE user = 1")?
            .execute([run])?;
        tx.commit()?;
        times.push(begun.elapsed());
    }
    drop(target);
    Ok(Figures::of(&times, std::fs::metadata(to)?.len()))
}

/// A file of the same schema with the same user and thread, on the same terms.
fn prepare(source: &Connection, target: &Connection) -> Outcome<()> {
    target.execute_batch(
        "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;",
    )?;
    let mut statement = source.prepare(
        "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'search%' AND name NOT LIKE 'sqlite_%'",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        target.execute_batch(&row.get::<_, String>(0)?)?;
    }
    target.execute_batch(
        "PRAGMA foreign_keys = 1;
         INSERT INTO users (user, id, created_ms, active_ms) VALUES (1, 'alice_123', 0, 0);
         INSERT INTO threads (user, thread, id, created_ms, updated_ms) VALUES (1, 1, '1', 0, 0);
         INSERT INTO heads (user, thread, ns, checkpoint, last, branch) VALUES (1, 1, '', x'', x'', 1);",
    )?;
    Ok(())
}

fn inserts(source: &Connection) -> Outcome<Vec<String>> {
    TABLES
        .iter()
        .map(|table| {
            let columns = source
                .prepare(&format!("SELECT * FROM {table}"))?
                .column_count();
            let marks = vec!["?"; columns].join(", ");
            Ok(format!("INSERT INTO {table} VALUES ({marks})"))
        })
        .collect()
}

fn turns(source: &Connection) -> Outcome<BTreeMap<i64, Turn>> {
    let mut turns: BTreeMap<i64, Turn> = BTreeMap::new();
    let mut run_of_change: BTreeMap<i64, i64> = BTreeMap::new();
    for (table, name) in TABLES.iter().enumerate() {
        let mut statement = source.prepare(&format!("SELECT * FROM {name}"))?;
        let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
        let column = |name: &str| names.iter().position(|one| one == name);
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let values: Vec<Value> = (0..names.len())
                .map(|at| row.get(at))
                .collect::<Result<_, _>>()?;
            let run: i64 = match (column("run"), column("change")) {
                (Some(at), _) => row.get(at)?,
                (None, Some(at)) => run_of_change[&row.get(at)?],
                (None, None) => continue,
            };
            let turn = turns.entry(run).or_default();
            if let Some(at) = column("seq") {
                turn.seq = row.get(at)?;
            }
            if let Some(at) = column("change") {
                turn.change = row.get(at)?;
            }
            if let Some(at) = column("channels") {
                turn.head = row.get(2)?;
                let channels: BTreeMap<String, i64> =
                    serde_json::from_str(&row.get::<_, String>(at)?)?;
                for change in channels.into_values() {
                    run_of_change.entry(change).or_insert(run);
                }
            }
            turn.rows.push((table, values));
        }
    }
    Ok(turns)
}
