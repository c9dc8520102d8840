//! Threads that a policy makes superfluous.

use everthread_graph::contract::{StoreErrorKind, ThreadId, ThreadKey, UserId};
use everthread_store::{FindStale, Goes, Removed, StalePage, StaleRule, StaleSize, StaleThread};
use tokio_postgres::Row;

use crate::conn::Conn;
use crate::error::{Sql, damaged, fault};
use crate::param::{Columns, Text, number, rows};
use crate::sql::delete;
use crate::sql::place::{self, Place};

/// What a row takes beside its texts: its head, keys, numbers and entries of indexes, in bytes.
const MESSAGE_BYTES: i64 = 260;
pub(crate) const CHECKPOINT_BYTES: u64 = 200;
pub(crate) const CHANGE_BYTES: u64 = 100;
const RUN_BYTES: i64 = 250;
const THREAD_BYTES: i64 = 600;

/// Looks at some threads in the order of their users and numbers, without those that stay whatever a rule says.
pub(crate) async fn find(conn: &Conn, query: &FindStale) -> Sql<StalePage> {
    let (user, after) = begin(query)?;
    let only = query.user.as_ref().map(|user| Text::of(user.as_str()));
    let look_at = query.look_at.max(1);
    let found = conn
        .query(
            "SELECT t.user_id, t.thread, t.id, t.title, t.created_ms, t.updated_ms, t.messages,
               t.pinned OR u.held OR EXISTS (
                 SELECT 1 FROM our.runs r WHERE r.user_id = t.user_id AND r.thread = t.thread AND r.queue IS NOT NULL)
             FROM our.threads t JOIN our.users u ON u.user_id = t.user_id
             WHERE (t.user_id, t.thread) > ($1, $2) AND ($3 IS NULL OR t.user_id = $3)
             ORDER BY t.user_id, t.thread LIMIT $4",
            &[&Text::of(user), &after, &only, &rows(look_at)],
        )
        .await?;
    let mut page = StalePage::default();
    for row in &found {
        page.threads.extend(stale(conn, query, row).await?);
    }
    if let Some(last) = found.last().filter(|_| found.len() == look_at) {
        let (user, thread) = (last.text(0)?, last.at::<i64>(1)?);
        page.next = Some(format!("{thread}/{user}"));
    }
    Ok(page)
}

/// The place after which a page begins.
fn begin(query: &FindStale) -> Sql<(&str, i64)> {
    let Some(from) = &query.from else {
        let first = query.user.as_ref().map_or("", UserId::as_str);
        return Ok((first, i64::MIN));
    };
    from.split_once('/')
        .and_then(|(thread, user)| Some((user, thread.parse().ok()?)))
        .ok_or_else(|| {
            fault(
                StoreErrorKind::Invalid,
                format!("no page of stale threads ended at {from:?}"),
            )
        })
}

/// The thread of a row, if it is stale.
async fn stale(conn: &Conn, query: &FindStale, row: &Row) -> Sql<Option<StaleThread>> {
    if row.at(7)? {
        return Ok(None);
    }
    let damaged = |_| damaged("a user or a thread has an id that is none");
    let place = Place {
        user: UserId::new(row.text(0)?).map_err(damaged)?,
        thread: row.at(1)?,
    };
    let (created_ms, updated_ms) = (row.at(4)?, row.at(5)?);
    let goes = if query.rule.takes_thread(created_ms, updated_ms) {
        Goes::Thread
    } else {
        match query.rule.checkpoints_above {
            Some(above) if superfluous(conn, &place, above).await?.0 > 0 => Goes::Checkpoints,
            _ => return Ok(None),
        }
    };
    let size = match query.sized {
        true => Some(size(conn, &place, goes, &query.rule).await?),
        false => None,
    };
    Ok(Some(StaleThread {
        key: ThreadKey {
            thread: ThreadId::new(row.text(2)?).map_err(damaged)?,
            user: place.user,
        },
        title: row.text_or_none(3)?,
        created_ms,
        updated_ms,
        messages: row.count(6)?,
        goes,
        size,
    }))
}

