//! A thread as the writer knows it: its counters, its heads and its active run.
//!
//! The writer holds the only right to write, so between its transactions this is what the rows say, as long as no
//! other process wrote. Changes are made here and written to the rows once, before the transaction ends or anything
//! else reads them.

use std::sync::Arc;

use everthread_graph::contract::{CheckpointId, Namespace, RunId, ThreadKey};
use everthread_store::{RunStatus, StoredList};
use rusqlite::{Connection, OptionalExtension, Row};

use crate::error::Sql;
use crate::sql::change::{self, ChannelMap};
use crate::sql::ids::{checkpoint_bytes, checkpoint_id, run_id};
use crate::sql::place::Place;
use crate::sql::run;

/// Lists that are kept for each thread.
const KEPT_LISTS: usize = 4;

/// How exactly it is known when a user was last active: one row less to write in each of many quick turns.
const ACTIVITY_STEP_MS: i64 = 1_000;

/// Namespaces that are kept for each thread.
const KEPT_HEADS: usize = 64;

/// A thread as the writer knows it.
#[derive(Debug, Clone)]
pub(crate) struct ThreadState {
    /// Where its rows are.
    pub(crate) place: Place,
    /// The highest numbers given, and its counts.
    pub(crate) counters: Counters,
    /// When it last changed.
    pub(crate) updated_ms: i64,
    /// When its user was last active, when that is still to be written.
    pub(crate) active_ms: Option<i64>,
    /// Its active run.
    pub(crate) active: Option<ActiveRun>,
    /// Runs that ended and are still to be written.
    pub(crate) ended: Vec<ActiveRun>,
    /// Whether runs wait on it.
    pub(crate) waiting: bool,
    /// What was last written of that.
    active_written_ms: i64,
    heads: Vec<(Namespace, Head)>,
    lists: Vec<(u64, StoredList)>,
    changed: bool,
}

/// The highest numbers given so far, and counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counters {
    pub(crate) fence: i64,
    pub(crate) seq: u64,
    pub(crate) change: u64,
    pub(crate) run: i64,
    pub(crate) branch: i64,
    pub(crate) messages: u64,
    pub(crate) turns: u64,
}

/// The head of one namespace.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    /// `None` when a rollback left none.
    pub(crate) checkpoint: Option<CheckpointId>,
    /// The highest that it ever had.
    pub(crate) last: CheckpointId,
    /// The line that it is on.
    pub(crate) branch: i64,
    /// What its channels are, when that is known.
    pub(crate) channels: Option<Arc<ChannelMap>>,
    /// Whether tasks may have left something at it.
    pub(crate) pending: bool,
    /// Whether it is still to be written.
    pub(crate) changed: bool,
}

/// A run that holds its thread, or did.
#[derive(Debug, Clone)]
pub(crate) struct ActiveRun {
    pub(crate) run: i64,
    pub(crate) id: RunId,
    pub(crate) graph: Arc<str>,
    pub(crate) status: RunStatus,
    pub(crate) fence: i64,
    pub(crate) owner: Arc<str>,
    pub(crate) base: Option<CheckpointId>,
    pub(crate) created_ms: i64,
    pub(crate) ended_ms: Option<i64>,
    pub(crate) error: Option<String>,
    /// What was asked for with it, when its row may not hold that yet.
    pub(crate) asked: Option<run::Asked>,
    /// Whether it is still to be written.
    pub(crate) changed: bool,
}

impl ThreadState {
    /// A thread that was just created.
    pub(crate) fn new(place: Place, now_ms: i64) -> Self {
        Self {
            place,
            counters: Counters::default(),
            updated_ms: now_ms,
            active_ms: None,
            active: None,
            ended: Vec::new(),
            waiting: false,
            active_written_ms: 0,
            heads: Vec::new(),
            lists: Vec::new(),
            changed: false,
        }
    }

