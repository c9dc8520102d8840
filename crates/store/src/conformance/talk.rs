//! A conversation of a test, and short ways to look at a store.

use everthread_graph::contract::{
    Admission, At, ChannelValue, CheckpointId, Element, Fence, Json, Multitask, Namespace, NewRun,
    Saved, StoreErrorKind, ThreadKey,
};

use super::{Ids, Step, apply, element, key, value};
use crate::{ReadMessages, Store, TRANSCRIPT};

/// One thread of a test and where it stands.
pub struct Talk<'a> {
    /// The store.
    pub store: &'a dyn Store,
    /// The ids.
    pub ids: &'a Ids,
    /// The thread.
    pub key: ThreadKey,
    /// Its head.
    pub head: Option<CheckpointId>,
    /// Length of the list at the head.
    pub len: usize,
    /// The fence of the last run.
    pub fence: Fence,
}

impl<'a> Talk<'a> {
    /// A thread that is not there yet.
    pub fn new(store: &'a dyn Store, ids: &'a Ids, user: &str, thread: &str) -> Self {
        Self {
            store,
            ids,
            key: key(user, thread),
            head: None,
            len: 0,
            fence: Fence(0),
        }
    }

    /// A step after the head.
    #[must_use]
    pub fn step(&self) -> Step {
        Step::after(self.ids, &self.key, self.head)
    }

    /// A message with an id of its own.
    #[must_use]
    pub fn message(&self, role: &str, text: &str) -> Element {
        element(&self.ids.task().to_string(), role, text)
    }

    /// Applies a step that adds so many messages, and moves on to it.
    pub async fn apply(&mut self, step: Step, adds: usize) -> Admission {
        let id = step.id();
        let admission = apply(self.store, step.build())
            .await
            .expect("the step fits");
        self.head = Some(id);
        self.len += adds;
        if let Admission::Applied(fence) = admission {
            self.fence = fence;
        }
        admission
    }

    /// Begins a run with a question.
    pub async fn begin(&mut self, text: &str) -> NewRun {
        let run = self.ids.new_run(Multitask::Reject);
        let step = self
            .step()
            .say(self.len, vec![self.message("human", text)])
            .start(&run);
        self.apply(step, 1).await;
        run
    }

    /// Ends a run with an answer.
    pub async fn finish(&mut self, run: &NewRun, text: &str) {
        let said = vec![self.message("ai", text)];
        let step = self.step().say(self.len, said).end(run.id, self.fence);
        self.apply(step, 1).await;
    }

    /// A whole turn; gives the checkpoint that it ends at.
    pub async fn turn(&mut self, question: &str, answer: &str) -> CheckpointId {
        let run = self.begin(question).await;
        self.finish(&run, answer).await;
        self.head.expect("a turn has a head")
    }
}

/// The state of a thread's own graph, which must be there.
pub async fn load(store: &dyn Store, key: &ThreadKey, at: At) -> Saved {
    store
        .load(key, &Namespace::root(), at)
        .await
        .expect("the store can be read")
        .expect("the checkpoint is there")
}

/// The texts of the conversation that the state holds.
pub async fn live(store: &dyn Store, key: &ThreadKey, at: At) -> Vec<String> {
    match value(&load(store, key, at).await, TRANSCRIPT) {
        Some(ChannelValue::List(elements)) => elements.iter().map(|one| text(&one.body)).collect(),
        Some(ChannelValue::Value(other)) => panic!("a conversation is a list and not {other}"),
        None => Vec::new(),
    }
}

/// The texts of the transcript, at a checkpoint or the head.
pub async fn said(store: &dyn Store, key: &ThreadKey, at: Option<CheckpointId>) -> Vec<String> {
    let query = ReadMessages {
        at,
        ..ReadMessages::default()
    };
    let messages = store
        .messages(key, query)
        .await
        .expect("the transcript can be read");
    messages.iter().map(|one| text(&one.body)).collect()
}

fn text(body: &Json) -> String {
    crate::text_of(body)
}

/// Fails unless a check of the store finds nothing.
pub async fn sound(store: &dyn Store) {
    let report = store
        .check(&mut |_, _| {})
        .await
        .expect("the store can be checked");
    assert_eq!(report.problems, [], "{report:?}");
}

/// The kind of an error, for comparisons; `None` for what is none.
pub fn kinds<T>(outcome: &Result<T, crate::StoreError>) -> Option<StoreErrorKind> {
    outcome.as_ref().err().map(crate::StoreError::kind)
}
