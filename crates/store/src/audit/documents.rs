//! What no thread's audit reads: items, sessions, documents of the deployment, what runs told.

use everthread_graph::contract::{Json, RunId, ThreadId};

use super::MAX_LISTED;
use crate::CheckReport;
use crate::batch::batch_events;

/// Says of each whether it can be read.
#[derive(Debug, Default)]
pub struct DocumentAudit {
    report: CheckReport,
    /// Of which run of which thread the last batch was, and up to which number it went.
    before: Option<(String, i64, RunId, u64)>,
}

impl DocumentAudit {
    /// An item: whose it is, its namespace with dots, its key, its value, and whether it ends as it was given.
    pub fn item(&mut self, user: &str, (namespace, key): (&str, &str), value: &str, ends: bool) {
        let named = namespace.split('.').all(|part| !part.is_empty());
        if !named || !ends || Json::parse(value).is_err() {
            self.wrong(format!("item {key:?} in {namespace:?} of user {user}"));
        }
    }

    /// A session.
    pub fn session(&mut self, user: &str, id: &str, thread: Option<&str>, turns: i64) {
        let named = thread.is_none_or(|thread| ThreadId::new(thread).is_ok());
        if !named || turns < 0 {
            self.wrong(format!("session {id:?} of user {user}"));
        }
    }

    /// A document of the deployment.
    pub fn record(&mut self, (kind, id): (&str, &str), version: i64, body: &str) {
        if version < 1 || Json::parse(body).is_err() {
            self.wrong(format!("{kind} {id:?}"));
        }
    }

    /// A batch of events, each after those of the same run with lower numbers: whose it is (user, thread's number and
    /// run), its first number and its last, how many.
    pub fn events(
        &mut self,
        (user, thread, run): (&str, i64, RunId),
        (first, last): (u64, u64),
        count: usize,
        body: &str,
    ) {
        let follows = self.before.as_ref().is_none_or(|(of, at, other, upto)| {
            (of.as_str(), *at, *other) != (user, thread, run) || *upto < first
        });
        let whole = batch_events(body).is_some_and(|batch| {
            batch.len() == count
                && batch.first().is_some_and(|event| event.seq == first)
                && batch.last().is_some_and(|event| event.seq == last)
                && batch.is_sorted_by(|a, b| a.seq < b.seq)
                && batch
                    .iter()
                    .all(|event| Json::parse(event.body.as_str()).is_ok())
        });
        if !follows || !whole {
            self.wrong(format!("events {first} to {last} of run {run}"));
        }
        self.before = Some((user.to_owned(), thread, run, last));
    }

    /// What was found.
    #[must_use]
    pub fn finish(self) -> CheckReport {
        self.report
    }

    fn wrong(&mut self, place: String) {
        if self.report.problems.len() < MAX_LISTED {
            self.report.problem(
                place,
                "it cannot be read: restore it from a verified backup",
            );
        }
    }
}
