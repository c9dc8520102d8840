//! The text of the document: which list is open, and where commas stand. Lists come in the order in which rows do, and
//! each is there, even without anything in it.

use everthread_store::portable::Kind;
use serde_json::Value;

/// Lists of the user.
const OWN: [Kind; 3] = [Kind::Session, Kind::Item, Kind::Thread];

/// Lists of a thread.
const OF_THREAD: [Kind; 8] = [
    Kind::Branch,
    Kind::Head,
    Kind::Run,
    Kind::Checkpoint,
    Kind::Change,
    Kind::Pending,
    Kind::Message,
    Kind::Event,
];

/// What has been written so far.
#[derive(Debug, Default)]
pub(super) struct Document {
    own: Lists,
    /// Of the thread that is open.
    thread: Option<Lists>,
}

/// The lists of an object that is open.
#[derive(Debug, Default)]
struct Lists {
    /// The one that is open.
    at: usize,
    /// Whether something is in it.
    any: bool,
}

impl Document {
    /// Behind the object's own fields.
    pub(super) fn begin(&self) -> String {
        open(OWN[0])
    }

    /// Adds a row. The user's own is no part of a list.
    pub(super) fn put(&mut self, kind: Kind, told: &Value) -> String {
        if let Some(thread) = &mut self.thread
            && OF_THREAD.contains(&kind)
        {
            return thread.put(&OF_THREAD, kind, &told.to_string());
        }
        if !OWN.contains(&kind) {
            return String::new();
        }
        let mut text = self.end_thread();
        let mut object = told.to_string();
        if kind == Kind::Thread {
            // The object goes on.
            object.pop();
            object += &open(OF_THREAD[0]);
            self.thread = Some(Lists::default());
        }
        text += &self.own.put(&OWN, kind, &object);
        text
    }

    /// Closes everything.
    pub(super) fn end(&mut self) -> String {
        let thread = self.end_thread();
        thread + &self.own.go_to(&OWN, OWN.len() - 1) + "]}\n"
    }

    fn end_thread(&mut self) -> String {
        self.thread.take().map_or_else(String::new, |mut thread| {
            thread.go_to(&OF_THREAD, OF_THREAD.len() - 1) + "]}"
        })
    }
}

impl Lists {
    fn put(&mut self, lists: &[Kind], kind: Kind, object: &str) -> String {
        let place = lists.iter().position(|one| *one == kind);
        let mut text = self.go_to(lists, place.unwrap_or(self.at));
        if self.any {
            text.push(',');
        }
        self.any = true;
        text + object
    }

    /// Closes the list that is open and those on the way to this one, which it opens.
    fn go_to(&mut self, lists: &[Kind], place: usize) -> String {
        let mut text = String::new();
        while self.at < place {
            self.at += 1;
            self.any = false;
            text.push(']');
            text += &open(lists[self.at]);
        }
        text
    }
}

fn open(kind: Kind) -> String {
    format!(",\"{}\":[", kind.plural())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn lists_are_opened_and_closed_in_order() {
        let mut document = Document::default();
        let mut text = format!("{{\"user\":1{}", document.begin());
        for (kind, told) in [
            (Kind::User, json!({})),
            (Kind::Item, json!({"i": 1})),
            (Kind::Item, json!({"i": 2})),
            (Kind::Thread, json!({"t": 1})),
            (Kind::Run, json!({"r": 1})),
            (Kind::Message, json!({"m": 1})),
            (Kind::Message, json!({"m": 2})),
            (Kind::Thread, json!({"t": 2})),
        ] {
            text += &document.put(kind, &told);
        }
        text += &document.end();
        let read: Value = serde_json::from_str(&text).unwrap();
        let thread = |t, runs: Value, messages: Value| {
            json!({
                "t": t, "branches": [], "heads": [], "runs": runs, "checkpoints": [], "channel_changes": [],
                "pending_writes": [], "messages": messages, "run_events": [],
            })
        };
        let expected = json!({
            "user": 1, "sessions": [], "items": [{"i": 1}, {"i": 2}],
            "threads": [
                thread(1, json!([{"r": 1}]), json!([{"m": 1}, {"m": 2}])),
                thread(2, json!([]), json!([])),
            ],
        });
        assert_eq!(read, expected);
    }

    #[test]
    fn a_user_with_nothing_has_empty_lists() {
        let mut document = Document::default();
        let text = format!("{{\"user\":1{}{}", document.begin(), document.end());
        let read: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            read,
            json!({"user": 1, "sessions": [], "items": [], "threads": []})
        );
    }
}
