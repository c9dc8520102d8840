//! The search index: derived from messages, thread by thread, up to a durable mark for each.
//!
//! Within a thread messages are committed in the order of their numbers, since its row is locked meanwhile. Over all
//! threads they are not, so there is no one mark for all. Who indexes a thread keeps it from being deleted, and turns on
//! it go on; two who do it at once write the same.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use everthread_graph::contract::{ThreadId, ThreadKey, UserId};
use everthread_store::{Query, text_of, words};
use uuid::Uuid;

use crate::conn::Conn;
use crate::error::{Sql, damaged};
use crate::param::{Columns, Text, rows};

/// Messages that are taken into the index at once.
const MESSAGES_AT_ONCE: usize = 128;

/// Milliseconds of an hour.
pub(crate) const HOUR_MS: i64 = 3_600_000;

/// Begins the word of an owner: a private-use character, which no word of a text has.
const OWNER: char = '\u{E000}';

/// The word of messages that have more words than the index takes of one: whoever searches looks at their text.
const MORE: &str = "\u{E001}";

/// What the different words of one message may hold together, in bytes. A row of the index holds a megabyte at most.
const MAX_WORDS_BYTES: usize = 512 * 1024;

/// Stands between words: no word holds it, nor does an owner's id.
const BETWEEN: &str = "\u{1E}";

/// Takes the next messages of these threads into the index; says whether there are more.
pub(crate) async fn advance(
    conn: &Conn,
    owner: Uuid,
    user: &UserId,
    threads: &[ThreadId],
) -> Sql<bool> {
    let ids: Vec<Text<'_>> = threads
        .iter()
        .map(|thread| Text::of(thread.as_str()))
        .collect();
    let found = conn
        .query(
            "SELECT m.thread, m.seq, m.at_ms, CASE WHEN m.channel = 1 THEN m.body END
             FROM our.threads t
               LEFT JOIN our.derived d ON d.user_id = t.user_id AND d.thread = t.thread AND d.name = 'search'
               JOIN our.messages m ON m.user_id = t.user_id AND m.thread = t.thread AND m.seq > coalesce(d.upto, 0)
             WHERE t.user_id = $1 AND t.id = ANY($2) AND t.seq > coalesce(d.upto, 0)
             ORDER BY m.thread, m.seq LIMIT $3",
            &[&Text::of(user.as_str()), &ids, &rows(MESSAGES_AT_ONCE)],
        )
        .await?;
    let mut batch = Batch::default();
    for row in &found {
        let (thread, seq) = (row.at(0)?, row.at(1)?);
        batch.reach(thread, seq);
        if let Some(body) = row.json_or_none(3)? {
            batch.threads.push(thread);
            batch.seqs.push(seq);
            batch.at_ms.push(row.at(2)?);
            let before = row.at::<i64>(1)?.saturating_sub(1);
            let bytes = i64::try_from(body.as_str().len()).unwrap_or(i64::MAX);
            batch.saved.push(before.saturating_mul(bytes));
            batch
                .words
                .push(Text::owned(document(user, &text_of(&body))));
        }
    }
    batch.write(conn, owner, user).await?;
    Ok(found.len() == MESSAGES_AT_ONCE)
}

/// Messages on their way into the index, and how far it comes by them.
#[derive(Default)]
struct Batch {
    threads: Vec<i64>,
    seqs: Vec<i64>,
    at_ms: Vec<i64>,
    words: Vec<Text<'static>>,
    /// Bytes that a whole state would have taken besides.
    saved: Vec<i64>,
    marked: Vec<i64>,
    marks: Vec<i64>,
}

impl Batch {
    /// Messages come thread by thread, in order.
    fn reach(&mut self, thread: i64, seq: i64) {
        match (self.marked.last(), self.marks.last_mut()) {
            (Some(last), Some(mark)) if *last == thread => *mark = seq,
            _ => {
                self.marked.push(thread);
                self.marks.push(seq);
            }
        }
    }

