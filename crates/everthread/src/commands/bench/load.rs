//! `bench load`: many users at once, each with conversations of their own.
//!
//! The same turns go to the chat graph in this process or, over HTTP, to a running server, so that the two figures
//! say what the server adds. The defaults are the simulation of the exercises without its pauses.

mod here;
mod http;
mod plan;
mod speaker;
mod tally;

use std::sync::Arc;
use std::time::{Duration, Instant};

use everthread_chat::Chatbot;
use everthread_model::ChatModel;
use indicatif::ProgressBar;
use tokio::task::JoinSet;

use self::here::Here;
use self::http::Server;
use self::plan::Plan;
use self::speaker::{Reading, Speaker};
use self::tally::Tally;
use super::place::Place;
use super::report::{Line, rss_bytes};
use crate::cli::Bench;
use crate::failure::{Exit, Failure};
use crate::output::Output;
use crate::settings::Settings;
use crate::terminal::progress;

/// Turns of a conversation when nothing else is said: the simulation's.
const TURNS: usize = 3;
/// Longest time for one turn; one that takes longer counts as an error.
const TURN_LIMIT: Duration = Duration::from_secs(120);
/// How long a worker rests after an error, so that a server in trouble is not asked without end.
const REST: Duration = Duration::from_millis(100);

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
    let measured = measure(args, |reading| Speaker::there(&server, reading)).await?;
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
    let place = Place::fresh(storage)?;
    let store = place.open()?;
    let bot = Chatbot::new(Arc::clone(&store), model, settings.context_policy())?;
    let graph: Arc<dyn everthread_graph::AnyGraph> = Arc::new(bot.graph().clone());
    let measured = measure(args, |reading| {
        Speaker::Here(Here::new(Arc::clone(&graph), reading))
    })
    .await?;
    store.settle().await?;
    let stats = store.stats().await?;
    store.close().await?;
    let line = measured.line(args, &place.name());
    line.with("file_bytes", place.file_bytes())
        .with("live_bytes", stats.live_bytes)
        .with("rss_bytes", rss_bytes())
        .print(output)?;
    measured.verdict()
}

/// What was measured, and how long it took.
struct Measured {
    tally: Tally,
    took: Duration,
}

/// Holds all conversations, each worker one after the other.
async fn measure(args: &Bench, speaker: impl Fn(Reading) -> Speaker) -> Result<Measured, Failure> {
    let reading = if args.load.stream {
        Reading::Stream
    } else {
        Reading::Whole
    };
    let (turns, seconds) = (args.turns.unwrap_or(TURNS), args.load.seconds);
    let bar = progress::of_steps("Seconds", seconds);
    let begun = Instant::now();
    let plan = Arc::new(Plan::new(args.load.users, turns, begun, seconds));
    let think = Duration::from_millis(args.load.think_ms);
    let mut workers = JoinSet::new();
    for _ in 0..args.load.workers {
        let worker = Worker {
            plan: Arc::clone(&plan),
            speaker: speaker(reading),
            think,
            tally: Tally::default(),
            bar: bar.clone(),
        };
        workers.spawn(worker.work());
    }
    let mut tally = Tally::default();
    while let Some(done) = workers.join_next().await {
        let done =
            done.map_err(|error| Failure::new(Exit::Failed, "a worker ended").because(error))?;
        tally.add(done?);
    }
    bar.finish_and_clear();
    let took = begun.elapsed();
    Ok(Measured { tally, took })
}

/// One of those who hold conversations.
struct Worker {
    plan: Arc<Plan>,
    speaker: Speaker,
    think: Duration,
    tally: Tally,
    bar: ProgressBar,
}

impl Worker {
    async fn work(mut self) -> Result<Tally, Failure> {
        while let Some(conversation) = self.plan.next() {
            let key = conversation.new_key()?;
            for turn in 0..self.plan.turns() {
                if turn > 0 && !self.think.is_zero() {
                    tokio::time::sleep(self.think).await;
                }
                let begun = Instant::now();
                let said = self.speaker.say(&key, conversation.text(turn));
                match tokio::time::timeout(TURN_LIMIT, said).await {
                    Ok(Ok(heard)) => self.tally.turn(begun.elapsed(), heard.first_token),
                    Ok(Err(trouble)) => self.failed(trouble.kind()).await,
                    Err(_) => self.failed("timeout").await,
                }
            }
            self.bar.set_position(self.plan.elapsed_s());
        }
        Ok(self.tally)
    }

    async fn failed(&mut self, kind: &str) {
        self.tally.error(kind);
        tokio::time::sleep(REST).await;
    }
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
