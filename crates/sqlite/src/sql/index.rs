//! The search index: derived from messages, in their order, up to a durable mark.

use std::fmt::Write;

use everthread_graph::contract::Json;
use everthread_store::{Query, text_of, words};
use rusqlite::{Connection, Row};

use crate::error::Sql;
use crate::sql::commit::CONVERSATION;

/// Digits of an owner's word: private-use characters, which no text of a user can bring into the index.
const OWNER_ZERO: u32 = 0xE000;
const OWNER_BASE: i64 = 4_096;

/// Pages of the index that are merged at once: some milliseconds of work.
const MERGED_PAGES: i64 = 100;

/// Up to which message the index has come.
pub(crate) fn upto(tx: &Connection) -> Sql<i64> {
    Ok(tx
        .prepare_cached("SELECT upto FROM derived WHERE name = 'search'")?
        .query_row([], |row| row.get(0))?)
}

/// Messages that the index has not seen.
pub(crate) fn behind(tx: &Connection) -> Sql<u64> {
    Ok(tx
        .prepare_cached("SELECT count(*) FROM messages WHERE n > ?1 AND channel = ?2")?
        .query_row((upto(tx)?, CONVERSATION), |row| row.get(0))?)
}

/// Whether the index has something to see, or to purge.
pub(crate) fn is_behind(tx: &Connection) -> Sql<bool> {
    Ok(tx
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM messages WHERE n > ?1)
               OR EXISTS (SELECT 1 FROM derived WHERE name IN ('purge', 'purging'))",
        )?
        .query_row([upto(tx)?], |row| row.get(0))?)
}

/// The next messages as the index takes them.
#[derive(Debug)]
pub(crate) struct Batch {
    /// The mark that they come after.
    from: i64,
    rows: Vec<Named>,
    /// The words of those that are searched.
    documents: Vec<(i64, String)>,
}

/// What names a message: its number, owner, thread and place, and its time. A number alone may be given again.
type Named = [i64; 5];

/// Reads the next messages, about as many as these bytes hold and at least one; `None` when there are no more.
pub(crate) fn read(tx: &Connection, max_bytes: usize) -> Sql<Option<Batch>> {
    let mut batch = Batch {
        from: upto(tx)?,
        rows: Vec::new(),
        documents: Vec::new(),
    };
    let mut select = tx.prepare_cached(
        "SELECT n, user, thread, seq, at_ms, channel, body FROM messages WHERE n > ?1 ORDER BY n",
    )?;
    let mut rows = select.query([batch.from])?;
    let mut bytes = 0;
    while bytes < max_bytes
        && let Some(row) = rows.next()?
    {
        let named = named(row)?;
        batch.rows.push(named);
        if row.get::<_, i64>(5)? == CONVERSATION {
            let body = row.get_ref(6)?.as_str().map_err(rusqlite::Error::from)?;
            bytes += body.len();
            let [n, user, ..] = named;
            let words = document(user, &text_of(&Json::trusted(body)));
            batch.documents.push((n, words));
        }
    }
    Ok((!batch.rows.is_empty()).then_some(batch))
}

fn named(row: &Row<'_>) -> rusqlite::Result<Named> {
    let mut named = [0; 5];
    for (at, column) in named.iter_mut().enumerate() {
        *column = row.get(at)?;
    }
    Ok(named)
}

/// Takes messages into the index; `false`, and nothing is written, when it is no longer these that come next. Messages
/// do not change, but some of them may be gone since they were read: no word of theirs comes into the index.
pub(crate) fn take_in(tx: &Connection, batch: &Batch) -> Sql<bool> {
    if upto(tx)? != batch.from || !is_as_read(tx, batch)? {
        return Ok(false);
    }
    let mut insert = tx.prepare_cached("INSERT INTO search (rowid, words) VALUES (?1, ?2)")?;
    for document in &batch.documents {
        insert.execute((&document.0, &document.1))?;
    }
    tx.prepare_cached("UPDATE derived SET upto = ?1 WHERE name = 'search'")?
        .execute([batch.upto()])?;
    Ok(true)
}

