//! Full-text search: the part that is not indexed yet, then the index, newest first.

use std::collections::HashMap;

use everthread_graph::contract::{CheckpointId, Json, Namespace, ThreadId, UserId};
use everthread_store::{Hit, Query, Ranges, Search, text_of};
use rusqlite::{Connection, OptionalExtension, Row};

use crate::error::Sql;
use crate::sql::commit::CONVERSATION;
use crate::sql::ids::checkpoint_id;
use crate::sql::place::{self, Place};
use crate::sql::{change, index, load, transcript};

const COLUMNS: &str = "user, thread, seq, channel, body, at_ms, branch";

/// Looks through what a user can read.
pub(crate) fn search(tx: &Connection, user: &UserId, search: &Search) -> Sql<Vec<Hit>> {
    let query = Query::parse(&search.words)?;
    let Some(user) = place::user(tx, user)? else {
        return Ok(Vec::new());
    };
    let mut found = Found {
        tx,
        user,
        query: &query,
        search,
        threads: HashMap::new(),
        tips: HashMap::new(),
        skipped: 0,
        hits: Vec::new(),
    };
    if found.is_full() {
        return Ok(found.hits);
    }
    tail(tx, &mut found)?;
    if !found.is_full() {
        indexed(tx, &mut found)?;
    }
    Ok(found.hits)
}

/// What the index has not seen: a second's worth.
fn tail(tx: &Connection, found: &mut Found<'_>) -> Sql<()> {
    let mut statement = tx.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM messages WHERE n > ?1 AND user = ?2 ORDER BY n DESC"
    ))?;
    let mut rows = statement.query((index::upto(tx)?, found.user))?;
    while let Some(row) = rows.next()? {
        let text = text_of(&Json::trusted(
            row.get_ref(4)?.as_str().map_err(rusqlite::Error::from)?,
        ));
        if found.query.matches(&text) && !found.take(row, &text)? {
            break;
        }
    }
    Ok(())
}

fn indexed(tx: &Connection, found: &mut Found<'_>) -> Sql<()> {
    let mut ids =
        tx.prepare_cached("SELECT rowid FROM search WHERE search MATCH ?1 ORDER BY rowid DESC")?;
    let mut message = tx.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM messages WHERE n = ?1 AND user = ?2"
    ))?;
    let expression = index::expression(found.user, found.query);
    let mut rows = ids.query([expression])?;
    while let Some(row) = rows.next()? {
        // The owner is asked for again: the index is derived, the row is the truth.
        let mut rows = message.query((row.get::<_, i64>(0)?, found.user))?;
        if let Some(row) = rows.next()? {
            let text = text_of(&Json::trusted(
                row.get_ref(4)?.as_str().map_err(rusqlite::Error::from)?,
            ));
            if !found.take(row, &text)? {
                break;
            }
        }
    }
    Ok(())
}

/// What was found so far.
struct Found<'a> {
    tx: &'a Connection,
    user: i64,
    query: &'a Query,
    search: &'a Search,
    /// Threads that were looked at.
    threads: HashMap<i64, Option<Readable>>,
    /// Branches, by thread and number, that a head left behind.
    tips: HashMap<(i64, i64), Option<Tip>>,
    skipped: usize,
    hits: Vec<Hit>,
}

/// What can be read of a thread at its head.
struct Readable {
    id: ThreadId,
    title: Option<String>,
    all: Ranges,
}

/// What can be read at the newest checkpoint of a branch.
struct Tip {
    checkpoint: CheckpointId,
    all: Ranges,
}

impl Found<'_> {
    fn is_full(&self) -> bool {
        self.hits.len() >= self.search.limit
    }

    /// Takes a message if the user can read it in a thread that is looked through; says whether to go on.
    fn take(&mut self, row: &Row<'_>, text: &str) -> Sql<bool> {
        let (thread, seq): (i64, u64) = (row.get(1)?, row.get(2)?);
        if row.get::<_, i64>(3)? != CONVERSATION {
            return Ok(true);
        }
        if !self.threads.contains_key(&thread) {
            let readable = self.readable(thread)?;
            self.threads.insert(thread, readable);
        }
        let branch = (thread, row.get(6)?);
        let at_head = matches!(self.threads.get(&thread), Some(Some(it)) if it.all.contains(seq));
        if !at_head && !self.tips.contains_key(&branch) {
            let tip = self.tip(branch)?;
            self.tips.insert(branch, tip);
        }
        let Some(Some(readable)) = self.threads.get(&thread) else {
            return Ok(true);
        };
        let checkpoint = match self.tips.get(&branch) {
            _ if at_head => None,
            Some(Some(tip)) if tip.all.contains(seq) => Some(tip.checkpoint),
            _ => return Ok(true),
        };
        if self.skipped < self.search.offset {
            self.skipped += 1;
            return Ok(true);
        }
        let (snippet, marks) = self.query.snippet(text);
        self.hits.push(Hit {
            thread: readable.id.clone(),
            title: readable.title.clone(),
            seq,
            checkpoint,
            body: Json::trusted(row.get_ref(4)?.as_str().map_err(rusqlite::Error::from)?),
            snippet,
            marks,
            at_ms: row.get(5)?,
        });
        Ok(!self.is_full())
    }

    /// The thread's transcript at its head; `None` when it is not looked through.
    fn readable(&self, thread: i64) -> Sql<Option<Readable>> {
        let row: Option<(String, Option<String>)> = self
            .tx
            .prepare_cached("SELECT id, title FROM threads WHERE user = ?1 AND thread = ?2")?
            .query_row((self.user, thread), |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((id, title)) = row else {
            return Ok(None);
        };
        if self
            .search
            .thread
            .as_ref()
            .is_some_and(|wanted| wanted.as_str() != id)
        {
            return Ok(None);
        }
        let place = Place {
            user: self.user,
            thread,
        };
        let head = load::head(self.tx, place, &Namespace::root())?.and_then(|(head, _)| head);
        let all = match head {
            Some(head) => transcript::numbers(self.tx, place, head)?.unwrap_or_default(),
            None => Ranges::default(),
        };
        let id =
            ThreadId::new(id).map_err(|_| change::damaged("a thread has an id that is none"))?;
        Ok(Some(Readable { id, title, all }))
    }

    /// The transcript at the newest checkpoint of a branch; `None` when it has none any more.
    fn tip(&self, (thread, branch): (i64, i64)) -> Sql<Option<Tip>> {
        let place = Place {
            user: self.user,
            thread,
        };
        let newest: Option<[u8; 16]> = self
            .tx
            .prepare_cached(
                "SELECT id FROM checkpoints WHERE user = ?1 AND thread = ?2 AND ns = '' AND branch = ?3
                 ORDER BY id DESC LIMIT 1",
            )?
            .query_row((place.user, place.thread, branch), |row| row.get(0))
            .optional()?;
        let Some(checkpoint) = newest.map(checkpoint_id) else {
            return Ok(None);
        };
        let all = transcript::numbers(self.tx, place, checkpoint)?;
        Ok(all.map(|all| Tip { checkpoint, all }))
    }
}