/// Checkpoints beyond the newest so many of each line, and all that there are.
async fn superfluous(conn: &Conn, place: &Place, above: u32) -> Sql<(u64, u64)> {
    // The head of a line stays in any case.
    let row = conn
        .row(
            "SELECT coalesce(sum(greatest(c - $3, 0)), 0)::bigint, coalesce(sum(c), 0)::bigint FROM (
               SELECT count(*) AS c FROM our.checkpoints WHERE user_id = $1 AND thread = $2 GROUP BY ns, branch) AS lines",
            &[&place.user(), &place.thread, &i64::from(above.max(1))],
        )
        .await?;
    row.map_or(Ok((0, 0)), |row| Ok((row.count(0)?, row.count(1)?)))
}

/// Bytes of what lies in tables, about. What the search index holds of a message is about as long as its text.
async fn size(conn: &Conn, place: &Place, goes: Goes, rule: &StaleRule) -> Sql<StaleSize> {
    let row = conn
        .row(
            "SELECT
               (SELECT count(*) FROM our.messages WHERE user_id = $1 AND thread = $2 AND channel = 1),
               (SELECT count(*) FROM our.checkpoints WHERE user_id = $1 AND thread = $2),
               (SELECT coalesce(sum($3 + 2 * octet_length(body)), 0)
                  FROM our.messages WHERE user_id = $1 AND thread = $2)::bigint,
               (SELECT coalesce(sum($4 + octet_length(channels) + octet_length(plan)
                    + coalesce(octet_length(metadata), 0)), 0)
                  FROM our.checkpoints WHERE user_id = $1 AND thread = $2)::bigint,
               (SELECT coalesce(sum($5 + octet_length(body)), 0)
                  FROM our.channel_changes WHERE user_id = $1 AND thread = $2)::bigint,
               (SELECT coalesce(sum($6 + coalesce(octet_length(details), 0) + coalesce(octet_length(error), 0)), 0)
                  FROM our.runs WHERE user_id = $1 AND thread = $2)::bigint,
               (SELECT coalesce(sum(octet_length(body)), 0)
                  FROM our.run_events WHERE user_id = $1 AND thread = $2)::bigint",
            &[
                &place.user(),
                &place.thread,
                &MESSAGE_BYTES,
                &number(CHECKPOINT_BYTES),
                &number(CHANGE_BYTES),
                &RUN_BYTES,
            ],
        )
        .await?;
    let Some(row) = row else {
        return Ok(StaleSize::default());
    };
    let steps = row.count(3)? + row.count(4)?;
    if goes == Goes::Checkpoints {
        let above = rule.checkpoints_above.unwrap_or(u32::MAX);
        let (go, all) = superfluous(conn, place, above).await?;
        return Ok(StaleSize {
            messages: 0,
            checkpoints: go,
            bytes: steps * go / all.max(1),
        });
    }
    Ok(StaleSize {
        messages: row.count(0)?,
        checkpoints: row.count(1)?,
        bytes: steps + row.count(2)? + row.count(5)? + row.count(6)? + THREAD_BYTES.unsigned_abs(),
    })
}

/// Deletes a thread that is still stale.
pub(crate) async fn delete(conn: &Conn, key: &ThreadKey, rule: &StaleRule) -> Sql<Removed> {
    let Some(place) = place::seize(conn, key).await? else {
        return Ok(Removed::default());
    };
    let times = conn
        .row(
            "SELECT t.created_ms, t.updated_ms FROM our.threads t JOIN our.users u ON u.user_id = t.user_id
             WHERE t.user_id = $1 AND t.thread = $2 AND NOT t.pinned AND NOT u.held AND NOT EXISTS (
               SELECT 1 FROM our.runs r WHERE r.user_id = t.user_id AND r.thread = t.thread AND r.queue IS NOT NULL)
             FOR SHARE OF u",
            &[&place.user(), &place.thread],
        )
        .await?;
    let Some(times) = times else {
        return Ok(Removed::default());
    };
    if !rule.takes_thread(times.at(0)?, times.at(1)?) {
        return Ok(Removed::default());
    }
    let size = size(conn, &place, Goes::Thread, rule).await?;
    let deleted = delete::rows_of(conn, &place).await?;
    Ok(Removed {
        threads: 1,
        messages: deleted.messages,
        checkpoints: deleted.checkpoints,
        runs: deleted.runs,
        bytes: size.bytes,
    })
}
