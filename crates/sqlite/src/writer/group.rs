//! One transaction for many jobs: each in a savepoint of its own, so that one that fails leaves the others alone.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use everthread_graph::contract::{
    Admission, RunId, RunMark, StoreError, StoreErrorKind, ThreadKey, TicketSender,
};
use rusqlite::Connection;

use super::call::{Call, Touches};
use super::desk::Desk;
use super::job::Job;
use super::take;
use crate::error::{Fault, database, is_harmless};
use crate::options::Location;
use crate::sql::commit::{self, Answer, Memory};

/// Jobs of one transaction, at most.
const MAX_JOBS: usize = 256;

/// A transaction stays open for this many windows at most, however many runs go on in it.
const MAX_WINDOWS: u32 = 4;

/// What a transaction did and whom it owes an answer.
#[derive(Debug)]
pub(super) struct Group {
    begun: Instant,
    /// When the last job was done in it.
    last: Instant,
    jobs: usize,
    /// Runs that were admitted in it and have not ended.
    open: HashSet<RunId>,
    /// Runs that were admitted in it.
    admitted: usize,
    touched: Vec<ThreadKey>,
    /// Jobs that are no step of a run.
    calls: usize,
    owed: Vec<Owed>,
    /// Why the whole transaction is gone.
    broken: Option<StoreError>,
    /// Whether a run may have left its thread.
    ended: bool,
    wrote: bool,
}

enum Owed {
    Ticket(TicketSender, Result<(), StoreError>),
    Call(Box<dyn Call>, Result<(), StoreError>),
}

impl fmt::Debug for Owed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Owed")
    }
}

impl Owed {
    fn settle(self, group: &Result<(), StoreError>) {
        match self {
            Self::Ticket(ticket, own) => ticket.settle(own.and_then(|()| group.clone())),
            Self::Call(call, own) => call.settle(own.and_then(|()| group.clone())),
        }
    }
}

impl Desk {
    /// How long the open transaction waits for another job; `None` when it is to end now.
    pub(super) fn patience(&self) -> Option<Duration> {
        let group = self.open.as_ref()?;
        // Readers of a store in memory use the same connection: they must never find a transaction open.
        let shared = self.options.location == Location::Memory;
        if shared || group.broken.is_some() || group.jobs >= MAX_JOBS {
            return None;
        }
        Some(group.patience(self.options.group_window))
    }

    /// Does a job in the open transaction.
    pub(super) fn apply(&mut self, job: Job) {
        let Some(mut group) = self.open.take() else {
            return job.fail(Self::nothing_open());
        };
        let shared = Arc::clone(&self.connection);
        let tx = take(&shared);
        group.jobs += 1;
        group.last = Instant::now();
        match job {
            Job::Commit(commit, ticket) => {
                let is_alone = group.is_alone(&commit.key);
                let doing = "writing a checkpoint";
                let answer = self.in_savepoint(&tx, &mut group, doing, is_alone, |desk, tx| {
                    commit::commit(tx, &desk.env, &mut desk.memory, &commit)
                });
                group.answer(&commit.key, &commit.run, ticket, answer);
            }
            Job::Write(writes, ticket) => {
                let is_alone = group.is_alone(&writes.key);
                let doing = "writing results";
                let answer = self.in_savepoint(&tx, &mut group, doing, is_alone, |desk, tx| {
                    commit::write(tx, &desk.env, &mut desk.memory, &writes)
                });
                group.answer(&writes.key, &writes.run, ticket, answer);
            }
            Job::Call(call) => self.call(&tx, &mut group, call),
            other => other.fail(Self::nothing_open()),
        }
        self.open = Some(group);
    }

