//! One connection of the pool, and the transaction on it.
//!
//! Statements name our tables as `our.threads`; the schema takes the place of `our` before they are sent. A transaction
//! begins with its first statement, in one round trip. Statements that are sent together go out together: what they
//! answer comes back in one round trip.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use deadpool_postgres::Object;
use everthread_graph::contract::{StoreError, StoreErrorKind};
use futures::{FutureExt, StreamExt};
use tokio_postgres::types::Type;
use tokio_postgres::{Error, Row, RowStream};

use crate::error::{Fault, Sql};
use crate::param::{Param, Params};

/// No transaction: each statement stands for itself.
const ALONE: u8 = 0;
/// A transaction that writes, still to be begun.
const TO_WRITE: u8 = 1;
/// A snapshot that is read, still to be begun.
const TO_READ: u8 = 2;
/// A transaction is open.
const OPEN: u8 = 3;

/// A connection, with the transaction that is open on it. When it is dropped the transaction is rolled back.
pub(crate) struct Conn {
    client: Object,
    statements: Arc<Statements>,
    state: AtomicU8,
}

/// Texts of statements with the schema in them.
#[derive(Debug)]
pub(crate) struct Statements {
    /// The schema's name, quoted, and a dot.
    schema: String,
    /// Whether statements are prepared once for each connection.
    cached: bool,
    texts: Mutex<HashMap<&'static str, Arc<str>>>,
}

impl Statements {
    /// For tables in this schema.
    pub(crate) fn new(schema: &str, cached: bool) -> Self {
        Self {
            schema: format!("\"{}\".", schema.replace('"', "\"\"")),
            cached,
            texts: Mutex::default(),
        }
    }

    /// A statement that was made up for this call, with the schema in it.
    pub(crate) fn place(&self, sql: &str) -> String {
        sql.replace("our.", &self.schema)
    }

    fn text(&self, sql: &Words) -> Arc<str> {
        let known = match sql {
            Words::Made(made) => return self.place(made).into(),
            Words::Known(known) => *known,
        };
        let mut texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        let text = texts
            .entry(known)
            .or_insert_with(|| self.place(known).into());
        Arc::clone(text)
    }
}

/// The text of a statement.
#[derive(Debug)]
pub(crate) enum Words {
    /// One that is always the same.
    Known(&'static str),
    /// One that was made up for this call.
    Made(String),
}

impl From<&'static str> for Words {
    fn from(known: &'static str) -> Self {
        Self::Known(known)
    }
}

impl From<String> for Words {
    fn from(made: String) -> Self {
        Self::Made(made)
    }
}

/// A statement to be sent, with what it was given.
pub(crate) struct Statement {
    sql: Words,
    params: Vec<Box<dyn Param>>,
}

impl Statement {
    /// A statement.
    pub(crate) fn new(sql: impl Into<Words>) -> Self {
        Self {
            sql: sql.into(),
            params: Vec::new(),
        }
    }

    /// With one more parameter.
    #[must_use]
    pub(crate) fn with(mut self, param: impl Param + 'static) -> Self {
        self.params.push(Box::new(param));
        self
    }
}

/// What a statement gave.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    /// Its rows.
    pub(crate) rows: Vec<Row>,
    /// How many rows it wrote.
    pub(crate) written: u64,
}

type Sent<'a> = Pin<Box<dyn Future<Output = Result<Answer, Error>> + Send + 'a>>;

impl Conn {
    /// A connection on which each statement stands for itself.
    pub(crate) fn new(client: Object, statements: Arc<Statements>) -> Self {
        Self {
            client,
            statements,
            state: AtomicU8::new(ALONE),
        }
    }

    /// What is sent from here on is one transaction.
    #[must_use]
    pub(crate) fn writing(self) -> Self {
        self.state.store(TO_WRITE, Ordering::Relaxed);
        self
    }

    /// What is read from here on is as it was at one moment.
    #[must_use]
    pub(crate) fn snapshot(self) -> Self {
        self.state.store(TO_READ, Ordering::Relaxed);
        self
    }

