//! `bench load`: many users at once, each with conversations of their own.
//!
//! The same turns go to the chat graph in this process or, over HTTP, to a running server, so that the two figures
//! say what the server adds. The defaults are the simulation of the exercises without its pauses.

mod beside;
mod here;
mod http;
mod plan;
mod speaker;
mod tally;
mod worker;

use std::sync::Arc;

use everthread_chat::Chatbot;
use everthread_model::ChatModel;

use self::http::Server;
pub(super) use self::speaker::{Reading, Speaker};
pub(super) use self::worker::{Load, Measured, measure};
use super::place::Place;
use super::report::{Line, rss_bytes};
use crate::cli::{Bench, Mix};
use crate::failure::{Exit, Failure};
use crate::output::Output;
use crate::settings::Settings;
use crate::terminal::progress;

/// Turns of a conversation when nothing else is said: the simulation's.
const TURNS: usize = 3;

/// Runs it on whatever the command line names.
pub(super) async fn run(
    settings: &Settings,
    output: Output,
    args: &Bench,
    model: Arc<dyn ChatModel>,
) -> Result<(), Failure> {
    let storage = settings.storage_flag();
    match (&args.load.url, storage) {
        (Some(_), Some(_)) => Err(Failure::new(
            Exit::Usage,
            "--url names a server, which has a storage of its own: leave out --storage",
        )),
        (Some(url), None) => on_server(output, args, url).await,
        (None, storage) => in_process(settings, output, args, model, storage).await,
    }
}

/// Over HTTP. The conversations stay on the server.
async fn on_server(output: Output, args: &Bench, url: &str) -> Result<(), Failure> {
    let server = Arc::new(Server::new(url, args.load.key.as_deref())?);
    server.check().await?;
    let measured = self::measured(args, |reading| Speaker::there(&server, reading)).await?;
    let line = measured.line(args, url);
    line.print(output)?;
    measured.verdict()
}

/// The chat graph on a store of the benchmark's own. The file is left behind when it was named.
async fn in_process(
    settings: &Settings,
    output: Output,
    args: &Bench,
    model: Arc<dyn ChatModel>,
    storage: Option<&str>,
) -> Result<(), Failure> {
    let place = Place::fresh(storage).await?;
    let store = place.open().await?;
    let bot = Chatbot::new(Arc::clone(&store), model, settings.context_policy())?;
    let graph: Arc<dyn everthread_graph::AnyGraph> = Arc::new(bot.graph().clone());
    let measured = self::measured(args, |reading| Speaker::here(&graph, &store, reading)).await?;
    store.settle().await?;
    let stats = store.stats().await?;
    store.close().await?;
    let line = measured.line(args, &place.name());
    line.with("file_bytes", place.file_bytes().unwrap_or(stats.file_bytes))
        .with("live_bytes", stats.live_bytes)
        .with("rss_bytes", rss_bytes())
        .print(output)?;
    measured.verdict()
}

/// How replies are to be read.
fn reading(args: &Bench) -> Reading {
    if args.load.stream {
        Reading::Stream
    } else {
        Reading::Whole
    }
}

/// Does what the command line asks for.
async fn measured(args: &Bench, speaker: impl Fn(Reading) -> Speaker) -> Result<Measured, Failure> {
    let load = Load::of(args, TURNS, Mix::TURNS);
    let bar = progress::of_steps("Seconds", load.lasts.as_secs());
    let measured = measure(&load, reading(args), speaker, &bar).await;
    bar.finish_and_clear();
    measured
}

impl Measured {
    fn line(&self, args: &Bench, target: &str) -> Line {
        let line = Line::new("load", target)
            .with("users", args.load.users)
            .with("workers", args.load.workers)
            .with("stream", args.load.stream);
        self.tally.onto(line, self.took)
    }

    /// A load with errors has failed, once it is told.
    fn verdict(&self) -> Result<(), Failure> {
        match self.tally.errors() {
            0 => Ok(()),
            errors => {
                let what = format!("{errors} turns failed: {}", self.tally.errors_by_kind());
                Err(Failure::new(Exit::Failed, what).reported())
            }
        }
    }
}
