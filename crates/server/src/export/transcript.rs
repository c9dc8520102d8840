//! Which messages a thread shows at its head, as its rows tell while they come: heads, then checkpoints, then changes,
//! then messages.

use std::collections::HashMap;

use everthread_graph::contract::{CheckpointId, StoreError, StoreErrorKind};
use everthread_store::portable::{MessageRow, Row};
use everthread_store::{ListDamage, Ranges, StoredList, TRANSCRIPT};

/// The transcript of the thread whose rows come.
#[derive(Debug, Default)]
pub(super) struct Transcript {
    head: Option<CheckpointId>,
    /// The change that last set the conversation at the head.
    change: Option<u64>,
    /// What lists are up to this one.
    lists: HashMap<u64, String>,
    /// What is shown, once it was asked for.
    shown: Option<Ranges>,
}

/// Why a list cannot be read.
struct Damaged(StoreError);

impl From<ListDamage> for Damaged {
    fn from(damage: ListDamage) -> Self {
        Self(StoreError::new(
            StoreErrorKind::Corrupt,
            format!("{damage}: run `storage check`"),
        ))
    }
}

impl Transcript {
    /// Takes note of a row.
    pub(super) fn hear(&mut self, row: &Row) {
        match row {
            Row::Thread(_) => *self = Self::default(),
            Row::Head(head) if head.ns.is_root() => self.head = head.checkpoint,
            Row::Checkpoint(checkpoint) if self.head == Some(checkpoint.id) => {
                self.change = checkpoint.channels.get(TRANSCRIPT).copied();
            }
            Row::Change(change) if change.list && Some(change.change) <= self.change => {
                self.lists
                    .insert(change.change, change.body.as_str().to_owned());
            }
            _ => {}
        }
    }

    /// Whether the thread shows this message.
    pub(super) fn shows(&mut self, message: &MessageRow) -> Result<bool, StoreError> {
        if self.shown.is_none() {
            self.shown = Some(self.read()?);
            self.lists.clear();
        }
        let shown = self.shown.as_ref();
        Ok(message.root
            && &*message.channel == TRANSCRIPT
            && shown.is_some_and(|shown| shown.contains(message.seq)))
    }

    fn read(&self) -> Result<Ranges, StoreError> {
        let Some(change) = self.change.filter(|n| self.lists.contains_key(n)) else {
            return Ok(Ranges::default());
        };
        let row = |n: u64| -> Result<String, Damaged> {
            let row = self.lists.get(&n).cloned();
            row.ok_or_else(|| ListDamage { change: n }.into())
        };
        let list = StoredList::read(change, row).map_err(|Damaged(error)| error)?;
        Ok(list.state.all.clone())
    }
}
