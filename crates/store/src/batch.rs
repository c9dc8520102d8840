//! How events of a run lie at rest: a batch in a row, each event as its number, a space and its JSON text, parted by a
//! character that JSON text cannot hold.

use std::fmt::Write;

use everthread_graph::contract::Json;

use crate::RunEvent;

/// Stands between the events of a batch.
const BETWEEN: char = '\u{1E}';

/// The text of a batch.
#[must_use]
pub fn batch_text(events: &[RunEvent]) -> String {
    let mut text = String::new();
    for event in events {
        if !text.is_empty() {
            text.push(BETWEEN);
        }
        // Writing into a string cannot fail.
        let _ = write!(text, "{} {}", event.seq, event.body.as_str());
    }
    text
}

/// The events of a batch; `None` when the text is none. Their JSON is trusted.
#[must_use]
pub fn batch_events(text: &str) -> Option<Vec<RunEvent>> {
    let event = |part: &str| {
        let (seq, body) = part.split_once(' ')?;
        Some(RunEvent {
            seq: seq.parse().ok()?,
            body: Json::trusted(body),
        })
    };
    text.split(BETWEEN).map(event).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_read_as_it_was_written() {
        let event = |seq, body: &str| RunEvent {
            seq,
            body: Json::parse(body).unwrap(),
        };
        let batch = [
            event(0, "{ \"a\" :\n\t[\"x y\", \"\\u001e\"]}"),
            event(7, "null"),
            event(u64::try_from(i64::MAX).unwrap(), "1.50"),
        ];
        assert_eq!(batch_events(&batch_text(&batch)).unwrap(), batch);
        assert_eq!(batch_events(""), None);
        assert_eq!(batch_events("x 1"), None);
    }
}
