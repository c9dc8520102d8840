//! Server-sent events, read one by one.

use reqwest::{Response, StatusCode};
use serde_json::Value;

/// One event.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    pub name: String,
    pub data: Value,
    pub id: Option<String>,
}

/// A stream of events.
#[derive(Debug)]
pub struct Events {
    pub response: Response,
    buffer: String,
    /// Comments that were seen.
    pub heartbeats: usize,
}

impl Events {
    pub fn of(response: Response) -> Self {
        Self {
            response,
            buffer: String::new(),
            heartbeats: 0,
        }
    }

    pub fn status(&self) -> StatusCode {
        self.response.status()
    }

    pub fn header(&self, name: &str) -> &str {
        let value = self.response.headers().get(name);
        value
            .unwrap_or_else(|| panic!("no header {name}"))
            .to_str()
            .expect("text")
    }

    /// The run that a stream says it is of.
    pub fn run(&self) -> String {
        let place = self.header("content-location");
        place.rsplit('/').next().expect("a run").to_owned()
    }

    /// The next event; `None` at the end.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some((frame, rest)) = self.buffer.split_once("\r\n\r\n") {
                let (frame, rest) = (frame.to_owned(), rest.to_owned());
                self.buffer = rest;
                match parse(&frame) {
                    Some(event) => return Some(event),
                    None => {
                        self.heartbeats += 1;
                        continue;
                    }
                }
            }
            let chunk = self.response.chunk().await.expect("the stream goes on")?;
            self.buffer
                .push_str(std::str::from_utf8(&chunk).expect("text"));
        }
    }

    /// The next event of this name.
    pub async fn next_of(&mut self, name: &str) -> Event {
        loop {
            let event = self.next().await;
            let event = event.unwrap_or_else(|| panic!("the stream ended without {name}"));
            if event.name == name {
                return event;
            }
        }
    }

    /// Everything that is left.
    pub async fn all(mut self) -> Vec<Event> {
        let mut all = Vec::new();
        while let Some(event) = self.next().await {
            all.push(event);
        }
        all
    }
}

fn parse(frame: &str) -> Option<Event> {
    let (mut name, mut data, mut id) = (None, None, None);
    for line in frame.split("\r\n") {
        if line.starts_with(':') {
            return None;
        }
        let (field, value) = line.split_once(": ").expect("a field");
        match field {
            "event" => name = Some(value.to_owned()),
            "data" => data = Some(serde_json::from_str(value).expect("JSON")),
            "id" => id = Some(value.to_owned()),
            other => panic!("unknown field {other}"),
        }
    }
    Some(Event {
        name: name.expect("a name"),
        data: data.expect("data"),
        id,
    })
}

/// The names of events in order.
pub fn names(events: &[Event]) -> Vec<&str> {
    events.iter().map(|event| event.name.as_str()).collect()
}
