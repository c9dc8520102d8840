//! Whose turn it is: what a request adds to a thread follows from what is there, so requests look and begin one after
//! another.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use everthread_graph::contract::ThreadKey;
use tokio::sync::{Mutex as Turn, OwnedMutexGuard};

/// Threads that are remembered before those that nobody waits for are forgotten.
const MAX_IDLE: usize = 1_024;

/// Whose turn it is on which thread.
#[derive(Debug, Default)]
pub(crate) struct Turns(Mutex<HashMap<ThreadKey, Weak<Turn<()>>>>);

impl Turns {
    /// Waits until nobody else is about to begin something on this thread.
    pub(crate) async fn take(&self, key: &ThreadKey) -> OwnedMutexGuard<()> {
        let turn = {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if all.len() >= MAX_IDLE {
                all.retain(|_, turn| turn.strong_count() > 0);
            }
            let known = all.get(key).and_then(Weak::upgrade);
            known.unwrap_or_else(|| {
                let turn = Arc::new(Turn::new(()));
                all.insert(key.clone(), Arc::downgrade(&turn));
                turn
            })
        };
        turn.lock_owned().await
    }
}

#[cfg(test)]
mod tests {
    use everthread_graph::contract::{ThreadId, UserId};
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn one_at_a_time_on_a_thread() {
        let key = |thread: &str| ThreadKey {
            user: UserId::new("ann").expect("an id"),
            thread: ThreadId::new(thread).expect("an id"),
        };
        let turns = Turns::default();
        let first = turns.take(&key("a")).await;
        assert!(turns.take(&key("a")).now_or_never().is_none());
        assert!(turns.take(&key("b")).now_or_never().is_some());
        drop(first);
        assert!(turns.take(&key("a")).now_or_never().is_some());
    }
}