    fn call(&mut self, tx: &Connection, group: &mut Group, mut call: Box<dyn Call>) {
        group.calls += 1;
        let doing = call.doing();
        let touches = call.touches().clone();
        if touches != Touches::Nothing
            && let Err(fault) = flush_touched(tx, &mut self.memory, &group.touched)
        {
            // What was admitted before is lost with the transaction.
            let error = fault.into_store(doing);
            group.broken = Some(error.clone());
            group.owed.push(Owed::Call(call, Err(error)));
            return;
        }
        let outcome = self.in_savepoint(tx, group, doing, false, |_, tx| call.run(tx));
        match touches {
            Touches::Nothing => {}
            Touches::Thread(key) => {
                self.memory.threads.remove(&key);
                group.ended = true;
            }
            Touches::Deleted(keys) => {
                for key in &keys {
                    self.memory.threads.remove(key);
                }
                group.ended = true;
                self.derived.freed();
            }
            Touches::Threads => {
                self.memory = Memory::default();
                group.ended = true;
                self.derived.freed();
            }
        }
        group.owed.push(Owed::Call(call, outcome));
    }

    /// Makes the open transaction durable, if there is one, and answers everybody in it.
    pub(super) fn end_open(&mut self) {
        let Some(mut group) = self.open.take() else {
            return;
        };
        let shared = Arc::clone(&self.connection);
        let tx = take(&shared);
        let begun = Instant::now();
        let outcome = self.end(&tx, &mut group);
        self.note_sync(begun.elapsed());
        drop(tx);
        if group.wrote && outcome.is_ok() {
            self.derived.wrote();
        }
        self.crowded = group.admitted > 1;
        // Whoever awaits several answers awaits the first one first: answered last, it wakes them once for all.
        for owed in group.owed.into_iter().rev() {
            owed.settle(&outcome);
        }
        if group.ended {
            self.ended.notify_waiters();
        }
    }

    fn nothing_open() -> StoreError {
        StoreError::new(
            StoreErrorKind::Unavailable,
            "no transaction is open: try again",
        )
    }

    /// An error for a transaction whose outcome nobody knows.
    fn unknown(error: &rusqlite::Error) -> StoreError {
        let cause = database(error, "making the commit durable");
        StoreError::new(
            StoreErrorKind::OutcomeUnknown,
            "the commit failed on the way to the disk: load the thread and look whether it is there",
        )
        .with_source(cause)
    }

    /// Does the work of one job so that its failure takes nothing else with it. The first job of a transaction has
    /// nothing before it that a savepoint would have to keep. Nor has a run that is alone in it: what such a run cannot
    /// go on after is not kept, and it hears so.
    fn in_savepoint<T>(
        &mut self,
        tx: &Connection,
        group: &mut Group,
        doing: &str,
        is_alone: bool,
        work: impl FnOnce(&mut Self, &Connection) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        let undo = match (group.jobs, is_alone) {
            (1, _) => Undo::Transaction,
            (_, true) => Undo::All,
            (_, false) => Undo::Savepoint,
        };
        let before = tx.total_changes();
        let done = undo
            .enter(tx)
            .map_err(Fault::from)
            .and_then(|()| work(self, tx))
            .and_then(|value| Ok(undo.leave(tx).map(|()| value)?));
        let fault = match done {
            Ok(value) => return Ok(value),
            Err(fault) => fault,
        };
        // Numbers that were given inside are free again.
        self.memory.numbers = commit::Numbers::default();
        let error = fault.into_store(doing);
        let undone = !tx.is_autocommit()
            && match undo {
                Undo::Transaction => statement(tx, "ROLLBACK").is_ok() && self.begin(tx).is_ok(),
                Undo::Savepoint => {
                    statement(tx, "ROLLBACK TO job").is_ok() && statement(tx, "RELEASE job").is_ok()
                }
                // A refusal comes before anything is written.
                Undo::All => tx.total_changes() == before,
            };
        if !undone {
            group.broken = Some(error.clone());
        }
        Err(error)
    }

