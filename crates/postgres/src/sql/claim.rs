//! Taking over the runs of a process that is gone.

use everthread_graph::contract::{RunId, ThreadId, ThreadKey, UserId};
use everthread_store::{Claimed, Run};
use uuid::Uuid;

use crate::conn::Conn;
use crate::error::{Sql, damaged};
use crate::param::{Columns, rows};
use crate::sql::place;
use crate::sql::queue::{self, Live};
use crate::sql::run;

/// Marks an active run whose owner is gone as orphaned, and takes those that wait for such an owner.
pub(crate) async fn claim(conn: &Conn, key: &ThreadKey, owner: Uuid, now_ms: i64) -> Sql<Claimed> {
    let mut claimed = Claimed::default();
    let Some(place) = place::seize(conn, key).await? else {
        return Ok(claimed);
    };
    let live = Live::of(conn, &place).await?;
    if let Some(active) = live.active.iter().find(|active| !active.alive) {
        conn.execute(
            "UPDATE our.runs SET status = 'orphaned', queue = NULL, owner = NULL, ended_ms = $4
             WHERE user_id = $1 AND thread = $2 AND run = $3",
            &[&place.user(), &place.thread, &active.run, &now_ms],
        )
        .await?;
        claimed.active = run::numbered(conn, &place, active.run).await?;
    }
    let left: Vec<_> = live
        .waiting
        .iter()
        .filter(|one| !one.alive && one.owner != Some(owner))
        .collect();
    if left.is_empty() {
        return Ok(claimed);
    }
    let given: Vec<_> = left
        .iter()
        .map(|one| queue::give(&place, one.run, owner))
        .collect();
    conn.send(&given).await?;
    let taken: Vec<RunId> = left.iter().map(|one| one.id).collect();
    let waiting = conn
        .query(
            format!(
                "SELECT {} FROM our.runs r
                 WHERE r.user_id = $1 AND r.thread = $2 AND r.queue IS NOT NULL AND r.queue > 0 ORDER BY r.queue",
                run::COLUMNS
            ),
            &[&place.user(), &place.thread],
        )
        .await?;
    claimed.waiting = waiting
        .iter()
        .map(run::from_row)
        .collect::<Sql<Vec<Run>>>()?;
    claimed.waiting.retain(|run| taken.contains(&run.id));
    Ok(claimed)
}

/// Threads with runs that a process which is gone left active or waiting.
pub(crate) async fn left(conn: &Conn, limit: usize) -> Sql<Vec<ThreadKey>> {
    let found = conn
        .query(
            "SELECT DISTINCT t.user_id, t.thread, t.id FROM our.runs r
               JOIN our.threads t ON t.user_id = r.user_id AND t.thread = r.thread
               LEFT JOIN our.leases l ON l.owner = r.owner
             WHERE r.queue IS NOT NULL AND coalesce(l.until <= now(), true)
             ORDER BY t.user_id, t.thread LIMIT $1",
            &[&rows(limit)],
        )
        .await?;
    found
        .iter()
        .map(|row| {
            let damaged = |_| damaged("a user or a thread has an id that is none");
            Ok(ThreadKey {
                user: UserId::new(row.text(0)?).map_err(damaged)?,
                thread: ThreadId::new(row.text(2)?).map_err(damaged)?,
            })
        })
        .collect()
}
