//! Deleting old checkpoints, and the changes that nothing reaches any more; never a message.

use std::collections::{BTreeSet, HashMap, HashSet};

use everthread_graph::contract::{CheckpointId, ThreadKey};
use everthread_store::{Kept, Pruned, StoredList};
use uuid::Uuid;

use crate::conn::{Conn, Statement};
use crate::error::Sql;
use crate::param::{Columns, Text, number};
use crate::sql::change::{self, Changes, ChannelMap};
use crate::sql::delete;
use crate::sql::place::Place;
use crate::sql::stale::{CHANGE_BYTES, CHECKPOINT_BYTES};

/// One checkpoint, as far as it matters here.
struct Known {
    id: CheckpointId,
    line: (String, i64),
    channels: ChannelMap,
}

/// Deletes what the rule does not keep.
pub(crate) async fn prune(conn: &Conn, key: &ThreadKey, kept: Kept) -> Sql<Pruned> {
    let place = delete::idle_thread(conn, key).await?;
    let Kept::Newest(count) = kept;
    let held = held(conn, &place).await?;
    let mut seen: HashMap<(String, i64), u32> = HashMap::new();
    let (stay, go): (Vec<Known>, Vec<Known>) = checkpoints(conn, &place)
        .await?
        .into_iter()
        .partition(|one| {
            let newer = seen.entry(one.line.clone()).or_default();
            *newer += 1;
            *newer <= count || held.contains(&one.id)
        });
    let Some(last) = go.iter().map(|one| one.id).max() else {
        return Ok(Pruned::default());
    };
    let reached: BTreeSet<u64> = stay
        .iter()
        .flat_map(|one| one.channels.values().copied())
        .collect();
    stand_alone(conn, &place, &reached).await?;
    let (changes, bytes) = forget(conn, &place, &reached, &go, last).await?;
    Ok(Pruned {
        checkpoints: go.len() as u64,
        changes,
        bytes,
    })
}

/// Newest first.
async fn checkpoints(conn: &Conn, place: &Place) -> Sql<Vec<Known>> {
    let rows = conn
        .query(
            "SELECT id, ns, branch, channels FROM our.checkpoints WHERE user_id = $1 AND thread = $2 ORDER BY id DESC",
            &[&place.user(), &place.thread],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Known {
                id: row.checkpoint(0)?,
                line: (row.text(1)?, row.at(2)?),
                channels: change::parse_map(&row.text(3)?)?,
            })
        })
        .collect()
}

/// Heads, and checkpoints where a run waits for an answer: they stay whatever the rule says.
async fn held(conn: &Conn, place: &Place) -> Sql<HashSet<CheckpointId>> {
    let rows = conn
        .query(
            "SELECT checkpoint FROM our.heads WHERE user_id = $1 AND thread = $2 AND checkpoint IS NOT NULL
             UNION SELECT checkpoint FROM our.pending_writes
                   WHERE user_id = $1 AND thread = $2 AND slot = 'interrupt'",
            &[&place.user(), &place.thread],
        )
        .await?;
    rows.iter().map(|row| row.checkpoint(0)).collect()
}

/// Writes out each list that builds on a change which is about to go.
async fn stand_alone(conn: &Conn, place: &Place, reached: &BTreeSet<u64>) -> Sql<()> {
    let numbers: Vec<u64> = reached.iter().copied().collect();
    let changes = Changes::read(conn, place, &numbers).await?;
    let mut written = Vec::new();
    for n in numbers {
        let (list, body) = changes.get(n)?;
        let builds_on_what_goes =
            list && StoredList::predecessor(body).is_some_and(|on| !reached.contains(&on));
        if builds_on_what_goes {
            let state = changes.list(n)?.state;
            let (_, full) = StoredList::full((*state).clone());
            written.push(
                Statement::new(
                    "UPDATE our.channel_changes SET base = NULL, body = $4
                     WHERE user_id = $1 AND thread = $2 AND change = $3",
                )
                .with(place.owned_user())
                .with(place.thread)
                .with(number(n))
                .with(Text::owned(full)),
            );
        }
    }
    conn.send(&written).await?;
    Ok(())
}

/// Deletes checkpoints, what was left at them, and changes that are not reached; how many changes went.
async fn forget(
    conn: &Conn,
    place: &Place,
    reached: &BTreeSet<u64>,
    go: &[Known],
    last: CheckpointId,
) -> Sql<(u64, u64)> {
    let ids: Vec<Uuid> = go.iter().map(|one| one.id.uuid()).collect();
    let reached: Vec<i64> = reached.iter().copied().map(number).collect();
    let placed = |sql: &'static str| {
        Statement::new(sql)
            .with(place.owned_user())
            .with(place.thread)
    };
    let answers = conn
        .send(&[
            placed(
                "SELECT
                   (SELECT coalesce(sum(octet_length(body)), 0) FROM our.channel_changes
                      WHERE user_id = $1 AND thread = $2 AND NOT change = ANY($3))::bigint
                   + (SELECT coalesce(sum(octet_length(channels) + octet_length(plan)), 0) FROM our.checkpoints
                      WHERE user_id = $1 AND thread = $2 AND id = ANY($4))::bigint",
            )
            .with(reached.clone())
            .with(ids.clone()),
            placed(
                "DELETE FROM our.channel_changes WHERE user_id = $1 AND thread = $2 AND NOT change = ANY($3)",
            )
            .with(reached),
            placed(
                "DELETE FROM our.pending_writes WHERE user_id = $1 AND thread = $2 AND checkpoint = ANY($3)",
            )
            .with(ids.clone()),
            placed("DELETE FROM our.checkpoints WHERE user_id = $1 AND thread = $2 AND id = ANY($3)")
                .with(ids),
            placed(
                "UPDATE our.threads SET pruned = greatest(pruned, $3) WHERE user_id = $1 AND thread = $2",
            )
            .with(last.uuid()),
        ])
        .await?;
    let texts = answers.first().and_then(|answer| answer.rows.first());
    let texts = texts.map_or(Ok(0), |row| row.count(0))?;
    let changes = answers.get(1).map_or(0, |answer| answer.written);
    let rows = changes * CHANGE_BYTES + go.len() as u64 * CHECKPOINT_BYTES;
    Ok((changes, texts + rows))
}
