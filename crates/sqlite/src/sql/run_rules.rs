//! Who may write on a thread: one active run at most, a fence for each, and what happens to the one that comes later.

use everthread_graph::contract::{
    Fence, Multitask, Namespace, NewRun, RunId, RunMark, RunOutcome, StoreErrorKind,
};
use everthread_store::{Clock, RunStatus};
use rusqlite::{Connection, OptionalExtension};

use crate::error::{Sql, fault};
use crate::owner::Owner;
use crate::sql::state::{ActiveRun, ThreadState};
use crate::sql::{queue, rollback, run};

/// What the rules need beside the rows.
#[derive(Debug)]
pub(crate) struct Env {
    /// The time.
    pub(crate) clock: Clock,
    /// This store's lock and those of others.
    pub(crate) owner: std::sync::Arc<Owner>,
    /// Runs that may wait on one thread.
    pub(crate) waiting_runs: usize,
}

/// What a mark is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Right {
    /// To write, for this run.
    Write {
        /// The run's number; `None` outside of runs.
        run: Option<i64>,
        /// Its fence, 0 outside of runs.
        fence: Fence,
        /// Whether another run was stopped for it, which stands whatever becomes of the write.
        took_over: bool,
    },
    /// To wait behind so many.
    Wait {
        /// The active one and those that wait longer.
        ahead: usize,
    },
}

/// Applies the rules for a mark, and what they do to other runs and to the run itself.
pub(crate) fn enter(
    tx: &Connection,
    env: &Env,
    state: &mut ThreadState,
    mark: &RunMark,
) -> Sql<Right> {
    match mark {
        RunMark::Outside => outside(env, state),
        RunMark::Start(new) => start(tx, env, state, new),
        RunMark::Step(id, fence) | RunMark::End(id, fence, _) => match &state.active {
            Some(active) if active.id == *id && active.fence == fence.0 => Ok(Right::Write {
                run: Some(active.run),
                fence: *fence,
                took_over: false,
            }),
            _ => Err(fault(
                StoreErrorKind::Fenced,
                format!(
                    "run {id} no longer holds its thread: another was admitted, or it has ended"
                ),
            )),
        },
    }
}

/// Applies what a mark means once its write is done.
pub(crate) fn leave(env: &Env, state: &mut ThreadState, mark: &RunMark) {
    let now_ms = env.clock.now_ms();
    match mark {
        RunMark::End(_, _, outcome) => {
            let (status, error) = match outcome {
                RunOutcome::Success => (RunStatus::Success, None),
                RunOutcome::Interrupted => (RunStatus::Interrupted, None),
                RunOutcome::Cancelled => (RunStatus::Cancelled, None),
                RunOutcome::Error(reason) => (RunStatus::Error, Some(reason.clone())),
            };
            if status == RunStatus::Success {
                state.counters.turns += 1;
            }
            state.end_active(status, error, now_ms);
            state.active_ms = Some(now_ms);
            state.touch();
        }
        RunMark::Outside => state.active_ms = Some(now_ms),
        RunMark::Start(_) | RunMark::Step(..) => {}
    }
}

/// Whether this run ended with this fence: then a write that ends it was applied before.
pub(crate) fn ended_before(
    tx: &Connection,
    state: &ThreadState,
    id: RunId,
    fence: Fence,
) -> Sql<bool> {
    if state
        .ended
        .iter()
        .any(|run| run.id == id && run.fence == fence.0)
    {
        return Ok(true);
    }
    let found: Option<i64> = tx
        .prepare_cached(
            "SELECT run FROM runs WHERE user = ?1 AND thread = ?2 AND id = ?3 AND fence = ?4
               AND status IN ('success', 'interrupted', 'cancelled', 'error') ORDER BY run DESC LIMIT 1",
        )?
        .query_row(
            (state.place.user, state.place.thread, id.uuid().into_bytes(), fence.0),
            |row| row.get(0),
        )
        .optional()?;
    Ok(found.is_some())
}

fn outside(env: &Env, state: &mut ThreadState) -> Sql<Right> {
    match &state.active {
        Some(active) if env.owner.is_alive(&active.owner) => return Err(busy(active)),
        Some(_) => orphan(env, state),
        None => {}
    }
    Ok(Right::Write {
        run: None,
        fence: Fence(0),
        took_over: false,
    })
}

