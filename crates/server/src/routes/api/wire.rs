//! The shapes of `/api`, converted by hand from what is stored.

use everthread_graph::contract::Json;
use everthread_store::{Hit, Session, Stats, Thread, User};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::erase::ErasedUser;
use crate::identity::{Key, Role};
use crate::times::iso;

/// A user's profile.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UserBody {
    /// Who.
    user_id: String,
    /// What to call them.
    name: Option<String>,
    /// Preferences: `interests`, `tone`, `language`, `length` and whatever else a deployment knows.
    #[schema(value_type = Option<Object>)]
    preferences: Option<Value>,
    /// Whether nothing of theirs may be erased.
    held: bool,
    /// When the user was first seen; `null` for one who has done nothing yet.
    created_at: Option<String>,
    /// When a turn of theirs was last committed.
    active_at: Option<String>,
    /// Their threads.
    threads: u64,
    /// Messages in these.
    messages: u64,
}

impl UserBody {
    /// A user who has done nothing yet.
    pub(crate) fn nobody_yet(user_id: &str) -> Self {
        Self {
            user_id: user_id.to_owned(),
            name: None,
            preferences: None,
            held: false,
            created_at: None,
            active_at: None,
            threads: 0,
            messages: 0,
        }
    }
}

impl From<&User> for UserBody {
    fn from(user: &User) -> Self {
        Self {
            user_id: user.id.to_string(),
            name: user.name.clone(),
            preferences: user.preferences.as_ref().and_then(value),
            held: user.held,
            created_at: Some(iso(user.created_ms)),
            active_at: Some(iso(user.active_ms)),
            threads: user.threads,
            messages: user.messages,
        }
    }
}

/// A change to a profile; what is left out stays as it is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProfileBody {
    /// What to call them; 1 to 255 characters.
    pub(crate) name: Option<String>,
    /// Preferences, as a whole.
    #[schema(value_type = Option<Object>)]
    pub(crate) preferences: Option<serde_json::Map<String, Value>>,
}

/// What an erasure removed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ErasedBody {
    threads: u64,
    messages: u64,
    checkpoints: u64,
    runs: u64,
    items: u64,
    sessions: u64,
    /// Keys of the user, which are revoked and tell no more whose they were.
    keys: u64,
    /// Bytes by which the storage in use became smaller.
    bytes: u64,
}

impl From<ErasedUser> for ErasedBody {
    fn from(ErasedUser { data: gone, keys }: ErasedUser) -> Self {
        Self {
            keys,
            threads: gone.threads,
            messages: gone.messages,
            checkpoints: gone.checkpoints,
            runs: gone.runs,
            items: gone.items,
            sessions: gone.sessions,
            bytes: gone.bytes,
        }
    }
}

/// A conversation as a list shows it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ConversationBody {
    thread_id: String,
    title: Option<String>,
    /// `idle`, `busy`, `interrupted` or `error`.
    status: &'static str,
    pinned: bool,
    archived: bool,
    #[schema(value_type = Object)]
    metadata: Value,
    created_at: String,
    updated_at: String,
    last_message_at: Option<String>,
    messages: u64,
    turns: u64,
}

impl From<&Thread> for ConversationBody {
    fn from(thread: &Thread) -> Self {
        let metadata = thread.metadata.as_ref().and_then(value);
        Self {
            thread_id: thread.id.to_string(),
            title: thread.title.clone(),
            status: thread.status.as_str(),
            pinned: thread.pinned,
            archived: thread.archived,
            metadata: metadata.unwrap_or_else(|| Value::Object(serde_json::Map::new())),
            created_at: iso(thread.created_ms),
            updated_at: iso(thread.updated_ms),
            last_message_at: thread.last_message_ms.map(iso),
            messages: thread.messages,
            turns: thread.turns,
        }
    }
}

/// One client at work for a user.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SessionBody {
    session_id: String,
    /// Which program it is.
    client: String,
    /// The thread that it was last in.
    thread_id: Option<String>,
    started_at: String,
    last_at: String,
    turns: u64,
}

impl From<&Session> for SessionBody {
    fn from(session: &Session) -> Self {
        Self {
            session_id: session.id.clone(),
            client: session.client.clone(),
            thread_id: session.thread.as_ref().map(ToString::to_string),
            started_at: iso(session.started_ms),
            last_at: iso(session.last_ms),
            turns: session.turns,
        }
    }
}

/// One message found.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HitBody {
    thread_id: String,
    title: Option<String>,
    /// The message's number in its thread.
    seq: u64,
    /// `null` where the message is read at the head. One of another branch is read at this checkpoint.
    checkpoint_id: Option<String>,
    at: String,
    /// The part of its text around the first word found.
    snippet: String,
    /// The same in pieces, so that what was found can be marked.
    parts: Vec<PartBody>,
    #[schema(value_type = Object)]
    message: Value,
}

/// A piece of a snippet.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct PartBody {
    text: String,
    /// Whether it is a word that was looked for.
    found: bool,
}

impl From<&Hit> for HitBody {
    fn from(hit: &Hit) -> Self {
        Self {
            thread_id: hit.thread.to_string(),
            title: hit.title.clone(),
            seq: hit.seq,
            checkpoint_id: hit.checkpoint.map(|id| id.to_string()),
            at: iso(hit.at_ms),
            snippet: hit.snippet.clone(),
            parts: parts(&hit.snippet, &hit.marks),
            message: value(&hit.body).unwrap_or(Value::Null),
        }
    }
}

