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
    let known = checkpoints(conn, &place).await?;
    let (stay, go): (Vec<Known>, Vec<Known>) = known.into_iter().partition(|one| {
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
    let gone: Vec<Uuid> = go.iter().map(|one| one.id.uuid()).collect();
    let kept: Vec<i64> = reached.into_iter().map(number).collect();
    let of = |sql: &'static str| {
        Statement::new(sql)
            .with(place.owned_user())
            .with(place.thread)
    };
    let answers = conn
        .send(&[
            of("DELETE FROM our.channel_changes WHERE user_id = $1 AND thread = $2 AND change <> ALL($3)")
                .with(kept),
            of("DELETE FROM our.pending_writes WHERE user_id = $1 AND thread = $2 AND checkpoint = ANY($3)")
                .with(gone.clone()),
            of("DELETE FROM our.checkpoints WHERE user_id = $1 AND thread = $2 AND id = ANY($3)")
                .with(gone),
            of("UPDATE our.threads SET pruned = greatest(pruned, $3) WHERE user_id = $1 AND thread = $2")
                .with(last.uuid()),
        ])
        .await?;
    Ok(Pruned {
        checkpoints: go.len() as u64,
        changes: answers.first().map_or(0, |answer| answer.written),
    })
}

/// Newest first.
async fn checkpoints(conn: &Conn, place: &Place) -> Sql<Vec<Known>> {
    let found = conn
        .query(
            "SELECT id, ns, branch, channels FROM our.checkpoints WHERE user_id = $1 AND thread = $2 ORDER BY id DESC",
            &[&place.user(), &place.thread],
        )
        .await?;
    let mut known = Vec::with_capacity(found.len());
    for row in &found {
        known.push(Known {
            id: row.checkpoint(0)?,
            line: (row.text(1)?, row.at(2)?),
            channels: change::parse_map(&row.text(3)?)?,
        });
    }
    Ok(known)
}

/// Heads, and checkpoints where a run waits for an answer: they stay whatever the rule says.
async fn held(conn: &Conn, place: &Place) -> Sql<HashSet<CheckpointId>> {
    let found = conn
        .query(
            "SELECT checkpoint FROM our.heads WHERE user_id = $1 AND thread = $2 AND checkpoint IS NOT NULL
             UNION SELECT checkpoint FROM our.pending_writes
             WHERE user_id = $1 AND thread = $2 AND slot = 'interrupt'",
            &[&place.user(), &place.thread],
        )
        .await?;
    found.iter().map(|row| row.checkpoint(0)).collect()
}

/// Writes out each list that builds on a change which is about to go.
async fn stand_alone(conn: &Conn, place: &Place, reached: &BTreeSet<u64>) -> Sql<()> {
    let wanted: Vec<u64> = reached.iter().copied().collect();
    let changes = Changes::read(conn, place, &wanted).await?;
    let mut full = Vec::new();
    for &n in reached {
        let (list, body) = changes.get(n)?;
        let builds_on_what_goes =
            list && StoredList::predecessor(body).is_some_and(|on| !reached.contains(&on));
        if builds_on_what_goes {
            let state = changes.list(n)?.state;
            let (_, body) = StoredList::full((*state).clone());
            let write = Statement::new(
                "UPDATE our.channel_changes SET base = NULL, body = $4
                 WHERE user_id = $1 AND thread = $2 AND change = $3",
            );
            full.push(
                write
                    .with(place.owned_user())
                    .with(place.thread)
                    .with(number(n))
                    .with(Text::owned(body)),
            );
        }
    }
    conn.send(&full).await?;
    Ok(())
}
