//! Writes the rows again, one durable transaction a turn, many conversations at once.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures::future::try_join_all;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Statement};

use crate::figures::Figures;
use crate::raw::Raw;
use crate::source::{Conversation, HEADS, Source, TABLES, list};
use crate::{Outcome, connect};

/// Replays every conversation.
pub(crate) async fn all(
    url: &str,
    source: Source,
    target: &str,
    workers: usize,
) -> Outcome<Figures> {
    let mut writers = Vec::with_capacity(workers);
    for _ in 0..workers {
        writers.push(Writer::new(connect(url).await?, &source, target).await?);
    }
    let rows = source.conversations.iter();
    let rows = rows
        .map(|one| one.rows.iter().map(Vec::len).sum::<usize>())
        .sum();
    let left = Arc::new(Mutex::new(source.conversations));
    let begun = Instant::now();
    let writing = writers.into_iter().map(|writer| {
        let left = Arc::clone(&left);
        tokio::spawn(async move { writer.write(&left).await })
    });
    let mut turns = Vec::new();
    for written in try_join_all(writing).await? {
        turns.extend(written?);
    }
    Ok(Figures {
        took: begun.elapsed(),
        workers,
        turns,
        rows,
    })
}

/// One connection with its statements.
struct Writer {
    client: Client,
    begin: Statement,
    commit: Statement,
    insert: Vec<Statement>,
    insert_heads: Vec<Statement>,
    update_heads: Vec<Update>,
}

/// The update of a row that each turn changes: all columns but those of its key.
struct Update {
    statement: Statement,
    /// Where its parameters are in the row.
    columns: Vec<usize>,
}

impl Writer {
    async fn new(client: Client, source: &Source, target: &str) -> Outcome<Self> {
        let (mut insert, mut insert_heads, mut update_heads) = (Vec::new(), Vec::new(), Vec::new());
        for (table, _) in TABLES {
            insert.push(client.prepare(&insert_into(source, target, table)).await?);
        }
        for table in HEADS {
            insert_heads.push(client.prepare(&insert_into(source, target, table)).await?);
            update_heads.push(Update::new(&client, source, target, table).await?);
        }
        Ok(Self {
            begin: client.prepare("BEGIN").await?,
            commit: client.prepare("COMMIT").await?,
            insert,
            insert_heads,
            update_heads,
            client,
        })
    }

    /// Writes one conversation after the other; gives how long each turn took.
    async fn write(&self, left: &Mutex<Vec<Conversation>>) -> Outcome<Vec<Duration>> {
        let mut took = Vec::new();
        loop {
            let next = left.lock().map_err(|_| "a worker ended")?.pop();
            let Some(conversation) = next else {
                return Ok(took);
            };
            for turn in 0..conversation.turns {
                let begun = Instant::now();
                self.turn(&conversation, turn).await?;
                took.push(begun.elapsed());
            }
        }
    }

    async fn turn(&self, conversation: &Conversation, turn: usize) -> Outcome<()> {
        let mut sent: Vec<(&Statement, Vec<&Raw>)> = vec![(&self.begin, Vec::new())];
        let heads = conversation.heads.iter().enumerate();
        for (at, row) in heads.flat_map(|(at, rows)| rows.iter().map(move |row| (at, row))) {
            if turn == 0 {
                sent.push((&self.insert_heads[at], row.iter().collect()));
            } else {
                let update = &self.update_heads[at];
                sent.push((
                    &update.statement,
                    update.columns.iter().map(|at| &row[*at]).collect(),
                ));
            }
        }
        for (insert, rows) in self.insert.iter().zip(&conversation.rows) {
            for row in share(rows, turn, conversation.turns) {
                sent.push((insert, row.iter().collect()));
            }
        }
        sent.push((&self.commit, Vec::new()));
        // Polled in their order, so sent in their order, before anything is heard.
        let sent = sent.into_iter().map(|(statement, row)| async move {
            let row: Vec<&(dyn ToSql + Sync)> = row.into_iter().map(|raw| raw as _).collect();
            self.client.execute(statement, &row).await
        });
        try_join_all(sent).await?;
        Ok(())
    }
}

impl Update {
    async fn new(client: &Client, source: &Source, target: &str, table: &str) -> Outcome<Self> {
        let columns = &source.columns[table];
        let is_key = |column: &String| source.keys[table].contains(column);
        let (keys, others): (Vec<usize>, Vec<usize>) =
            (0..columns.len()).partition(|at| is_key(&columns[*at]));
        // The thread's id is in an index of its own and never changes.
        let others: Vec<usize> = others
            .into_iter()
            .filter(|at| columns[*at] != "id")
            .collect();
        let set = |places: &[usize], from: usize, between: &str| {
            let parts = places.iter().enumerate();
            let parts: Vec<String> = parts
                .map(|(n, at)| format!("\"{}\" = ${}", columns[*at], from + n))
                .collect();
            parts.join(between)
        };
        let sql = format!(
            "UPDATE \"{target}\".\"{table}\" SET {} WHERE {}",
            set(&others, 1, ", "),
            set(&keys, others.len() + 1, " AND ")
        );
        Ok(Self {
            statement: client.prepare(&sql).await?,
            columns: [others, keys].concat(),
        })
    }
}

fn insert_into(source: &Source, target: &str, table: &str) -> String {
    let columns = &source.columns[table];
    let places: Vec<String> = (1..=columns.len()).map(|n| format!("${n}")).collect();
    format!(
        "INSERT INTO \"{target}\".\"{table}\" ({}) VALUES ({})",
        list(columns),
        places.join(", ")
    )
}

/// Row `k` of `n` is written in turn `k * turns / n`.
fn share(rows: &[Vec<Raw>], turn: usize, turns: usize) -> &[Vec<Raw>] {
    let first = |turn: usize| (turn * rows.len()).div_ceil(turns);
    &rows[first(turn)..first(turn + 1)]
}