fn parts(snippet: &str, marks: &[std::ops::Range<usize>]) -> Vec<PartBody> {
    let mut parts = Vec::with_capacity(marks.len() * 2 + 1);
    let mut push = |text: &str, found| {
        if !text.is_empty() {
            let text = text.to_owned();
            parts.push(PartBody { text, found });
        }
    };
    let mut from = 0;
    for mark in marks {
        push(&snippet[from..mark.start], false);
        push(&snippet[mark.clone()], true);
        from = mark.end;
    }
    push(&snippet[from..], false);
    parts
}

/// Sizes and counts of the whole storage, told in a time that does not grow with it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StorageBody {
    /// The database and its version.
    engine: String,
    file_bytes: u64,
    live_bytes: u64,
    /// By how many bytes it grew in the last 24 hours.
    growth_day_bytes: i64,
    /// Bytes that were never written, because a state is kept as what changed.
    saved_bytes: u64,
    users: u64,
    active_users: ActiveBody,
    threads: u64,
    messages: u64,
    /// Messages of the last 24 hours.
    messages_day: u64,
    /// The same for each hour.
    messages_per_hour: f64,
    /// Of a large storage an estimate, as are `runs` and `kinds`.
    checkpoints: u64,
    runs: u64,
    items: u64,
    /// Messages that the search index has not seen yet.
    unindexed: u64,
    /// The threads with the most messages.
    largest_threads: Vec<LargeThreadBody>,
    /// The users with the most messages.
    largest_users: Vec<LargeUserBody>,
    /// Bytes by kind, largest first.
    kinds: Vec<KindBody>,
    /// When that was measured from which is estimated; `null` where nothing is, or the database does it itself.
    measured_at: Option<String>,
    /// Calls of the store since the server began.
    operations: u64,
    /// Requests and runs that failed, for each of these calls.
    error_rate: f64,
}

/// Users who were active in the last 24 hours, 7 days and 30 days, to the hour.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ActiveBody {
    day: u64,
    week: u64,
    month: u64,
}

/// A thread with many messages.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LargeThreadBody {
    user_id: String,
    thread_id: String,
    messages: u64,
}

/// A user with many messages.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LargeUserBody {
    user_id: String,
    messages: u64,
}

/// Bytes of one kind of row.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KindBody {
    kind: String,
    bytes: u64,
}

impl StorageBody {
    /// What the storage tells, and what this server counted.
    pub(crate) fn new(stats: Stats, operations: u64, errors: u64) -> Self {
        let threads = stats.largest_threads.iter().map(|one| LargeThreadBody {
            user_id: one.key.user.to_string(),
            thread_id: one.key.thread.to_string(),
            messages: one.messages,
        });
        let users = stats.largest_users.iter().map(|one| LargeUserBody {
            user_id: one.user.to_string(),
            messages: one.messages,
        });
        let kinds = stats.kinds.into_iter().map(|size| KindBody {
            kind: size.kind,
            bytes: size.bytes,
        });
        Self {
            engine: stats.engine,
            file_bytes: stats.file_bytes,
            live_bytes: stats.live_bytes,
            growth_day_bytes: stats.growth_day_bytes,
            saved_bytes: stats.saved_bytes,
            users: stats.users,
            active_users: ActiveBody {
                day: stats.active.day,
                week: stats.active.week,
                month: stats.active.month,
            },
            threads: stats.threads,
            messages: stats.messages,
            messages_day: stats.messages_day,
            messages_per_hour: stats.messages_day as f64 / 24.0,
            checkpoints: stats.checkpoints,
            runs: stats.runs,
            items: stats.items,
            unindexed: stats.unindexed,
            largest_threads: threads.collect(),
            largest_users: users.collect(),
            kinds: kinds.collect(),
            measured_at: stats.measured_ms.map(iso),
            operations,
            error_rate: errors as f64 / operations.max(1) as f64,
        }
    }
}

/// A key, without its secret.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KeyBody {
    key_id: String,
    name: String,
    role: Role,
    user: Option<String>,
    requests_per_minute: Option<u32>,
    created_at: String,
    /// To the minute.
    used_at: Option<String>,
    revoked_at: Option<String>,
}

impl From<&Key> for KeyBody {
    fn from(key: &Key) -> Self {
        Self {
            key_id: key.id.to_string(),
            name: key.name.clone(),
            role: key.role,
            user: key.user.as_ref().map(ToString::to_string),
            requests_per_minute: key.requests_per_minute,
            created_at: iso(key.created_ms),
            used_at: key.used_ms.map(iso),
            revoked_at: key.revoked_ms.map(iso),
        }
    }
}

/// A JSON value that the store keeps; it was valid when it was stored.
pub(crate) fn value(json: &Json) -> Option<Value> {
    json.read().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snippet_is_told_in_pieces_that_make_it_whole() {
        let pieces = parts("my dög Rex", &[3..7, 8..11]);
        let whole: String = pieces.iter().map(|part| part.text.as_str()).collect();
        assert_eq!(whole, "my dög Rex");
        let found: Vec<&str> = pieces
            .iter()
            .filter(|part| part.found)
            .map(|part| part.text.as_str())
            .collect();
        assert_eq!(found, ["dög", "Rex"]);
        assert_eq!(parts("", &[]), []);
    }
}
