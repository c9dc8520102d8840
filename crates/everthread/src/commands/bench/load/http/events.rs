//! Server-sent events, as far as a load needs them: whether a message has begun, and what went wrong.

use serde_json::Value;

/// What was read of a stream.
#[derive(Debug, Default)]
pub(super) struct Events {
    /// The beginning of a line whose end has not come.
    rest: Vec<u8>,
    name: Vec<u8>,
    message: bool,
    error: Option<String>,
}

impl Events {
    /// Reads the next bytes.
    pub(super) fn take(&mut self, mut bytes: &[u8]) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            let (line, after) = bytes.split_at(end + 1);
            bytes = after;
            if self.rest.is_empty() {
                self.line(line);
            } else {
                let mut whole = std::mem::take(&mut self.rest);
                whole.extend_from_slice(line);
                self.line(&whole);
            }
        }
        self.rest.extend_from_slice(bytes);
    }

    fn line(&mut self, line: &[u8]) {
        let line = line.trim_ascii_end();
        if let Some(name) = line.strip_prefix(b"event: ") {
            self.name = name.to_vec();
        } else if let Some(data) = line.strip_prefix(b"data: ") {
            self.message |= self.name.starts_with(b"messages");
            if self.name == b"error" && self.error.is_none() {
                let told: Value = serde_json::from_slice(data).unwrap_or_default();
                self.error = Some(told["error"].as_str().unwrap_or("error").to_owned());
            }
        }
    }

    /// Whether a piece of a message has come.
    pub(super) fn have_message(&self) -> bool {
        self.message
    }

    /// What went wrong.
    pub(super) fn into_error(self) -> Option<String> {
        self.error
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_seen_wherever_the_bytes_are_cut() {
        let text = b"event: metadata\r\ndata: {}\r\n\r\nevent: messages\r\ndata: [1]\r\n\r\n";
        for cut in 0..text.len() {
            let mut events = Events::default();
            events.take(&text[..cut]);
            events.take(&text[cut..]);
            assert!(events.have_message());
            assert_eq!(events.into_error(), None);
        }
    }

    #[test]
    fn metadata_is_no_message_and_an_error_has_a_kind() {
        let mut events = Events::default();
        events.take(b"event: metadata\r\ndata: {}\r\n\r\n: heartbeat\r\n\r\n");
        assert!(!events.have_message());
        events.take(b"event: error\ndata: {\"error\":\"NodeError\",\"message\":\"no\"}\n\n");
        assert_eq!(events.into_error().as_deref(), Some("NodeError"));
    }
}
