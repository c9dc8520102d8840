//! Copying a thread: every row of it that is at rest, under another number of the same user.

use everthread_graph::contract::{StoreErrorKind, ThreadKey};
use everthread_store::Thread;

use crate::conn::{Conn, Statement};
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
    ("channel_changes", "change, list, base, body", ""),
    ("pending_writes", "checkpoint, task, slot, body", ""),
    (
        "messages",
        "seq, channel, branch, run, at_ms, uuid, id, body",
        "",
    ),
];

/// Copies a thread to a new id.
pub(crate) async fn copy(
    conn: &Conn,
    from: &ThreadKey,
    to: &ThreadKey,
    now_ms: i64,
) -> Sql<Thread> {
    if from.user != to.user {
        return Err(fault(
            StoreErrorKind::Invalid,
            format!("{from} cannot become a thread of another user"),
        ));
    }
    // Locked, so that the copy is of one moment.
    let source = place::seize(conn, from)
        .await?
        .ok_or_else(|| thread::missing(from))?;
    let target = thread::fresh(conn, to, now_ms).await?;
    let placed = |statement: Statement| {
        statement
            .with(source.owned_user())
            .with(source.thread)
            .with(target.thread)
    };
    let mut statements = vec![placed(Statement::new(
        "UPDATE our.threads t SET title = s.title, metadata = s.metadata, fence = s.fence, seq = s.seq,
           change = s.change, run = s.run, branch = s.branch, messages = s.messages, turns = s.turns, pruned = s.pruned
         FROM our.threads s
         WHERE s.user_id = $1 AND s.thread = $2 AND t.user_id = $1 AND t.thread = $3",
    ))];
    for (table, columns, which) in COPIED {
        statements.push(placed(Statement::new(format!(
            "INSERT INTO our.{table} (user_id, thread, {columns}) SELECT user_id, $3, {columns} FROM our.{table}
             WHERE user_id = $1 AND thread = $2 {which}"
        ))));
    }
    conn.send(&statements).await?;
    thread::get(conn, to)
        .await?
        .ok_or_else(|| thread::missing(to))
}
