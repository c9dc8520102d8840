//! One thread: whether each of its checkpoints can be restored and its counters agree with its rows.

use std::collections::{BTreeMap, HashMap};

use everthread_graph::contract::{Json, Multitask, Source, WriteSlot};
use everthread_store::{CheckReport, Ranges, RunStatus, StoredList, TRANSCRIPT};
use rusqlite::{Connection, OptionalExtension};

use super::problem;
use crate::error::Sql;
use crate::sql::change::{self, ChannelMap};
use crate::sql::ids::{checkpoint_id, element_id};
use crate::sql::place::Place;

/// What the thread's own row says.
struct Counts {
    seq: u64,
    change: u64,
    run: i64,
    fence: i64,
    branch: i64,
    messages: u64,
    turns: u64,
    pruned: Vec<u8>,
}

/// Everything of a thread that others refer to.
struct Rows {
    shown: String,
    counts: Counts,
    present: Ranges,
    /// `None` for a plain value.
    changes: BTreeMap<u64, Option<StoredList>>,
    checkpoints: HashMap<[u8; 16], ChannelMap>,
}

/// Reads a thread through.
pub(crate) fn check(tx: &Connection, place: Place) -> Sql<CheckReport> {
    let mut report = CheckReport::default();
    let Some((shown, counts)) = counts(tx, place)? else {
        // It was deleted since it was listed.
        return Ok(report);
    };
    report.threads = 1;
    let mut rows = Rows {
        shown,
        counts,
        present: Ranges::default(),
        changes: BTreeMap::new(),
        checkpoints: HashMap::new(),
    };
    messages(tx, place, &mut rows, &mut report)?;
    changes(tx, place, &mut rows, &mut report)?;
    checkpoints(tx, place, &mut rows, &mut report)?;
    heads(tx, place, &rows, &mut report)?;
    runs(tx, place, &rows, &mut report)?;
    pending(tx, place, &rows, &mut report)?;
    Ok(report)
}

impl Rows {
    fn wrong(&self, report: &mut CheckReport, what: impl std::fmt::Display) {
        problem(
            report,
            self.shown.clone(),
            format!("{what}: restore it from a verified backup"),
        );
    }

    /// A counter must not be below what was numbered with it, or a number would be given twice.
    fn below(&self, report: &mut CheckReport, name: &str, counter: i64, highest: i64) {
        if counter < highest {
            self.wrong(
                report,
                format!("its counter of {name} is {counter} and there is a number {highest}"),
            );
        }
    }
}

fn counts(tx: &Connection, place: Place) -> Sql<Option<(String, Counts)>> {
    Ok(tx
        .prepare_cached(
            "SELECT t.id, u.id, t.seq, t.change, t.run, t.fence, t.branch, t.messages, t.turns, coalesce(t.pruned, x'')
             FROM threads t JOIN users u ON u.user = t.user WHERE t.user = ?1 AND t.thread = ?2",
        )?
        .query_row((place.user, place.thread), |row| {
            let (thread, user): (String, String) = (row.get(0)?, row.get(1)?);
            let counts = Counts {
                seq: row.get(2)?,
                change: row.get(3)?,
                run: row.get(4)?,
                fence: row.get(5)?,
                branch: row.get(6)?,
                messages: row.get(7)?,
                turns: row.get(8)?,
                pruned: row.get(9)?,
            };
            Ok((format!("thread {thread} of user {user}"), counts))
        })
        .optional()?)
}

