//! Taking back what a run did: the heads go back to where they were, and what was written stays behind on a line of
//! its own.

use std::sync::Arc;

use everthread_graph::contract::{CheckpointId, Namespace, RunId, StoreErrorKind, ThreadKey};
use everthread_store::RunStatus;

use crate::conn::{Conn, Statement};
use crate::error::{Sql, damaged, fault};
use crate::param::Columns;
use crate::sql::change::{self, ChannelMap};
use crate::sql::desk::{Desk, Env};
use crate::sql::state::{self, Head};
use crate::sql::{event, hold, run, thread};

/// Stops the active run and moves the heads back to where it began.
pub(crate) async fn roll_back(desk: &mut Desk<'_>, now_ms: i64) -> Sql<()> {
    let Some(active) = desk.state.active.clone() else {
        return Ok(());
    };
    desk.state.end_active(RunStatus::RolledBack, None, now_ms);
    take_back(desk, active.run, active.base, now_ms).await
}

/// Moves the heads back to where a run began that is not active any more.
async fn take_back(
    desk: &mut Desk<'_>,
    run: i64,
    base: Option<CheckpointId>,
    now_ms: i64,
) -> Sql<()> {
    let root = Namespace::root();
    let made = heads_of_run(desk, run).await?;
    if let Some(head) = desk.head(&root).await?.cloned()
        && head.checkpoint != base
    {
        let branch = new_branch(desk, Some(head.branch), base, now_ms);
        let back = head_at(desk, &head, base, branch).await?;
        desk.state.set_head(&root, back);
        desk.state.counters.messages = desk.transcript_len().await?;
    }
    if let Some(base) = base {
        // A question that the run answered is asked again.
        let place = desk.place();
        desk.write(
            Statement::new(
                "DELETE FROM our.pending_writes
                 WHERE user_id = $1 AND thread = $2 AND checkpoint = $3 AND slot = 'resume'",
            )
            .with(place.owned_user())
            .with(place.thread)
            .with(base.uuid()),
        );
    }
    for (ns, checkpoint) in made {
        let Some(head) = desk.head(&ns).await?.cloned() else {
            continue;
        };
        let before = before_run(desk, checkpoint, run).await?;
        let back = head_at(desk, &head, before, head.branch).await?;
        desk.state.set_head(&ns, back);
    }
    Ok(())
}

/// Takes a run back and deletes it: the active one, the one that ended last, or one that never began.
pub(crate) async fn run(conn: &Conn, env: &Env, key: &ThreadKey, id: RunId) -> Sql<()> {
    let now_ms = env.clock.now_ms();
    let state = state::lock(conn, key, &Namespace::root(), env.owner, None)
        .await?
        .ok_or_else(|| thread::missing(key))?;
    let mut desk = Desk::new(conn, env, state);
    desk.begin();
    let known = run::known(conn, &desk.place(), id)
        .await?
        .ok_or_else(|| run::missing(key, id))?;
    hold::refuse(conn, &key.user).await?;
    match known.status {
        RunStatus::Running => roll_back(&mut desk, now_ms).await?,
        RunStatus::Pending | RunStatus::RolledBack => {}
        _ if known.fence.is_none() => {}
        _ => {
            refuse_built_upon(&mut desk, &known, id).await?;
            take_back(&mut desk, known.run, known.base, now_ms).await?;
        }
    }
    if known.status == RunStatus::Success {
        let turns = &mut desk.state.counters.turns;
        *turns = turns.saturating_sub(1);
    }
    desk.state.updated_ms = desk.state.updated_ms.max(now_ms);
    desk.state.touch();
    let place = desk.place();
    let (_, mut rest) = desk.rest();
    rest.push(
        Statement::new("DELETE FROM our.runs WHERE user_id = $1 AND thread = $2 AND run = $3")
            .with(place.owned_user())
            .with(place.thread)
            .with(known.run),
    );
    rest.push(event::forget(&place, id));
    conn.send(&rest).await?;
    Ok(())
}

