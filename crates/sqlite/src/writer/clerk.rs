//! The writer's own thread: it takes what waits in the queue to the desk, ends transactions in time, and does derived
//! work when nobody asks for anything.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use everthread_graph::contract::StoreError;
use tokio::sync::{Semaphore, oneshot};

use super::SharedDesk;
use super::ahead::Ahead;
use super::desk::Desk;
use super::job::Job;

/// How long the clerk looks at the queue before it sleeps, after it had something to do: whoever waits for an answer
/// asks again soon, and waking a thread costs as much as this.
const LOOK_AROUND: Duration = Duration::from_micros(100);

/// How much of that it keeps its core for itself.
const LOOK_HARD: Duration = Duration::from_micros(30);

/// The thread's own state.
pub(super) struct Clerk {
    desk: SharedDesk,
    line: Line,
    ahead: Ahead,
}

/// The jobs that wait.
struct Line {
    queue: Receiver<Job>,
    /// Jobs that were taken out of the queue too early.
    later: VecDeque<Job>,
    queued: Arc<AtomicUsize>,
    /// Jobs that were taken out of the queue and not yet to the desk.
    in_hand: usize,
    room: Arc<Semaphore>,
}

/// What is found in the queue.
enum Found {
    Job(Job),
    Nothing,
    Gone,
}

impl Clerk {
    pub(super) fn new(
        desk: SharedDesk,
        queue: Receiver<Job>,
        queued: Arc<AtomicUsize>,
        room: Arc<Semaphore>,
        ahead: Ahead,
    ) -> Self {
        let line = Line {
            queue,
            later: VecDeque::new(),
            queued,
            in_hand: 0,
            room,
        };
        Self { desk, line, ahead }
    }

    /// Works until the store is closed or everybody who could ask is gone.
    pub(super) fn run(mut self) {
        let mut busy = false;
        loop {
            let wait = self.at_desk(|desk, _| desk.due_in());
            match self.line.next(busy, wait.flatten()) {
                Found::Job(Job::Close(answer)) => return self.close(Some(answer)),
                Found::Job(job) => {
                    busy = job.writes();
                    self.at_desk(|desk, line| desk.guarded(|desk| work(desk, line, job)));
                    self.derive(Desk::is_late);
                }
                Found::Nothing => {
                    busy = false;
                    self.at_desk(|desk, _| desk.guarded(Desk::rest));
                    self.derive(Desk::is_due);
                }
                Found::Gone => return self.close(None),
            }
        }
    }

    /// Derived work, a slice at a time, while it is wanted and until somebody asks for something. Others have the desk
    /// while the next slice is read.
    fn derive(&mut self, wanted: fn(&Desk) -> bool) {
        while self.at_desk(|desk, _| wanted(desk)) == Some(true) {
            let batch = self.ahead.read();
            let more = self.at_desk(|desk, line| {
                let mut more = false;
                desk.guarded(|desk| {
                    desk.end_open();
                    more = desk.idle(batch, &mut || line.has_work());
                });
                more
            });
            if more != Some(true) || self.line.has_work() {
                return;
            }
        }
    }

    /// Takes the desk. Everything that was found in the queue before counts as done from then on.
    fn at_desk<T>(&mut self, work: impl FnOnce(&mut Desk, &mut Line) -> T) -> Option<T> {
        let mut desk = hold(&self.desk);
        self.line.arrive();
        desk.as_mut().map(|desk| work(desk, &mut self.line))
    }

    fn close(mut self, answer: Option<oneshot::Sender<Result<(), StoreError>>>) {
        self.line.room.close();
        // The last connection to the file copies the log into it.
        self.ahead.close();
        let jobs = self.line.drain();
        self.at_desk(|desk, line| {
            for job in jobs {
                if !matches!(job, Job::Close(_)) {
                    desk.guarded(|desk| work(desk, line, job));
                }
            }
            desk.guarded(Desk::finish);
        });
        let desk = hold(&self.desk).take();
        if let Some(desk) = desk {
            desk.close();
        }
        if let Some(answer) = answer {
            // Whoever asked may have stopped listening.
            let _ = answer.send(Ok(()));
        }
    }
}

fn hold(desk: &SharedDesk) -> MutexGuard<'_, Option<Desk>> {
    desk.lock().unwrap_or_else(PoisonError::into_inner)
}

