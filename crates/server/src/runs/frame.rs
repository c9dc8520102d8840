//! One event of a stream as it goes over the wire, and as it is kept.

use std::fmt::Write;

use bytes::Bytes;
use everthread_graph::contract::Json;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::wire::one_line;

/// One event of a run's stream.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    /// Its number in the run, ascending from 0.
    pub(crate) seq: u64,
    /// How long the event's name is in `bytes`.
    name_len: usize,
    /// `event: NAME\r\ndata: JSON\r\n`, without the id and without the empty line.
    bytes: Bytes,
}

const EVENT: &str = "event: ";
const DATA: &str = "\r\ndata: ";
const LINE_END: &str = "\r\n";

/// A frame at rest: JSON that a person can read.
#[derive(Deserialize)]
struct AtRest<'a> {
    event: String,
    #[serde(borrow)]
    data: &'a RawValue,
}

impl Frame {
    /// An event of this name with this JSON.
    pub(crate) fn new(seq: u64, name: &str, json: &str) -> Self {
        let mut text = String::with_capacity(name.len() + json.len() + 24);
        text.push_str(EVENT);
        text.push_str(name);
        text.push_str(DATA);
        if json.contains(['\n', '\r']) {
            text.push_str(&one_line(json));
        } else {
            text.push_str(json);
        }
        text.push_str(LINE_END);
        Self {
            seq,
            name_len: name.len(),
            bytes: text.into(),
        }
    }

    /// A frame that was kept; `None` when it cannot be read any more.
    pub(crate) fn from_rest(seq: u64, kept: &Json) -> Option<Self> {
        let kept: AtRest<'_> = serde_json::from_str(kept.as_str()).ok()?;
        Some(Self::new(seq, &kept.event, kept.data.get()))
    }

    /// The frame as it is kept.
    pub(crate) fn to_rest(&self) -> Json {
        let data = self.data();
        let name = self.name();
        let mut text = String::with_capacity(name.len() + data.len() + 24);
        // A name comes from modes and nodes; quotes in a node's name are escaped like any text's.
        text.push_str("{\"event\":");
        text.push_str(&serde_json::Value::from(name).to_string());
        let _ = write!(text, ",\"data\":{data}}}");
        Json::trusted(&text)
    }

    /// The event's name, with its namespace: `values` or `values|node:task`.
    pub(crate) fn name(&self) -> &str {
        self.text(EVENT.len(), EVENT.len() + self.name_len)
    }

    /// The event's JSON.
    pub(crate) fn data(&self) -> &str {
        let start = EVENT.len() + self.name_len + DATA.len();
        self.text(start, self.bytes.len() - LINE_END.len())
    }

    fn text(&self, from: usize, to: usize) -> &str {
        // The bytes were made of text and the places lie between whole texts.
        std::str::from_utf8(&self.bytes[from..to]).unwrap_or_default()
    }

    /// Bytes that it takes up.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Writes it to a stream, with an id when clients may come back to it.
    pub(crate) fn write(&self, id: Option<&dyn std::fmt::Display>, into: &mut Vec<u8>) {
        into.extend_from_slice(&self.bytes);
        if let Some(id) = id {
            into.extend_from_slice(format!("id: {id}\r\n").as_bytes());
        }
        into.extend_from_slice(LINE_END.as_bytes());
    }

    /// Whether a client that asked for these modes is shown it; without any it is shown everything.
    pub(crate) fn is_of(&self, modes: &[String]) -> bool {
        if modes.is_empty() {
            return true;
        }
        let name = self.name();
        let name = name.split_once('|').map_or(name, |(mode, _)| mode);
        let mode = name.split_once('/').map_or(name, |(mode, _)| mode);
        matches!(mode, "error" | "end")
            || modes.iter().any(|wanted| match wanted.as_str() {
                "messages-tuple" => name == "messages",
                "messages" => mode == "messages" && name != "messages",
                wanted => wanted == mode,
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(frame: &Frame, id: Option<&dyn std::fmt::Display>) -> String {
        let mut bytes = Vec::new();
        frame.write(id, &mut bytes);
        String::from_utf8(bytes).expect("text")
    }

    #[test]
    fn a_frame_is_written_as_the_reference_writes_it() {
        let frame = Frame::new(7, "values|child:1", "{\"a\":\n1}");
        assert_eq!(
            wire(&frame, None),
            "event: values|child:1\r\ndata: {\"a\": 1}\r\n\r\n"
        );
        assert_eq!(
            wire(&frame, Some(&7)),
            "event: values|child:1\r\ndata: {\"a\": 1}\r\nid: 7\r\n\r\n"
        );
    }

    #[test]
    fn a_frame_comes_back_from_rest() {
        let frame = Frame::new(7, "custom|\"odd\":1", r#"{"text":"é\n"}"#);
        let back = Frame::from_rest(7, &frame.to_rest()).expect("kept");
        assert_eq!(wire(&back, None), wire(&frame, None));
    }

    #[test]
    fn modes_choose_frames() {
        let shown = |name: &str, mode: &str| Frame::new(0, name, "1").is_of(&[mode.to_owned()]);
        assert!(shown("values|child:1", "values"));
        assert!(!shown("metadata", "values"));
        assert!(shown("error", "values"));
        assert!(shown("messages", "messages-tuple"));
        assert!(!shown("messages", "messages"));
        assert!(shown("messages/partial", "messages"));
        assert!(!shown("messages/partial", "messages-tuple"));
        assert!(Frame::new(0, "metadata", "1").is_of(&[]));
    }
}