/// Refuses a run after which the thread went on: what came later would be taken back with it.
async fn refuse_built_upon(desk: &mut Desk<'_>, known: &run::Known, id: RunId) -> Sql<()> {
    let place = desk.place();
    let later = desk
        .row(
            "SELECT 1 FROM our.runs WHERE user_id = $1 AND thread = $2 AND fence > $3 LIMIT 1",
            &[&place.user(), &place.thread, &known.fence],
        )
        .await?;
    let head = desk.root().await?;
    let by = desk
        .row(
            "SELECT run FROM our.checkpoints WHERE user_id = $1 AND thread = $2 AND id = $3",
            &[&place.user(), &place.thread, &head.map(CheckpointId::uuid)],
        )
        .await?;
    let by: Option<i64> = by.map_or(Ok(None), |row| row.at(0))?;
    let stands = head == known.base || by == Some(known.run);
    if later.is_some() || !stands {
        return Err(fault(
            StoreErrorKind::Conflict,
            format!("the thread went on after run {id}: only its last run can be taken back"),
        ));
    }
    Ok(())
}

/// Begins a line of history of the thread's own graph.
pub(crate) fn new_branch(
    desk: &mut Desk<'_>,
    parent: Option<i64>,
    forked_at: Option<CheckpointId>,
    now_ms: i64,
) -> i64 {
    desk.state.counters.branch += 1;
    desk.state.touch();
    let (place, branch) = (desk.place(), desk.state.counters.branch);
    desk.write(
        Statement::new(
            "INSERT INTO our.branches (user_id, thread, branch, parent, forked_at, created_ms)
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .with(place.owned_user())
        .with(place.thread)
        .with(branch)
        .with(parent)
        .with(forked_at.map(CheckpointId::uuid))
        .with(now_ms),
    );
    branch
}

async fn head_at(
    desk: &mut Desk<'_>,
    head: &Head,
    checkpoint: Option<CheckpointId>,
    branch: i64,
) -> Sql<Head> {
    let channels = match checkpoint {
        Some(id) => Some(Arc::new(channels_of(desk, id).await?)),
        None => None,
    };
    Ok(Head {
        checkpoint,
        last: head.last,
        branch,
        channels,
        pending: true,
        changed: true,
    })
}

async fn channels_of(desk: &mut Desk<'_>, id: CheckpointId) -> Sql<ChannelMap> {
    let place = desk.place();
    let row = desk
        .row(
            "SELECT channels FROM our.checkpoints WHERE user_id = $1 AND thread = $2 AND id = $3",
            &[&place.user(), &place.thread, &id.uuid()],
        )
        .await?
        .ok_or_else(|| damaged("the checkpoint where a run began is gone"))?;
    change::parse_map(&row.text(0)?)
}

/// Namespaces of subgraphs whose head this run made.
async fn heads_of_run(desk: &mut Desk<'_>, run: i64) -> Sql<Vec<(Namespace, CheckpointId)>> {
    let place = desk.place();
    let rows = desk
        .reader()
        .await?
        .query(
            "SELECT h.ns, h.checkpoint FROM our.heads h
               JOIN our.checkpoints c ON c.user_id = h.user_id AND c.thread = h.thread AND c.id = h.checkpoint
             WHERE h.user_id = $1 AND h.thread = $2 AND h.ns <> '' AND c.run = $3",
            &[&place.user(), &place.thread, &run],
        )
        .await?;
    rows.iter()
        .map(|row| Ok((Namespace::from_text(&row.text(0)?), row.checkpoint(1)?)))
        .collect()
}

/// The nearest ancestor that this run did not make.
async fn before_run(
    desk: &mut Desk<'_>,
    from: CheckpointId,
    run: i64,
) -> Sql<Option<CheckpointId>> {
    let place = desk.place();
    let mut at = from;
    loop {
        let row = desk
            .row(
                "SELECT parent, run FROM our.checkpoints WHERE user_id = $1 AND thread = $2 AND id = $3",
                &[&place.user(), &place.thread, &at.uuid()],
            )
            .await?;
        let Some(row) = row else {
            return Ok(None);
        };
        if row.at::<Option<i64>>(1)? != Some(run) {
            return Ok(Some(at));
        }
        match row.checkpoint_or_none(0)? {
            Some(parent) => at = parent,
            None => return Ok(None),
        }
    }
}
