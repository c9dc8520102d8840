//! One pass over a store: what the policies make superfluous is found and removed a slice at a time.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use everthread_graph::contract::{StoreError, StoreErrorKind, ThreadKey, UserId};

use super::{FindStale, Goes, Policies, Policy, Removed, StaleThread};
use crate::{Kept, Store};

/// Threads that a pass names; it counts all.
pub const LISTED: usize = 100;

/// Threads that are looked at in one call.
const LOOK_AT: usize = 2_000;

/// Messages of the threads that are deleted in one slice, about.
const SLICE_MESSAGES: u64 = 40;

/// Threads that are deleted in one slice, at most.
const SLICE_THREADS: usize = 8;

/// How long others have between two slices, for each moment that a slice took.
const PAUSE: u32 = 2;

/// What a pass does.
#[derive(Debug, Clone, Default)]
pub struct CleanUp {
    /// By whose policies.
    pub policies: Policies,
    /// The time, in milliseconds since 1970-01-01 UTC.
    pub now_ms: i64,
    /// Of this user only; `None` for all.
    pub user: Option<UserId>,
    /// Only say what would go, and how large it is.
    pub dry_run: bool,
}

/// What a pass did, or would do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cleaned {
    /// What went, in all.
    pub removed: Removed,
    /// Threads of which only checkpoints went.
    pub pruned_threads: u64,
    /// The first [`LISTED`] threads of which something went.
    pub threads: Vec<StaleThread>,
    /// Whether it was stopped before its end.
    pub stopped: bool,
}

/// How far a pass is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slice {
    /// What went so far.
    pub removed: Removed,
}

type Progress<'a> = &'a mut (dyn FnMut(Slice) -> ControlFlow<()> + Send);

/// Removes what the policies make superfluous, or with `dry_run` tells it. Pinned threads, those of users under hold and
/// those on which a run is active or waits stay. Between two slices others have the store for longer than the slice
/// took; `progress` hears of each slice and may end the pass there. Each thread goes whole or stays whole, whenever the
/// process ends.
///
/// # Errors
/// Those of [`Store::stale_threads`], [`Store::delete_stale`] and [`Store::prune`]. What went before stays gone.
pub async fn clean_up(
    store: &dyn Store,
    how: &CleanUp,
    progress: Progress<'_>,
) -> Result<Cleaned, StoreError> {
    let mut pass = Pass {
        store,
        how,
        progress,
        cleaned: Cleaned::default(),
    };
    let own = how.policies.users.iter();
    let own = own.filter(|(user, _)| how.user.as_ref().is_none_or(|only| only == *user));
    for (user, policy) in own {
        pass.follow(*policy, Some(user)).await?;
    }
    if how
        .user
        .as_ref()
        .is_none_or(|only| !how.policies.users.contains_key(only))
    {
        pass.follow(how.policies.default, how.user.as_ref()).await?;
    }
    Ok(pass.cleaned)
}

struct Pass<'a> {
    store: &'a dyn Store,
    how: &'a CleanUp,
    progress: Progress<'a>,
    cleaned: Cleaned,
}

impl Pass<'_> {
    /// One policy, for its user or for all who have none of their own.
    async fn follow(&mut self, policy: Policy, user: Option<&UserId>) -> Result<(), StoreError> {
        if policy.keeps_all() || self.cleaned.stopped {
            return Ok(());
        }
        let mut query = FindStale {
            user: user.cloned(),
            rule: policy.rule(self.how.now_ms),
            from: None,
            look_at: LOOK_AT,
            sized: self.how.dry_run,
        };
        loop {
            let mut page = self.store.stale_threads(query.clone()).await?;
            if user.is_none() {
                let own = &self.how.policies.users;
                page.threads
                    .retain(|thread| !own.contains_key(&thread.key.user));
            }
            if self.how.dry_run {
                self.tell(page.threads);
            } else {
                self.remove(page.threads, &query).await?;
            }
            query.from = page.next;
            if query.from.is_none() || self.cleaned.stopped {
                return Ok(());
            }
        }
    }

    fn tell(&mut self, threads: Vec<StaleThread>) {
        for thread in threads {
            let size = thread.size.unwrap_or_default();
            self.cleaned.removed.add(Removed {
                threads: u64::from(thread.goes == Goes::Thread),
                messages: size.messages,
                checkpoints: size.checkpoints,
                runs: 0,
                bytes: size.bytes,
            });
            self.note(thread);
        }
        self.go_on();
    }

    fn note(&mut self, thread: StaleThread) {
        self.cleaned.pruned_threads += u64::from(thread.goes == Goes::Checkpoints);
        if self.cleaned.threads.len() < LISTED {
            self.cleaned.threads.push(thread);
        }
    }

    fn go_on(&mut self) {
        let slice = Slice {
            removed: self.cleaned.removed,
        };
        self.cleaned.stopped = (self.progress)(slice).is_break();
    }

    async fn remove(
        &mut self,
        threads: Vec<StaleThread>,
        query: &FindStale,
    ) -> Result<(), StoreError> {
        let mut rest = threads.into_iter().peekable();
        while !self.cleaned.stopped && rest.peek().is_some() {
            let begun = Instant::now();
            let (mut slice, mut messages) = (Vec::new(), 0);
            while slice.len() < SLICE_THREADS
                && messages < SLICE_MESSAGES
                && let Some(thread) = rest.next_if(|next| next.goes == Goes::Thread)
            {
                messages += thread.messages;
                slice.push(thread);
            }
            if slice.is_empty() {
                if let Some(thread) = rest.next() {
                    self.prune(thread, query).await?;
                }
            } else {
                let keys: Vec<ThreadKey> = slice.iter().map(|one| one.key.clone()).collect();
                let removed = self.store.delete_stale(keys, query.rule).await?;
                self.cleaned.removed.add(removed);
                for thread in slice {
                    self.note(thread);
                }
            }
            self.go_on();
            pause(begun.elapsed()).await;
        }
        Ok(())
    }

    async fn prune(&mut self, thread: StaleThread, query: &FindStale) -> Result<(), StoreError> {
        let kept = Kept::Newest(query.rule.checkpoints_above.unwrap_or(u32::MAX));
        match self.store.prune(&thread.key, kept).await {
            Ok(pruned) if pruned.checkpoints > 0 => {
                self.cleaned.removed.checkpoints += pruned.checkpoints;
                self.cleaned.removed.bytes += pruned.bytes;
                self.note(thread);
                Ok(())
            }
            Ok(_) => Ok(()),
            Err(error) if is_passed_by(error.kind()) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// A thread that has come into use, under hold or away since it was looked at.
fn is_passed_by(kind: StoreErrorKind) -> bool {
    matches!(
        kind,
        StoreErrorKind::Busy | StoreErrorKind::Held | StoreErrorKind::NotFound
    )
}

async fn pause(took: Duration) {
    tokio::time::sleep(took * PAUSE).await;
}
