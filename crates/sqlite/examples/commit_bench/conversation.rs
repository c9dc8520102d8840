//! A conversation as the engine would write it: each step handed over once the one before is admitted, the turn over
//! once all is durable.

use std::path::Path;
use std::time::{Duration, Instant};

use everthread_graph::contract::{
    Admission, At, Change, ChannelChange, Checkpoint, CheckpointId, Checkpointer, Commit, Dropped,
    Element, Fence, Json, ListDelta, Multitask, Namespace, NewRun, Piece, Removal, RunId, RunMark,
    RunOutcome, Source, ThreadId, ThreadKey, Ticket, UserId,
};
use everthread_sqlite::{SqliteOptions, SqliteStore};
use everthread_store::Store;
use uuid::Uuid;

use crate::Outcome;
use crate::figures::Figures;

/// What the turns are like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Above six messages all but two are summarised.
    Notebook,
    /// Nothing is ever summarised; messages have 200 characters.
    Growing,
}

struct Conversation {
    key: ThreadKey,
    shape: Shape,
    head: Option<CheckpointId>,
    len: u32,
    step: i64,
}

/// Runs turns on a new file, closes it and gives what was measured.
pub(crate) async fn run(path: &Path, turns: usize, shape: Shape) -> Outcome<Figures> {
    let store = SqliteStore::open(SqliteOptions::at(path))?;
    let mut conversation = Conversation {
        key: key()?,
        shape,
        head: None,
        len: 0,
        step: -1,
    };
    let mut times = Vec::with_capacity(turns);
    for turn in 0..turns {
        let begun = Instant::now();
        conversation.turn(&store, turn).await?;
        times.push(begun.elapsed());
    }
    store.settle().await?;
    if shape == Shape::Growing && turns > 1_000 {
        print_kinds(&store).await?;
    }
    store.close().await?;
    Ok(Figures::of(&times, std::fs::metadata(path)?.len()))
}

async fn print_kinds(store: &SqliteStore) -> Outcome<()> {
    for kind in store.stats().await?.kinds {
        println!("        {:<16} {:>8} bytes", kind.kind, kind.bytes);
    }
    Ok(())
}

/// Times a start and the first load of a long thread, and a load in a warm process.
pub(crate) async fn open_and_load(path: &Path) -> Outcome<()> {
    let begun = Instant::now();
    let store = SqliteStore::open(SqliteOptions::at(path))?;
    let opened = begun.elapsed();
    let mut loads: Vec<Duration> = Vec::new();
    for _ in 0..20 {
        let begun = Instant::now();
        store.load(&key()?, &Namespace::root(), At::Head).await?;
        loads.push(begun.elapsed());
    }
    println!(
        "  4,000 messages: open {opened:?}, first load {:?}, later {:?}",
        loads[0], loads[19]
    );
    let begun = Instant::now();
    let report = store.check(&mut |_, _| {}).await?;
    println!(
        "  check of {} checkpoints: {:?}, {} problems",
        report.checkpoints,
        begun.elapsed(),
        report.problems.len()
    );
    store.close().await?;
    Ok(())
}

fn key() -> Outcome<ThreadKey> {
    Ok(ThreadKey {
        user: UserId::new("alice_123")?,
        thread: ThreadId::new("1")?,
    })
}

impl Conversation {
    async fn turn(&mut self, store: &SqliteStore, turn: usize) -> Outcome<()> {
        let run = RunId::from_uuid(Uuid::now_v7());
        let question = self.text("human", turn);
        let start = RunMark::Start(NewRun {
            id: run,
            graph: "chat".to_owned(),
            input: Json::parse("{}")?,
            policy: Multitask::Enqueue,
            details: None,
        });
        let user = channel("user_id", Change::Set(Json::parse("\"alice_123\"")?));
        let changes = vec![self.say(&question)?, user];
        let mut tickets = Vec::with_capacity(3);
        let (admission, ticket) = self
            .commit(store, run, Source::Input, changes, start)
            .await?;
        tickets.push(ticket);
        let fence = match admission {
            Admission::Applied(fence) => fence,
            other => return Err(format!("not admitted: {other:?}").into()),
        };
        let summarises = self.shape == Shape::Notebook && self.len > 5;
        let mark = mark(run, fence, !summarises);
        let answer = self.text("ai", turn);
        let changes = vec![self.say(&answer)?];
        tickets.push(
            self.commit(store, run, Source::Loop, changes, mark)
                .await?
                .1,
        );
        if summarises {
            let mark = RunMark::End(run, fence, RunOutcome::Success);
            let changes = self.summarise(turn)?;
            tickets.push(
                self.commit(store, run, Source::Loop, changes, mark)
                    .await?
                    .1,
            );
        }
        for ticket in tickets {
            ticket.durable().await?;
        }
        Ok(())
    }

