//! A conversation as the engine would write it: an input, a reply and sometimes a summary for each turn, each commit
//! handed over as soon as the one before is admitted.
//!
//! It remembers what it was told is durable, and hands over again what it was told has an unknown outcome.

mod step;

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use everthread_graph::contract::{
    Admission, At, CheckpointId, Fence, Namespace, RunId, RunMark, StoreError, StoreErrorKind,
    ThreadId, ThreadKey, UserId,
};
use everthread_store::{ReadMessages, Store};
use step::Step;
pub(crate) use step::{Point, Turn, content, context_of};

/// One conversation and all that is known to be durable of it.
#[derive(Debug, Clone)]
pub(crate) struct Conversation {
    pub(crate) key: ThreadKey,
    pub(crate) now: Point,
    /// Takes what is admitted for durable.
    pub(crate) is_early: bool,
}

impl Conversation {
    pub(crate) fn new(name: &str) -> Self {
        Self {
            key: key(name),
            now: Point::default(),
            is_early: false,
        }
    }

    /// A conversation as a store has it.
    pub(crate) async fn load(store: &dyn Store, name: &str) -> Result<Self, StoreError> {
        let mut conversation = Self::new(name);
        let root = Namespace::root();
        if let Some(saved) = store.load(&conversation.key, &root, At::Head).await? {
            let transcript = transcript(store, &conversation.key, saved.checkpoint.id).await?;
            conversation.now = Point {
                head: Some(saved.checkpoint.id),
                step: saved.checkpoint.step,
                context: context_of(&saved.channels),
                transcript,
            };
        }
        Ok(conversation)
    }

    /// Says something, is answered, and sometimes has what is older than two messages replaced by a summary.
    pub(crate) async fn turn(
        &mut self,
        store: &dyn Store,
        said: [String; 2],
        summarize: bool,
    ) -> Result<(), StoreError> {
        let turn = self.plan(said, summarize);
        self.hand_over_again(store, &turn).await
    }

    /// A turn, and another that is asked for before the first has ended: it waits, which `waiting` hears once that is
    /// durable, and is admitted then.
    pub(crate) async fn two_turns(
        &mut self,
        store: &dyn Store,
        said: [[String; 2]; 2],
        waiting: impl FnOnce(RunId),
    ) -> Result<(), StoreError> {
        let [first, second] = said;
        let first = self.plan(first, false);
        let asked = first.after_input().turn(second.clone(), false);
        let begins = [&first, &asked];
        for (index, turn) in begins.into_iter().enumerate() {
            let expected = [self.now.head, first.after_input().head][index];
            loop {
                let input = &turn.steps[0];
                let commit =
                    input.commit(&self.key, expected, turn.mark(0, Fence(0)), Some(turn.run));
                let mut ticket = store.commit(commit).await?;
                let admission = match ticket.admitted().await {
                    Ok(admission) => ticket.durable().await.map(|()| admission),
                    Err(error) => Err(error),
                };
                match admission {
                    Err(error) if error.kind() == StoreErrorKind::OutcomeUnknown => continue,
                    Err(error) => return Err(error),
                    Ok(Admission::Queued { ahead }) => assert_eq!((index, ahead), (1, 1)),
                    Ok(_) => assert_eq!(index, 0, "it does not wait for the first"),
                }
                break;
            }
        }
        waiting(asked.run);
        self.hand_over_again(store, &first).await?;
        store.wait_turn(&self.key, asked.run).await?;
        let mut second = self.plan(second, false);
        second.run = asked.run;
        self.hand_over_again(store, &second).await
    }

    /// Hands over a turn until its outcome is known.
    async fn hand_over_again(&mut self, store: &dyn Store, turn: &Turn) -> Result<(), StoreError> {
        loop {
            match self.hand_over(store, turn).await {
                Err(error) if error.kind() == StoreErrorKind::OutcomeUnknown => {}
                outcome => return outcome,
            }
        }
    }

    /// A turn that is not handed over yet.
    pub(crate) fn plan(&self, said: [String; 2], summarize: bool) -> Turn {
        self.now.turn(said, summarize)
    }

    /// Hands over a turn, for the first time or again. The first failure is the answer: what follows it fails
    /// because of it.
    pub(crate) async fn hand_over(
        &mut self,
        store: &dyn Store,
        turn: &Turn,
    ) -> Result<(), StoreError> {
        let mut fence = Fence(0);
        let mut expected = self.now.head;
        let mut tickets = Vec::new();
        let mut outcome = Ok(());
        for (index, step) in turn.steps.iter().enumerate() {
            let mark = turn.mark(index, fence);
            let commit = step.commit(&self.key, expected, mark, Some(turn.run));
            let mut ticket = store.commit(commit).await?;
            match ticket.admitted().await {
                Ok(Admission::Applied(got) | Admission::AlreadyApplied(got)) => fence = got,
                Ok(Admission::Queued { ahead }) => panic!("{} waits behind {ahead}", self.key),
                Err(error) => {
                    outcome = Err(error);
                    break;
                }
            }
            tickets.push(ticket);
            expected = step.after.head;
        }
        for ticket in tickets.into_iter().filter(|_| !self.is_early) {
            ticket.durable().await?;
        }
        outcome?;
        self.now = turn.steps.last().unwrap().after.clone();
        Ok(())
    }

    /// Goes back to an earlier moment and begins a branch there.
    pub(crate) async fn fork(&mut self, store: &dyn Store, to: &Point) -> Result<(), StoreError> {
        self.outside(store, to.fork()).await
    }

    /// A person takes back one message that the model would still see.
    pub(crate) async fn remove(
        &mut self,
        store: &dyn Store,
        index: usize,
    ) -> Result<(), StoreError> {
        self.outside(store, self.now.remove(index)).await
    }

    /// Commits a step outside of any run.
    async fn outside(&mut self, store: &dyn Store, step: Step) -> Result<(), StoreError> {
        loop {
            let commit = step.commit(&self.key, self.now.head, RunMark::Outside, None);
            match store.commit(commit).await?.durable().await {
                Err(error) if error.kind() == StoreErrorKind::OutcomeUnknown => {}
                outcome => {
                    outcome?;
                    self.now = step.after;
                    return Ok(());
                }
            }
        }
    }
}

pub(crate) fn key(name: &str) -> ThreadKey {
    ThreadKey {
        user: UserId::new("alice").unwrap(),
        thread: ThreadId::new(name).unwrap(),
    }
}

/// The texts of a transcript at a checkpoint.
pub(crate) async fn transcript(
    store: &dyn Store,
    key: &ThreadKey,
    at: CheckpointId,
) -> Result<Vec<String>, StoreError> {
    let query = ReadMessages {
        at: Some(at),
        ..ReadMessages::default()
    };
    let messages = store.messages(key, query).await?;
    Ok(messages
        .iter()
        .map(|message| content(&message.body))
        .collect())
}

/// A number that stands for these texts in this order.
pub(crate) fn digest(texts: &[String]) -> u64 {
    let mut hasher = DefaultHasher::new();
    texts.hash(&mut hasher);
    hasher.finish()
}
