//! The search index: derived from messages, in their order, up to a durable mark.

use std::fmt::Write;

use everthread_graph::contract::Json;
use everthread_store::{Query, text_of, words};
use rusqlite::Connection;

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

/// Takes the next messages into the index, about as many as these bytes hold and at least one; says whether there are
/// more.
pub(crate) fn advance(tx: &Connection, max_bytes: usize) -> Sql<bool> {
    let mut mark = upto(tx)?;
    let mut select =
        tx.prepare_cached("SELECT n, user, channel, body FROM messages WHERE n > ?1 ORDER BY n")?;
    let mut insert = tx.prepare_cached("INSERT INTO search (rowid, words) VALUES (?1, ?2)")?;
    let mut rows = select.query([mark])?;
    let mut bytes = 0;
    let mut more = false;
    while let Some(row) = rows.next()? {
        if bytes >= max_bytes {
            more = true;
            break;
        }
        mark = row.get(0)?;
        if row.get::<_, i64>(2)? == CONVERSATION {
            let body = row.get_ref(3)?.as_str().map_err(rusqlite::Error::from)?;
            bytes += body.len();
            insert.execute((mark, document(row.get(1)?, &text_of(&Json::trusted(body)))))?;
        }
    }
    drop(rows);
    tx.prepare_cached("UPDATE derived SET upto = ?1 WHERE name = 'search'")?
        .execute([mark])?;
    Ok(more || purge(tx)?)
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

    #[test]
    fn an_expression_holds_words_and_nothing_else() {
        let query = Query::parse("a\" OR \"b* NOT").unwrap();
        assert_eq!(
            expression(1, &query),
            "\"\u{E001}\" AND \"a\" AND \"or\" AND \"b\"* AND \"not\""
        );
    }
}
