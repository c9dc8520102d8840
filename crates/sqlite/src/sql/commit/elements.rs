//! Lists: their elements, once each, and the change that says which of them the list holds.

use std::collections::HashMap;

use everthread_graph::contract::{Element, ListDelta, Namespace};
use everthread_store::{ListState, StoredList, TRANSCRIPT};
use rusqlite::{Connection, OptionalExtension};

use crate::error::Sql;
use crate::sql::change;
use crate::sql::ids::element_column;
use crate::sql::state::ThreadState;

/// The number of the conversation among the list channels.
pub(crate) const CONVERSATION: i64 = 1;

/// Numbers that are unique over the whole file, as the writer knows them.
#[derive(Debug, Default)]
pub(crate) struct Numbers {
    last_message: Option<i64>,
    channels: HashMap<(String, bool), i64>,
}

/// Who writes elements, and where.
pub(super) struct By<'a> {
    pub(super) ns: &'a Namespace,
    pub(super) channel: &'a str,
    pub(super) branch: i64,
    pub(super) run: Option<i64>,
    pub(super) at_ms: i64,
}

impl Numbers {
    /// The number of the next message. Never one that derived work has passed, whatever was deleted.
    pub(crate) fn next_message(&mut self, tx: &Connection) -> Sql<i64> {
        let last = match self.last_message {
            Some(last) => last,
            None => tx
                .prepare_cached(
                    "SELECT max(coalesce((SELECT max(n) FROM messages), 0), coalesce((SELECT max(upto) FROM derived), 0))",
                )?
                .query_row([], |row| row.get(0))?,
        };
        self.last_message = Some(last + 1);
        Ok(last + 1)
    }

    /// The number of a list channel, of a thread's own graph (`root`) or of subgraphs.
    pub(crate) fn channel(&mut self, tx: &Connection, name: &str, root: bool) -> Sql<i64> {
        if root && name == TRANSCRIPT {
            return Ok(CONVERSATION);
        }
        let key = (name.to_owned(), root);
        if let Some(channel) = self.channels.get(&key) {
            return Ok(*channel);
        }
        let found = tx
            .prepare_cached("SELECT channel FROM channels WHERE name = ?1 AND root = ?2")?
            .query_row((name, root), |row| row.get(0))
            .optional()?;
        let channel = match found {
            Some(channel) => channel,
            None => tx
                .prepare_cached(
                    "INSERT INTO channels (name, root) VALUES (?1, ?2) RETURNING channel",
                )?
                .query_row((name, root), |row| row.get(0))?,
        };
        self.channels.insert(key, channel);
        Ok(channel)
    }
}

/// Writes a delta's elements and the list that results; gives the number of the change.
pub(super) fn apply(
    tx: &Connection,
    numbers: &mut Numbers,
    state: &mut ThreadState,
    by: &By<'_>,
    before: Option<u64>,
    delta: &ListDelta,
) -> Sql<u64> {
    let before = match before {
        Some(n) => list_before(tx, state, n)?,
        None => None,
    };
    let first_seq = state.counters.seq + 1;
    let empty = ListState::default();
    let list = before.as_ref().map_or(&empty, |(_, list)| &*list.state);
    let edit = list.edit(delta, first_seq)?;
    write_elements(tx, numbers, state, by, &delta.elements)?;
    let before = before.as_ref().map(|(n, list)| (*n, list));
    write_list(tx, state, before, &edit)
}

/// Takes the value away. A conversation keeps its transcript all the same.
pub(super) fn clear(
    tx: &Connection,
    state: &mut ThreadState,
    ns: &Namespace,
    name: &str,
    before: Option<u64>,
) -> Sql<Option<u64>> {
    if !(ns.is_root() && name == TRANSCRIPT) {
        return Ok(None);
    }
    let Some(n) = before else {
        return Ok(None);
    };
    match list_before(tx, state, n)? {
        Some((n, list)) => write_list(tx, state, Some((n, &list)), &ListState::clear()).map(Some),
        None => Ok(None),
    }
}

/// The list that a change left; `None` when it left a plain value.
fn list_before(tx: &Connection, state: &mut ThreadState, n: u64) -> Sql<Option<(u64, StoredList)>> {
    if !state.knows_list(n) && !change::read(tx, state.place, n)?.0 {
        return Ok(None);
    }
    Ok(Some((n, state.list(tx, n)?)))
}

fn write_list(
    tx: &Connection,
    state: &mut ThreadState,
    before: Option<(u64, &StoredList)>,
    edit: &everthread_store::ListEdit,
) -> Sql<u64> {
    let (list, body) = StoredList::next(before, edit)
        .ok_or_else(|| change::damaged("a list does not fit its own edit"))?;
    state.counters.change += 1;
    let n = state.counters.change;
    change::write(tx, state.place, n, true, &body)?;
    state.keep_list(n, list);
    Ok(n)
}

fn write_elements(
    tx: &Connection,
    numbers: &mut Numbers,
    state: &mut ThreadState,
    by: &By<'_>,
    elements: &[Element],
) -> Sql<()> {
    if elements.is_empty() {
        return Ok(());
    }
    let channel = numbers.channel(tx, by.channel, by.ns.is_root())?;
    let mut insert = tx.prepare_cached(
        "INSERT INTO messages (n, user, thread, seq, channel, branch, run, at_ms, id, body)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?;
    for element in elements {
        state.counters.seq += 1;
        insert.execute((
            numbers.next_message(tx)?,
            state.place.user,
            state.place.thread,
            state.counters.seq,
            channel,
            by.branch,
            by.run,
            by.at_ms,
            element_column(element.id.as_deref()),
            element.body.as_str(),
        ))?;
    }
    Ok(())
}
