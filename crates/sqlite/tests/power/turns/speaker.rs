//! One of those who speak at once in the child.

use std::future::Future;

use everthread_graph::contract::{Json, StoreError, StoreErrorKind};
use everthread_store::{Kept, ListThreads, Store, Thread};

use super::copy_log;
use crate::conversation::{Conversation, Point, digest, key};
use crate::job::{Job, Line, Saved};
use crate::rng::Rng;

/// The namespace of long-term items.
pub(crate) const ITEMS: &str = "notes";

/// One thread of the child: it speaks in one conversation and, when that is deleted, in a new one.
pub(super) struct Speaker {
    number: u32,
    life: u32,
    turn: u32,
    conversation: Conversation,
    /// Moments to go back to.
    points: Vec<Point>,
    rng: Rng,
}

impl Speaker {
    pub(super) fn new(number: u32, life: u32, early: bool) -> Self {
        let mut conversation = Conversation::new(&format!("c{number}-{life}-0"));
        conversation.is_early = early;
        Self {
            number,
            life,
            turn: 0,
            conversation,
            points: Vec::new(),
            rng: Rng::new(u64::from(number)),
        }
    }

    /// Goes on where a process that was killed left off. What the store shows is as good as acknowledged.
    pub(super) async fn take_over(&mut self, store: &dyn Store) -> Result<(), StoreError> {
        let user = key("any").user;
        let threads = store.threads(&user, ListThreads::default()).await?;
        let ours = format!("c{}-", self.number);
        let is_ours = |thread: &&Thread| thread.id.as_str().starts_with(&ours);
        if let Some(thread) = threads.iter().find(is_ours) {
            let is_early = self.conversation.is_early;
            self.conversation = Conversation::load(store, thread.id.as_str()).await?;
            self.conversation.is_early = is_early;
            self.saved(Vec::new(), None);
            store.claim(&self.conversation.key).await?;
        }
        Ok(())
    }

    fn name(&self) -> String {
        self.conversation.key.thread.as_str().to_owned()
    }

    /// A turn, and what else there is to do now and then.
    pub(super) async fn go_on(&mut self, store: &dyn Store, job: &Job) -> Result<(), StoreError> {
        if job.queues && self.turn % 11 == 10 {
            self.two_turns(store).await?;
        } else {
            let said = self.said();
            let summarize = self.conversation.now.context.len() > 6;
            self.conversation
                .turn(store, said.clone(), summarize)
                .await?;
            self.saved(said.to_vec(), None);
        }
        self.points.push(self.conversation.now.clone());
        self.turn += 1;
        match (self.turn, self.number) {
            (turn, _) if turn % 29 == 0 => self.delete(store, job).await,
            (turn, _) if turn % 13 == 0 => self.remove(store, job).await,
            (turn, 2) if turn % 7 == 0 => self.prune(store, job).await,
            (turn, _) if turn % 7 == 0 => self.fork(store).await,
            (turn, 0) if turn % 5 == 0 => {
                copy_log(&job.dir);
                Ok(())
            }
            (turn, 1) if turn % 3 == 0 => self.put_item(store).await,
            _ => Ok(()),
        }
    }

    fn said(&mut self) -> [String; 2] {
        ["human", "ai"].map(|role| self.text(role))
    }

    /// Two turns that were asked for at once.
    async fn two_turns(&mut self, store: &dyn Store) -> Result<(), StoreError> {
        let first = self.said();
        self.turn += 1;
        let second = self.said();
        let thread = self.name();
        let waiting = |run| Line::Waiting { thread, run }.say();
        let said = [first.clone(), second.clone()];
        self.conversation.two_turns(store, said, waiting).await?;
        self.saved([first, second].concat(), None);
        Ok(())
    }

    /// Writes a long-term item; what is written again is a higher value.
    async fn put_item(&mut self, store: &dyn Store) -> Result<(), StoreError> {
        let name = format!("item{}", self.rng.below(4));
        let value = self.life * 1_000 + self.turn;
        let json = Json::of(&value).unwrap();
        let namespace = [ITEMS.to_owned()];
        let user = self.conversation.key.user.clone();
        until_known(|| store.put_item(&user, &namespace, &name, Some(json.clone()), None)).await?;
        Line::Item { name, value }.say();
        Ok(())
    }

    /// Forgets old checkpoints, which takes no message away.
    async fn prune(&mut self, store: &dyn Store, job: &Job) -> Result<(), StoreError> {
        let key = self.conversation.key.clone();
        let (thread, log_len) = (self.name(), job.log_len());
        Line::Pruning { thread, log_len }.say();
        until_known(|| store.prune(&key, Kept::Newest(3))).await?;
        self.points.clear();
        self.saved(Vec::new(), None);
        Ok(())
    }

    /// A text that occurs once, with a word that occurs once, short or long.
    fn text(&mut self, role: &str) -> String {
        let len = if self.rng.once_in(6) { 3_000 } else { 120 };
        let name = self.name().replace('-', "x");
        let rest = "and so on ".repeat(self.rng.below(len) / 10);
        format!("{name}l{}t{}{role} {rest}", self.life, self.turn)
    }

    fn saved(&self, texts: Vec<String>, removed: Option<String>) {
        let now = &self.conversation.now;
        Line::Saved(Saved {
            thread: self.name(),
            checkpoint: now.head.unwrap(),
            transcript: digest(&now.transcript),
            context: digest(&now.context),
            texts,
            removed,
        })
        .say();
    }

    async fn fork(&mut self, store: &dyn Store) -> Result<(), StoreError> {
        let point = self.points[self.rng.below(self.points.len())].clone();
        self.conversation.fork(store, &point).await?;
        self.saved(Vec::new(), None);
        Ok(())
    }

    async fn remove(&mut self, store: &dyn Store, job: &Job) -> Result<(), StoreError> {
        let index = self.rng.below(self.conversation.now.context.len());
        let text = self.conversation.now.context[index].clone();
        let (thread, log_len) = (self.name(), job.log_len());
        let removing = text.clone();
        Line::Removing {
            thread,
            text: removing,
            log_len,
        }
        .say();
        self.conversation.remove(store, index).await?;
        // What a branch from before the removal would show is no question of this test.
        self.points.clear();
        self.saved(Vec::new(), Some(text));
        Ok(())
    }

    async fn delete(&mut self, store: &dyn Store, job: &Job) -> Result<(), StoreError> {
        let (thread, log_len) = (self.name(), job.log_len());
        Line::Deleting {
            thread: thread.clone(),
            log_len,
        }
        .say();
        let mut asked_before = false;
        loop {
            match store
                .delete_thread(&self.conversation.key)
                .await
                .map_err(|error| (error.kind(), error))
            {
                Err((StoreErrorKind::OutcomeUnknown, _)) => asked_before = true,
                Err((StoreErrorKind::NotFound, _)) if asked_before => break,
                Err((_, error)) => return Err(error),
                Ok(_) => break,
            }
        }
        Line::Deleted { thread }.say();
        let is_early = self.conversation.is_early;
        self.conversation =
            Conversation::new(&format!("c{}-{}-{}", self.number, self.life, self.turn));
        self.conversation.is_early = is_early;
        self.points.clear();
        Ok(())
    }
}

/// Asks again until it is known what came of it.
async fn until_known<T, F>(mut ask: impl FnMut() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    loop {
        match ask().await {
            Err(error) if error.kind() == StoreErrorKind::OutcomeUnknown => {}
            outcome => return outcome,
        }
    }
}
