//! One transaction for many jobs: each in a savepoint of its own, so that one that fails leaves the others alone.

use std::collections::HashSet;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use everthread_graph::contract::{Admission, RunId, RunMark, StoreError, ThreadKey, TicketSender};
use rusqlite::Connection;

use super::call::{Call, Touches};
use super::desk::Desk;
use super::job::{Answered, Job};
use super::take;
use crate::error::{Fault, database, is_harmless};
use crate::sql::commit::{self, Answer, Memory};

/// Jobs of one transaction, at most.
const MAX_JOBS: usize = 256;

/// A transaction stays open for this many windows at most, however many runs go on in it.
const MAX_WINDOWS: u32 = 4;

/// What a group did and whom it owes an answer.
struct Group {
    begun: Instant,
    jobs: usize,
    /// Runs that were admitted in it and have not ended.
    open: HashSet<RunId>,
    touched: Vec<ThreadKey>,
    owed: Vec<Owed>,
    /// Callers that look for their second answer.
    looked_for: Vec<Answered>,
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

impl Owed {
    fn settle(self, group: &Result<(), StoreError>) {
        match self {
            Self::Ticket(ticket, own) => ticket.settle(own.and_then(|()| group.clone())),
            Self::Call(call, own) => call.settle(own.and_then(|()| group.clone())),
        }
    }
}

impl Desk {
    /// Writes a job and what comes with it in one transaction, and answers.
    pub(super) fn group(&mut self, first: Job) {
        if let Err(error) = self.refresh() {
            first.fail(error);
            return;
        }
        let shared = self.connection.clone();
        let tx = take(&shared);
        if let Err(error) = self.begin(&tx) {
            drop(tx);
            self.refuse(first, &error);
            return;
        }
        let mut group = Group::new();
        let mut next = Some(first);
        while let Some(job) = next {
            self.apply(&tx, &mut group, job);
            next = self.next_of(&group);
        }
        self.syncing.store(true, Ordering::Relaxed);
        let outcome = self.end(&tx, &mut group);
        self.syncing.store(false, Ordering::Relaxed);
        drop(tx);
        if group.wrote && outcome.is_ok() {
            self.derived.wrote();
        }
        self.failure = outcome.as_ref().err().cloned();
        // Whoever awaits several answers awaits the first one first: answered last, it wakes them once for all.
        for owed in group.owed.into_iter().rev() {
            owed.settle(&outcome);
        }
        for answered in group.looked_for {
            answered.store(true, Ordering::Release);
        }
        if group.ended {
            self.ended.notify_waiters();
        }
    }

    fn begin(&mut self, tx: &Connection) -> rusqlite::Result<()> {
        tx.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        self.check_memory(tx).inspect_err(|_| {
            let _ = tx.execute_batch("ROLLBACK");
        })
    }

    /// Another process holds the file, or the disk is bad: all that waits is told so, rather than each waiting in turn.
    fn refuse(&mut self, first: Job, error: &rusqlite::Error) {
        let refused = database(error, "beginning to write");
        if !is_harmless(error) {
            self.stale = true;
        }
        // Taken out before anybody is answered: whoever hears of it may ask again at once, and that is another try.
        let waiting = self.drain();
        first.fail(refused.clone());
        for job in waiting {
            match job {
                job @ (Job::Settle(_) | Job::Close(_)) => self.put_back(job),
                job => job.fail(refused.clone()),
            }
        }
    }

    /// The next job for this transaction: what waits already, or the next step of a run that began in it.
    fn next_of(&mut self, group: &Group) -> Option<Job> {
        if group.broken.is_some() || group.jobs >= MAX_JOBS {
            return None;
        }
        let window = self.options.group_window;
        let left = (window * MAX_WINDOWS).saturating_sub(group.begun.elapsed());
        if group.open.is_empty() || left.is_zero() {
            return self.more(Duration::ZERO);
        }
        self.more(window.min(left))
    }

    fn apply(&mut self, tx: &Connection, group: &mut Group, job: Job) {
        group.jobs += 1;
        match job {
            Job::Commit(commit, ticket, answered) => {
                let is_last = matches!(commit.run, RunMark::End(..));
                let answer = self.in_savepoint(tx, group, "writing a checkpoint", |desk, tx| {
                    commit::commit(tx, &desk.env, &mut desk.memory, &commit)
                });
                group.answer(&commit.key, &commit.run, ticket, answer);
                if is_last {
                    group.looked_for.push(answered);
                } else {
                    answered.store(true, Ordering::Release);
                }
            }
            Job::Write(writes, ticket) => {
                let answer = self.in_savepoint(tx, group, "writing results", |desk, tx| {
                    commit::write(tx, &desk.env, &mut desk.memory, &writes)
                });
                group.answer(&writes.key, &writes.run, ticket, answer);
            }
            Job::Call(mut call) => {
                let doing = call.doing();
                let touches = call.touches();
                if touches == Touches::Threads
                    && let Err(fault) = flush_touched(tx, &mut self.memory, &group.touched)
                {
                    // What was admitted before is lost with the transaction.
                    let error = fault.into_store(doing);
                    group.broken = Some(error.clone());
                    group.owed.push(Owed::Call(call, Err(error)));
                    return;
                }
                let outcome = self.in_savepoint(tx, group, doing, |_, tx| call.run(tx));
                if touches == Touches::Threads {
                    self.memory = Memory::default();
                    group.ended = true;
                    self.derived.freed();
                }
                group.owed.push(Owed::Call(call, outcome));
            }
            job @ (Job::Settle(_) | Job::Close(_)) => self.put_back(job),
        }
    }

    fn in_savepoint<T>(
        &mut self,
        tx: &Connection,
        group: &mut Group,
        doing: &str,
        work: impl FnOnce(&mut Self, &Connection) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        let done = statement(tx, "SAVEPOINT job")
            .map_err(Fault::from)
            .and_then(|()| work(self, tx))
            .and_then(|value| {
                statement(tx, "RELEASE job")
                    .map(|()| value)
                    .map_err(Fault::from)
            });
        let fault = match done {
            Ok(value) => return Ok(value),
            Err(fault) => fault,
        };
        // Numbers that were given inside are free again.
        self.memory.numbers = commit::Numbers::default();
        let error = fault.into_store(doing);
        let undone = !tx.is_autocommit()
            && statement(tx, "ROLLBACK TO job").is_ok()
            && statement(tx, "RELEASE job").is_ok();
        if !undone {
            group.broken = Some(error.clone());
        }
        Err(error)
    }

    /// Makes the group durable.
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
    fn new() -> Self {
        Self {
            begun: Instant::now(),
            jobs: 0,
            open: HashSet::new(),
            touched: Vec::new(),
            owed: Vec::new(),
            looked_for: Vec::new(),
            broken: None,
            ended: false,
            wrote: false,
        }
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
