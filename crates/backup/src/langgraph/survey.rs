//! A first look at all conversations: whose they are, and in which order they come.

use std::collections::BTreeMap;

use everthread_graph::contract::{Json, ThreadId, ThreadKey, UserId};
use everthread_store::langgraph::{Checkpoints, Line};
use everthread_store::portable::UserRow;
use serde_json::{Map, Value};

use super::Translate;
use super::checkpoint::{Body, Metadata, State};
use super::loss::Losses;
use super::owner::NamedBy;
use super::report::{Leaving, Left};
use crate::error::BackupError;

/// The channel in which programs keep what they know of the user.
pub(super) const PROFILE: &str = "user_profile";

/// The longest profile, in bytes of JSON.
const MAX_PROFILE: usize = 64 * 1024;

/// What is in the file.
#[derive(Default)]
pub(super) struct Survey {
    /// In the order of users and threads.
    pub(super) conversations: Vec<Conversation>,
    pub(super) profiles: BTreeMap<UserId, Profile>,
    pub(super) owners: BTreeMap<NamedBy, u64>,
    /// When the newest checkpoint was made.
    pub(super) newest_ms: i64,
}

/// A conversation that is to come over.
pub(super) struct Conversation {
    pub(super) key: ThreadKey,
    pub(super) line: Line,
}

/// What is known of a user.
#[derive(Default)]
pub(super) struct Profile {
    name: Option<String>,
    preferences: Map<String, Value>,
    created_ms: i64,
    active_ms: i64,
}

impl Survey {
    pub(super) fn of(
        file: &dyn Checkpoints,
        how: &Translate,
        left: &mut Leaving,
    ) -> Result<Self, BackupError> {
        let mut survey = Self::default();
        let lines = file.lines()?;
        for of_thread in lines.chunk_by(|a, b| a.thread == b.thread) {
            let has_root = of_thread.iter().any(|line| line.namespace.is_empty());
            for line in of_thread {
                let is_own = match has_root {
                    true => line.namespace.is_empty(),
                    false => !line.namespace.contains([':', '|']),
                };
                if is_own {
                    survey.conversation(file, line, how, left)?;
                } else {
                    let why = "they belong to a subgraph, whose nodes are not here";
                    left.note(&line.thread, Left::Subgraph, line.checkpoints, why);
                }
            }
        }
        survey.sort(left);
        Ok(survey)
    }

    fn conversation(
        &mut self,
        file: &dyn Checkpoints,
        line: &Line,
        how: &Translate,
        left: &mut Leaving,
    ) -> Result<(), BackupError> {
        let thread = match ThreadId::new(&line.thread) {
            Ok(thread) => thread,
            Err(error) => {
                let shown: String = line.thread.escape_debug().take(80).collect();
                left.note(&shown, Left::Conversation, 1, error.to_string());
                return Ok(());
            }
        };
        let Some((head, _)) = file.ids(line)?.pop() else {
            return Ok(());
        };
        let stored = file.checkpoint(line, &head)?;
        let metadata = Metadata::of(&stored);
        let body = Body::of(&stored, &mut Losses::default());
        let state = body.as_ref().ok().and_then(|body| body.state().ok());
        let (user, by) = how.owner.of(line, state.as_ref(), &metadata, left);
        if let Some(state) = &state {
            let at_ms = state.at_ms().unwrap_or(0);
            self.newest_ms = self.newest_ms.max(at_ms);
            self.profile(&user, state, at_ms);
        }
        *self.owners.entry(by).or_default() += 1;
        self.conversations.push(Conversation {
            key: ThreadKey { user, thread },
            line: line.clone(),
        });
        Ok(())
    }

    /// Takes what a state says of its user; of several the newest counts.
    fn profile(&mut self, user: &UserId, state: &State<'_>, at_ms: i64) {
        let said = state.channel_values.get(PROFILE);
        let Some(said) = said.filter(|said| said.get().len() <= MAX_PROFILE) else {
            return;
        };
        let Ok(mut fields) = serde_json::from_str::<Map<String, Value>>(said.get()) else {
            return;
        };
        fields.shift_remove("user_id");
        let mut text = |name: &str| match fields.shift_remove(name) {
            Some(Value::String(text)) if !text.is_empty() => Some(text),
            _ => None,
        };
        let username = text("username");
        let name = text("name").or(username);
        if let Some(Value::Object(more)) = fields.shift_remove("preferences") {
            fields.extend(more);
        }
        fields.retain(|_, value| !value.is_null());
        if name.is_none() && fields.is_empty() {
            return;
        }
        let known = self.profiles.entry(user.clone()).or_insert(Profile {
            created_ms: at_ms,
            active_ms: i64::MIN,
            ..Profile::default()
        });
        known.created_ms = known.created_ms.min(at_ms);
        if at_ms > known.active_ms {
            known.active_ms = at_ms;
            known.name = name;
            known.preferences = fields;
        }
    }

    /// The order in which an archive has them. A name comes once.
    fn sort(&mut self, left: &mut Leaving) {
        self.conversations.sort_by(|a, b| a.key.cmp(&b.key));
        self.conversations.dedup_by(|next, one| {
            let twice = next.key == one.key;
            if twice {
                let why = "another line of checkpoints of the same user has this name";
                left.note(&next.line.thread, Left::Conversation, 1, why);
            }
            twice
        });
    }
}

impl Profile {
    /// The row of this user.
    pub(super) fn row(&self, user: &UserId) -> UserRow {
        let preferences = (!self.preferences.is_empty())
            .then(|| Json::trusted(&Value::from(self.preferences.clone()).to_string()));
        UserRow {
            id: user.clone(),
            name: self.name.clone(),
            preferences,
            created_ms: self.created_ms,
            active_ms: self.active_ms,
            held: false,
        }
    }
}