    async fn write(self, conn: &Conn, owner: Uuid, user: &UserId) -> Sql<()> {
        if self.marked.is_empty() {
            return Ok(());
        }
        // What a crash of the database takes of the index goes with its mark, so nobody waits for the disk.
        let written = conn
            .query(
            "WITH lazily AS MATERIALIZED (
               SELECT set_config('synchronous_commit', 'off', true)
             ), there AS MATERIALIZED (
               SELECT thread FROM our.threads WHERE user_id = $1 AND thread = ANY($2) FOR KEY SHARE
             ), written AS (
               INSERT INTO our.search (user_id, thread, seq, at_ms, words)
               SELECT $1, n.thread, n.seq, n.at_ms, array_to_tsvector(string_to_array(n.words, $8))
               FROM unnest($4, $5, $6, $7) AS n (thread, seq, at_ms, words), lazily
               WHERE n.thread IN (SELECT thread FROM there)
               ON CONFLICT (user_id, thread, seq) DO NOTHING RETURNING thread, seq
             ), marked AS (
               INSERT INTO our.derived AS d (user_id, thread, name, upto)
               SELECT $1, n.thread, 'search', n.upto FROM unnest($2, $3) AS n (thread, upto), lazily
               WHERE n.thread IN (SELECT thread FROM there)
               ON CONFLICT (user_id, thread, name) DO UPDATE SET upto = greatest(d.upto, excluded.upto)
             )
             SELECT thread, seq FROM written",
            &[
                &Text::of(user.as_str()),
                &self.marked,
                &self.marks,
                &self.threads,
                &self.seqs,
                &self.at_ms,
                &self.words,
                &Text::of(BETWEEN),
            ],
        )
        .await?;
        let mut new = HashSet::with_capacity(written.len());
        for row in &written {
            new.insert((row.at(0)?, row.at(1)?));
        }
        self.tally(conn, owner, &new).await
    }

    /// Counts those that were new to the index for statistics.
    async fn tally(&self, conn: &Conn, owner: Uuid, new: &HashSet<(i64, i64)>) -> Sql<()> {
        let mut hours: BTreeMap<i64, (i64, i64)> = BTreeMap::new();
        for (at, stand) in self
            .threads
            .iter()
            .copied()
            .zip(self.seqs.iter().copied())
            .enumerate()
        {
            if new.contains(&stand) {
                let hour = hours.entry(self.at_ms[at].div_euclid(HOUR_MS)).or_default();
                hour.0 += 1;
                hour.1 += self.saved[at];
            }
        }
        if hours.is_empty() {
            return Ok(());
        }
        let column = |of: fn(&(i64, i64)) -> i64| -> Vec<i64> { hours.values().map(of).collect() };
        conn.execute(
            "WITH lazily AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true))
             INSERT INTO our.hours AS h (hour, owner, messages, saved_bytes)
             SELECT n.hour, $1, n.messages, n.saved_bytes
             FROM unnest($2, $3, $4) AS n (hour, messages, saved_bytes), lazily
             ON CONFLICT (hour, owner) DO UPDATE
             SET messages = h.messages + excluded.messages, saved_bytes = h.saved_bytes + excluded.saved_bytes",
            &[
                &owner,
                &hours.keys().copied().collect::<Vec<i64>>(),
                &column(|one| one.0),
                &column(|one| one.1),
            ],
        )
        .await?;
        Ok(())
    }
}

/// A thread in the order in which those behind are told.
pub(crate) type Stand = (String, i64);

/// Threads with messages that the index has not seen, after this one; and the last of them, when there may be more.
pub(crate) async fn behind(
    conn: &Conn,
    after: Option<Stand>,
    limit: usize,
) -> Sql<(Vec<ThreadKey>, Option<Stand>)> {
    let (user, thread) = after.unwrap_or_default();
    let found = conn
        .query(
            "SELECT t.user_id, t.id, t.thread FROM our.threads t
               LEFT JOIN our.derived d ON d.user_id = t.user_id AND d.thread = t.thread AND d.name = 'search'
             WHERE (t.user_id, t.thread) > ($1, $2) AND t.seq > coalesce(d.upto, 0)
             ORDER BY t.user_id, t.thread LIMIT $3",
            &[&Text::owned(user), &thread, &rows(limit)],
        )
        .await?;
    let mut keys = Vec::with_capacity(found.len());
    for row in &found {
        keys.push(key_of(&row.text(0)?, &row.text(1)?)?);
    }
    let last = match found.last() {
        Some(row) if found.len() == limit => Some((row.text(0)?, row.at(2)?)),
        _ => None,
    };
    Ok((keys, last))
}

