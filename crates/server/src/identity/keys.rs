//! API keys: documents of the deployment, found by their hash.
//!
//! Keys in use are kept in memory for [`FRESH`], so that a request costs no read of the store and a revocation, by
//! this process or another, is seen within a second. A revoked key stays listed: a server that ever had keys never
//! again serves callers without one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use everthread_graph::contract::{Json, UserId};
use everthread_store::{ListRecords, Record, Store, StoreError, StoreErrorKind};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::key::KeyHash;
use super::{KeyId, KeyText, Role};

/// What kind of document a key is.
const KIND: &str = "key";
/// How long a key is believed without asking the store.
const FRESH: Duration = Duration::from_millis(500);
/// Keys in memory at most; the oldest go first.
const MAX_HELD: usize = 10_000;
/// How exact the time of the last use is.
const USED_EACH_MS: i64 = 60_000;

/// An API key, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Its public name.
    pub id: KeyId,
    /// What people call it.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// Whose data it sees; a key with the role `user` has one until that user is erased, others name a user with each
    /// request.
    pub user: Option<UserId>,
    /// Requests a minute that it may make; `None` for the server's setting.
    pub requests_per_minute: Option<u32>,
    /// When it was made, in milliseconds since 1970-01-01 UTC.
    pub created_ms: i64,
    /// When it was last used, to the minute.
    pub used_ms: Option<i64>,
    /// When it was revoked.
    pub revoked_ms: Option<i64>,
}

/// A key that is to be made.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// What people call it.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// Whose data it sees: required for the role `user`, impossible for others.
    pub user: Option<UserId>,
    /// Requests a minute that it may make; `None` for the server's setting.
    pub requests_per_minute: Option<u32>,
}

/// A key as it is stored. The secret is in no field.
#[derive(Serialize, Deserialize)]
struct Stored {
    name: String,
    role: Role,
    user: Option<UserId>,
    #[serde(default)]
    requests_per_minute: Option<u32>,
    hash: String,
    used_ms: Option<i64>,
    revoked_ms: Option<i64>,
}

/// The keys of a deployment.
#[derive(Debug)]
pub struct Keys {
    store: Arc<dyn Store>,
    held: Mutex<HashMap<KeyHash, Held>>,
    any: Mutex<Option<(bool, Instant)>>,
}

#[derive(Debug)]
struct Held {
    key: Arc<Key>,
    read: Instant,
}

