//! Which conversations are held, and what is said in them.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use everthread_graph::contract::{ThreadId, ThreadKey, UserId};
use everthread_model::scripted;
use uuid::Uuid;

use crate::failure::Failure;

/// Deals out conversations: each user's once, again and again until the time is over. The last repetition is whole.
pub(super) struct Plan {
    users: usize,
    turns: usize,
    begun: Instant,
    lasts: Duration,
    dealt: Mutex<usize>,
}

/// One conversation of one user.
pub(super) struct Conversation {
    number: usize,
    user: usize,
}

impl Plan {
    /// For so many users with so many turns each, for at least so long.
    pub(super) fn new(users: u32, turns: usize, begun: Instant, lasts: Duration) -> Self {
        Self {
            users: users as usize,
            turns,
            begun,
            lasts,
            dealt: Mutex::default(),
        }
    }

    /// Turns of each conversation.
    pub(super) fn turns(&self) -> usize {
        self.turns
    }

    /// A new thread of the same user's.
    pub(super) fn another(key: &ThreadKey) -> Result<ThreadKey, Failure> {
        Ok(ThreadKey {
            user: key.user.clone(),
            thread: ThreadId::new(Uuid::now_v7().to_string())?,
        })
    }

    /// Seconds since the beginning.
    pub(super) fn elapsed_s(&self) -> u64 {
        self.begun.elapsed().as_secs().min(self.lasts.as_secs())
    }

    /// The next conversation; `None` when the time is over and the repetition is whole.
    pub(super) fn next(&self) -> Option<Conversation> {
        let mut dealt = self.dealt.lock().unwrap_or_else(PoisonError::into_inner);
        let number = *dealt;
        let is_whole = number > 0 && number.is_multiple_of(self.users);
        if is_whole && self.begun.elapsed() >= self.lasts {
            return None;
        }
        *dealt += 1;
        Some(Conversation {
            number,
            user: number % self.users,
        })
    }
}

impl Conversation {
    /// A new thread of its user's. Its id is a UUID: LangGraph's own server takes no other.
    pub(super) fn new_key(&self) -> Result<ThreadKey, Failure> {
        Ok(ThreadKey {
            user: UserId::new(format!("user_{}", self.user))?,
            thread: ThreadId::new(Uuid::now_v7().to_string())?,
        })
    }

    /// What is said in this turn: 200 characters, other ones than in the turns around it.
    pub(super) fn text(&self, turn: usize) -> &'static str {
        let texts = scripted::words();
        &texts[(self.number * 31 + turn * 17 + 5) % texts.len()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repetition_is_whole_however_short_the_time() {
        let plan = Plan::new(3, 2, Instant::now(), Duration::ZERO);
        let users: Vec<_> = std::iter::from_fn(|| plan.next())
            .map(|conversation| conversation.user)
            .collect();
        assert_eq!(users, [0, 1, 2]);
    }

    #[test]
    fn conversations_of_a_user_are_threads_of_their_own() {
        let plan = Plan::new(1, 2, Instant::now(), Duration::from_secs(3600));
        let (first, second) = (plan.next().unwrap(), plan.next().unwrap());
        assert_eq!(
            first.new_key().unwrap().user,
            second.new_key().unwrap().user
        );
        assert_ne!(first.new_key().unwrap(), second.new_key().unwrap());
        assert_ne!(first.text(0), first.text(1));
    }
}
