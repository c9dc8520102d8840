//! Those who hold conversations, side by side.

use std::sync::Arc;
use std::time::{Duration, Instant};

use everthread_graph::contract::ThreadKey;
use indicatif::ProgressBar;
use tokio::task::JoinSet;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::beside::{Beside, Dealer};
use super::plan::Plan;
use super::speaker::{Heard, Reading, Speaker, Trouble};
use super::tally::Tally;
use crate::cli::{Bench, Mix};
use crate::failure::{Exit, Failure};

/// Longest time for one turn, or whatever is done beside; what takes longer counts as an error.
const LIMIT: Duration = Duration::from_secs(120);
/// How long a worker rests after an error, so that a server in trouble is not asked without end.
const REST: Duration = Duration::from_millis(100);

/// What is to be done.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    /// Users, each with a conversation that is begun again and again.
    pub(crate) users: u32,
    /// Turns of a conversation.
    pub(crate) turns: usize,
    /// Conversations at once.
    pub(crate) workers: u32,
    /// What is done.
    pub(crate) mix: Mix,
    /// Time between a reply and the next message.
    pub(crate) think: Duration,
    /// For at least so long.
    pub(crate) lasts: Duration,
    /// Time from one turn of a worker to its next, however long the first took; `None` for at once.
    pub(crate) pace: Option<Duration>,
}

impl Load {
    /// What the command line asks for, with so many turns where it does not say.
    pub(crate) fn of(args: &Bench, turns: usize, mix: Mix) -> Self {
        let load = &args.load;
        Self {
            users: load.users,
            turns: args.turns.unwrap_or(turns),
            workers: load.workers,
            mix: load.mix.unwrap_or(mix),
            think: Duration::from_millis(load.think_ms),
            lasts: Duration::from_secs(load.seconds),
            pace: None,
        }
    }
}

/// What was measured, and how long it took.
pub(crate) struct Measured {
    pub(crate) tally: Tally,
    pub(crate) took: Duration,
}

impl Measured {
    /// Turns a second.
    pub(crate) fn turns_per_s(&self) -> f64 {
        self.tally.turns() as f64 / self.took.as_secs_f64()
    }
}

/// Holds all conversations, each worker one after the other.
///
/// # Errors
/// When a worker cannot name its conversations.
pub(crate) async fn measure(
    load: &Load,
    reading: Reading,
    speaker: impl Fn(Reading) -> Speaker,
    bar: &ProgressBar,
) -> Result<Measured, Failure> {
    let begun = Instant::now();
    let plan = Arc::new(Plan::new(load.users, load.turns, begun, load.lasts));
    let mut workers = JoinSet::new();
    for _ in 0..load.workers {
        let worker = Worker {
            plan: Arc::clone(&plan),
            speaker: speaker(reading),
            think: load.think,
            pace: load.pace.map(paced),
            dealer: Dealer::new(load.mix),
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
    let took = begun.elapsed();
    Ok(Measured { tally, took })
}

fn paced(pace: Duration) -> Interval {
    let mut pace = interval(pace.max(Duration::from_micros(1)));
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    pace
}

/// One of those who hold conversations.
struct Worker {
    plan: Arc<Plan>,
    speaker: Speaker,
    think: Duration,
    pace: Option<Interval>,
    dealer: Dealer,
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
                if let Some(pace) = &mut self.pace {
                    pace.tick().await;
                }
                let text = conversation.text(turn);
                let begun = Instant::now();
                let said = self.speaker.say(&key, text);
                match within_limit(said).await {
                    Ok(Heard { first_token }) => self.tally.turn(begun.elapsed(), first_token),
                    Err(trouble) => self.failed(&trouble).await,
                }
                for what in self.dealer.after_turn() {
                    self.beside(what, &key, text).await?;
                }
            }
            self.bar.set_position(self.plan.elapsed_s());
        }
        Ok(self.tally)
    }

    async fn beside(&mut self, what: Beside, key: &ThreadKey, text: &str) -> Result<(), Failure> {
        let key = match what {
            Beside::New => Plan::another(key)?,
            Beside::Read | Beside::Search => key.clone(),
        };
        let begun = Instant::now();
        match within_limit(self.speaker.beside(what, &key, text)).await {
            Ok(()) => self.tally.beside(what, begun.elapsed()),
            Err(trouble) => self.failed(&trouble).await,
        }
        Ok(())
    }

    async fn failed(&mut self, trouble: &Trouble) {
        self.tally.error(trouble.kind());
        tokio::time::sleep(REST).await;
    }
}

async fn within_limit<T>(work: impl Future<Output = Result<T, Trouble>>) -> Result<T, Trouble> {
    let done = tokio::time::timeout(LIMIT, work).await;
    done.unwrap_or_else(|_| Err(Trouble::new("timeout")))
}
