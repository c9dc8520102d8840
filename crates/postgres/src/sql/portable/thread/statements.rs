//! What writes each kind of row.

use everthread_graph::contract::{CheckpointId, Multitask};
use everthread_store::portable::{
    BranchRow, ChangeRow, CheckpointRow, EventRow, HeadRow, MessageRow, PendingRow, RunRow,
    ThreadRow,
};
use everthread_store::{RunEvent, RunStatus, batch_text, time_of};
use serde::Deserialize;
use uuid::Uuid;

use crate::conn::Statement;
use crate::param::{Text, element_columns, number, rows};
use crate::sql::place::Place;

fn of(sql: &'static str, place: &Place) -> Statement {
    Statement::new(sql)
        .with(place.owned_user())
        .with(place.thread)
}

fn uuid(id: Option<CheckpointId>) -> Option<Uuid> {
    id.map(|id| id.uuid())
}

fn text(text: Option<&str>) -> Option<Text<'static>> {
    text.map(Text::owned)
}

/// Fills the row of a thread that was just created.
pub(super) fn thread(place: &Place, row: &ThreadRow) -> Statement {
    of(
        "UPDATE our.threads SET title = $3, pinned = $4, archived = $5, metadata = $6, created_ms = $7,
           updated_ms = $8, expires_ms = $9, fence = $10, seq = $11, change = $12, run = $13, branch = $14,
           messages = $15, turns = $16, pruned = $17
         WHERE user_id = $1 AND thread = $2",
        place,
    )
    .with(text(row.title.as_deref()))
    .with(row.pinned)
    .with(row.archived)
    .with(row.metadata.as_ref().map(Text::json))
    .with(row.created_ms)
    .with(row.updated_ms)
    .with(row.expires_ms)
    .with(number(row.fence))
    .with(number(row.seq))
    .with(number(row.change))
    .with(number(row.run))
    .with(number(row.branch))
    .with(number(row.messages))
    .with(number(row.turns))
    .with(uuid(row.pruned))
}

pub(super) fn branch(place: &Place, row: &BranchRow) -> Statement {
    of(
        "INSERT INTO our.branches (user_id, thread, branch, parent, forked_at, created_ms)
         VALUES ($1, $2, $3, $4, $5, $6)",
        place,
    )
    .with(number(row.branch))
    .with(row.parent.map(number))
    .with(uuid(row.forked_at))
    .with(row.created_ms)
}

pub(super) fn head(place: &Place, row: &HeadRow) -> Statement {
    of(
        "INSERT INTO our.heads (user_id, thread, ns, checkpoint, last, branch) VALUES ($1, $2, $3, $4, $5, $6)",
        place,
    )
    .with(Text::owned(row.ns.as_str()))
    .with(uuid(row.checkpoint))
    .with(row.last.uuid())
    .with(number(row.branch))
}

/// Nobody carries out a run that is live: it has no owner.
pub(super) fn run(place: &Place, row: &RunRow) -> Statement {
    let queue = match row.status {
        RunStatus::Running => Some(0),
        RunStatus::Pending => Some(number(row.run)),
        _ => None,
    };
    let policy = (row.policy != Multitask::Enqueue).then(|| row.policy.as_str());
    of(
        "INSERT INTO our.runs (user_id, thread, run, id, graph, status, queue, fence, base, input, created_ms, ended_ms,
           error, policy, starts_ms, details)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
        place,
    )
    .with(number(row.run))
    .with(row.id.uuid())
    .with(Text::owned(row.graph.as_str()))
    .with(Text::of(row.status.as_str()))
    .with(queue)
    .with(row.fence.map(number))
    .with(uuid(row.base))
    .with(row.input.as_ref().map(Text::json))
    .with(row.created_ms)
    .with(row.ended_ms)
    .with(text(row.error.as_deref()))
    .with(policy.map(Text::of))
    .with(row.starts_ms)
    .with(row.details.as_ref().map(Text::json))
}

pub(super) fn checkpoint(place: &Place, row: &CheckpointRow) -> Statement {
    let channels =
        serde_json::to_string(&row.channels).expect("names and numbers always have a JSON form");
    of(
        "INSERT INTO our.checkpoints (user_id, thread, id, ns, parent, branch, run, source, step, at_ms, channels, plan,
           metadata)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
        place,
    )
    .with(row.id.uuid())
    .with(Text::owned(row.ns.as_str()))
    .with(uuid(row.parent))
    .with(number(row.branch))
    .with(row.run.map(number))
    .with(Text::of(row.source.as_str()))
    .with(row.step)
    .with((row.at_ms != time_of(row.id)).then_some(row.at_ms))
    .with(Text::owned(channels))
    .with(Text::json(&row.plan))
    .with(row.metadata.as_ref().map(Text::json))
}

pub(super) fn change(place: &Place, row: &ChangeRow) -> Statement {
    /// What a list builds on, if it does.
    #[derive(Deserialize)]
    struct Edit {
        on: u64,
    }
    let base = row.list.then(|| row.body.read::<Edit>().ok()).flatten();
    of(
        "INSERT INTO our.channel_changes (user_id, thread, change, list, base, body) VALUES ($1, $2, $3, $4, $5, $6)",
        place,
    )
    .with(number(row.change))
    .with(row.list)
    .with(base.map(|edit| number(edit.on)))
    .with(Text::json(&row.body))
}

pub(super) fn pending(place: &Place, row: &PendingRow) -> Statement {
    of(
        "INSERT INTO our.pending_writes (user_id, thread, checkpoint, task, slot, body)
         VALUES ($1, $2, $3, $4, $5, $6)",
        place,
    )
    .with(row.checkpoint.uuid())
    .with(row.task.uuid())
    .with(Text::owned(row.slot.as_str()))
    .with(Text::json(&row.body))
}

pub(super) fn message(place: &Place, row: &MessageRow, channel: i64) -> Statement {
    let (uuid, id) = element_columns(row.id.as_deref());
    of(
        "INSERT INTO our.messages (user_id, thread, seq, channel, branch, run, at_ms, uuid, id, body)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        place,
    )
    .with(number(row.seq))
    .with(channel)
    .with(number(row.branch))
    .with(row.run.map(number))
    .with(row.at_ms)
    .with(uuid)
    .with(id)
    .with(Text::json(&row.body))
}

/// Events of one run, kept at one time; nothing for none.
pub(super) fn events(place: &Place, events: Vec<EventRow>) -> Option<Statement> {
    let (run, at_ms) = events.first().map(|first| (first.run, first.at_ms))?;
    let events: Vec<RunEvent> = events
        .into_iter()
        .map(|row| RunEvent {
            seq: row.seq,
            body: row.body,
        })
        .collect();
    let seq = |event: Option<&RunEvent>| event.map_or(0, |event| number(event.seq));
    let statement = of(
        "INSERT INTO our.run_events (user_id, thread, run, seq, last, count, at_ms, body)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        place,
    );
    Some(
        statement
            .with(run.uuid())
            .with(seq(events.first()))
            .with(seq(events.last()))
            .with(rows(events.len()))
            .with(at_ms)
            .with(Text::owned(batch_text(&events))),
    )
}
