//! Rows as they come from a stream, looked at whether they come in order.

use std::collections::VecDeque;
use std::time::Duration;

use everthread_graph::contract::{StoreError, StoreErrorKind};
use everthread_store::portable::{Order, Part, Row, RowStream, ThreadRow};
use futures::StreamExt;
use tokio::time::timeout;

/// Rows that are taken into memory before a transaction begins, in bytes, so that one of usual size keeps nobody
/// waiting while they come.
const TAKEN_FIRST_BYTES: usize = 4 * 1024 * 1024;

/// How long a transaction waits for the next rows of a large part.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// The rows of a part.
pub(super) struct Intake {
    order: Order,
    first: VecDeque<Vec<Row>>,
    rest: Option<RowStream>,
}

impl Intake {
    /// Takes what comes first.
    pub(super) async fn begin(part: &Part, mut rows: RowStream) -> Result<Self, StoreError> {
        let mut first = VecDeque::new();
        let mut bytes = 0;
        let mut rest = None;
        loop {
            if bytes >= TAKEN_FIRST_BYTES {
                rest = Some(rows);
                break;
            }
            let Some(batch) = rows.next().await.transpose()? else {
                break;
            };
            bytes += batch.iter().map(Row::size_bytes).sum::<usize>();
            if !batch.is_empty() {
                first.push_back(batch);
            }
        }
        Ok(Self {
            order: Order::of(part.clone()),
            first,
            rest,
        })
    }

    /// The row of the thread itself, which comes first. It is given again with the others.
    pub(super) fn thread(&self) -> Result<ThreadRow, StoreError> {
        match self.first.front().and_then(|batch| batch.first()) {
            Some(Row::Thread(row)) => {
                // One of another thread is out of order.
                self.order.clone().next(&Row::Thread(row.clone()))?;
                Ok(row.clone())
            }
            Some(row) => {
                self.order.clone().next(row)?;
                Err(StoreError::new(
                    StoreErrorKind::Invalid,
                    "a thread's rows begin with the thread: nothing of it was written",
                ))
            }
            None => {
                self.order.end()?;
                Err(StoreError::new(
                    StoreErrorKind::Invalid,
                    "no rows came: nothing was written",
                ))
            }
        }
    }

    /// The next rows; `None` after the last.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<Row>>, StoreError> {
        let batch = match (self.first.pop_front(), &mut self.rest) {
            (Some(batch), _) => Some(batch),
            (None, None) => None,
            (None, Some(rest)) => match timeout(LONGEST_WAIT, rest.next()).await {
                Ok(batch) => batch.transpose()?,
                Err(_) => {
                    return Err(StoreError::new(
                        StoreErrorKind::Unavailable,
                        "the rows came too slowly: nothing was written",
                    ));
                }
            },
        };
        match &batch {
            Some(rows) => {
                for row in rows {
                    self.order.next(row)?;
                }
            }
            None => self.order.end()?,
        }
        Ok(batch)
    }
}