    /// A text with the schema's name in it.
    pub(crate) fn place(&self, sql: &str) -> String {
        self.statements.place(sql)
    }

    /// Makes the schema where it is not there.
    pub(crate) async fn create_schema(&self) -> Sql<()> {
        self.together(&[]).await?;
        let name = self.statements.schema.trim_end_matches('.');
        let sql = format!("CREATE SCHEMA IF NOT EXISTS {name}");
        Ok(self.client.batch_execute(&sql).await?)
    }

    /// Several statements without parameters, one after the other.
    pub(crate) async fn script(&self, sql: &str) -> Sql<()> {
        // Begins the transaction where that is still to be done.
        self.together(&[]).await?;
        Ok(self.client.batch_execute(&self.place(sql)).await?)
    }

    /// The rows that a statement gives.
    pub(crate) async fn query(&self, sql: impl Into<Words>, params: Params<'_>) -> Sql<Vec<Row>> {
        Ok(self.one(&sql.into(), params).await?.rows)
    }

    /// The first row that a statement gives.
    pub(crate) async fn row(&self, sql: impl Into<Words>, params: Params<'_>) -> Sql<Option<Row>> {
        let rows = self.query(sql, params).await?;
        Ok(rows.into_iter().next())
    }

    /// How many rows a statement wrote.
    pub(crate) async fn execute(&self, sql: impl Into<Words>, params: Params<'_>) -> Sql<u64> {
        Ok(self.one(&sql.into(), params).await?.written)
    }

    /// Sends statements together; what each gave. Where one fails, those after it do nothing, if a transaction is open.
    pub(crate) async fn send(&self, statements: &[Statement]) -> Sql<Vec<Answer>> {
        let sent: Vec<(&Words, Vec<&dyn Param>)> = statements
            .iter()
            .map(|one| (&one.sql, one.params.iter().map(|param| &**param).collect()))
            .collect();
        let sent: Vec<_> = sent
            .iter()
            .map(|(sql, params)| (*sql, params.as_slice()))
            .collect();
        self.together(&sent).await
    }

    /// Ends the transaction; without one, nothing happens.
    ///
    /// # Errors
    /// `OutcomeUnknown` when the connection went away before it was heard what became of it.
    pub(crate) async fn commit(&self) -> Sql<()> {
        self.send_and_commit(&[]).await.map(drop)
    }

    /// Sends the last statements of a transaction and ends it, in one round trip.
    pub(crate) async fn send_and_commit(&self, statements: &[Statement]) -> Sql<Vec<Answer>> {
        match self.state.load(Ordering::Relaxed) {
            ALONE => return self.send(statements).await,
            OPEN => {}
            _ if statements.is_empty() => {
                self.state.store(ALONE, Ordering::Relaxed);
                return Ok(Vec::new());
            }
            _ => {}
        }
        const COMMIT: Words = Words::Known("COMMIT");
        let mut sent: Vec<(&Words, Vec<&dyn Param>)> = statements
            .iter()
            .map(|one| (&one.sql, one.params.iter().map(|param| &**param).collect()))
            .collect();
        sent.push((&COMMIT, Vec::new()));
        let sent: Vec<_> = sent
            .iter()
            .map(|(sql, params)| (*sql, params.as_slice()))
            .collect();
        match self.together(&sent).await {
            Ok(answers) => {
                self.state.store(ALONE, Ordering::Relaxed);
                Ok(answers)
            }
            Err(fault) if fault.is_lost() => Err(Fault::Store(unknown(fault))),
            Err(fault) => Err(fault),
        }
    }

    /// Takes the transaction back.
    pub(crate) fn roll_back(&self) {
        if self.state.swap(ALONE, Ordering::Relaxed) == OPEN {
            // It is sent at the first poll and goes before whatever is sent next; nobody needs its answer.
            let _ = self.client.batch_execute("ROLLBACK").now_or_never();
        }
    }