    /// Reads a thread; `None` when the user has none of this id.
    pub(crate) fn load(tx: &Connection, key: &ThreadKey) -> Sql<Option<Self>> {
        let state = tx
            .prepare_cached(
                "SELECT t.user, t.thread, t.fence, t.seq, t.change, t.run, t.branch, t.messages, t.turns, t.updated_ms
                 FROM users u JOIN threads t ON t.user = u.user AND t.id = ?2 WHERE u.id = ?1",
            )?
            .query_row((key.user.as_str(), key.thread.as_str()), from_row)
            .optional()?;
        let Some(mut state) = state else {
            return Ok(None);
        };
        let mut live = tx.prepare_cached(
            "SELECT run, id, graph, fence, owner, base, created_ms, queue FROM runs
             WHERE user = ?1 AND thread = ?2 AND queue IS NOT NULL ORDER BY queue LIMIT 2",
        )?;
        let mut rows = live.query((state.place.user, state.place.thread))?;
        while let Some(row) = rows.next()? {
            if row.get::<_, i64>(7)? == 0 {
                state.active = Some(active_from_row(row)?);
            } else {
                state.waiting = true;
            }
        }
        Ok(Some(state))
    }

    /// The head of a namespace; `None` when the namespace never had a checkpoint.
    pub(crate) fn head(&mut self, tx: &Connection, ns: &Namespace) -> Sql<Option<&mut Head>> {
        let at = match self.heads.iter().position(|(known, _)| known == ns) {
            Some(at) => at,
            None => {
                let Some(head) = load_head(tx, self.place, ns)? else {
                    return Ok(None);
                };
                self.heads.push((ns.clone(), head));
                self.heads.len() - 1
            }
        };
        Ok(Some(&mut self.heads[at].1))
    }

    /// Makes a checkpoint the head of a namespace.
    pub(crate) fn set_head(&mut self, ns: &Namespace, head: Head) {
        match self.heads.iter_mut().find(|(known, _)| known == ns) {
            Some((_, known)) => *known = head,
            None => self.heads.push((ns.clone(), head)),
        }
        self.touch();
    }

    /// Says that counters or times changed.
    pub(crate) fn touch(&mut self) {
        self.changed = true;
    }

    /// The list that a change left.
    pub(crate) fn list(&mut self, tx: &Connection, n: u64) -> Sql<StoredList> {
        if let Some((_, list)) = self.lists.iter().find(|(known, _)| *known == n) {
            return Ok(list.clone());
        }
        let list = change::read_list(tx, self.place, n)?;
        self.keep_list(n, list.clone());
        Ok(list)
    }

    /// Whether the list of a change is remembered.
    pub(crate) fn knows_list(&self, n: u64) -> bool {
        self.lists.iter().any(|(known, _)| *known == n)
    }

    /// The heads that are known.
    pub(crate) fn heads_mut(&mut self) -> impl Iterator<Item = &mut Head> {
        self.heads.iter_mut().map(|(_, head)| head)
    }

    /// Remembers the list that a change left, because the next change will build on it.
    pub(crate) fn keep_list(&mut self, n: u64, list: StoredList) {
        if self.lists.len() >= KEPT_LISTS {
            self.lists.remove(0);
        }
        self.lists.push((n, list));
    }

    /// Ends the active run in this way.
    pub(crate) fn end_active(&mut self, status: RunStatus, error: Option<String>, now_ms: i64) {
        if let Some(mut run) = self.active.take() {
            run.status = status;
            run.ended_ms = Some(now_ms);
            run.error = error;
            run.changed = true;
            self.ended.push(run);
        }
    }

    /// Writes what changed to the rows.
    pub(crate) fn flush(&mut self, tx: &Connection) -> Sql<()> {
        for run in self.ended.drain(..) {
            run::write(tx, self.place, &run)?;
        }
        if let Some(run) = self.active.as_mut().filter(|run| run.changed) {
            run::write(tx, self.place, run)?;
            run.changed = false;
        }
        for (ns, head) in self.heads.iter_mut().filter(|(_, head)| head.changed) {
            write_head(tx, self.place, ns, head)?;
            head.changed = false;
        }
        if self.changed {
            self.write_thread(tx)?;
            self.changed = false;
        }
        if let Some(active_ms) = self.active_ms.take()
            && (active_ms - self.active_written_ms).abs() >= ACTIVITY_STEP_MS
        {
            self.active_written_ms = active_ms;
            tx.prepare_cached(
                "UPDATE users SET active_ms = ?2 WHERE user = ?1 AND active_ms < ?2",
            )?
            .execute((self.place.user, active_ms))?;
        }
        if self.heads.len() > KEPT_HEADS {
            self.heads.retain(|(ns, _)| ns.is_root());
        }
        Ok(())
    }

