//! Erasing a user with everything of theirs.

use everthread_graph::contract::{StoreErrorKind, UserId};
use everthread_store::Erased;
use everthread_store::portable::{ERASED, Mark};
use tokio_postgres::Row;

use crate::conn::{Conn, Statement};
use crate::error::{Sql, fault};
use crate::param::{Columns, Text};
use crate::sql::delete::{CONVERSATION, ROWS_OF_THREADS};
use crate::sql::hold;

/// Further tables whose rows lead with the user, those first that refer to others.
const ROWS_OF_USERS: &[&str] = &["items", "sessions", "users"];

/// Deletes every row of a user, and leaves a mark that they were erased.
pub(crate) async fn user(conn: &Conn, id: &UserId, now_ms: i64) -> Sql<Erased> {
    let held = lock(conn, id)
        .await?
        .ok_or_else(|| fault(StoreErrorKind::NotFound, format!("user {id} is not there")))?;
    if held {
        return Err(hold::refused(id));
    }
    refuse_busy(conn, id).await?;
    let tables = || ROWS_OF_THREADS.iter().chain(ROWS_OF_USERS);
    let mut statements: Vec<Statement> = tables().map(|table| gone(table, id)).collect();
    let mark = Mark::of(id, now_ms);
    let leaves_mark = Statement::new(
        "INSERT INTO our.records (kind, id, version, body, created_ms, updated_ms) VALUES ($1, $2, 1, $3, $4, $4)
         ON CONFLICT (kind, id) DO UPDATE SET version = records.version + 1, body = excluded.body,
           updated_ms = excluded.updated_ms",
    );
    let body = Text::json(&mark.body());
    statements.push(
        leaves_mark
            .with(Text::of(ERASED))
            .with(Text::owned(mark.id))
            .with(body)
            .with(now_ms),
    );
    let answers = conn.send(&statements).await?;
    let mut erased = Erased::default();
    for (table, answer) in tables().zip(&answers) {
        if let Some(row) = answer.rows.first() {
            count(&mut erased, table, row)?;
        }
    }
    Ok(erased)
}

/// Locks the user and their threads: what is being written now is waited for, and what comes later finds nothing of
/// them. Says whether they are under hold; `None` when nothing is known of them.
///
/// Threads come before the user, as they do where turns are written; those that were created meanwhile come after.
async fn lock(conn: &Conn, id: &UserId) -> Sql<Option<bool>> {
    let threads = || {
        Statement::new(
            "SELECT thread FROM our.threads WHERE user_id = $1 ORDER BY thread FOR UPDATE",
        )
        .with(Text::owned(id.as_str()))
    };
    let user = Statement::new("SELECT held FROM our.users WHERE user_id = $1 FOR UPDATE")
        .with(Text::owned(id.as_str()));
    let answers = conn.send(&[threads(), user, threads()]).await?;
    let row = answers.get(1).and_then(|answer| answer.rows.first());
    row.map(|row| row.at(0)).transpose()
}

async fn refuse_busy(conn: &Conn, id: &UserId) -> Sql<()> {
    let busy = conn
        .row(
            "SELECT 1 FROM our.runs r JOIN our.leases l ON l.owner = r.owner
             WHERE r.user_id = $1 AND r.queue IS NOT NULL AND r.queue = 0 AND l.until > now() LIMIT 1",
            &[&Text::of(id.as_str())],
        )
        .await?;
    match busy {
        Some(_) => Err(fault(
            StoreErrorKind::Busy,
            format!("a run is active for user {id}: wait for its end or stop it"),
        )),
        None => Ok(()),
    }
}

/// Deletes the user's rows of a table; gives how many there were, and their bytes.
fn gone(table: &str, id: &UserId) -> Statement {
    let counted = match table {
        "messages" => "channel = $2",
        _ => "$2 = $2",
    };
    Statement::new(format!(
        "WITH gone AS (DELETE FROM our.{table} g WHERE g.user_id = $1
           RETURNING {counted} AS counted, pg_column_size(g.*)::bigint AS bytes)
         SELECT count(*) FILTER (WHERE counted), coalesce(sum(bytes), 0)::bigint FROM gone"
    ))
    .with(Text::owned(id.as_str()))
    .with(CONVERSATION)
}

fn count(erased: &mut Erased, table: &str, row: &Row) -> Sql<()> {
    let rows = row.count(0)?;
    erased.bytes += row.count(1)?;
    match table {
        "threads" => erased.threads = rows,
        "messages" => erased.messages = rows,
        "checkpoints" => erased.checkpoints = rows,
        "runs" => erased.runs = rows,
        "items" => erased.items = rows,
        "sessions" => erased.sessions = rows,
        _ => {}
    }
    Ok(())
}