    /// Ends the transaction as the outcome says, which is given back in the contract's terms.
    pub(crate) async fn finish<T>(self, doing: &str, outcome: Sql<T>) -> Result<T, StoreError> {
        let outcome = match outcome {
            Ok(value) => self.commit().await.map(|()| value),
            Err(fault) => {
                self.roll_back();
                Err(fault)
            }
        };
        outcome.map_err(|fault| fault.into_store(doing))
    }

    async fn one(&self, sql: &Words, params: Params<'_>) -> Sql<Answer> {
        let mut answers = self.together(&[(sql, params)]).await?;
        Ok(answers.pop().unwrap_or_default())
    }

    async fn together(&self, statements: &[(&Words, Params<'_>)]) -> Sql<Vec<Answer>> {
        let begin = match self.state.load(Ordering::Relaxed) {
            TO_WRITE => Some("BEGIN ISOLATION LEVEL READ COMMITTED"),
            TO_READ => Some("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"),
            _ => None,
        };
        let begin = begin.map(Words::Known);
        let all: Vec<_> = begin
            .iter()
            .map(|sql| (sql, [].as_slice()))
            .chain(statements.iter().copied())
            .collect();
        // Whatever is prepared for the first time is prepared before anything is sent: order is kept.
        let mut sent = Vec::with_capacity(all.len());
        for (sql, params) in &all {
            sent.push(self.ready(sql, params).await?);
        }
        if begin.is_some() {
            self.state.store(OPEN, Ordering::Relaxed);
        }
        let mut answers = in_order(sent).await?;
        if begin.is_some() {
            answers.remove(0);
        }
        Ok(answers)
    }

    /// A future that sends the statement when it is first polled.
    async fn ready<'a>(&'a self, sql: &Words, params: &'a [&'a dyn Param]) -> Sql<Sent<'a>> {
        let text = self.statements.text(sql);
        if self.statements.cached {
            let types: Vec<Type> = params.iter().map(|param| param.at_rest()).collect();
            let statement = self.client.prepare_typed_cached(&text, &types).await?;
            return Ok(Box::pin(async move {
                let params = params.iter().map(|param| param.as_sql());
                collect(self.client.query_raw(&statement, params).await?).await
            }));
        }
        Ok(Box::pin(async move {
            let params = params.iter().map(|param| (param.as_sql(), param.at_rest()));
            collect(self.client.query_typed_raw(&text, params).await?).await
        }))
    }
}

impl Drop for Conn {
    fn drop(&mut self) {
        self.roll_back();
    }
}

async fn collect(stream: RowStream) -> Result<Answer, Error> {
    let mut stream = Box::pin(stream);
    let mut rows = Vec::new();
    while let Some(row) = stream.next().await {
        rows.push(row?);
    }
    Ok(Answer {
        rows,
        written: stream.rows_affected().unwrap_or(0),
    })
}

/// Polls each once, in order, so that all is sent; then hears what each gave. The first failure is the one that counts.
async fn in_order(sent: Vec<Sent<'_>>) -> Sql<Vec<Answer>> {
    let mut waiting = Vec::with_capacity(sent.len());
    for mut one in sent {
        let first = futures::poll!(one.as_mut());
        waiting.push((one, first));
    }
    let mut answers = Vec::with_capacity(waiting.len());
    let mut failed = None;
    for (one, first) in waiting {
        let answer = match first {
            Poll::Ready(answer) => answer,
            Poll::Pending => one.await,
        };
        match answer {
            Ok(answer) => answers.push(answer),
            Err(error) => {
                failed.get_or_insert(error);
            }
        }
    }
    match failed {
        Some(error) => Err(error.into()),
        None => Ok(answers),
    }
}

fn unknown(fault: Fault) -> StoreError {
    StoreError::new(
        StoreErrorKind::OutcomeUnknown,
        "the connection went away while the commit was on its way: load the thread and look whether it is there",
    )
    .with_source(fault.into_store("making the commit durable"))
}