impl Keys {
    /// The keys in this store.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            held: Mutex::default(),
            any: Mutex::default(),
        }
    }

    /// Makes a key. Its text is given this once.
    ///
    /// # Errors
    /// `Invalid` when role and user do not fit together; those of the store.
    pub async fn create(&self, new: NewKey) -> Result<(KeyText, Key), StoreError> {
        check(&new)?;
        let text = KeyText::generate();
        let hash = text.hash();
        let stored = Stored {
            name: new.name,
            role: new.role,
            user: new.user,
            requests_per_minute: new.requests_per_minute,
            hash: hash.hex(),
            used_ms: None,
            revoked_ms: None,
        };
        let body = Json::of(&stored).map_err(unreadable)?;
        let id = hash.id();
        let record = self.store.put_record(KIND, id.as_str(), None, body).await?;
        *lock(&self.any) = Some((true, Instant::now()));
        Ok((text, read(&record)?.1))
    }

    /// Every key, revoked ones too, the newest first.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn list(&self) -> Result<Vec<Key>, StoreError> {
        const PAGE: usize = 1_000;
        let mut keys = Vec::new();
        loop {
            let page = ListRecords {
                offset: keys.len(),
                limit: PAGE,
            };
            let records = self.store.records(KIND, page).await?;
            for record in &records {
                keys.push(read(record)?.1);
            }
            if records.len() < PAGE {
                break;
            }
        }
        keys.sort_by(|one, other| (other.created_ms, &other.id).cmp(&(one.created_ms, &one.id)));
        Ok(keys)
    }

    /// Revokes a key: at once here, within a second in other processes. Revoking it again changes nothing.
    ///
    /// # Errors
    /// `NotFound`; those of the store.
    pub async fn revoke(&self, id: &KeyId) -> Result<Key, StoreError> {
        loop {
            let Some(record) = self.store.record(KIND, id.as_str()).await? else {
                let what = format!("there is no key {id}");
                return Err(StoreError::new(StoreErrorKind::NotFound, what));
            };
            let (mut stored, key) = read(&record)?;
            if key.revoked_ms.is_some() {
                return Ok(key);
            }
            stored.revoked_ms = Some(now_ms());
            let body = Json::of(&stored).map_err(unreadable)?;
            let version = Some(record.version);
            match self
                .store
                .put_record(KIND, id.as_str(), version, body)
                .await
            {
                // It was used at the same moment.
                Err(error) if error.kind() == StoreErrorKind::Conflict => {}
                Err(error) => return Err(error),
                Ok(record) => {
                    lock(&self.held).retain(|_, held| held.key.id != *id);
                    return Ok(read(&record)?.1);
                }
            }
        }
    }

    /// Revokes every key of a user, and forgets whose they were and what they were called; gives how many there were,
    /// those revoked before included. The rest of each stays, so that a deployment which ever had keys never again
    /// serves callers without one.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn forget_user(&self, user: &UserId) -> Result<u64, StoreError> {
        let mut forgotten = 0;
        for key in self.list().await? {
            if key.user.as_ref() == Some(user) {
                self.forget(&key.id).await?;
                forgotten += 1;
            }
        }
        Ok(forgotten)
    }

    async fn forget(&self, id: &KeyId) -> Result<(), StoreError> {
        while let Some(record) = self.store.record(KIND, id.as_str()).await? {
            let (mut stored, _) = read(&record)?;
            stored.user = None;
            stored.name = String::new();
            stored.revoked_ms.get_or_insert_with(now_ms);
            let body = Json::of(&stored).map_err(unreadable)?;
            let version = Some(record.version);
            match self
                .store
                .put_record(KIND, id.as_str(), version, body)
                .await
            {
                // It was used at the same moment.
                Err(error) if error.kind() == StoreErrorKind::Conflict => {}
                Err(error) => return Err(error),
                Ok(_) => {
                    lock(&self.held).retain(|_, held| held.key.id != *id);
                    break;
                }
            }
        }
        Ok(())
    }

    /// Whether a key was ever made, as of half a second ago at most.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn any(&self) -> Result<bool, StoreError> {
        let known = *lock(&self.any);
        match known {
            Some((true, _)) => return Ok(true),
            Some((false, at)) if at.elapsed() < FRESH => return Ok(false),
            _ => {}
        }
        let one = ListRecords {
            offset: 0,
            limit: 1,
        };
        let any = !self.store.records(KIND, one).await?.is_empty();
        *lock(&self.any) = Some((any, Instant::now()));
        Ok(any)
    }

    /// The key if it is in memory and was read a moment ago.
    pub(crate) fn held(&self, text: &KeyText) -> Option<Arc<Key>> {
        let held = lock(&self.held);
        let found = held.get(&text.hash())?;
        (found.read.elapsed() < FRESH).then(|| Arc::clone(&found.key))
    }

    /// Whether the key was ever found here: a new look at it is no guess.
    pub(crate) fn was_known(&self, text: &KeyText) -> bool {
        lock(&self.held).contains_key(&text.hash())
    }

    /// The key that is valid now; `None` for one that is unknown or revoked. Takes note of the use.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn find(&self, text: &KeyText) -> Result<Option<Arc<Key>>, StoreError> {
        if let Some(key) = self.held(text) {
            return Ok(Some(key));
        }
        let hash = text.hash();
        let id = hash.id();
        let record = self.store.record(KIND, id.as_str()).await?;
        let valid = match &record {
            Some(record) => valid(record, hash)?,
            None => None,
        };
        let (Some((stored, mut key)), Some(record)) = (valid, record) else {
            lock(&self.held).remove(&hash);
            return Ok(None);
        };
        if key.used_ms.is_none_or(|at| now_ms() - at >= USED_EACH_MS) {
            key.used_ms = Some(now_ms());
            self.note_use(&key, stored, record.version).await;
        }
        let key = Arc::new(key);
        self.hold(hash, Arc::clone(&key));
        Ok(Some(key))
    }

    /// Writes when the key was used. A failure is no reason to refuse the caller.
    async fn note_use(&self, key: &Key, mut stored: Stored, version: u64) {
        stored.used_ms = key.used_ms;
        let Ok(body) = Json::of(&stored) else {
            return;
        };
        let id = key.id.as_str();
        let written = self.store.put_record(KIND, id, Some(version), body).await;
        if let Err(error) = written {
            // Somebody else was quicker, or the disk is full: the next look tries again.
            tracing::debug!(operation = "key_used", outcome = "error", %error, "use not noted");
        }
    }

    fn hold(&self, hash: KeyHash, key: Arc<Key>) {
        let mut held = lock(&self.held);
        if held.len() >= MAX_HELD {
            held.retain(|_, held| held.read.elapsed() < FRESH);
        }
        let read = Instant::now();
        held.insert(hash, Held { key, read });
    }
}

fn check(new: &NewKey) -> Result<(), StoreError> {
    let wrong = |why: &str| Err(StoreError::new(StoreErrorKind::Invalid, why));
    match (new.role, &new.user) {
        (Role::User, None) => wrong("a key with the role user needs the user whose data it sees"),
        (Role::Service | Role::Admin, Some(_)) => wrong(
            "only a key with the role user belongs to a user; others name one with each request",
        ),
        _ if new.requests_per_minute == Some(0) => wrong("a key needs at least a request a minute"),
        _ => Ok(()),
    }
}

fn valid(record: &Record, hash: KeyHash) -> Result<Option<(Stored, Key)>, StoreError> {
    let (stored, key) = read(record)?;
    let is_valid = hash.is(&stored.hash) && key.revoked_ms.is_none();
    Ok(is_valid.then_some((stored, key)))
}

fn read(record: &Record) -> Result<(Stored, Key), StoreError> {
    let stored: Stored = record.body.read().map_err(unreadable)?;
    let key = Key {
        id: record.id.parse().unwrap_or_else(|never| match never {}),
        name: stored.name.clone(),
        role: stored.role,
        user: stored.user.clone(),
        requests_per_minute: stored.requests_per_minute,
        created_ms: record.created_ms,
        used_ms: stored.used_ms,
        revoked_ms: stored.revoked_ms,
    };
    Ok((stored, key))
}

fn unreadable(error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::new(StoreErrorKind::Corrupt, "a key cannot be read or written").with_source(error)
}

fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