fn is_as_read(tx: &Connection, batch: &Batch) -> Sql<bool> {
    let mut select = tx.prepare_cached(
        "SELECT n, user, thread, seq, at_ms FROM messages WHERE n > ?1 AND n <= ?2 ORDER BY n",
    )?;
    let mut rows = select.query((batch.from, batch.upto()))?;
    let mut read = batch.rows.iter();
    while let Some(row) = rows.next()? {
        if read.next() != Some(&named(row)?) {
            return Ok(false);
        }
    }
    Ok(read.next().is_none())
}

impl Batch {
    fn upto(&self) -> i64 {
        self.rows.last().map_or(self.from, |[n, ..]| *n)
    }
}

/// Takes a message out of the index. Its words lie in the index's pages until these are merged.
pub(crate) fn forget(tx: &Connection, n: i64) -> Sql<()> {
    tx.prepare_cached("DELETE FROM search WHERE rowid = ?1")?
        .execute([n])?;
    Ok(())
}

/// Takes all messages of a user out of the index, and asks for their words to be purged.
pub(crate) fn forget_user(tx: &Connection, user: i64) -> Sql<()> {
    let numbers: Vec<i64> = tx
        .prepare_cached("SELECT n FROM messages WHERE user = ?1 AND channel = ?2 AND n <= ?3")?
        .query_map((user, CONVERSATION, upto(tx)?), |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for n in &numbers {
        forget(tx, *n)?;
    }
    // Threads that were deleted before have left words too.
    ask_purge(tx)
}

/// Asks for the words of everything that was taken out of the index to be purged.
pub(crate) fn ask_purge(tx: &Connection) -> Sql<()> {
    tx.prepare_cached(
        "INSERT INTO derived (name, upto) SELECT 'purge', upto FROM derived WHERE name = 'search'
         ON CONFLICT DO UPDATE SET upto = excluded.upto",
    )?
    .execute([])?;
    Ok(())
}

/// Removes some of the words that were taken out of the index from its pages; says whether there is more to do. The
/// index keeps no texts, so it can only note which of its entries are void; merged into one part, it holds none of
/// these.
pub(crate) fn purge(tx: &Connection) -> Sql<bool> {
    // What is asked for while a purge goes on is another purge.
    let begun = tx
        .prepare_cached(
            "INSERT OR REPLACE INTO derived (name, upto) SELECT 'purging', upto FROM derived
             WHERE name = 'purge' AND NOT EXISTS (SELECT 1 FROM derived WHERE name = 'purging')",
        )?
        .execute([])?;
    if begun > 0 {
        tx.prepare_cached("DELETE FROM derived WHERE name = 'purge'")?
            .execute([])?;
        // Negative: everything is to be merged.
        merge(tx, -MERGED_PAGES)?;
        return Ok(true);
    }
    let is_purging = tx
        .prepare_cached("SELECT 1 FROM derived WHERE name = 'purging'")?
        .exists([])?;
    if !is_purging {
        return Ok(false);
    }
    if !merge(tx, MERGED_PAGES)? {
        tx.prepare_cached("DELETE FROM derived WHERE name = 'purging'")?
            .execute([])?;
    }
    Ok(true)
}

/// Merges some of the index; says whether there was anything to merge.
fn merge(tx: &Connection, pages: i64) -> Sql<bool> {
    let mut changes = tx.prepare_cached("SELECT total_changes()")?;
    let mut changes = || changes.query_row([], |row| row.get::<_, i64>(0));
    let before = changes()?;
    tx.prepare_cached("INSERT INTO search (search, rank) VALUES ('merge', ?1)")?
        .execute([pages])?;
    // The statement itself counts as one.
    Ok(changes()? - before >= 2)
}

/// What is looked for, in the words of the index: all of them, in texts of this owner.
pub(crate) fn expression(user: i64, query: &Query) -> String {
    let mut text = format!("\"{}\"", owner_word(user));
    for word in query.words() {
        let star = if word.prefix { "*" } else { "" };
        // A word holds letters and digits only, so nothing in it can end the quotes.
        let _ = write!(text, " AND \"{}\"{star}", word.text);
    }
    text
}

/// The owner's word and the words of the text.
fn document(user: i64, text: &str) -> String {
    let mut document = owner_word(user);
    document.reserve(text.len());
    for word in words(text) {
        document.push(' ');
        document.push_str(&word.folded);
    }
    document
}

fn owner_word(user: i64) -> String {
    let mut rest = user.max(0);
    let mut word = String::new();
    loop {
        let digit = u32::try_from(rest % OWNER_BASE).expect("a digit is small");
        word.push(char::from_u32(OWNER_ZERO + digit).expect("the private-use area has room"));
        rest /= OWNER_BASE;
        if rest == 0 {
            return word;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn owners_have_words_that_no_text_can_hold() {
        let owners: HashSet<String> = [0, 1, 4_095, 4_096, 4_097, i64::MAX]
            .into_iter()
            .map(owner_word)
            .collect();
        assert_eq!(owners.len(), 6);
        for word in &owners {
            assert_eq!(
                document(7, word),
                owner_word(7),
                "{word:?} brought a word in"
            );
        }
    }

    fn store() -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        crate::migrations::apply(&connection, 0, 0).unwrap();
        connection
            .pragma_update(None, "foreign_keys", false)
            .unwrap();
        connection
    }

    fn say(store: &Connection, n: i64, user: i64, text: &str) {
        let body = format!("{{\"type\":\"human\",\"content\":\"{text}\"}}");
        store
            .execute(
                "INSERT INTO messages (n, user, thread, seq, channel, branch, at_ms, body)
                 VALUES (?1, ?2, 1, ?1, ?3, 1, 0, ?4)",
                (n, user, CONVERSATION, body),
            )
            .unwrap();
    }

    fn found(store: &Connection, user: i64, word: &str) -> i64 {
        let query = expression(user, &Query::parse(word).unwrap());
        store
            .query_row(
                "SELECT count(*) FROM search WHERE search MATCH ?1",
                [query],
                |row| row.get(0),
            )
            .unwrap()
    }

    #[test]
    fn what_went_between_reading_and_writing_does_not_come_into_the_index() {
        let store = store();
        say(&store, 1, 1, "kept");
        say(&store, 2, 1, "secret");
        let batch = read(&store, 1_000).unwrap().unwrap();
        store
            .execute("DELETE FROM messages WHERE n = 2", [])
            .unwrap();
        assert!(!take_in(&store, &batch).unwrap());
        // Another one has the number now.
        say(&store, 2, 2, "public");
        assert!(!take_in(&store, &batch).unwrap());
        assert_eq!((upto(&store).unwrap(), found(&store, 1, "kept")), (0, 0));

        let batch = read(&store, 1_000).unwrap().unwrap();
        assert!(take_in(&store, &batch).unwrap());
        assert!(!take_in(&store, &batch).unwrap(), "they are in already");
        assert_eq!(found(&store, 1, "secret"), 0);
        assert_eq!(
            (found(&store, 1, "kept"), found(&store, 2, "public")),
            (1, 1)
        );
        assert!(read(&store, 1_000).unwrap().is_none());
    }

    #[test]
    fn an_expression_holds_words_and_nothing_else() {
        let query = Query::parse("a\" OR \"b* NOT").unwrap();
        assert_eq!(
            expression(1, &query),
            "\"\u{E001}\" AND \"a\" AND \"or\" AND \"b\"* AND \"not\""
        );
    }
}
