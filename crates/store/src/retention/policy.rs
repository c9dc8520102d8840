//! Who keeps what for how long.

use std::collections::BTreeMap;

use everthread_graph::contract::{Json, StoreError, StoreErrorKind, UserId};
use serde_json::{Value, json};

use super::StaleRule;
use crate::{ListRecords, Store};

/// The kind of the documents that hold policies of single users; the id is the user's.
pub const RETENTION: &str = "retention";

/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;

/// Documents that are read at once.
const PAGE: usize = 1_000;

/// How long threads and checkpoints are kept. A policy without limits keeps all for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Policy {
    /// Threads that were begun more than so many days ago go, however new their last message is.
    pub max_age_days: Option<u32>,
    /// Threads that have not changed for so many days go.
    pub idle_days: Option<u32>,
    /// The newest so many checkpoints of each line of a thread's history stay; no message goes with the others.
    pub keep_checkpoints: Option<u32>,
}

impl Policy {
    /// Whether it keeps all for ever.
    #[must_use]
    pub fn keeps_all(&self) -> bool {
        *self == Self::default()
    }

    /// What it makes stale at this time.
    #[must_use]
    pub fn rule(&self, now_ms: i64) -> StaleRule {
        let before = |days: u32| now_ms.saturating_sub(i64::from(days) * DAY_MS);
        StaleRule {
            created_before_ms: self.max_age_days.map(before),
            updated_before_ms: self.idle_days.map(before),
            checkpoints_above: self.keep_checkpoints,
        }
    }

    fn body(&self) -> Json {
        let body = json!({
            "max_age_days": self.max_age_days, "idle_days": self.idle_days, "keep_checkpoints": self.keep_checkpoints,
        });
        Json::of(&body).expect("numbers have a JSON form")
    }

    fn from_body(body: &Json) -> Option<Self> {
        let body: Value = body.read().ok()?;
        let field = |name: &str| match body.get(name) {
            None | Some(Value::Null) => Some(None),
            Some(value) => value.as_u64().and_then(|n| u32::try_from(n).ok()).map(Some),
        };
        Some(Self {
            max_age_days: field("max_age_days")?,
            idle_days: field("idle_days")?,
            keep_checkpoints: field("keep_checkpoints")?,
        })
    }
}

/// The policy of everybody, and those of single users, which take its place.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Policies {
    /// Of everybody who has none of their own.
    pub default: Policy,
    /// Of single users.
    pub users: BTreeMap<UserId, Policy>,
}

impl Policies {
    /// Reads the policies of single users.
    ///
    /// # Errors
    /// `Corrupt` when one cannot be read: rather than by another rule, nothing is removed. `Unavailable`.
    pub async fn load(store: &dyn Store, default: Policy) -> Result<Self, StoreError> {
        let mut users = BTreeMap::new();
        let mut page = ListRecords {
            offset: 0,
            limit: PAGE,
        };
        loop {
            let records = store.records(RETENTION, page.clone()).await?;
            for record in &records {
                let user = UserId::new(&record.id).map_err(|_| unreadable(&record.id))?;
                let policy =
                    Policy::from_body(&record.body).ok_or_else(|| unreadable(&record.id))?;
                users.insert(user, policy);
            }
            if records.len() < page.limit {
                return Ok(Self { default, users });
            }
            page.offset += records.len();
        }
    }

    /// Gives a user a policy of their own, or with `None` that of everybody.
    ///
    /// # Errors
    /// `Conflict` when somebody else changes it at this moment; `Unavailable`, `Newer`.
    pub async fn set(
        store: &dyn Store,
        user: &UserId,
        policy: Option<Policy>,
    ) -> Result<(), StoreError> {
        let Some(policy) = policy else {
            store.delete_record(RETENTION, user.as_str()).await?;
            return Ok(());
        };
        let there = store.record(RETENTION, user.as_str()).await?;
        let version = there.map(|record| record.version);
        store
            .put_record(RETENTION, user.as_str(), version, policy.body())
            .await?;
        Ok(())
    }

    /// The policy of their own that a user has; `None` for none.
    ///
    /// # Errors
    /// `Corrupt` when it cannot be read; `Unavailable`.
    pub async fn own(store: &dyn Store, user: &UserId) -> Result<Option<Policy>, StoreError> {
        let Some(record) = store.record(RETENTION, user.as_str()).await? else {
            return Ok(None);
        };
        let policy = Policy::from_body(&record.body);
        policy.map(Some).ok_or_else(|| unreadable(user.as_str()))
    }

    /// The policy of a user.
    #[must_use]
    pub fn of(&self, user: &UserId) -> Policy {
        self.users.get(user).copied().unwrap_or(self.default)
    }

    /// Whether nobody's policy removes anything.
    #[must_use]
    pub fn keep_all(&self) -> bool {
        self.default.keeps_all() && self.users.values().all(Policy::keeps_all)
    }
}

fn unreadable(user: &str) -> StoreError {
    StoreError::new(
        StoreErrorKind::Corrupt,
        format!("the retention policy of user {user} cannot be read: set it again"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_comes_back_as_it_was_written() {
        let policy = Policy {
            max_age_days: None,
            idle_days: Some(30),
            keep_checkpoints: Some(0),
        };
        assert_eq!(Policy::from_body(&policy.body()), Some(policy));
        let foreign = Json::parse(r#"{"idle_days": "soon"}"#).unwrap();
        assert_eq!(Policy::from_body(&foreign), None);
    }

    #[test]
    fn days_are_counted_back_from_now() {
        let policy = Policy {
            idle_days: Some(2),
            ..Policy::default()
        };
        let rule = policy.rule(3 * DAY_MS);
        assert_eq!(rule.updated_before_ms, Some(DAY_MS));
        assert!(rule.takes_thread(0, DAY_MS - 1) && !rule.takes_thread(0, DAY_MS));
        assert!(!Policy::default().rule(DAY_MS).takes_thread(0, 0));
    }
}
