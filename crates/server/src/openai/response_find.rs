//! Responses that were made before: found by their ids, and told as they stand now.

use everthread_graph::contract::ThreadKey;
use everthread_store::{ReadMessages, Run, RunStatus};
use serde_json::Value;

use super::history;
use super::message::{Message, Role};
use super::refusal::Refusal;
use super::response::{Shell, Standing, ended};
use super::response_id::ResponseId;
use crate::app::App;
use crate::identity::Caller;
use crate::runs::Kept;

/// Messages of a run that are looked at: the newest so many of its thread.
const MAX_MESSAGES: usize = 1_000;

/// A response that was made before.
pub(crate) struct Found {
    pub(crate) key: ThreadKey,
    pub(crate) run: Run,
    pub(crate) kept: Kept,
    pub(crate) shell: Shell,
}

/// What a response was given, and what it said.
#[derive(Default)]
pub(crate) struct Talk {
    pub(crate) given: Vec<Message>,
    pub(crate) said: Vec<Message>,
}

/// A response of the caller's; `None` when there is none of this id, or it was not to be kept.
///
/// # Errors
/// As the store answers.
pub(crate) async fn find(app: &App, caller: &Caller, text: &str) -> Result<Option<Found>, Refusal> {
    let Some(id) = ResponseId::parse(text) else {
        return Ok(None);
    };
    let key = caller.key(id.thread.clone());
    let Some(run) = app.store.run(&key, id.run).await? else {
        return Ok(None);
    };
    let kept = Kept::read(run.details.as_ref());
    let told = kept.as_ref().and_then(|kept| kept.asked.as_deref());
    let told: Option<Value> = told.and_then(|told| serde_json::from_str(told.get()).ok());
    let (Some(kept), Some(told)) = (kept, told) else {
        return Ok(None);
    };
    if told["store"] == false {
        return Ok(None);
    }
    let shell = Shell::new(id.run, &id.thread, told);
    Ok(Some(Found {
        key,
        run,
        kept,
        shell,
    }))
}

impl Found {
    /// What it was given and what it said so far.
    ///
    /// # Errors
    /// As the store answers.
    pub(crate) async fn talk(&self, app: &App) -> Result<Talk, Refusal> {
        let end = history::end_of_run(&*app.store, &self.key, self.run.id).await?;
        let Some(end) = end else {
            return Ok(Talk::default());
        };
        let query = ReadMessages {
            at: Some(end),
            before_seq: None,
            limit: Some(MAX_MESSAGES),
        };
        let mut talk = Talk::default();
        for stored in app.store.messages(&self.key, query).await? {
            if stored.run != Some(self.run.id) {
                continue;
            }
            let Some(message) = of_stored(&stored) else {
                continue;
            };
            match message.role {
                Role::Assistant => talk.said.push(message),
                _ => talk.given.push(message),
            }
        }
        Ok(talk)
    }

    /// How it stands: it is complete with its reply, whatever its run still does.
    pub(crate) fn standing(&self, talk: &Talk) -> Standing {
        if !talk.said.is_empty() {
            return ended(&talk.said);
        }
        match self.run.status {
            RunStatus::Pending => Standing::Queued,
            RunStatus::Running => Standing::InProgress,
            RunStatus::Success => Standing::Completed,
            RunStatus::Error | RunStatus::Orphaned => Standing::Failed(
                self.run
                    .error
                    .clone()
                    .unwrap_or_else(|| "its process ended before its reply".to_owned()),
            ),
            RunStatus::Interrupted | RunStatus::Cancelled | RunStatus::RolledBack => {
                Standing::Cancelled
            }
        }
    }

    /// The response as it stands.
    ///
    /// # Errors
    /// As the store answers.
    pub(crate) async fn show(&self, app: &App) -> Result<Value, Refusal> {
        let talk = self.talk(app).await?;
        if talk.said.is_empty() {
            return Ok(self.shell.with(&self.standing(&talk), &[], None));
        }
        Ok(self.shell.of(&talk.said))
    }
}

/// A message as the transcript has it, with its id.
pub(crate) fn of_stored(stored: &everthread_store::StoredMessage) -> Option<Message> {
    let body: Value = stored.body.read().ok()?;
    let message = Message::of_state(&body)?;
    Some(Message {
        id: Some(stored.id.clone()),
        ..message
    })
}
