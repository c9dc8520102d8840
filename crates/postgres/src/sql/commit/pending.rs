//! What tasks leave at a checkpoint before their step is committed.

use everthread_graph::contract::{
    Admission, CheckpointId, Namespace, PendingWrites, RunMark, StoreErrorKind, TaskWrites,
};

use super::{Answer, refuse};
use crate::conn::Statement;
use crate::error::{Fault, Sql, fault};
use crate::param::{Columns, Text};
use crate::sql::desk::Desk;
use crate::sql::place::Place;
use crate::sql::run_rules::{self, Right};

/// Writes what tasks left, and what that means for their run. An error means that it is to be taken back.
pub(crate) async fn write(desk: &mut Desk<'_>, writes: &PendingWrites) -> Sql<Answer> {
    let again = match (&writes.run, &desk.state.active) {
        (RunMark::Start(new), Some(active)) => active.id == new.id,
        _ => false,
    };
    let (fence, took_over) = match run_rules::enter(desk, &writes.run).await {
        Ok(Right::Wait { ahead }) => return Ok(Ok(Admission::Queued { ahead })),
        Ok(Right::Write {
            fence, took_over, ..
        }) => (fence, took_over),
        Err(refused) => return ended_before(desk, writes, refused).await,
    };
    let is_head = is_head(desk, &writes.key.to_string(), writes.checkpoint).await?;
    if let RunMark::Start(_) = &writes.run
        && !is_head
    {
        if again {
            // The run has gone on since: what it began with is in its steps.
            return Ok(Ok(Admission::AlreadyApplied(fence)));
        }
        return refuse(desk, moved(writes), took_over);
    }
    let place = desk.place();
    for one in &writes.writes {
        desk.write(insert(&place, writes.checkpoint, one));
    }
    if !writes.writes.is_empty() {
        mark_pending(desk, writes.checkpoint);
    }
    let now_ms = desk.now_ms();
    desk.state.updated_ms = desk.state.updated_ms.max(now_ms);
    desk.state.touch();
    run_rules::leave(desk, &writes.run);
    Ok(Ok(if again {
        Admission::AlreadyApplied(fence)
    } else {
        Admission::Applied(fence)
    }))
}

/// A run that ended with this very mark has no right any more, and its last write was applied: it is sent again.
async fn ended_before(desk: &mut Desk<'_>, writes: &PendingWrites, refused: Fault) -> Sql<Answer> {
    if let RunMark::End(id, fence, _) = &writes.run
        && run_rules::ended_before(desk, *id, *fence).await?
    {
        return Ok(Ok(Admission::AlreadyApplied(*fence)));
    }
    Err(refused)
}

/// Whether a checkpoint, which must be there, is the head of its namespace.
async fn is_head(desk: &mut Desk<'_>, shown: &str, id: CheckpointId) -> Sql<bool> {
    if desk.root().await? == Some(id) {
        return Ok(true);
    }
    let place = desk.place();
    let row = desk
        .row(
            "SELECT ns FROM our.checkpoints WHERE user_id = $1 AND thread = $2 AND id = $3",
            &[&place.user(), &place.thread, &id.uuid()],
        )
        .await?;
    let Some(row) = row else {
        return Err(fault(
            StoreErrorKind::NotFound,
            format!("checkpoint {id} of {shown} is not there: it may have been pruned"),
        ));
    };
    let head = desk.head(&Namespace::from_text(&row.text(0)?)).await?;
    Ok(head.is_some_and(|head| head.checkpoint == Some(id)))
}

/// Two runs that go on from one checkpoint would do the same twice.
fn moved(writes: &PendingWrites) -> Fault {
    fault(
        StoreErrorKind::Conflict,
        format!(
            "checkpoint {} is no longer a head of {}: load it and decide anew",
            writes.checkpoint, writes.key
        ),
    )
}

fn insert(place: &Place, id: CheckpointId, writes: &TaskWrites) -> Statement {
    Statement::new(
        "INSERT INTO our.pending_writes (user_id, thread, checkpoint, task, slot, body) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (user_id, thread, checkpoint, task, slot) DO UPDATE SET body = excluded.body",
    )
    .with(place.owned_user())
    .with(place.thread)
    .with(id.uuid())
    .with(writes.task.uuid())
    .with(Text::of(writes.slot.as_str()))
    .with(Text::json(&writes.body))
}

/// Forgets what was left at the parent of a step: it is in the step now.
pub(super) fn forget(desk: &mut Desk<'_>, ns: &Namespace, parent: CheckpointId) {
    let nothing = desk
        .state
        .known_head(ns)
        .is_some_and(|head| head.checkpoint == Some(parent) && !head.pending);
    if nothing {
        return;
    }
    let place = desk.place();
    desk.write(
        Statement::new(
            "DELETE FROM our.pending_writes WHERE user_id = $1 AND thread = $2 AND checkpoint = $3",
        )
        .with(place.owned_user())
        .with(place.thread)
        .with(parent.uuid()),
    );
}

fn mark_pending(desk: &mut Desk<'_>, id: CheckpointId) {
    // The namespace is the engine's to know; whichever head this is, it has something left at it now.
    let heads = desk.state.heads_mut();
    for head in heads.filter(|head| head.checkpoint == Some(id)) {
        head.pending = true;
    }
}
