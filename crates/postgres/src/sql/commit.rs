//! One step, as rows.

use std::sync::Arc;

use everthread_graph::contract::{
    Admission, Change, ChannelChange, Checkpoint, CheckpointId, Commit, Fence, Namespace, RunId,
    RunMark, Source, StoreError, StoreErrorKind,
};
use everthread_store::{TRANSCRIPT, time_of};

use crate::conn::Statement;
use crate::error::{Fault, Sql, fault};
use crate::param::{Columns, Text};
use crate::sql::change::{self, ChannelMap};
use crate::sql::desk::Desk;
use crate::sql::place::Place;
use crate::sql::rollback::new_branch;
use crate::sql::run_rules::{self, Right};
use crate::sql::state::Head;

mod elements;
mod pending;

pub(crate) use pending::write;

/// What became of a write that stands. A refusal here keeps what was done to other runs.
pub(crate) type Answer = Result<Admission, StoreError>;

/// Where a step goes, once it is allowed.
struct Line {
    /// The channels of the parent.
    channels: ChannelMap,
    /// The line of history.
    branch: i64,
    /// Whether the head was somewhere else.
    jumps: bool,
}

/// Writes one step. An error means that it is to be taken back.
pub(crate) async fn commit(desk: &mut Desk<'_>, commit: &Commit) -> Sql<Answer> {
    let checkpoint = &commit.checkpoint;
    let last = desk.head(&checkpoint.ns).await?.map(|head| head.last);
    if last.is_some_and(|last| checkpoint.id <= last)
        && let Some(fence) = written_before(desk, commit).await?
    {
        return Ok(Ok(Admission::AlreadyApplied(fence)));
    }
    let (run, fence, took_over) = match run_rules::enter(desk, &commit.run).await? {
        Right::Wait { ahead } => return Ok(Ok(Admission::Queued { ahead })),
        Right::Write {
            run,
            fence,
            took_over,
        } => (run, fence, took_over),
    };
    if let Err(conflict) = expect(desk, commit).await {
        return refuse(desk, conflict, took_over);
    }
    let line = line_of(desk, checkpoint).await?;
    let jumps = line.jumps;
    let branch = line.branch;
    let channels = apply_changes(desk, commit, line, run).await?;
    insert(desk, checkpoint, branch, run, &channels);
    if let Some(parent) = checkpoint.parent
        && !matches!(commit.run, RunMark::Outside)
        && matches!(checkpoint.source, Source::Input | Source::Loop)
    {
        pending::forget(desk, &checkpoint.ns, parent);
    }
    let head = Head {
        checkpoint: Some(checkpoint.id),
        last: checkpoint.id,
        branch,
        channels: Some(Arc::new(channels)),
        pending: false,
        changed: true,
    };
    desk.state.set_head(&checkpoint.ns, head);
    desk.state.updated_ms = desk.state.updated_ms.max(checkpoint.at_ms);
    let says_more = commit
        .changes
        .iter()
        .any(|change| &*change.channel == TRANSCRIPT);
    if checkpoint.ns.is_root() && (jumps || says_more) {
        desk.state.counters.messages = desk.transcript_len().await?;
    }
    run_rules::leave(desk, &commit.run);
    Ok(Ok(Admission::Applied(fence)))
}

/// Answers a write whose head is not where its writer thinks.
fn refuse(desk: &mut Desk<'_>, conflict: Fault, took_over: bool) -> Sql<Answer> {
    match conflict {
        Fault::Store(conflict) if took_over => {
            // The run that was stopped stays stopped: whoever asks again finds the head where it is now.
            desk.state.active = None;
            desk.state.waiting = true;
            Ok(Err(conflict))
        }
        conflict => Err(conflict),
    }
}

