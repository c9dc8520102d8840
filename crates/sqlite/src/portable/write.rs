//! Rows from a stream, written in one transaction of the writer.
//!
//! What comes first is taken into memory before the writer is asked, so that a part of usual size keeps nobody waiting
//! while it comes. What is to stay as it is, and what is only tried, never goes to the writer.

use std::sync::Arc;
use std::time::Duration;

use everthread_graph::contract::{StoreError, StoreErrorKind};
use everthread_store::portable::{
    Decision, Order, Outcome, Part, Row, RowStream, ThreadRow, WriteRows, Written,
};
use futures::StreamExt;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::error::{Sql, fault};
use crate::sql::portable::{self, Tally};
use crate::store::Inner;
use crate::writer::Touches;

const WRITING: &str = "writing rows";

/// Rows that are taken into memory before the writer is asked, in bytes.
const TAKEN_FIRST_BYTES: usize = 4 * 1024 * 1024;

/// How long the writer waits for the next rows of a large part.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

type Batch = Result<Option<Vec<Row>>, StoreError>;

impl Inner {
    /// Writes the rows of a part, or says what would be written.
    pub(crate) async fn write_rows(
        &self,
        part: &Part,
        rows: RowStream,
        how: WriteRows,
    ) -> Result<Written, StoreError> {
        // It may be asked again after its end.
        let mut rows = rows.fuse().boxed();
        let (first, ended) = take_first(&mut rows).await?;
        if let Part::Thread(_) = part
            && let Some(Row::Thread(row)) = first.first().and_then(|batch| batch.first())
        {
            let decision = self.decide(row.clone(), how).await?;
            if how.dry_run || decision == Decision::Keep {
                return look_through(part, row.clone(), &decision, first, rows).await;
            }
        }
        if how.dry_run {
            return self.try_own(part, first, rows, how).await;
        }
        self.write_part(part, first, (!ended).then_some(rows), how)
            .await
    }

    async fn decide(&self, row: ThreadRow, how: WriteRows) -> Result<Decision, StoreError> {
        let owner = Arc::clone(&self.owner);
        self.read(WRITING, move |tx| portable::decide(tx, &row, how, &owner))
            .await
    }

    /// What would become of rows that are met one by one.
    async fn try_own(
        &self,
        part: &Part,
        first: Vec<Vec<Row>>,
        mut rows: RowStream,
        how: WriteRows,
    ) -> Result<Written, StoreError> {
        let mut order = Order::of(part.clone());
        let mut tally = Tally::default();
        let mut first = first.into_iter();
        while let Some(batch) = next(&mut first, &mut rows).await? {
            for row in &batch {
                order.next(row)?;
            }
            let part = part.clone();
            tally = self
                .read(WRITING, move |tx| {
                    portable::write_own(tx, &part, &batch, how, &mut tally)?;
                    Ok(tally)
                })
                .await?;
        }
        order.end()?;
        Ok(tally.done())
    }

    async fn write_part(
        &self,
        part: &Part,
        first: Vec<Vec<Row>>,
        rest: Option<RowStream>,
        how: WriteRows,
    ) -> Result<Written, StoreError> {
        let (sender, mut receiver) = mpsc::channel::<Batch>(1);
        let (part, owner) = (part.clone(), Arc::clone(&self.owner));
        let mut first = first.into_iter();
        let write = self.write(WRITING, Touches::Threads, move |tx| {
            let mut source = || -> Sql<Option<Vec<Row>>> {
                if let Some(batch) = first.next() {
                    return Ok(Some(batch));
                }
                match receiver.blocking_recv() {
                    Some(batch) => Ok(batch?),
                    None => Err(fault(
                        StoreErrorKind::Unavailable,
                        "the rows broke off: nothing was written",
                    )),
                }
            };
            if let Part::Thread(key) = &part {
                return portable::write_thread(tx, key, &mut source, how, &owner);
            }
            let mut order = Order::of(part.clone());
            let mut tally = Tally::default();
            while let Some(batch) = source()? {
                for row in &batch {
                    order.next(row)?;
                }
                portable::write_own(tx, &part, &batch, how, &mut tally)?;
            }
            order.end()?;
            Ok(tally.done())
        });
        let (written, ()) = tokio::join!(write, hand_over(rest, sender));
        written
    }
}

/// Takes what comes first, up to a limit; says whether that was all.
async fn take_first(rows: &mut RowStream) -> Result<(Vec<Vec<Row>>, bool), StoreError> {
    let mut first = Vec::new();
    let mut bytes = 0;
    while bytes < TAKEN_FIRST_BYTES {
        match rows.next().await.transpose()? {
            None => return Ok((first, true)),
            Some(batch) => {
                bytes += batch.iter().map(Row::size_bytes).sum::<usize>();
                if !batch.is_empty() {
                    first.push(batch);
                }
            }
        }
    }
    Ok((first, false))
}

/// Hands the rest over to the writer, which waits for it.
async fn hand_over(rest: Option<RowStream>, sender: mpsc::Sender<Batch>) {
    let Some(mut rest) = rest else {
        let _ = sender.send(Ok(None)).await;
        return;
    };
    loop {
        let batch = match timeout(LONGEST_WAIT, rest.next()).await {
            Ok(batch) => batch.transpose(),
            Err(_) => Err(StoreError::new(
                StoreErrorKind::Unavailable,
                "the rows came too slowly: nothing was written",
            )),
        };
        let is_last = !matches!(batch, Ok(Some(_)));
        // A writer that stopped listening has found something wrong.
        if sender.send(batch).await.is_err() || is_last {
            return;
        }
    }
}

async fn next(
    first: &mut std::vec::IntoIter<Vec<Row>>,
    rows: &mut RowStream,
) -> Result<Option<Vec<Row>>, StoreError> {
    match first.next() {
        Some(batch) => Ok(Some(batch)),
        None => rows.next().await.transpose(),
    }
}

/// Reads the rows of a thread without writing any: what would become of them.
async fn look_through(
    part: &Part,
    row: ThreadRow,
    decision: &Decision,
    first: Vec<Vec<Row>>,
    mut rows: RowStream,
) -> Result<Written, StoreError> {
    let mut order = Order::of(part.clone());
    let mut first = first.into_iter();
    let (mut all, mut left) = (0, 0);
    while let Some(batch) = next(&mut first, &mut rows).await? {
        for row in &batch {
            order.next(row)?;
            all += 1;
            let is_live = matches!(row, Row::Run(run) if run.is_live());
            if is_live && matches!(decision, Decision::Copy(_)) {
                left += 1;
            }
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
