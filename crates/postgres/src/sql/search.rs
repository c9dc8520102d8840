//! Full-text search: the part that is not indexed yet and the index, newest first.

use std::cmp::Reverse;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};

use everthread_graph::contract::{CheckpointId, Json, ThreadId, ThreadKey, UserId};
use everthread_store::{Hit, Query, Ranges, Search, text_of};
use tokio_postgres::Row;

use crate::conn::Conn;
use crate::error::{Sql, damaged};
use crate::param::{Columns, Text, rows};
use crate::sql::place::{self, Place};
use crate::sql::{index, transcript};

/// Messages that the index tells of at once, beside those that are skipped and wanted.
const AT_ONCE: usize = 32;

/// Looks through what a user can read.
pub(crate) async fn search(conn: &Conn, user: &UserId, search: &Search) -> Sql<Vec<Hit>> {
    let query = Query::parse(&search.words)?;
    let mut hits = Vec::new();
    if search.limit == 0 {
        return Ok(hits);
    }
    let thread = match &search.thread {
        Some(thread) => match place::thread(conn, &key(user, thread)).await? {
            Some(place) => Some(place.thread),
            None => return Ok(hits),
        },
        None => None,
    };
    let mut found = Found::new(conn, user, thread, search, &query).await?;
    let mut readable = HashMap::new();
    let mut tips = HashMap::new();
    let mut skipped = 0;
    while hits.len() < search.limit
        && let Some(one) = found.next().await?
    {
        let text = text_of(&one.body);
        // The index is derived, and for long texts it tells only where to look: the text is the truth.
        if !query.matches(&text) {
            continue;
        }
        if let Entry::Vacant(unknown) = readable.entry(one.thread) {
            unknown.insert(Readable::of(conn, user, one.thread).await?);
        }
        let Some(Some(shown)) = readable.get(&one.thread) else {
            continue;
        };
        let mut checkpoint = None;
        if !shown.all.contains(one.number) {
            let branch = (one.thread, one.branch);
            if let Entry::Vacant(unknown) = tips.entry(branch) {
                unknown.insert(Tip::of(conn, user, branch).await?);
            }
            match tips.get(&branch) {
                Some(Some(tip)) if tip.all.contains(one.number) => {
                    checkpoint = Some(tip.checkpoint);
                }
                _ => continue,
            }
        }
        if skipped < search.offset {
            skipped += 1;
            continue;
        }
        let (snippet, marks) = query.snippet(&text);
        hits.push(Hit {
            thread: shown.id.clone(),
            title: shown.title.clone(),
            seq: one.number,
            checkpoint,
            body: one.body,
            snippet,
            marks,
            at_ms: one.at_ms,
        });
    }
    Ok(hits)
}

fn key(user: &UserId, thread: &ThreadId) -> ThreadKey {
    ThreadKey {
        user: user.clone(),
        thread: thread.clone(),
    }
}

/// What orders messages of several threads: their time, then thread and number.
type Stand = (i64, i64, i64);

/// A message that may be one of those looked for.
struct Candidate {
    thread: i64,
    seq: i64,
    number: u64,
    branch: i64,
    at_ms: i64,
    body: Json,
}

impl Candidate {
    fn stand(&self) -> Stand {
        (self.at_ms, self.thread, self.seq)
    }

    fn from_row(row: &Row) -> Sql<Self> {
        Ok(Self {
            thread: row.at(0)?,
            seq: row.at(1)?,
            number: row.count(1)?,
            at_ms: row.at(2)?,
            body: row.json(3)?,
            branch: row.at(4)?,
        })
    }
}

/// Messages as they are found, newest first.
struct Found<'a> {
    conn: &'a Conn,
    user: &'a UserId,
    thread: Option<i64>,
    expression: String,
    at_once: usize,
    tail: VecDeque<Candidate>,
    indexed: VecDeque<Candidate>,
    /// Where the index goes on; `None` at its end.
    from: Option<Stand>,
}

impl<'a> Found<'a> {
    async fn new(
        conn: &'a Conn,
        user: &'a UserId,
        thread: Option<i64>,
        search: &Search,
        query: &Query,
    ) -> Sql<Self> {
        Ok(Self {
            conn,
            user,
            thread,
            expression: index::expression(user, query),
            at_once: search
                .offset
                .saturating_add(search.limit)
                .saturating_add(AT_ONCE),
            tail: tail(conn, user, thread, query).await?,
            indexed: VecDeque::new(),
            from: Some((i64::MAX, i64::MAX, i64::MAX)),
        })
    }
}

