//! Who may write on a thread: one active run at most, a fence for each, and what happens to the one that comes later.

use everthread_graph::contract::{
    Fence, Multitask, NewRun, RunId, RunMark, RunOutcome, StoreErrorKind,
};
use everthread_store::RunStatus;

use crate::error::{Fault, Sql, fault};
use crate::sql::desk::Desk;
use crate::sql::queue::{self, Live};
use crate::sql::state::ActiveRun;
use crate::sql::{rollback, run};

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
pub(crate) async fn enter(desk: &mut Desk<'_>, mark: &RunMark) -> Sql<Right> {
    match mark {
        RunMark::Outside => outside(desk),
        RunMark::Start(new) => start(desk, new).await,
        RunMark::Step(id, fence) | RunMark::End(id, fence, _) => match &desk.state.active {
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
pub(crate) fn leave(desk: &mut Desk<'_>, mark: &RunMark) {
    let now_ms = desk.now_ms();
    match mark {
        RunMark::End(_, _, outcome) => {
            let (status, error) = match outcome {
                RunOutcome::Success => (RunStatus::Success, None),
                RunOutcome::Interrupted => (RunStatus::Interrupted, None),
                RunOutcome::Cancelled => (RunStatus::Cancelled, None),
                RunOutcome::Error(reason) => (RunStatus::Error, Some(reason.clone())),
            };
            if status == RunStatus::Success {
                desk.state.counters.turns += 1;
            }
            desk.state.end_active(status, error, now_ms);
            desk.state.active_ms = Some(now_ms);
            desk.state.touch();
        }
        RunMark::Outside => desk.state.active_ms = Some(now_ms),
        RunMark::Start(_) | RunMark::Step(..) => {}
    }
}

/// Whether this run ended with this fence: then a write that ends it was applied before.
pub(crate) async fn ended_before(desk: &mut Desk<'_>, id: RunId, fence: Fence) -> Sql<bool> {
    let ended = &desk.state.ended;
    if ended.iter().any(|run| run.id == id && run.fence == fence.0) {
        return Ok(true);
    }
    let place = desk.place();
    let found = desk
        .row(
            "SELECT run FROM our.runs WHERE user_id = $1 AND thread = $2 AND id = $3 AND fence = $4
               AND status IN ('success', 'interrupted', 'cancelled', 'error') ORDER BY run DESC LIMIT 1",
            &[&place.user(), &place.thread, &id.uuid(), &fence.0],
        )
        .await?;
    Ok(found.is_some())
}

fn outside(desk: &mut Desk<'_>) -> Sql<Right> {
    match &desk.state.active {
        Some(active) if active.alive => return Err(busy(active)),
        Some(_) => orphan(desk),
        None => {}
    }
    Ok(Right::Write {
        run: None,
        fence: Fence(0),
        took_over: false,
    })
}

async fn start(desk: &mut Desk<'_>, new: &NewRun) -> Sql<Right> {
    let now_ms = desk.now_ms();
    let live = match desk.state.waiting {
        true => {
            let place = desk.place();
            Live::of(desk.reader().await?, &place).await?
        }
        false => Live::default(),
    };
    if live.find(new.id).is_some_and(|own| !own.is_due(now_ms)) {
        return wait(desk, new, &live);
    }
    let mut took_over = false;
    if let Some(active) = &desk.state.active {
        if active.id == new.id {
            return Ok(Right::Write {
                run: Some(active.run),
                fence: Fence(active.fence),
                took_over: false,
            });
        }
        if active.alive {
            match new.policy {
                Multitask::Reject => return Err(busy(active)),
                Multitask::Enqueue => return wait(desk, new, &live),
                Multitask::Interrupt => {
                    let stopped = format!("run {} took its place", new.id);
                    let (status, error) = (RunStatus::Interrupted, Some(stopped));
                    desk.state.end_active(status, error, now_ms);
                }
                Multitask::Rollback => rollback::roll_back(desk, now_ms).await?,
            }
            desk.state.touch();
            took_over = true;
        } else {
            orphan(desk);
        }
    }
    admit(desk, new, &live, took_over).await
}

async fn admit(desk: &mut Desk<'_>, new: &NewRun, live: &Live, took_over: bool) -> Sql<Right> {
    let now_ms = desk.now_ms();
    let patient = matches!(new.policy, Multitask::Enqueue | Multitask::Reject);
    if patient && live.ahead(new.id, now_ms) > 0 {
        if new.policy == Multitask::Reject {
            return Err(fault(
                StoreErrorKind::Busy,
                "other runs wait on this thread",
            ));
        }
        return wait(desk, new, live);
    }
    let own = live.find(new.id);
    let run = own.map_or_else(
        || {
            desk.state.counters.run += 1;
            desk.state.counters.run
        },
        |own| own.run,
    );
    desk.state.waiting = live.waiting.iter().any(|one| one.id != new.id);
    desk.state.counters.fence += 1;
    let base = desk.root().await?;
    desk.state.active = Some(ActiveRun {
        run,
        id: new.id,
        graph: new.graph.as_str().into(),
        status: RunStatus::Running,
        fence: desk.state.counters.fence,
        owner: desk.env.owner,
        alive: true,
        base,
        created_ms: own.map_or(now_ms, |own| own.created_ms),
        ended_ms: None,
        error: None,
        asked: Some(run::Asked::of(new)),
        changed: true,
    });
    desk.state.touch();
    Ok(Right::Write {
        run: Some(run),
        fence: Fence(desk.state.counters.fence),
        took_over,
    })
}

fn wait(desk: &mut Desk<'_>, new: &NewRun, live: &Live) -> Sql<Right> {
    let now_ms = desk.now_ms();
    let before = live.ahead(new.id, now_ms);
    let place = desk.place();
    match live.find(new.id) {
        Some(own) if own.owner == Some(desk.env.owner) => {}
        Some(own) => {
            desk.write(queue::give(&place, own.run, desk.env.owner));
            desk.state.touch();
        }
        None => {
            live.make_room(desk.env.waiting_runs)?;
            desk.state.counters.run += 1;
            let held = queue::Held {
                owner: desk.env.owner,
                now_ms,
                starts_ms: None,
            };
            desk.write(queue::push(&place, desk.state.counters.run, new, &held));
            desk.state.waiting = true;
            desk.state.touch();
        }
    }
    Ok(Right::Wait {
        ahead: before + usize::from(desk.state.active.is_some()),
    })
}

fn orphan(desk: &mut Desk<'_>) {
    let now_ms = desk.now_ms();
    desk.state.end_active(RunStatus::Orphaned, None, now_ms);
    desk.state.touch();
}

fn busy(active: &ActiveRun) -> Fault {
    fault(
        StoreErrorKind::Busy,
        format!(
            "run {} is active on this thread: wait for its end or stop it",
            active.id
        ),
    )
}