fn work(desk: &mut Desk, line: &mut Line, job: Job) {
    match job {
        // Whoever left the transaction open comes back soon: until then the clerk only watches.
        Job::Watch => {}
        Job::Settle(answer) => {
            desk.end_open();
            let _ = answer.send(desk.settle());
        }
        Job::Rewrite(answer) => {
            desk.end_open();
            let _ = answer.send(desk.rewrite());
        }
        job => group(desk, line, job),
    }
}

/// Writes a job and what comes with it in one transaction.
fn group(desk: &mut Desk, line: &mut Line, first: Job) {
    if let Err((first, error)) = desk.begin_for(first) {
        // Taken out before anybody is answered: whoever hears of it may ask again at once, and that is another try.
        let waiting = line.drain();
        first.fail(error.clone());
        for job in waiting {
            if job.writes() {
                job.fail(error.clone());
            } else {
                line.later.push_front(job);
            }
        }
        return;
    }
    while let Some(patience) = desk.patience() {
        match line.more(patience) {
            Some(job) => desk.apply(job),
            None => break,
        }
    }
    desk.end_open();
}

impl Line {
    /// The next job. After work it looks around before it goes to sleep.
    fn next(&mut self, busy: bool, wait: Option<Duration>) -> Found {
        let look = if busy { LOOK_AROUND } else { Duration::ZERO };
        if let Some(found) = self.look(look) {
            return found;
        }
        let received = match wait {
            Some(wait) => self.queue.recv_timeout(wait),
            None => self
                .queue
                .recv()
                .map_err(|_| RecvTimeoutError::Disconnected),
        };
        match received {
            Ok(job) => self.taken(job),
            Err(RecvTimeoutError::Timeout) => Found::Nothing,
            Err(RecvTimeoutError::Disconnected) => Found::Gone,
        }
    }
}

impl Line {
    /// A job that comes within this time, without sleeping; `None` when none comes.
    fn look(&mut self, limit: Duration) -> Option<Found> {
        let mut since = None;
        loop {
            match self.poll() {
                Found::Nothing => {}
                found => return Some(found),
            }
            if limit.is_zero() {
                return None;
            }
            let looked = since.get_or_insert_with(Instant::now).elapsed();
            if looked >= limit {
                return None;
            }
            if looked < LOOK_HARD {
                std::hint::spin_loop();
            } else {
                // Somebody else may need this core to produce the next job.
                std::thread::yield_now();
            }
        }
    }

    fn poll(&mut self) -> Found {
        if let Some(job) = self.later.pop_front() {
            return Found::Job(job);
        }
        match self.queue.try_recv() {
            Ok(job) => self.taken(job),
            Err(TryRecvError::Empty) => Found::Nothing,
            Err(TryRecvError::Disconnected) => Found::Gone,
        }
    }

    fn taken(&mut self, job: Job) -> Found {
        self.in_hand += 1;
        if !matches!(job, Job::Watch) {
            self.room.add_permits(1);
        }
        Found::Job(job)
    }

    /// What was taken out of the queue is at the desk now.
    fn arrive(&mut self) {
        self.queued.fetch_sub(self.in_hand, Ordering::SeqCst);
        self.in_hand = 0;
    }

    /// A job for the transaction that is open, if one is there or comes within this time.
    fn more(&mut self, wait: Duration) -> Option<Job> {
        let begun = Instant::now();
        loop {
            let left = wait.saturating_sub(begun.elapsed());
            match self.look(left) {
                Some(Found::Job(Job::Watch)) => {}
                Some(Found::Job(job)) if job.writes() => {
                    self.arrive();
                    return Some(job);
                }
                Some(Found::Job(job)) => {
                    self.later.push_front(job);
                    return None;
                }
                _ => return None,
            }
        }
    }

    /// Whether somebody asks for something.
    fn has_work(&mut self) -> bool {
        match self.poll() {
            Found::Job(job) => {
                self.later.push_front(job);
                true
            }
            Found::Nothing | Found::Gone => false,
        }
    }

    /// Everything that waits right now.
    fn drain(&mut self) -> Vec<Job> {
        let mut jobs = Vec::new();
        while let Found::Job(job) = self.poll() {
            jobs.push(job);
        }
        jobs
    }
}