fn start(tx: &Connection, env: &Env, state: &mut ThreadState, new: &NewRun) -> Sql<Right> {
    if state.waiting && is_early(tx, env, state, new.id)? {
        return wait(tx, env, state, new);
    }
    let mut took_over = false;
    if let Some(active) = &state.active {
        if active.id == new.id {
            return Ok(Right::Write {
                run: Some(active.run),
                fence: Fence(active.fence),
                took_over: false,
            });
        }
        if env.owner.is_alive(&active.owner) {
            let now_ms = env.clock.now_ms();
            match new.policy {
                Multitask::Reject => return Err(busy(active)),
                Multitask::Enqueue => return wait(tx, env, state, new),
                Multitask::Interrupt => {
                    let stopped = format!("run {} took its place", new.id);
                    state.end_active(RunStatus::Interrupted, Some(stopped), now_ms);
                }
                Multitask::Rollback => rollback::roll_back(tx, state, now_ms)?,
            }
            state.touch();
            took_over = true;
        } else {
            orphan(env, state);
        }
    }
    admit(tx, env, state, new, took_over)
}

/// Whether a run waits for its time.
fn is_early(tx: &Connection, env: &Env, state: &mut ThreadState, id: RunId) -> Sql<bool> {
    state.flush(tx)?;
    let now_ms = env.clock.now_ms();
    let waiting = queue::list(tx, state.place)?;
    Ok(waiting
        .iter()
        .any(|one| one.id == id && !one.is_due(now_ms)))
}

fn admit(
    tx: &Connection,
    env: &Env,
    state: &mut ThreadState,
    new: &NewRun,
    took_over: bool,
) -> Sql<Right> {
    let mut number = None;
    let now_ms = env.clock.now_ms();
    let mut created_ms = now_ms;
    if state.waiting {
        state.flush(tx)?;
        let waiting = queue::list(tx, state.place)?;
        let patient = matches!(new.policy, Multitask::Enqueue | Multitask::Reject);
        if patient && queue::ahead(&waiting, new.id, &env.owner, now_ms) > 0 {
            if new.policy == Multitask::Reject {
                return Err(fault(
                    StoreErrorKind::Busy,
                    "other runs wait on this thread",
                ));
            }
            return wait(tx, env, state, new);
        }
        if let Some(own) = waiting.iter().find(|one| one.id == new.id) {
            number = Some(own.run);
            created_ms = own.created_ms;
        }
        state.waiting = waiting.iter().any(|one| one.id != new.id);
    }
    let run = number.unwrap_or_else(|| {
        state.counters.run += 1;
        state.counters.run
    });
    state.counters.fence += 1;
    let base = state
        .head(tx, &Namespace::root())?
        .and_then(|head| head.checkpoint);
    state.active = Some(ActiveRun {
        run,
        id: new.id,
        graph: new.graph.as_str().into(),
        status: RunStatus::Running,
        fence: state.counters.fence,
        owner: env.owner.shared_name(),
        base,
        created_ms,
        ended_ms: None,
        error: None,
        asked: Some(run::Asked::of(new)),
        changed: true,
    });
    state.touch();
    Ok(Right::Write {
        run: Some(run),
        fence: Fence(state.counters.fence),
        took_over,
    })
}

fn wait(tx: &Connection, env: &Env, state: &mut ThreadState, new: &NewRun) -> Sql<Right> {
    state.flush(tx)?;
    let now_ms = env.clock.now_ms();
    let waiting = queue::list(tx, state.place)?;
    let before = queue::ahead(&waiting, new.id, &env.owner, now_ms);
    match waiting.iter().find(|one| one.id == new.id) {
        Some(own) if own.owner == env.owner.name() => {}
        Some(own) => queue::give(tx, state.place, own.run, env.owner.name())?,
        None => {
            queue::make_room(&waiting, env.waiting_runs)?;
            state.counters.run += 1;
            let held = queue::Held {
                owner: env.owner.name(),
                now_ms,
                starts_ms: None,
            };
            queue::push(tx, state.place, state.counters.run, new, &held)?;
            state.waiting = true;
            state.touch();
        }
    }
    Ok(Right::Wait {
        ahead: before + usize::from(state.active.is_some()),
    })
}

fn orphan(env: &Env, state: &mut ThreadState) {
    state.end_active(RunStatus::Orphaned, None, env.clock.now_ms());
    state.touch();
}

fn busy(active: &ActiveRun) -> crate::error::Fault {
    fault(
        StoreErrorKind::Busy,
        format!(
            "run {} is active on this thread: wait for its end or stop it",
            active.id
        ),
    )
}
