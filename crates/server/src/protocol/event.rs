//! One event of a thread: what it is called while it is kept, and how it goes over the wire.

use std::fmt;

use everthread_graph::contract::RunId;
use serde_json::Value;

use crate::runs::Frame;

/// An event before it has a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    /// Its [`Head`] as text.
    pub(crate) head: String,
    /// `{"method": …, "params": {"namespace": …, "timestamp": …, "data": …}}`.
    pub(crate) json: String,
}

/// What is to be known of an event without reading it: `METHOD|NAMESPACE`, `custom:NAME|NAMESPACE`, or
/// `values@CHECKPOINT/TIME|NAMESPACE` for a state that can be read again at its checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head<'a> {
    /// The event's method.
    pub(crate) method: &'a str,
    /// The name of a custom event that has one.
    pub(crate) custom: Option<&'a str>,
    /// Where the state of this event is, and when it was told, in milliseconds since 1970-01-01 UTC.
    pub(crate) state: Option<(&'a str, i64)>,
    /// The graph that it is of, as `Namespace::as_str` gives it.
    pub(crate) ns: &'a str,
}

impl<'a> Head<'a> {
    /// An event of this method.
    pub(crate) fn new(method: &'a str, ns: &'a str) -> Self {
        Self {
            method,
            custom: None,
            state: None,
            ns,
        }
    }

    /// Reads what [`fmt::Display`] writes.
    pub(crate) fn parse(text: &'a str) -> Self {
        let (kind, ns) = text.split_once('|').unwrap_or((text, ""));
        let mut head = Self::new(kind, ns);
        if let Some(name) = kind.strip_prefix("custom:") {
            head.method = "custom";
            head.custom = Some(name);
        } else if let Some((method, place)) = kind.split_once('@') {
            head.method = method;
            let place = place.split_once('/');
            head.state = place.and_then(|(id, at_ms)| Some((id, at_ms.parse().ok()?)));
        }
        head
    }
}

impl fmt::Display for Head<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.method)?;
        if let Some(name) = self.custom {
            write!(f, ":{name}")?;
        }
        if let Some((checkpoint, at_ms)) = self.state {
            write!(f, "@{checkpoint}/{at_ms}")?;
        }
        write!(f, "|{}", self.ns)
    }
}

impl Told {
    /// An event with this JSON as its data. `node` is the one that caused it, where that matters.
    pub(crate) fn new(head: &Head<'_>, at_ms: i64, node: Option<&str>, data: &str) -> Self {
        let parts = head.ns.split('|').filter(|part| !part.is_empty());
        let namespace: Value = parts.map(Value::from).collect();
        let node = node.map_or(String::new(), |node| {
            format!(",\"node\":{}", Value::from(node))
        });
        let method = head.method;
        Self {
            head: head.to_string(),
            json: format!(
                r#"{{"method":"{method}","params":{{"namespace":{namespace},"timestamp":{at_ms}{node},"data":{data}}}}}"#
            ),
        }
    }

    /// A state, told at this time.
    pub(crate) fn state(head: &Head<'_>, at_ms: i64, state: &str) -> Self {
        Self::new(head, at_ms, None, state)
    }
}

/// A numbered event of a run.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    /// The run.
    pub(crate) run: RunId,
    /// The event, under its head.
    pub(crate) frame: Frame,
}

impl Event {
    /// The event as JSON. Its id names its run, which is how clients tell whose end they see.
    pub(crate) fn json(&self) -> String {
        let (run, seq) = (self.run, self.frame.seq);
        let body = self.frame.data().strip_prefix('{').unwrap_or("}");
        format!(r#"{{"type":"event","event_id":"synth:{run}:{seq}","seq":{seq},{body}"#)
    }

    /// The event as one of a stream of server-sent events.
    pub(crate) fn write(&self, into: &mut Vec<u8>) {
        let head = Head::parse(self.frame.name());
        let (method, seq) = (head.method, self.frame.seq);
        let text = format!(
            "event: {method}\r\ndata: {}\r\nid: {seq}\r\n\r\n",
            self.json()
        );
        into.extend_from_slice(text.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_head_is_read_as_it_is_written() {
        let id = "01a20562-3c56-7011-8b0d-e8c29b5a6b01";
        for head in [
            Head::new("input.requested", "child:1|agent:2"),
            Head {
                custom: Some("a@b"),
                ..Head::new("custom", "")
            },
            Head {
                state: Some((id, 7)),
                ..Head::new("values", "child:1")
            },
        ] {
            assert_eq!(Head::parse(&head.to_string()), head);
        }
    }

    #[test]
    fn an_event_is_written_as_the_reference_writes_it() {
        let told = Told::new(
            &Head::new("updates", "child:1|a \"b\":2"),
            5,
            Some("n"),
            r#"{"x":1}"#,
        );
        let run = RunId::from_uuid(uuid::Uuid::nil());
        let frame = Frame::new(3, &told.head, &told.json);
        let event = Event { run, frame };
        let expected = json!({
            "type": "event", "event_id": format!("synth:{run}:3"), "seq": 3, "method": "updates",
            "params": {"namespace": ["child:1", "a \"b\":2"], "timestamp": 5, "node": "n", "data": {"x": 1}},
        });
        let read: Value = serde_json::from_str(&event.json()).expect("JSON");
        assert_eq!(read, expected);
        let mut bytes = Vec::new();
        event.write(&mut bytes);
        let text = String::from_utf8(bytes).expect("text");
        assert!(text.starts_with("event: updates\r\ndata: {\"type\":\"event\","));
        assert!(text.ends_with("\r\nid: 3\r\n\r\n"));
    }
}
