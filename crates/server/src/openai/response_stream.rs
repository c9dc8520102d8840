//! A response's stream: of a run that has just begun, or of one whose events are kept.

use std::collections::VecDeque;

use bytes::Bytes;
use futures::{Stream, stream};

use super::completion::HEARTBEAT;
use super::hearing::{Heard, Hearing};
use super::message::Message;
use super::response::{Shell, Standing};
use super::response_events::{Events, Numbered};

/// Why a stream of bytes may fail: never.
type Never = std::convert::Infallible;

struct Telling {
    events: Events,
    hearing: Option<Hearing>,
    waiting: VecDeque<Numbered>,
    /// Only events after this one are told.
    after: Option<u64>,
}

/// The events of a response while its run is heard; only those after this number, if one is given.
pub(crate) fn events(
    shell: Shell,
    hearing: Hearing,
    after: Option<u64>,
) -> impl Stream<Item = Result<Bytes, Never>> + Send {
    let mut events = Events::new(shell);
    let waiting = events.begin().into();
    tell(Telling {
        events,
        hearing: Some(hearing),
        waiting,
        after,
    })
}

/// The events of a response that has ended and whose own are not kept: they are made of what it said.
pub(crate) fn events_of(
    shell: Shell,
    said: &[Message],
    standing: &Standing,
    after: Option<u64>,
) -> impl Stream<Item = Result<Bytes, Never>> + Send + use<> {
    let mut events = Events::new(shell);
    let mut waiting: VecDeque<Numbered> = events.begin().into();
    if said.is_empty() {
        waiting.extend(events.fail(standing));
    } else {
        waiting.extend(events.reply(said));
    }
    tell(Telling {
        events,
        hearing: None,
        waiting,
        after,
    })
}

fn tell(telling: Telling) -> impl Stream<Item = Result<Bytes, Never>> + Send {
    stream::unfold(telling, |mut telling| async move {
        let bytes = telling.next().await?;
        Some((Ok(bytes), telling))
    })
}

impl Telling {
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            let bytes = self.write();
            if !bytes.is_empty() {
                return Some(bytes);
            }
            let hearing = self.hearing.as_mut()?;
            match hearing.next().await {
                Heard::Beat => return Some(Bytes::from_static(HEARTBEAT)),
                Heard::Text { id, text } => self.waiting.extend(self.events.text(&id, &text)),
                Heard::Lost(events) => self.events.skip(events),
                Heard::Restart => self.waiting.extend(self.events.restart()),
                Heard::Reply(said) => {
                    self.hearing = None;
                    self.waiting.extend(self.events.reply(&said));
                }
                Heard::Failed(why) => self.fail(&Standing::Failed(why)),
                Heard::Stopped => self.fail(&Standing::Cancelled),
            }
        }
    }

    fn fail(&mut self, standing: &Standing) {
        self.hearing = None;
        self.waiting.extend(self.events.fail(standing));
    }

    fn write(&mut self) -> Bytes {
        let mut text = String::new();
        for (number, event) in self.waiting.drain(..) {
            if self.after.is_none_or(|after| number > after) {
                let kind = event["type"].as_str().unwrap_or_default();
                text += &format!("event: {kind}\ndata: {event}\n\n");
            }
        }
        text.into()
    }
}

#[cfg(test)]
mod tests {
    use futures::StreamExt;
    use serde_json::{Value, json};

    use super::super::message::{Content, Role};
    use super::*;

    #[tokio::test]
    async fn a_stream_goes_on_after_a_number() {
        let shell = Shell {
            id: "resp_1".to_owned(),
            created: 1,
            told: json!({}),
        };
        let said = Message {
            id: Some("m".to_owned()),
            ..Message::new(Role::Assistant, Content::Text("Hello".to_owned()))
        };
        let stream = events_of(shell, &[said], &Standing::Completed, Some(6));
        let all: Vec<_> = stream.collect().await;
        let text = String::from_utf8(all[0].clone().expect("bytes").to_vec()).expect("text");
        let numbers: Vec<Value> = text
            .lines()
            .filter_map(|line| line.strip_prefix("data: "))
            .map(|data| {
                serde_json::from_str::<Value>(data).expect("JSON")["sequence_number"].clone()
            })
            .collect();
        assert_eq!(numbers, [7, 8]);
    }
}
