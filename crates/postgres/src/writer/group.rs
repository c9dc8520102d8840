//! Some writes of one thread in one transaction: a run's first step, and those that follow at once.
//!
//! The thread's row is locked and read, each write is decided, and what is to be written goes out with the commit. A
//! write that is refused leaves nothing behind and its neighbours alone. The transaction stays open for a moment where a
//! run began in it: with a model that answers at once, a turn costs one commit.

use std::time::{Duration, Instant};

use everthread_graph::contract::{
    Admission, Namespace, RunMark, StoreError, StoreErrorKind, ThreadKey, TicketSender,
};
use tokio::sync::OwnedSemaphorePermit;

use super::{Job, Shared, Work};
use crate::conn::Conn;
use crate::error::{Fault, Sql, damaged, fault};
use crate::sql::commit::{self, Answer};
use crate::sql::desk::Desk;
use crate::sql::place;
use crate::sql::state::{self, ThreadState};

/// Writes of one transaction, at most.
const MAX_JOBS: usize = 64;

/// A transaction stays open for this many windows at most, however much a run goes on in it.
const MAX_WINDOWS: u32 = 4;

/// How often a transaction that the database refused is tried again, before anything of it was answered.
const TRIES: usize = 4;

const DOING: &str = "writing a checkpoint";

/// Somebody who is still owed the second answer.
struct Owed {
    ticket: TicketSender,
    own: Result<(), StoreError>,
    _place: OwnedSemaphorePermit,
}

/// What a transaction did.
#[derive(Default)]
struct Done {
    owed: Vec<Owed>,
    /// Whether a run began in it and goes on.
    open: bool,
    /// Whether a run may have left its thread.
    ended: bool,
    /// Whether anything stands.
    stands: bool,
    /// Whether messages may have been written.
    says: bool,
}

/// Writes a job, and those behind it that belong to it.
pub(super) async fn write(shared: &Shared, key: &ThreadKey, first: Job) {
    let mut done = Done::default();
    let outcome = in_transaction(shared, key, first, &mut done).await;
    if outcome.is_ok() && done.says {
        shared.indexer.wrote(key);
    }
    for owed in done.owed.into_iter().rev() {
        owed.ticket.settle(owed.own.and_then(|()| outcome.clone()));
    }
    if done.ended {
        shared.base.ended.notify_waiters();
    }
}

async fn in_transaction(
    shared: &Shared,
    key: &ThreadKey,
    first: Job,
    done: &mut Done,
) -> Result<(), StoreError> {
    let (conn, state) = match locked(shared, &first.work).await {
        Ok(locked) => locked,
        Err(error) => {
            done.owe(first, Err(error));
            return Ok(());
        }
    };
    let mut desk = Desk::new(&conn, &shared.env, state);
    let begun = Instant::now();
    let mut jobs = 1;
    let mut next = Some(first);
    let mut broken = None;
    while let Some(job) = next.take() {
        if let Some(error) = decide(&mut desk, job, done).await {
            broken = Some(error);
            break;
        }
        if jobs < MAX_JOBS {
            next = more(shared, key, done.open, begun).await;
            jobs += 1;
        }
    }
    if let Some(error) = broken {
        conn.roll_back();
        return Err(error);
    }
    if !done.stands {
        conn.roll_back();
        return Ok(());
    }
    let (state, rest) = desk.rest();
    match conn.send_and_commit(&rest).await {
        Ok(_) => {
            shared.remember(key, state);
            Ok(())
        }
        Err(fault) => {
            conn.roll_back();
            Err(fault.into_store(DOING))
        }
    }
}

/// A connection on which the thread of this work is locked, and what is known of the thread, which is created when a
/// step is its first.
async fn locked(shared: &Shared, work: &Work) -> Result<(Conn, ThreadState), StoreError> {
    let root = Namespace::root();
    let ns = match work {
        Work::Commit(commit) => &commit.checkpoint.ns,
        Work::Write(_) => &root,
    };
    let mut known = shared.recall(work.key());
    let mut tries = 0;
    loop {
        let conn = shared.base.writing(DOING).await?;
        match lock(shared, &conn, work, ns, known.take()).await {
            Ok(state) => return Ok((conn, state)),
            // A connection that died while nobody used it, or two that waited for each other: nothing was written.
            Err(fault) if tries < TRIES && (fault.is_lost() || fault.is_worth_another_try()) => {
                tries += 1;
            }
            Err(fault) => return Err(fault.into_store(DOING)),
        }
    }
}

async fn lock(
    shared: &Shared,
    conn: &Conn,
    work: &Work,
    ns: &Namespace,
    known: Option<ThreadState>,
) -> Sql<ThreadState> {
    let (key, owner) = (work.key(), shared.env.owner);
    if let Some(state) = state::lock(conn, key, ns, owner, known).await? {
        return Ok(state);
    }
    let Work::Commit(commit) = work else {
        return Err(fault(
            StoreErrorKind::NotFound,
            format!("{key} is not there"),
        ));
    };
    let at_ms = commit.checkpoint.at_ms;
    if let Some(place) = place::create(conn, key, at_ms).await? {
        return Ok(ThreadState::new(place, at_ms));
    }
    // Another process was quicker.
    state::lock(conn, key, ns, owner, None)
        .await?
        .ok_or_else(|| damaged("a thread is there and is not"))
}

/// Decides on a job. Gives the error that breaks the whole transaction, if there is one.
async fn decide(desk: &mut Desk<'_>, mut job: Job, done: &mut Done) -> Option<StoreError> {
    desk.begin();
    let answer = match &job.work {
        Work::Commit(commit) => commit::commit(desk, commit).await,
        Work::Write(writes) => commit::write(desk, writes).await,
    };
    match answer {
        Ok(answer) => {
            done.note(&job.work, &answer);
            let own = answer.map(|admission| job.ticket.admit(admission));
            done.owe(job, own);
            None
        }
        Err(Fault::Store(refused)) => {
            desk.take_back();
            done.owe(job, Err(refused));
            None
        }
        Err(fault) => {
            let error = fault.into_store(DOING);
            done.owe(job, Err(error.clone()));
            Some(error)
        }
    }
}

/// The next write of the same thread, where one comes soon. A run's beginning is a group of its own.
async fn more(shared: &Shared, key: &ThreadKey, open: bool, begun: Instant) -> Option<Job> {
    let fits = |job: &Job| !matches!(job.work.mark(), RunMark::Start(_));
    if let Some(job) = shared.lanes.next(key, fits) {
        return Some(job);
    }
    let window = shared.base.options.group_window;
    let patience = window.min((window * MAX_WINDOWS).saturating_sub(begun.elapsed()));
    if !open || patience == Duration::ZERO {
        return None;
    }
    shared.lanes.wait(key, patience).await;
    shared.lanes.next(key, fits)
}

impl Done {
    fn owe(&mut self, job: Job, own: Result<(), StoreError>) {
        self.owed.push(Owed {
            ticket: job.ticket,
            own,
            _place: job._place,
        });
    }

    fn note(&mut self, work: &Work, answer: &Answer) {
        self.stands = true;
        self.says |= matches!(work, Work::Commit(commit) if !commit.changes.is_empty());
        match work.mark() {
            RunMark::Start(_) => {
                self.open = matches!(answer, Ok(Admission::Applied(_)));
                // It may have taken the place of another.
                self.ended = true;
            }
            RunMark::End(..) => {
                self.open = false;
                self.ended = true;
            }
            RunMark::Step(..) | RunMark::Outside => {}
        }
    }
}
