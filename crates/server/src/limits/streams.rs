//! How many streams each caller reads at once.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Subject;

/// The streams that are open, by who reads them. Who reads none is forgotten.
#[derive(Debug, Default)]
pub(super) struct Streams(Arc<Mutex<HashMap<Subject, u32>>>);

/// A stream, counted until this is dropped.
#[derive(Debug)]
pub(crate) struct OpenStream {
    all: Arc<Mutex<HashMap<Subject, u32>>>,
    subject: Subject,
}

impl Streams {
    /// One more stream; `None` when there are so many already.
    pub(super) fn open(&self, subject: &Subject, allowed: NonZeroU32) -> Option<OpenStream> {
        let mut all = lock(&self.0);
        let open = all.entry(subject.clone()).or_default();
        if *open >= allowed.get() {
            return None;
        }
        *open += 1;
        Some(OpenStream {
            all: Arc::clone(&self.0),
            subject: subject.clone(),
        })
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        let mut all = lock(&self.all);
        if let Some(open) = all.get_mut(&self.subject) {
            *open -= 1;
            if *open == 0 {
                all.remove(&self.subject);
            }
        }
    }
}

fn lock(all: &Mutex<HashMap<Subject, u32>>) -> MutexGuard<'_, HashMap<Subject, u32>> {
    all.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use everthread_graph::contract::UserId;

    use super::*;

    #[test]
    fn a_stream_counts_until_it_is_dropped() {
        let streams = Streams::default();
        let ann = Subject::User(UserId::new("ann").unwrap());
        let bob = Subject::User(UserId::new("bob").unwrap());
        let one = NonZeroU32::MIN;
        let open = streams.open(&ann, one).unwrap();
        assert!(streams.open(&ann, one).is_none());
        assert!(streams.open(&bob, one).is_some());
        drop(open);
        assert!(lock(&streams.0).is_empty());
        assert!(streams.open(&ann, one).is_some());
    }
}
