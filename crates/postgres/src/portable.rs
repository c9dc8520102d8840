//! All rows of a scope, read at one moment; and the rows of a part, written in one transaction.

mod intake;

use everthread_graph::contract::StoreError;
use everthread_store::portable::{
    Decision, Outcome, Part, Row, RowStream, Scope, ThreadRow, WriteRows, Written,
};
use futures::{FutureExt, StreamExt, stream};
use tokio::sync::mpsc;

use self::intake::Intake;
use crate::conn::Conn;
use crate::error::Sql;
use crate::sql::portable::{self, Out, Tally, Writing};
use crate::store::Inner;

const READING: &str = "reading the rows of the store";
const WRITING: &str = "writing rows";

/// Batches that are read before anybody asks for them.
const READ_AHEAD: usize = 2;

impl Inner {
    /// Reads all rows of a scope at one moment.
    pub(crate) async fn read_rows(&self, scope: &Scope) -> Result<RowStream, StoreError> {
        let conn = self.base.reading(READING).await?;
        let (sender, batches) = mpsc::channel(READ_AHEAD);
        let scope = scope.clone();
        let reading = tokio::spawn(async move {
            let read = portable::read(&conn, &scope, &mut Out::new(sender)).await;
            conn.finish(READING, read).await
        });
        // How the reading ended is told after all that came.
        let end = reading
            .map(|ended| ended.unwrap_or_else(|_| Err(crate::error::closed())))
            .into_stream()
            .filter_map(async |ended| ended.err().map(Err));
        let mut rows = stream::unfold(batches, async |mut batches| {
            let batch: Vec<Row> = batches.recv().await?;
            Some((Ok(batch), batches))
        })
        .chain(end)
        .boxed();
        // What is not there is told at once.
        let first = rows.next().await.transpose()?.map(Ok);
        Ok(stream::iter(first).chain(rows).boxed())
    }

    /// Writes the rows of a part, or says what would be written.
    pub(crate) async fn write_rows(
        &self,
        part: &Part,
        rows: RowStream,
        how: WriteRows,
    ) -> Result<Written, StoreError> {
        let mut intake = Intake::begin(part, rows).await?;
        let conn = match how.dry_run {
            true => self.base.reading(WRITING).await?,
            false => self.base.writing(WRITING).await?,
        };
        let Part::Thread(_) = part else {
            let done = own(&conn, part, &mut intake, how).await;
            return conn.finish(WRITING, done).await;
        };
        let done = thread(&conn, &mut intake, how).await;
        let (key, written) = conn.finish(WRITING, done).await?;
        if let Some(key) = key {
            self.indexer.wrote(&key);
        }
        Ok(written)
    }
}

/// Rows that are met one by one.
async fn own(conn: &Conn, part: &Part, intake: &mut Intake, how: WriteRows) -> Sql<Written> {
    let mut tally = Tally::default();
    while let Some(rows) = intake.next().await? {
        portable::write_own(conn, part, &rows, how, &mut tally).await?;
    }
    Ok(tally.done())
}

type Thread = Option<everthread_graph::contract::ThreadKey>;

/// A thread, which is met as a whole; its key, where it was written.
async fn thread(conn: &Conn, intake: &mut Intake, how: WriteRows) -> Sql<(Thread, Written)> {
    let row = intake.thread()?;
    let mut decision = portable::decide(conn, &row, how).await?;
    if how.dry_run || decision == Decision::Keep {
        return Ok((None, look_through(row, &decision, intake).await?));
    }
    let mut begun = Writing::begin(conn, row.clone(), &decision).await?;
    if begun.is_none() {
        // Another process created it between the two: it is met again as it is now.
        decision = portable::decide(conn, &row, how).await?;
        if decision == Decision::Keep {
            return Ok((None, look_through(row, &decision, intake).await?));
        }
        begun = Writing::begin(conn, row, &decision).await?;
    }
    let Some(mut writing) = begun else {
        return Err(crate::error::fault(
            everthread_graph::contract::StoreErrorKind::Unavailable,
            "others create this thread again and again: try again",
        ));
    };
    while let Some(rows) = intake.next().await? {
        writing.rows(conn, rows).await?;
    }
    let (key, written) = writing.finish(conn).await?;
    Ok((Some(key), written))
}

/// Reads the rows of a thread without writing any: what would become of them.
async fn look_through(
    row: ThreadRow,
    decision: &Decision,
    intake: &mut Intake,
) -> Result<Written, StoreError> {
    let (mut all, mut left) = (0, 0);
    while let Some(rows) = intake.next().await? {
        for row in &rows {
            all += 1;
            let is_live = matches!(row, Row::Run(run) if run.is_live());
            left += u64::from(is_live && matches!(decision, Decision::Copy(_)));
        }
    }
    let outcome = match decision {
        Decision::Keep => {
            return Ok(Written {
                outcome: Outcome::Kept,
                written: 0,
                skipped: all,
            });
        }
        Decision::Create => Outcome::Created,
        Decision::Replace => Outcome::Replaced,
        Decision::Copy(id) => {
            let mut key = row.key;
            key.thread = id.clone();
            Outcome::Copied(key)
        }
    };
    Ok(Written {
        outcome,
        written: all - left,
        skipped: left,
    })
}