/// Threads of users who were active since then, with messages that the index has not seen.
pub(crate) async fn behind_since(conn: &Conn, ms: i64, limit: usize) -> Sql<Vec<ThreadKey>> {
    let found = conn
        .query(
            "SELECT t.user_id, t.id FROM our.users u
               JOIN our.threads t ON t.user_id = u.user_id
               LEFT JOIN our.derived d ON d.user_id = t.user_id AND d.thread = t.thread AND d.name = 'search'
             WHERE u.active_ms >= $1 AND t.seq > coalesce(d.upto, 0)
             ORDER BY t.user_id, t.thread LIMIT $2",
            &[&ms, &rows(limit)],
        )
        .await?;
    let keys = found.iter().map(|row| key_of(&row.text(0)?, &row.text(1)?));
    keys.collect()
}

fn key_of(user: &str, thread: &str) -> Sql<ThreadKey> {
    match (UserId::new(user), ThreadId::new(thread)) {
        (Ok(user), Ok(thread)) => Ok(ThreadKey { user, thread }),
        _ => Err(damaged("a thread or its user has an id that is none")),
    }
}

/// What is looked for, in the words of the index: all of them, in texts of this owner.
pub(crate) fn expression(user: &UserId, query: &Query) -> String {
    let wanted: Vec<String> = query
        .words()
        .iter()
        .map(|word| {
            let star = if word.prefix { ":*" } else { "" };
            format!("{}{star}", quoted(&word.text))
        })
        .collect();
    format!(
        "{} & (({}) | {})",
        quoted(&owner_word(user)),
        wanted.join(" & "),
        quoted(MORE)
    )
}

/// The owner's word and the words of the text, each once.
fn document(user: &UserId, text: &str) -> String {
    let mut document = owner_word(user);
    let mut room = MAX_WORDS_BYTES;
    let mut found = BTreeSet::new();
    for word in words(text) {
        if found.contains(&*word.folded) {
            continue;
        }
        if word.folded.len() > room {
            document.push_str(BETWEEN);
            document.push_str(MORE);
            break;
        }
        room -= word.folded.len();
        document.push_str(BETWEEN);
        document.push_str(&word.folded);
        found.insert(word.folded.into_owned());
    }
    document
}

fn owner_word(user: &UserId) -> String {
    format!("{OWNER}{user}")
}

/// A word that nothing in it can end.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\\', "\\\\").replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alice() -> UserId {
        UserId::new("al'ice \\").unwrap()
    }

    #[test]
    fn an_expression_holds_words_and_nothing_else() {
        let query = Query::parse("a\" | 'b* !c").unwrap();
        assert_eq!(
            expression(&alice(), &query),
            "'\u{E000}al''ice \\\\' & (('a' & 'b':* & 'c') | '\u{E001}')"
        );
    }

    #[test]
    fn no_text_brings_an_owner_into_the_index() {
        for word in [
            "\u{E000}bob",
            "\u{E001}",
            "x\u{E000}bob",
            "\u{1E}\u{E000}bob",
        ] {
            let document = document(&alice(), word);
            let found: Vec<&str> = document.split(BETWEEN).skip(1).collect();
            assert!(
                found
                    .iter()
                    .all(|word| !word.starts_with([OWNER, '\u{E001}'])),
                "{word:?} brought {found:?} in"
            );
        }
    }

    #[test]
    fn words_are_there_once_and_a_text_of_too_many_says_so() {
        assert_eq!(
            document(&alice(), "b a B"),
            "\u{E000}al'ice \\\u{1E}b\u{1E}a"
        );
        let many: Vec<String> = (0..200_000).map(|n| format!("word{n}")).collect();
        let document = document(&alice(), &many.join(" "));
        assert!(document.ends_with(MORE));
        assert!(document.len() < 2 * MAX_WORDS_BYTES);
    }
}
