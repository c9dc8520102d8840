//! The numbers of list channels, as far as they were asked for.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use everthread_graph::contract::{Change, Commit, StoreError};
use everthread_store::TRANSCRIPT;

use crate::sql::channel;
use crate::sql::delete::CONVERSATION;
use crate::store::Base;

/// Numbers by name, for threads' own graphs (`true`) and for subgraphs.
#[derive(Debug, Default)]
pub(crate) struct Channels {
    numbers: Mutex<HashMap<(String, bool), i64>>,
}

impl Channels {
    /// The number of a channel, where it is known.
    pub(crate) fn number(&self, name: &str, root: bool) -> Option<i64> {
        if root && name == TRANSCRIPT {
            return Some(CONVERSATION);
        }
        self.numbers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&(name.to_owned(), root))
            .copied()
    }

    /// Learns the numbers of the lists that a step adds to. A new one is given before the step is written and stays
    /// whatever becomes of it.
    pub(super) async fn learn(&self, base: &Base, commit: &Commit) -> Result<(), StoreError> {
        const DOING: &str = "numbering a channel";
        let root = commit.checkpoint.ns.is_root();
        for change in &commit.changes {
            let name = &*change.channel;
            let adds = matches!(&change.change, Change::List(list) if !list.elements.is_empty());
            if !adds || self.number(name, root).is_some() {
                continue;
            }
            let conn = base.conn(DOING).await?;
            let number = channel::number(&conn, name, root).await;
            let number = conn.finish(DOING, number).await?;
            self.numbers
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .insert((name.to_owned(), root), number);
        }
        Ok(())
    }
}
