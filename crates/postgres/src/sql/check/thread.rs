//! One thread: whether each of its checkpoints can be restored and its counters agree with its rows.

use everthread_store::{CheckReport, CheckpointRow, RunRow, ThreadAudit, ThreadCounts};

use crate::conn::Conn;
use crate::error::Sql;
use crate::param::Columns;
use crate::sql::cursor::each;
use crate::sql::place::Place;

/// Reads a thread through.
pub(crate) async fn check(conn: &Conn, place: &Place) -> Sql<CheckReport> {
    let Some(mut audit) = begin(conn, place).await? else {
        // It was deleted since it was listed.
        return Ok(CheckReport::default());
    };
    messages(conn, place, &mut audit).await?;
    changes(conn, place, &mut audit).await?;
    checkpoints(conn, place, &mut audit).await?;
    heads(conn, place, &mut audit).await?;
    runs(conn, place, &mut audit).await?;
    pending(conn, place, &mut audit).await?;
    Ok(audit.finish())
}

async fn begin(conn: &Conn, place: &Place) -> Sql<Option<ThreadAudit>> {
    let row = conn
        .row(
            "SELECT id, seq, change, run, fence, branch, messages, turns, pruned FROM our.threads
             WHERE user_id = $1 AND thread = $2",
            &[&place.user(), &place.thread],
        )
        .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let counts = ThreadCounts {
        seq: row.count(1)?,
        change: row.count(2)?,
        run: row.at(3)?,
        fence: row.at(4)?,
        branch: row.at(5)?,
        messages: row.count(6)?,
        turns: row.count(7)?,
        pruned: row.checkpoint_or_none(8)?,
    };
    Ok(Some(ThreadAudit::new(
        &row.text(0)?,
        place.user.as_str(),
        counts,
    )))
}

async fn messages(conn: &Conn, place: &Place, audit: &mut ThreadAudit) -> Sql<()> {
    each(
        conn,
        "SELECT seq, body FROM our.messages WHERE user_id = $1 AND thread = $2 ORDER BY seq",
        &[&place.user(), &place.thread],
        |row| {
            audit.message(row.count(0)?, true, &row.text(1)?);
            Ok(())
        },
    )
    .await
}

async fn changes(conn: &Conn, place: &Place, audit: &mut ThreadAudit) -> Sql<()> {
    each(
        conn,
        "SELECT change, list, body FROM our.channel_changes WHERE user_id = $1 AND thread = $2 ORDER BY change",
        &[&place.user(), &place.thread],
        |row| {
            audit.change(row.count(0)?, row.at(1)?, &row.text(2)?);
            Ok(())
        },
    )
    .await
}

async fn checkpoints(conn: &Conn, place: &Place, audit: &mut ThreadAudit) -> Sql<()> {
    each(
        conn,
        "SELECT id, parent, source, plan, metadata, channels, branch FROM our.checkpoints
         WHERE user_id = $1 AND thread = $2 ORDER BY id",
        &[&place.user(), &place.thread],
        |row| {
            audit.checkpoint(CheckpointRow {
                id: row.checkpoint(0)?,
                parent: row.checkpoint_or_none(1)?,
                source: &row.text(2)?,
                plan: &row.text(3)?,
                metadata: row.text_or_none(4)?.as_deref(),
                channels: &row.text(5)?,
                branch: row.at(6)?,
            });
            Ok(())
        },
    )
    .await
}

async fn heads(conn: &Conn, place: &Place, audit: &mut ThreadAudit) -> Sql<()> {
    each(
        conn,
        "SELECT ns, checkpoint, last FROM our.heads WHERE user_id = $1 AND thread = $2",
        &[&place.user(), &place.thread],
        |row| {
            let is_root = row.text(0)?.is_empty();
            audit.head(is_root, row.checkpoint_or_none(1)?, row.checkpoint(2)?);
            Ok(())
        },
    )
    .await
}

async fn runs(conn: &Conn, place: &Place, audit: &mut ThreadAudit) -> Sql<()> {
    each(
        conn,
        "SELECT run, status, queue, coalesce(fence, 0), policy, details FROM our.runs
         WHERE user_id = $1 AND thread = $2",
        &[&place.user(), &place.thread],
        |row| {
            audit.run(RunRow {
                run: row.at(0)?,
                status: &row.text(1)?,
                queue: row.at(2)?,
                fence: row.at(3)?,
                policy: row.text_or_none(4)?.as_deref(),
                details: row.text_or_none(5)?.as_deref(),
            });
            Ok(())
        },
    )
    .await
}

async fn pending(conn: &Conn, place: &Place, audit: &mut ThreadAudit) -> Sql<()> {
    each(
        conn,
        "SELECT checkpoint, slot, body FROM our.pending_writes WHERE user_id = $1 AND thread = $2",
        &[&place.user(), &place.thread],
        |row| {
            audit.pending(row.checkpoint(0)?, &row.text(1)?, &row.text(2)?);
            Ok(())
        },
    )
    .await
}