fn messages(tx: &Connection, place: Place, rows: &mut Rows, report: &mut CheckReport) -> Sql<()> {
    let mut statement = tx.prepare_cached(
        "SELECT seq, id, body FROM messages WHERE user = ?1 AND thread = ?2 ORDER BY seq",
    )?;
    let mut found = statement.query((place.user, place.thread))?;
    let mut present = Ranges::default();
    while let Some(row) = found.next()? {
        let seq: u64 = row.get(0)?;
        present.push(seq, seq);
        report.messages += 1;
        let body = row.get_ref(2)?.as_str().map_err(rusqlite::Error::from)?;
        if Json::parse(body).is_err() || element_id(row.get_ref(1)?).is_err() {
            rows.wrong(report, format!("message {seq} cannot be read"));
        }
    }
    let highest = present.iter().next_back().unwrap_or(0);
    if rows.counts.seq < highest {
        rows.wrong(
            report,
            format!(
                "its counter of messages is {} and there is a number {highest}",
                rows.counts.seq
            ),
        );
    }
    rows.present = present;
    Ok(())
}

fn changes(tx: &Connection, place: Place, rows: &mut Rows, report: &mut CheckReport) -> Sql<()> {
    let mut statement = tx.prepare_cached(
        "SELECT change, list, body FROM channel_changes WHERE user = ?1 AND thread = ?2 ORDER BY change",
    )?;
    let mut found = statement.query((place.user, place.thread))?;
    while let Some(row) = found.next()? {
        let n: u64 = row.get(0)?;
        let body = row.get_ref(2)?.as_str().map_err(rusqlite::Error::from)?;
        if n > rows.counts.change {
            rows.wrong(
                report,
                format!("channel change {n} is above the thread's counter"),
            );
        }
        if !row.get::<_, bool>(1)? {
            if Json::parse(body).is_err() {
                rows.wrong(
                    report,
                    format!("channel change {n} holds no value that can be read"),
                );
            }
            rows.changes.insert(n, None);
            continue;
        }
        let before = |on: u64| rows.changes.get(&on).cloned().flatten();
        let Some(list) = StoredList::read_with(body, before) else {
            rows.wrong(
                report,
                format!("channel change {n} holds no list that can be read"),
            );
            continue;
        };
        let live = list.state.live.as_ref();
        let complete = rows.present.contains_all(&list.state.all)
            && live.is_none_or(|live| rows.present.contains_all(live));
        if !complete {
            rows.wrong(
                report,
                format!("channel change {n} names messages that are not there"),
            );
        }
        rows.changes.insert(n, Some(list));
    }
    Ok(())
}

fn checkpoints(
    tx: &Connection,
    place: Place,
    rows: &mut Rows,
    report: &mut CheckReport,
) -> Sql<()> {
    let mut statement = tx.prepare_cached(
        "SELECT id, parent, source, plan, metadata, channels, branch FROM checkpoints
         WHERE user = ?1 AND thread = ?2 ORDER BY id",
    )?;
    let mut found = statement.query((place.user, place.thread))?;
    while let Some(row) = found.next()? {
        let id: [u8; 16] = row.get(0)?;
        let shown = checkpoint_id(id);
        report.checkpoints += 1;
        let parent: Option<[u8; 16]> = row.get(1)?;
        if let Some(parent) = parent {
            let pruned = parent.as_slice() <= rows.counts.pruned.as_slice();
            if !rows.checkpoints.contains_key(&parent) && !pruned {
                rows.wrong(
                    report,
                    format!("the parent of checkpoint {shown} is not there"),
                );
            }
        }
        let (source, plan): (String, String) = (row.get(2)?, row.get(3)?);
        let metadata: Option<String> = row.get(4)?;
        let readable = Source::from_name(&source).is_some()
            && Json::parse(&plan).is_ok()
            && metadata.is_none_or(|metadata| Json::parse(&metadata).is_ok());
        if !readable {
            rows.wrong(report, format!("checkpoint {shown} cannot be read"));
        }
        let channels = row.get_ref(5)?.as_str().map_err(rusqlite::Error::from)?;
        let Ok(channels) = change::parse_map(channels) else {
            rows.wrong(
                report,
                format!("checkpoint {shown} names its channels wrongly"),
            );
            continue;
        };
        for (name, n) in &channels {
            if !rows.changes.contains_key(n) {
                rows.wrong(
                    report,
                    format!("checkpoint {shown} has lost its channel {name}"),
                );
            }
        }
        rows.below(report, "branches", rows.counts.branch.max(1), row.get(6)?);
        rows.checkpoints.insert(id, channels);
    }
    Ok(())
}

