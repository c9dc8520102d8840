//! What PostgreSQL itself needs for the rows of conversations: the limit that a store on it can come near.
//!
//! `raw-postgres URL SOURCE TARGET WORKERS` reads the rows that `everthread bench load` left in the schema SOURCE and
//! writes them into a new schema TARGET with the same tables and indexes, by so many workers, each with a connection of
//! its own and one conversation after the other. A turn is one transaction: the plain inserts of its share of the
//! conversation's rows and the updates of the thread and its head, all prepared, all sent at once, in one round trip.
//! There is no engine, no model, no lock, no check of the head, and no search index. Prints one JSON line.
//!
//! What is in memory when the clock starts: the rows, the connections and the prepared statements.

mod figures;
mod raw;
mod replay;
mod source;

use std::error::Error;
use std::process::ExitCode;

use tokio_postgres::{Client, NoTls};

use figures::Figures;
use source::Source;

/// What goes wrong here is told and not handled.
type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, source, target, workers] = arguments.as_slice() else {
        eprintln!("usage: raw-postgres URL SOURCE TARGET WORKERS");
        return ExitCode::from(2);
    };
    match run(url, source, target, workers).await {
        Ok(figures) => {
            println!("{figures}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("raw-postgres: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(url: &str, source: &str, target: &str, workers: &str) -> Outcome<Figures> {
    let client = connect(url).await?;
    let durable = client.query_one("SHOW synchronous_commit", &[]).await?;
    if durable.get::<_, &str>(0) != "on" {
        return Err("not durable: synchronous_commit is not on".into());
    }
    let source = Source::read(&client, source).await?;
    source.create(&client, target).await?;
    replay::all(url, source, target, workers.parse()?).await
}

/// A connection.
async fn connect(url: &str) -> Outcome<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            eprintln!("raw-postgres: {error}");
        }
    });
    Ok(client)
}