/// The fence under which the same run wrote this checkpoint before; `None` when it did not.
async fn written_before(desk: &mut Desk<'_>, commit: &Commit) -> Sql<Option<Fence>> {
    let (place, checkpoint) = (desk.place(), &commit.checkpoint);
    let row = desk
        .row(
            "SELECT run FROM our.checkpoints WHERE user_id = $1 AND thread = $2 AND id = $3 AND ns = $4",
            &[
                &place.user(),
                &place.thread,
                &checkpoint.id.uuid(),
                &Text::of(checkpoint.ns.as_str()),
            ],
        )
        .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let by = match &commit.run {
        RunMark::Outside => None,
        RunMark::Start(new) => Some(new.id),
        RunMark::Step(id, _) | RunMark::End(id, ..) => Some(*id),
    };
    match (row.at::<Option<i64>>(0)?, by) {
        (None, None) => Ok(Some(Fence(0))),
        (Some(run), Some(by)) => fence_of(desk, run, by).await,
        _ => Ok(None),
    }
}

/// The fence of a run by its number; `None` when it has another id.
async fn fence_of(desk: &mut Desk<'_>, run: i64, id: RunId) -> Sql<Option<Fence>> {
    let (active, ended) = (&desk.state.active, &desk.state.ended);
    let held = active.iter().chain(ended).find(|held| held.run == run);
    if let Some(held) = held {
        return Ok((held.id == id).then_some(Fence(held.fence)));
    }
    let place = desk.place();
    let row = desk
        .row(
            "SELECT fence FROM our.runs WHERE user_id = $1 AND thread = $2 AND run = $3 AND id = $4",
            &[&place.user(), &place.thread, &run, &id.uuid()],
        )
        .await?;
    row.map(|row| Ok(Fence(row.at::<Option<i64>>(0)?.unwrap_or(0))))
        .transpose()
}

async fn expect(desk: &mut Desk<'_>, commit: &Commit) -> Sql<()> {
    let (now, last) = match desk.head(&commit.checkpoint.ns).await? {
        Some(head) => (head.checkpoint, Some(head.last)),
        None => (None, None),
    };
    let shown = |id: Option<CheckpointId>| id.map_or("none".to_owned(), |id| id.to_string());
    if now != commit.expected {
        return Err(fault(
            StoreErrorKind::Conflict,
            format!(
                "the head of {} is {} and not {}: load it and decide anew",
                commit.key,
                shown(now),
                shown(commit.expected)
            ),
        ));
    }
    if last.is_some_and(|last| commit.checkpoint.id <= last) {
        return Err(fault(
            StoreErrorKind::Conflict,
            format!(
                "checkpoint {} is not above {}, the last of {}: take a higher id",
                commit.checkpoint.id,
                shown(last),
                commit.key
            ),
        ));
    }
    Ok(())
}

/// Finds the parent, and begins a line of history where it is not the head.
async fn line_of(desk: &mut Desk<'_>, checkpoint: &Checkpoint) -> Sql<Line> {
    let newest = desk.state.counters.branch;
    let root = desk.head(&Namespace::root()).await?;
    let root_branch = root.map_or(newest, |head| head.branch);
    let head = desk.head(&checkpoint.ns).await?;
    let at_head = match &head {
        Some(head) => head.checkpoint == checkpoint.parent,
        None => checkpoint.parent.is_none(),
    };
    let known = head
        .filter(|_| at_head)
        .map(|head| (head.branch, head.channels.clone()));
    let (mut branch, channels) = match (known, checkpoint.parent) {
        (Some((branch, Some(channels))), Some(_)) => (branch, (*channels).clone()),
        (Some((branch, _)), None) => (branch, ChannelMap::new()),
        (_, Some(parent)) => parent_row(desk, &checkpoint.ns, parent).await?,
        (None, None) => (root_branch, ChannelMap::new()),
    };
    if !checkpoint.ns.is_root() {
        branch = root_branch.max(1);
    } else if !at_head || newest == 0 {
        let from = (newest > 0 && checkpoint.parent.is_some()).then_some(branch);
        branch = new_branch(desk, from, checkpoint.parent, checkpoint.at_ms);
    }
    Ok(Line {
        channels,
        branch,
        jumps: !at_head,
    })
}