fn heads(tx: &Connection, place: Place, rows: &Rows, report: &mut CheckReport) -> Sql<()> {
    let mut statement = tx
        .prepare_cached("SELECT ns, checkpoint, last FROM heads WHERE user = ?1 AND thread = ?2")?;
    let mut found = statement.query((place.user, place.thread))?;
    let mut said = 0;
    while let Some(row) = found.next()? {
        let (ns, last): (String, [u8; 16]) = (row.get(0)?, row.get(2)?);
        let Some(head) = row.get::<_, Option<[u8; 16]>>(1)? else {
            continue;
        };
        let Some(channels) = rows.checkpoints.get(&head) else {
            rows.wrong(
                report,
                format!("its head {} is not there", checkpoint_id(head)),
            );
            continue;
        };
        if last < head {
            rows.wrong(
                report,
                format!(
                    "its head {} is above its last checkpoint",
                    checkpoint_id(head)
                ),
            );
        }
        if ns.is_empty()
            && let Some(Some(list)) = channels.get(TRANSCRIPT).and_then(|n| rows.changes.get(n))
        {
            said = list.state.all.len();
        }
    }
    if said != rows.counts.messages {
        rows.wrong(
            report,
            format!(
                "it counts {} messages and its transcript has {said}",
                rows.counts.messages
            ),
        );
    }
    Ok(())
}

fn runs(tx: &Connection, place: Place, rows: &Rows, report: &mut CheckReport) -> Sql<()> {
    let mut statement = tx.prepare_cached(
        "SELECT run, status, queue, coalesce(fence, 0), coalesce(policy, 'enqueue'), coalesce(details, 'null') FROM runs
         WHERE user = ?1 AND thread = ?2",
    )?;
    let mut found = statement.query((place.user, place.thread))?;
    let mut turns = 0;
    while let Some(row) = found.next()? {
        let (run, status, queue): (i64, String, Option<i64>) =
            (row.get(0)?, row.get(1)?, row.get(2)?);
        let stands = match RunStatus::from_name(&status) {
            Some(RunStatus::Running) => queue == Some(0),
            Some(RunStatus::Pending) => queue == Some(run),
            Some(_) => queue.is_none(),
            None => false,
        };
        if !stands {
            rows.wrong(
                report,
                format!("run number {run} is {status} and stands in the wrong place"),
            );
        }
        let (policy, details): (String, String) = (row.get(4)?, row.get(5)?);
        if Multitask::from_name(&policy).is_none() || Json::parse(&details).is_err() {
            rows.wrong(report, format!("run number {run} cannot be read"));
        }
        turns += u64::from(status == RunStatus::Success.as_str());
        rows.below(report, "runs", rows.counts.run, run);
        rows.below(report, "fences", rows.counts.fence, row.get(3)?);
    }
    if turns != rows.counts.turns {
        rows.wrong(
            report,
            format!("it counts {} turns and has {turns}", rows.counts.turns),
        );
    }
    Ok(())
}

fn pending(tx: &Connection, place: Place, rows: &Rows, report: &mut CheckReport) -> Sql<()> {
    let mut statement = tx.prepare_cached(
        "SELECT checkpoint, slot, body FROM pending_writes WHERE user = ?1 AND thread = ?2",
    )?;
    let mut found = statement.query((place.user, place.thread))?;
    while let Some(row) = found.next()? {
        let checkpoint: [u8; 16] = row.get(0)?;
        let (slot, body): (String, String) = (row.get(1)?, row.get(2)?);
        let fits = rows.checkpoints.contains_key(&checkpoint)
            && WriteSlot::from_name(&slot).is_some()
            && Json::parse(&body).is_ok();
        if !fits {
            let shown = checkpoint_id(checkpoint);
            rows.wrong(
                report,
                format!("what tasks left at checkpoint {shown} cannot be used"),
            );
        }
    }
    Ok(())
}