    fn end(&mut self, tx: &Connection, group: &mut Group) -> Result<(), StoreError> {
        let ready = match group.broken.take() {
            Some(error) => Err(error),
            None => flush_touched(tx, &mut self.memory, &group.touched)
                .map_err(|fault| fault.into_store("writing a checkpoint")),
        };
        let outcome = ready.and_then(|()| match statement(tx, "COMMIT") {
            Ok(()) => Ok(()),
            Err(error) if is_harmless(&error) => Err(database(&error, "making the commit durable")),
            Err(error) => {
                self.stale = true;
                Err(Self::unknown(&error))
            }
        });
        if outcome.is_err() {
            self.memory = Memory::default();
            if !tx.is_autocommit() && statement(tx, "ROLLBACK").is_err() {
                self.stale = true;
            }
        }
        outcome
    }
}

impl Group {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self {
            begun: now,
            last: now,
            jobs: 0,
            open: HashSet::new(),
            admitted: 0,
            touched: Vec::new(),
            calls: 0,
            owed: Vec::new(),
            broken: None,
            ended: false,
            wrote: false,
        }
    }

    /// How long it waits for the next step of a run that began in it.
    fn patience(&self, window: Duration) -> Duration {
        let left = (window * MAX_WINDOWS).saturating_sub(self.begun.elapsed());
        if self.open.is_empty() {
            return Duration::ZERO;
        }
        window.min(left)
    }

    /// Whether everything in it is of this thread.
    fn is_alone(&self, key: &ThreadKey) -> bool {
        self.calls == 0 && self.touched.iter().all(|touched| touched == key)
    }

    /// Whether nothing came for so long that it is to end.
    pub(super) fn is_overdue(&self, window: Duration) -> bool {
        self.last.elapsed() >= self.patience(window)
    }

    /// Gives the first answer and notes whom the second is owed.
    fn answer(
        &mut self,
        key: &ThreadKey,
        mark: &RunMark,
        mut ticket: TicketSender,
        answer: Result<Answer, StoreError>,
    ) {
        let own = match answer {
            Ok(answer) => {
                if !self.touched.contains(key) {
                    self.touched.push(key.clone());
                }
                self.note(mark, &answer);
                answer.map(|admission| ticket.admit(admission))
            }
            Err(error) => Err(error),
        };
        self.owed.push(Owed::Ticket(ticket, own));
    }

    fn note(&mut self, mark: &RunMark, answer: &Answer) {
        self.wrote = true;
        match mark {
            RunMark::Start(new) => {
                if matches!(answer, Ok(Admission::Applied(_))) {
                    self.open.insert(new.id);
                    self.admitted += 1;
                }
                // It may have taken the place of another.
                self.ended = true;
            }
            RunMark::End(id, ..) => {
                self.open.remove(id);
                self.ended = true;
            }
            RunMark::Step(..) | RunMark::Outside => {}
        }
    }
}

/// How a job that fails is undone.
#[derive(Clone, Copy)]
enum Undo {
    /// With the transaction, which holds nothing else and begins anew.
    Transaction,
    /// With a savepoint of its own.
    Savepoint,
    /// With everything that the transaction holds.
    All,
}

impl Undo {
    fn enter(self, tx: &Connection) -> rusqlite::Result<()> {
        match self {
            Self::Savepoint => statement(tx, "SAVEPOINT job"),
            Self::Transaction | Self::All => Ok(()),
        }
    }

    fn leave(self, tx: &Connection) -> rusqlite::Result<()> {
        match self {
            Self::Savepoint => statement(tx, "RELEASE job"),
            Self::Transaction | Self::All => Ok(()),
        }
    }
}

fn flush_touched(tx: &Connection, memory: &mut Memory, touched: &[ThreadKey]) -> Result<(), Fault> {
    for key in touched {
        if let Some(state) = memory.threads.get_mut(key) {
            state.flush(tx)?;
        }
    }
    Ok(())
}

fn statement(tx: &Connection, sql: &str) -> rusqlite::Result<()> {
    tx.prepare_cached(sql)?.execute([])?;
    Ok(())
}
