//! Runs that wait on a thread: first in, first out, among those whose process is there.

use everthread_graph::contract::{NewRun, RunId, StoreErrorKind, ThreadKey};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::conn::{Conn, Statement};
use crate::error::{Sql, fault};
use crate::param::{Columns, Text};
use crate::sql::place::{self, Place};
use crate::sql::run;

/// One run that waits, or the active one, which stands at 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Waiting {
    /// Where it stands in the queue.
    pub(crate) queue: i64,
    /// Its number in the thread.
    pub(crate) run: i64,
    /// Its id.
    pub(crate) id: RunId,
    /// Whose process holds it.
    pub(crate) owner: Option<Uuid>,
    /// Whether that process's lease has not run out.
    pub(crate) alive: bool,
    /// When it was asked for.
    pub(crate) created_ms: i64,
    /// It does not begin before.
    pub(crate) starts_ms: Option<i64>,
}

impl Waiting {
    /// Whether its time has come.
    pub(crate) fn is_due(&self, now_ms: i64) -> bool {
        self.starts_ms.is_none_or(|starts_ms| starts_ms <= now_ms)
    }
}

/// The runs of a thread that have not ended: the active one, and those that wait, in order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Live {
    /// The active one.
    pub(crate) active: Option<Waiting>,
    /// Those that wait.
    pub(crate) waiting: Vec<Waiting>,
}

/// What stands at the front of a thread, for a run that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It is not in the queue.
    Absent,
    /// Others come first, or its time has not come.
    Later,
    /// It is the first, and no other is active.
    Now,
}

/// What is read of runs that have not ended; a lease that has run out is nobody's.
const COLUMNS: &str =
    "r.queue, r.run, r.id, r.owner, coalesce(l.until > now(), false), r.created_ms, r.starts_ms";

impl Live {
    /// Those of a thread.
    pub(crate) async fn of(conn: &Conn, place: &Place) -> Sql<Self> {
        let rows = conn
            .query(
                format!(
                    "SELECT {COLUMNS} FROM our.runs r LEFT JOIN our.leases l ON l.owner = r.owner
                     WHERE r.user_id = $1 AND r.thread = $2 AND r.queue IS NOT NULL ORDER BY r.queue"
                ),
                &[&place.user(), &place.thread],
            )
            .await?;
        Self::from_rows(&rows)
    }

    fn from_rows(rows: &[Row]) -> Sql<Self> {
        let mut live = Self::default();
        for row in rows {
            let one = Waiting {
                queue: row.at(0)?,
                run: row.at(1)?,
                id: row.run(2)?,
                owner: row.at(3)?,
                alive: row.at(4)?,
                created_ms: row.at(5)?,
                starts_ms: row.at(6)?,
            };
            if one.queue == 0 {
                live.active = Some(one);
            } else {
                live.waiting.push(one);
            }
        }
        Ok(live)
    }

    /// Whether a run is active whose process is there.
    pub(crate) fn is_held(&self) -> bool {
        self.active.as_ref().is_some_and(|active| active.alive)
    }

    /// One of those that wait.
    pub(crate) fn find(&self, id: RunId) -> Option<&Waiting> {
        self.waiting.iter().find(|one| one.id == id)
    }

    /// How many that wait stand before this one, have a process that will run them, and may begin.
    pub(crate) fn ahead(&self, id: RunId, now_ms: i64) -> usize {
        self.waiting
            .iter()
            .take_while(|one| one.id != id)
            .filter(|one| one.is_due(now_ms) && one.alive)
            .count()
    }

    /// Refuses one more run when too many wait.
    pub(crate) fn make_room(&self, limit: usize) -> Sql<()> {
        if self.waiting.len() < limit {
            return Ok(());
        }
        Err(fault(
            StoreErrorKind::QueueFull,
            format!(
                "{} runs wait on this thread already: try again when some have ended",
                self.waiting.len()
            ),
        ))
    }

    /// Whether a run that waits may go.
    fn turn(&self, id: RunId, now_ms: i64) -> Turn {
        match self.find(id) {
            None => Turn::Absent,
            Some(own) if !own.is_due(now_ms) => Turn::Later,
            Some(_) if self.is_held() || self.ahead(id, now_ms) > 0 => Turn::Later,
            Some(_) => Turn::Now,
        }
    }
}

/// What adds a run at the end, under this number.
pub(crate) fn push(place: &Place, run: i64, new: &NewRun, held: &Held) -> Statement {
    Statement::new(
        "INSERT INTO our.runs (user_id, thread, run, id, graph, status, queue, owner, input, created_ms, policy,
           starts_ms, details)
         VALUES ($1, $2, $3, $4, $5, 'pending', $3, $6, $7, $8, $9, $10, $11)",
    )
    .with(place.owned_user())
    .with(place.thread)
    .with(run)
    .with(new.id.uuid())
    .with(Text::owned(&*new.graph))
    .with(held.owner)
    .with(Text::json(&new.input))
    .with(held.now_ms)
    .with(run::policy_column(new.policy))
    .with(held.starts_ms)
    .with(new.details.as_ref().map(Text::json))
}

/// Who holds a run that waits, and since when.
pub(crate) struct Held {
    /// The process.
    pub(crate) owner: Uuid,
    /// The time.
    pub(crate) now_ms: i64,
    /// It does not begin before.
    pub(crate) starts_ms: Option<i64>,
}

/// What hands a waiting run to another owner.
pub(crate) fn give(place: &Place, run: i64, owner: Uuid) -> Statement {
    Statement::new("UPDATE our.runs SET owner = $4 WHERE user_id = $1 AND thread = $2 AND run = $3")
        .with(place.owned_user())
        .with(place.thread)
        .with(run)
        .with(owner)
}

/// Takes a run out of the queue; nothing happens when it is not there.
pub(crate) async fn withdraw(conn: &Conn, key: &ThreadKey, id: RunId, now_ms: i64) -> Sql<()> {
    let Some(place) = place::seize(conn, key).await? else {
        return Ok(());
    };
    conn.execute(
        "UPDATE our.runs SET status = 'cancelled', queue = NULL, owner = NULL, input = NULL, ended_ms = $4
         WHERE user_id = $1 AND thread = $2 AND id = $3 AND queue IS NOT NULL AND queue > 0",
        &[&place.user(), &place.thread, &id.uuid(), &now_ms],
    )
    .await?;
    Ok(())
}

/// Whether a run that waits on a thread may go.
pub(crate) async fn turn_of(conn: &Conn, key: &ThreadKey, id: RunId, now_ms: i64) -> Sql<Turn> {
    let rows = conn
        .query(
            format!(
                "SELECT {COLUMNS} FROM our.threads t
                   JOIN our.runs r ON r.user_id = t.user_id AND r.thread = t.thread AND r.queue IS NOT NULL
                   LEFT JOIN our.leases l ON l.owner = r.owner
                 WHERE t.user_id = $1 AND t.id = $2 ORDER BY r.queue"
            ),
            &[&Text::of(key.user.as_str()), &Text::of(key.thread.as_str())],
        )
        .await?;
    Ok(Live::from_rows(&rows)?.turn(id, now_ms))
}
