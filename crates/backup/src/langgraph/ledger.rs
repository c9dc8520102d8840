//! The rows of one thread as they are made: what a change or a message is numbered with.

use std::sync::Arc;

use everthread_graph::contract::{Json, Removal};
use everthread_model::{Message, Role};
use everthread_store::portable::{ChangeRow, MessageRow, Row};
use everthread_store::{ListState, StoredList, TRANSCRIPT};

use super::list::{Messages, Slot};
use crate::archive::Spools;
use crate::error::{BackupError, BackupErrorKind};

/// Where a list stands at a checkpoint: the change that last set it, and the list.
pub(super) type Listed = (u64, StoredList);

/// The numbers of a thread so far.
pub(super) struct Ledger<'s> {
    spools: &'s mut Spools,
    channel: Arc<str>,
    pub(super) messages: Messages,
    pub(super) changes: u64,
    /// What a person said first.
    pub(super) opening: Option<String>,
}

/// Where something is said.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) branch: u64,
    pub(super) at_ms: i64,
}

impl<'s> Ledger<'s> {
    pub(super) fn new(spools: &'s mut Spools) -> Self {
        Self {
            spools,
            channel: TRANSCRIPT.into(),
            messages: Messages::default(),
            changes: 0,
            opening: None,
        }
    }

    pub(super) fn row(&mut self, row: &Row) -> Result<(), BackupError> {
        self.spools.row(row)
    }

    /// Writes a change and gives its number.
    pub(super) fn change(&mut self, list: bool, body: &str) -> Result<u64, BackupError> {
        self.changes += 1;
        self.row(&Row::Change(ChangeRow {
            change: self.changes,
            list,
            body: Json::trusted(body),
        }))?;
        Ok(self.changes)
    }

    /// Writes what changes the list into one with these places.
    pub(super) fn list(
        &mut self,
        before: Option<&Listed>,
        slots: Vec<Slot>,
        removal: Removal,
        place: Place,
    ) -> Result<Listed, BackupError> {
        let live = live(before);
        let delta = self.messages.delta(&live, slots, removal);
        let delta = match (delta, before) {
            (None, Some(before)) => return Ok(before.clone()),
            (delta, _) => delta.unwrap_or_default(),
        };
        let first = self.messages.len() + 1;
        for element in &delta.elements {
            self.messages.add(element);
            self.listen(element.body.as_str());
            let row = MessageRow {
                seq: self.messages.len(),
                channel: Arc::clone(&self.channel),
                root: true,
                branch: place.branch,
                run: None,
                at_ms: place.at_ms,
                id: element.id.clone(),
                body: element.body.clone(),
            };
            self.row(&Row::Message(row))?;
        }
        let empty = ListState::default();
        let state = before.map_or(&empty, |(_, list)| &*list.state);
        let edit = state.edit(&delta, first).map_err(unfit)?;
        let (list, body) = StoredList::next(before.map(|(n, list)| (*n, list)), &edit)
            .ok_or_else(|| unfit("it fits no list"))?;
        Ok((self.change(true, &body)?, list))
    }

    /// Notes what a person said first.
    fn listen(&mut self, body: &str) {
        if self.opening.is_none()
            && let Ok(message) = serde_json::from_str::<Message>(body)
            && message.role() == Role::Human
        {
            self.opening = Some(message.text().into_owned());
        }
    }
}

/// The numbers of what the state holds.
pub(super) fn live(listed: Option<&Listed>) -> Vec<u64> {
    let live = listed.and_then(|(_, list)| list.state.live.as_ref());
    live.map_or_else(Vec::new, |live| live.iter().collect())
}

fn unfit(error: impl std::fmt::Display) -> BackupError {
    BackupError::new(
        BackupErrorKind::Invalid,
        format!("a list of messages cannot be translated: {error}"),
    )
}
