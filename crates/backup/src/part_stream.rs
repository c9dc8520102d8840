//! Rows on their way into a store: part after part, each a stream of its own, in bounded memory.

use everthread_store::StoreError;
use everthread_store::portable::{BATCH_BYTES, BATCH_ROWS, Part, Row, RowStream};
use futures::{StreamExt, stream};
use tokio::sync::mpsc;

use crate::error::{BackupError, BackupErrorKind};

/// Batches of a part that are read before anybody asks for them.
const READ_AHEAD: usize = 2;

type Batch = Result<Vec<Row>, StoreError>;
type Begun = Result<(Part, mpsc::Receiver<Batch>), BackupError>;

/// Parts as they come.
pub struct PartStream {
    parts: mpsc::Receiver<Begun>,
}

impl PartStream {
    /// The next part and its rows; `None` after the last. The rows of the one before are to be taken or dropped first.
    ///
    /// # Errors
    /// When the rest cannot be read.
    pub async fn next(&mut self) -> Result<Option<(Part, RowStream)>, BackupError> {
        let Some(begun) = self.parts.recv().await else {
            return Ok(None);
        };
        let (part, batches) = begun?;
        let rows = stream::unfold(batches, |mut batches| async move {
            let batch = batches.recv().await?;
            Some((batch, batches))
        });
        Ok(Some((part, rows.boxed())))
    }

    /// What a function reads, on a thread that may block.
    pub(crate) fn reading(
        read: impl FnOnce(&mut Sender) -> Result<(), BackupError> + Send + 'static,
    ) -> Self {
        let (parts, receiver) = mpsc::channel(1);
        tokio::task::spawn_blocking(move || {
            let mut sender = Sender {
                parts,
                rows: None,
                batch: Vec::new(),
                bytes: 0,
            };
            if let Err(error) = read(&mut sender) {
                sender.fail(error);
            }
        });
        Self { parts: receiver }
    }
}

/// Parts the rows of a store's stream.
#[must_use]
pub fn split(mut rows: RowStream) -> PartStream {
    let runtime = tokio::runtime::Handle::current();
    PartStream::reading(move |sender| {
        while let Some(batch) = runtime.block_on(rows.next()) {
            for row in batch? {
                let part = match &row {
                    Row::Record(_) if sender.rows.is_none() => Some(Part::Records),
                    Row::User(row) => Some(Part::User(row.id.clone())),
                    Row::Thread(row) => Some(Part::Thread(row.key.clone())),
                    _ => None,
                };
                if let Some(part) = part {
                    sender.end()?;
                    sender.begin(part)?;
                }
                sender.row(row)?;
            }
        }
        sender.end()
    })
}

/// Where a reader puts what it reads.
pub(crate) struct Sender {
    parts: mpsc::Sender<Begun>,
    rows: Option<mpsc::Sender<Batch>>,
    batch: Vec<Row>,
    bytes: usize,
}

impl Sender {
    /// Begins a part.
    pub(crate) fn begin(&mut self, part: Part) -> Result<(), BackupError> {
        let (rows, receiver) = mpsc::channel(READ_AHEAD);
        self.rows = Some(rows);
        self.parts
            .blocking_send(Ok((part, receiver)))
            .map_err(|_| given_up())
    }

    /// Adds a row to it.
    pub(crate) fn row(&mut self, row: Row) -> Result<(), BackupError> {
        self.bytes += row.size_bytes();
        self.batch.push(row);
        if self.bytes >= BATCH_BYTES || self.batch.len() >= BATCH_ROWS {
            self.flush();
        }
        Ok(())
    }

    /// Ends it, if one was begun.
    pub(crate) fn end(&mut self) -> Result<(), BackupError> {
        self.flush();
        self.rows = None;
        if self.parts.is_closed() {
            return Err(given_up());
        }
        Ok(())
    }

    fn flush(&mut self) {
        self.bytes = 0;
        let batch = std::mem::take(&mut self.batch);
        if let (Some(rows), false) = (&self.rows, batch.is_empty()) {
            // Whoever needs no more of this part dropped it, and goes on with the next.
            let _ = rows.blocking_send(Ok(batch));
        }
    }

    /// Tells the one who reads a part, and the one who waits for the next.
    fn fail(&mut self, error: BackupError) {
        let kind = error.kind();
        let what = error.to_string();
        if let Some(rows) = self.rows.take() {
            let _ = rows.blocking_send(Err(error.into_store()));
        }
        let _ = self.parts.blocking_send(Err(BackupError::new(kind, what)));
    }
}

fn given_up() -> BackupError {
    BackupError::new(
        BackupErrorKind::Unavailable,
        "nobody takes the rows any more",
    )
}
