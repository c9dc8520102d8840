//! Who follows a thread: told of each run of it that begins here.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use everthread_graph::contract::ThreadKey;
use tokio::sync::mpsc;

use super::live::Live;
use super::log::Reader;

/// Runs that may wait for a follower; one that is further behind is cut off.
const MAX_WAITING: usize = 64;

/// A run that has begun, and a reader of all its events.
pub(crate) type Begun = (Arc<Live>, Reader);

type Followers = HashMap<ThreadKey, Vec<mpsc::Sender<Begun>>>;

/// Who follows which thread.
#[derive(Default)]
pub(crate) struct Feeds(Mutex<Followers>);

impl Feeds {
    fn lock(&self) -> MutexGuard<'_, Followers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Follows a thread from now on. The feed ends when its follower falls too far behind.
    pub(crate) fn follow(&self, key: &ThreadKey) -> mpsc::Receiver<Begun> {
        let (sender, receiver) = mpsc::channel(MAX_WAITING);
        let mut all = self.lock();
        // Those that went away are forgotten when the next one comes.
        all.retain(|_, followers| {
            followers.retain(|follower| !follower.is_closed());
            !followers.is_empty()
        });
        all.entry(key.clone()).or_default().push(sender);
        receiver
    }

    /// Tells of a run that begins, before its first event.
    pub(super) fn tell(&self, live: &Arc<Live>) {
        let mut all = self.lock();
        if let Some(followers) = all.get_mut(&live.key) {
            followers.retain(|follower| {
                let reader = live.log.reader(None);
                follower.try_send((live.clone(), reader)).is_ok()
            });
        }
    }

    /// Ends every feed.
    pub(super) fn close(&self) {
        self.lock().clear();
    }
}

#[cfg(test)]
mod tests {
    use everthread_graph::contract::{RunId, ThreadId, UserId};

    use super::*;
    use crate::runs::Kept;

    fn key(thread: &str) -> ThreadKey {
        ThreadKey {
            user: UserId::new("u").expect("an id"),
            thread: ThreadId::new(thread).expect("an id"),
        }
    }

    #[tokio::test]
    async fn a_follower_hears_of_its_own_thread_alone() {
        let feeds = Feeds::default();
        let mut feed = feeds.follow(&key("a"));
        for thread in ["b", "a"] {
            let id = RunId::from_uuid(uuid::Uuid::now_v7());
            feeds.tell(&Live::new(id, key(thread), Arc::new(Kept::default()), 0));
        }
        let (live, _) = feed.recv().await.expect("a run");
        assert_eq!(live.key, key("a"));
        feeds.close();
        assert!(feed.recv().await.is_none());
    }
}