    fn text(&self, role: &str, turn: usize) -> String {
        let words = match self.shape {
            Shape::Notebook => format!(
                "This is what the {role} has to say in turn {turn} about one of its dogs and "
            ),
            Shape::Growing => format!("turn {turn} of the {role} "),
        };
        let size = if self.shape == Shape::Notebook {
            120
        } else {
            200
        };
        let mut text = words;
        let mut seed = turn as u64 * 2 + u64::from(role == "ai");
        while text.len() < size {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            text.push_str(WORDS[(seed >> 40) as usize % WORDS.len()]);
            text.push(' ');
        }
        text.truncate(size);
        format!("{{\"type\":\"{role}\",\"content\":\"{text}\"}}")
    }

    fn say(&mut self, body: &str) -> Outcome<ChannelChange> {
        let element = Element {
            id: Some(Uuid::now_v7().to_string().into()),
            body: Json::parse(body)?,
        };
        let change = Change::List(ListDelta::append(self.len, vec![element]));
        self.len += 1;
        Ok(channel("messages", change))
    }

    fn summarise(&mut self, turn: usize) -> Outcome<Vec<ChannelChange>> {
        let keep = self.len - 2..self.len;
        let delta = ListDelta {
            base_len: self.len,
            pieces: vec![Piece::Keep(keep)],
            elements: Vec::new(),
            dropped: vec![Dropped {
                range: 0..self.len - 2,
                reason: Removal::Context,
            }],
        };
        self.len = 2;
        let summary = format!(
            "\"The human and the ai talked about dogs up to turn {turn}, {}\"",
            "and more ".repeat(12)
        );
        Ok(vec![
            channel("messages", Change::List(delta)),
            channel("summary", Change::Set(Json::parse(&summary)?)),
        ])
    }

    async fn commit(
        &mut self,
        store: &SqliteStore,
        run: RunId,
        source: Source,
        changes: Vec<ChannelChange>,
        mark: RunMark,
    ) -> Outcome<(Admission, Ticket)> {
        let id = CheckpointId::from_uuid(Uuid::now_v7());
        let at_ms = i64::try_from(id.uuid().as_u128() >> 80)?;
        let commit = Commit {
            key: self.key.clone(),
            checkpoint: Checkpoint {
                id,
                ns: Namespace::root(),
                parent: self.head,
                run: Some(run),
                source,
                step: self.step,
                plan: Json::parse("{\"next\":[\"chat\"]}")?,
                metadata: None,
                at_ms,
            },
            expected: self.head,
            changes,
            run: mark,
        };
        self.head = Some(id);
        self.step += 1;
        let mut ticket = store.commit(commit).await?;
        Ok((ticket.admitted().await?, ticket))
    }
}

fn mark(run: RunId, fence: Fence, last: bool) -> RunMark {
    if last {
        RunMark::End(run, fence, RunOutcome::Success)
    } else {
        RunMark::Step(run, fence)
    }
}

fn channel(name: &str, change: Change) -> ChannelChange {
    ChannelChange {
        channel: name.into(),
        change,
    }
}

const WORDS: [&str; 48] = [
    "the", "a", "dog", "cat", "house", "garden", "river", "walks", "talks", "sleeps", "over",
    "under", "with", "without", "friend", "city", "music", "guitar", "book", "reads", "writes",
    "cooks", "pasta", "rice", "coffee", "morning", "evening", "summer", "winter", "travels", "to",
    "from", "paris", "berlin", "mountain", "lake", "swims", "runs", "quickly", "slowly", "and",
    "or", "but", "because", "remember", "forget", "name", "question",
];