async fn parent_row(
    desk: &mut Desk<'_>,
    ns: &Namespace,
    parent: CheckpointId,
) -> Sql<(i64, ChannelMap)> {
    let place = desk.place();
    let row = desk
        .row(
            "SELECT branch, channels FROM our.checkpoints WHERE user_id = $1 AND thread = $2 AND id = $3 AND ns = $4",
            &[
                &place.user(),
                &place.thread,
                &parent.uuid(),
                &Text::of(ns.as_str()),
            ],
        )
        .await?;
    match row {
        Some(row) => Ok((row.at(0)?, change::parse_map(&row.text(1)?)?)),
        None => Err(fault(
            StoreErrorKind::NotFound,
            format!("the parent checkpoint {parent} is not there: it may have been pruned"),
        )),
    }
}

/// Writes what changes; the channels as they are then.
async fn apply_changes(
    desk: &mut Desk<'_>,
    commit: &Commit,
    line: Line,
    run: Option<i64>,
) -> Sql<ChannelMap> {
    let mut channels = line.channels;
    // What the changes build on is read at once.
    let before: Vec<u64> = commit
        .changes
        .iter()
        .filter_map(|change| channels.get(&*change.channel).copied())
        .collect();
    desk.remember(&before).await?;
    let by = elements::By {
        ns: &commit.checkpoint.ns,
        branch: line.branch,
        run,
        at_ms: commit.checkpoint.at_ms,
    };
    for change in &commit.changes {
        let name = &*change.channel;
        let before = channels.get(name).copied();
        match apply_change(desk, &by, change, before).await? {
            Some(n) => channels.insert(name.to_owned(), n),
            None => channels.remove(name),
        };
    }
    Ok(channels)
}

/// The change that now says what a channel is; `None` when it has no value any more.
async fn apply_change(
    desk: &mut Desk<'_>,
    by: &elements::By<'_>,
    change: &ChannelChange,
    before: Option<u64>,
) -> Sql<Option<u64>> {
    match &change.change {
        Change::Set(value) => {
            if let Some(n) = before
                && desk.state.known_value(n) == Some(value)
            {
                return Ok(Some(n));
            }
            desk.state.counters.change += 1;
            let (place, n) = (desk.place(), desk.state.counters.change);
            desk.write(change::write(&place, n, false, None, value.as_str()));
            desk.state.keep_value(n, value.clone());
            Ok(Some(n))
        }
        Change::Clear => match before {
            // A conversation keeps its transcript all the same.
            Some(n) if by.ns.is_root() && &*change.channel == TRANSCRIPT => {
                desk.clear_list(n).await
            }
            _ => Ok(None),
        },
        Change::List(delta) => elements::apply(desk, by, &change.channel, before, delta)
            .await
            .map(Some),
    }
}

fn insert(
    desk: &mut Desk<'_>,
    checkpoint: &Checkpoint,
    branch: i64,
    run: Option<i64>,
    channels: &ChannelMap,
) {
    let place: Place = desk.place();
    let at_ms = (checkpoint.at_ms != time_of(checkpoint.id)).then_some(checkpoint.at_ms);
    desk.write(
        Statement::new(
            "INSERT INTO our.checkpoints (user_id, thread, id, ns, parent, branch, run, source, step, at_ms, channels,
               plan, metadata)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
        )
        .with(place.owned_user())
        .with(place.thread)
        .with(checkpoint.id.uuid())
        .with(Text::owned(checkpoint.ns.as_str()))
        .with(checkpoint.parent.map(CheckpointId::uuid))
        .with(branch)
        .with(run)
        .with(Text::of(checkpoint.source.as_str()))
        .with(checkpoint.step)
        .with(at_ms)
        .with(change::map_text(channels))
        .with(Text::json(&checkpoint.plan))
        .with(checkpoint.metadata.as_ref().map(Text::json)),
    );
}
