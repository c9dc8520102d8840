//! Copying a thread: every row of it that is at rest, under another place of the same user.

use everthread_graph::contract::{StoreErrorKind, ThreadKey};
use everthread_store::Thread;
use rusqlite::Connection;

use crate::error::{Sql, fault};
use crate::sql::place;
use crate::sql::thread;

/// What is copied as it is: tables, their columns beside the place, and which rows.
const COPIED: &[(&str, &str, &str)] = &[
    ("branches", "branch, parent, forked_at, created_ms", ""),
    ("heads", "ns, checkpoint, last, branch", ""),
    (
        "runs",
        "run, id, graph, status, fence, base, created_ms, ended_ms, error, policy, starts_ms, details",
        "AND queue IS NULL",
    ),
    (
        "checkpoints",
        "id, ns, parent, branch, run, source, step, at_ms, channels, plan, metadata",
        "",
    ),
    ("channel_changes", "change, list, body", ""),
    ("pending_writes", "checkpoint, task, slot, body", ""),
];

/// Copies a thread to a new id.
pub(crate) fn copy(tx: &Connection, from: &ThreadKey, to: &ThreadKey, now_ms: i64) -> Sql<Thread> {
    if from.user != to.user {
        return Err(fault(
            StoreErrorKind::Invalid,
            format!("{from} cannot become a thread of another user"),
        ));
    }
    let source = place::thread(tx, from)?.ok_or_else(|| thread::missing(from))?;
    let target = thread::fresh(tx, to, now_ms)?;
    let places = (source.user, source.thread, target.thread);
    tx.execute(
        "UPDATE threads SET (title, metadata, fence, seq, change, run, branch, messages, turns, pruned) =
           (SELECT title, metadata, fence, seq, change, run, branch, messages, turns, pruned FROM threads
            WHERE user = ?1 AND thread = ?2)
         WHERE user = ?1 AND thread = ?3",
        places,
    )?;
    for (table, columns, which) in COPIED {
        tx.execute(
            &format!(
                "INSERT INTO {table} (user, thread, {columns}) SELECT user, ?3, {columns} FROM {table}
                 WHERE user = ?1 AND thread = ?2 {which}"
            ),
            places,
        )?;
    }
    // Numbered above every message that there is and that derived work has passed.
    tx.execute(
        "INSERT INTO messages (n, user, thread, seq, channel, branch, run, at_ms, id, body)
         SELECT max(coalesce((SELECT max(n) FROM messages), 0), coalesce((SELECT max(upto) FROM derived), 0))
             + row_number() OVER (ORDER BY seq),
           user, ?3, seq, channel, branch, run, at_ms, id, body
         FROM messages WHERE user = ?1 AND thread = ?2 ORDER BY seq",
        places,
    )?;
    thread::at(tx, target)?.ok_or_else(|| thread::missing(to))
}