impl Found<'_> {
    async fn next(&mut self) -> Sql<Option<Candidate>> {
        if self.indexed.is_empty()
            && let Some(from) = self.from
        {
            self.indexed = self.page(from).await?;
            self.from = match self.indexed.back() {
                Some(last) if self.indexed.len() >= self.at_once => Some(last.stand()),
                _ => None,
            };
        }
        let from_tail = match (self.tail.front(), self.indexed.front()) {
            (Some(new), Some(old)) => new.stand() > old.stand(),
            (new, _) => new.is_some(),
        };
        Ok(if from_tail {
            self.tail.pop_front()
        } else {
            self.indexed.pop_front()
        })
    }

    /// What the index has before this one.
    async fn page(&self, (at_ms, thread, seq): Stand) -> Sql<VecDeque<Candidate>> {
        let found = self
            .conn
            .query(
                "SELECT s.thread, s.seq, s.at_ms, m.body, m.branch
                 FROM (SELECT thread, seq, at_ms FROM our.search
                       WHERE user_id = $1 AND words @@ $2::tsquery AND ($3 IS NULL OR thread = $3)
                         AND (at_ms, thread, seq) < ($4, $5, $6)
                       ORDER BY at_ms DESC, thread DESC, seq DESC LIMIT $7) s
                   JOIN our.messages m ON m.user_id = $1 AND m.thread = s.thread AND m.seq = s.seq
                 ORDER BY s.at_ms DESC, s.thread DESC, s.seq DESC",
                &[
                    &Text::of(self.user.as_str()),
                    &Text::of(&self.expression),
                    &self.thread,
                    &at_ms,
                    &thread,
                    &seq,
                    &rows(self.at_once),
                ],
            )
            .await?;
        found.iter().map(Candidate::from_row).collect()
    }
}

/// What the index has not seen: a second's worth.
async fn tail(
    conn: &Conn,
    user: &UserId,
    thread: Option<i64>,
    query: &Query,
) -> Sql<VecDeque<Candidate>> {
    let rows = conn
        .query(
            "SELECT m.thread, m.seq, m.at_ms, m.body, m.branch
             FROM our.threads t
               LEFT JOIN our.derived d ON d.user_id = t.user_id AND d.thread = t.thread AND d.name = 'search'
               JOIN our.messages m ON m.user_id = t.user_id AND m.thread = t.thread
                 AND m.seq > coalesce(d.upto, 0) AND m.channel = 1
             WHERE t.user_id = $1 AND t.seq > coalesce(d.upto, 0) AND ($2 IS NULL OR t.thread = $2)",
            &[&Text::of(user.as_str()), &thread],
        )
        .await?;
    let mut found = Vec::new();
    for row in &rows {
        let one = Candidate::from_row(row)?;
        if query.matches(&text_of(&one.body)) {
            found.push(one);
        }
    }
    found.sort_by_key(|one| Reverse(one.stand()));
    Ok(found.into())
}

/// What can be read of a thread: its transcript at its head.
struct Readable {
    id: ThreadId,
    title: Option<String>,
    all: Ranges,
}

impl Readable {
    async fn of(conn: &Conn, user: &UserId, thread: i64) -> Sql<Option<Self>> {
        let row = conn
            .row(
                "SELECT t.id, t.title, h.checkpoint FROM our.threads t
                   LEFT JOIN our.heads h ON h.user_id = t.user_id AND h.thread = t.thread AND h.ns = ''
                 WHERE t.user_id = $1 AND t.thread = $2",
                &[&Text::of(user.as_str()), &thread],
            )
            .await?;
        let Some(row) = row else {
            return Ok(None);
        };
        let place = Place {
            user: user.clone(),
            thread,
        };
        let all = match row.checkpoint_or_none(2)? {
            Some(head) => transcript::numbers(conn, &place, head).await?,
            None => None,
        };
        let id =
            ThreadId::new(row.text(0)?).map_err(|_| damaged("a thread has an id that is none"))?;
        let title = row.text_or_none(1)?;
        let all = all.unwrap_or_default();
        Ok(Some(Self { id, title, all }))
    }
}

/// What can be read at the newest checkpoint of a branch that the head left behind.
struct Tip {
    checkpoint: CheckpointId,
    all: Ranges,
}

impl Tip {
    async fn of(conn: &Conn, user: &UserId, (thread, branch): (i64, i64)) -> Sql<Option<Self>> {
        let newest = conn
            .row(
                "SELECT id FROM our.checkpoints WHERE user_id = $1 AND thread = $2 AND ns = '' AND branch = $3
                 ORDER BY id DESC LIMIT 1",
                &[&Text::of(user.as_str()), &thread, &branch],
            )
            .await?;
        let Some(newest) = newest else {
            return Ok(None);
        };
        let checkpoint = newest.checkpoint(0)?;
        let place = Place {
            user: user.clone(),
            thread,
        };
        let all = transcript::numbers(conn, &place, checkpoint).await?;
        Ok(all.map(|all| Self { checkpoint, all }))
    }
}