    fn write_thread(&self, tx: &Connection) -> Sql<()> {
        let counters = &self.counters;
        tx.prepare_cached(
            "UPDATE threads SET fence = ?3, seq = ?4, change = ?5, run = ?6, branch = ?7, messages = ?8, turns = ?9,
               updated_ms = ?10
             WHERE user = ?1 AND thread = ?2",
        )?
        .execute((
            self.place.user,
            self.place.thread,
            counters.fence,
            counters.seq,
            counters.change,
            counters.run,
            counters.branch,
            counters.messages,
            counters.turns,
            self.updated_ms,
        ))?;
        Ok(())
    }
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<ThreadState> {
    let place = Place {
        user: row.get(0)?,
        thread: row.get(1)?,
    };
    let mut state = ThreadState::new(place, row.get(9)?);
    state.counters = Counters {
        fence: row.get(2)?,
        seq: row.get(3)?,
        change: row.get(4)?,
        run: row.get(5)?,
        branch: row.get(6)?,
        messages: row.get(7)?,
        turns: row.get(8)?,
    };
    Ok(state)
}

fn active_from_row(row: &Row<'_>) -> rusqlite::Result<ActiveRun> {
    Ok(ActiveRun {
        run: row.get(0)?,
        id: run_id(row.get(1)?),
        graph: row.get::<_, String>(2)?.into(),
        status: RunStatus::Running,
        fence: row.get::<_, Option<i64>>(3)?.unwrap_or(0),
        owner: row.get::<_, Option<String>>(4)?.unwrap_or_default().into(),
        base: row.get::<_, Option<[u8; 16]>>(5)?.map(checkpoint_id),
        created_ms: row.get(6)?,
        ended_ms: None,
        error: None,
        asked: None,
        changed: false,
    })
}

fn load_head(tx: &Connection, place: Place, ns: &Namespace) -> Sql<Option<Head>> {
    let row = tx
        .prepare_cached(
            "SELECT h.checkpoint, h.last, h.branch, c.channels
             FROM heads h LEFT JOIN checkpoints c ON c.user = h.user AND c.thread = h.thread AND c.id = h.checkpoint
             WHERE h.user = ?1 AND h.thread = ?2 AND h.ns = ?3",
        )?
        .query_row((place.user, place.thread, ns.as_str()), |row| {
            Ok((
                row.get::<_, Option<[u8; 16]>>(0)?,
                row.get::<_, [u8; 16]>(1)?,
                row.get(2)?,
                row.get::<_, Option<String>>(3)?,
            ))
        })
        .optional()?;
    let Some((checkpoint, last, branch, channels)) = row else {
        return Ok(None);
    };
    Ok(Some(Head {
        checkpoint: checkpoint.map(checkpoint_id),
        last: checkpoint_id(last),
        branch,
        channels: channels
            .map(|text| change::parse_map(&text))
            .transpose()?
            .map(Arc::new),
        pending: true,
        changed: false,
    }))
}

fn write_head(tx: &Connection, place: Place, ns: &Namespace, head: &Head) -> Sql<()> {
    tx.prepare_cached(
        "INSERT INTO heads (user, thread, ns, checkpoint, last, branch) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT DO UPDATE SET checkpoint = ?4, last = ?5, branch = ?6",
    )?
    .execute((
        place.user,
        place.thread,
        ns.as_str(),
        head.checkpoint.map(checkpoint_bytes),
        checkpoint_bytes(head.last),
        head.branch,
    ))?;
    Ok(())
}
