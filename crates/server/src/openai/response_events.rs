//! The events of a response's stream, in the order and with the identities that OpenAI's clients insist on: an item is
//! opened before anything is said in it and finished before the response is, under one id and at one place.
//!
//! The events follow from what is heard and from nothing else, so they have the same numbers whenever they are told;
//! and where a crash lost some, those that come after have higher numbers than any of them.

use serde_json::{Value, json};

use super::item;
use super::message::{Call, Message};
use super::response::{self, Shell, Standing};

/// The events of one response.
pub(super) struct Events {
    shell: Shell,
    /// The number of the next event.
    next: u64,
    /// Items that are finished.
    output: Vec<Value>,
    open: Option<Open>,
}

/// A message of the assistant's that is being said.
struct Open {
    id: String,
    text: String,
}

/// One event: its number and its JSON.
pub(super) type Numbered = (u64, Value);

impl Events {
    pub(super) fn new(shell: Shell) -> Self {
        Self {
            shell,
            next: 0,
            output: Vec::new(),
            open: None,
        }
    }

    fn event(&mut self, kind: &str, mut data: Value) -> Numbered {
        let number = self.next;
        self.next += 1;
        data["type"] = kind.into();
        data["sequence_number"] = number.into();
        (number, data)
    }

    fn response(&mut self, kind: &str, standing: &Standing, said: &[Message]) -> Numbered {
        let usage = response::usage(said);
        let response = self.shell.with(standing, &self.output, usage);
        self.event(kind, json!({"response": response}))
    }

    /// How it begins.
    pub(super) fn begin(&mut self) -> Vec<Numbered> {
        ["response.created", "response.in_progress"]
            .map(|kind| self.response(kind, &Standing::InProgress, &[]))
            .into()
    }

    /// Leaves out so many numbers: they may have been told, of events that nobody has any more.
    pub(super) fn skip(&mut self, numbers: u64) {
        self.next = self.next.saturating_add(numbers);
    }

    /// A piece of a message.
    pub(super) fn text(&mut self, id: &str, text: &str) -> Vec<Numbered> {
        let mut events = Vec::new();
        if self.open.as_ref().is_some_and(|open| open.id != id) {
            events.extend(self.close(None, "incomplete"));
        }
        events.extend(self.say(id, text));
        events
    }

    fn say(&mut self, id: &str, text: &str) -> Vec<Numbered> {
        let mut events = Vec::new();
        let (place, item_id) = (self.output.len(), item::message_id(id));
        if self.open.is_none() {
            let mut item = item::assistant(id, "", None, "in_progress");
            item["content"] = json!([]);
            events.push(self.event(
                "response.output_item.added",
                json!({"output_index": place, "item": item}),
            ));
            events.push(self.event(
                "response.content_part.added",
                json!({
                    "item_id": item_id, "output_index": place, "content_index": 0,
                    "part": item::text_part(""),
                }),
            ));
            self.open = Some(Open {
                id: id.to_owned(),
                text: String::new(),
            });
        }
        if let Some(open) = &mut self.open {
            open.text.push_str(text);
        }
        events.push(self.event(
            "response.output_text.delta",
            json!({
                "item_id": item_id, "output_index": place, "content_index": 0,
                "delta": text, "logprobs": [],
            }),
        ));
        events
    }

    /// What was said of the open message is void: it is finished as it is, and another one takes its place.
    pub(super) fn restart(&mut self) -> Vec<Numbered> {
        self.close(None, "incomplete")
    }

    fn close(&mut self, refusal: Option<&str>, status: &str) -> Vec<Numbered> {
        let Some(Open { id, text }) = self.open.take() else {
            return Vec::new();
        };
        let (place, item_id) = (self.output.len(), item::message_id(&id));
        let item = item::assistant(&id, &text, refusal, status);
        let events = vec![
            self.event(
                "response.output_text.done",
                json!({
                    "item_id": item_id, "output_index": place, "content_index": 0,
                    "text": text, "logprobs": [],
                }),
            ),
            self.event(
                "response.content_part.done",
                json!({
                    "item_id": item_id, "output_index": place, "content_index": 0,
                    "part": item::text_part(&text),
                }),
            ),
            self.event(
                "response.output_item.done",
                json!({"output_index": place, "item": item}),
            ),
        ];
        self.output.push(item);
        events
    }

    /// The reply: what of it was not told yet, and the end.
    pub(super) fn reply(&mut self, said: &[Message]) -> Vec<Numbered> {
        let mut events = Vec::new();
        for message in said {
            events.extend(self.message(message));
        }
        events.extend(self.close(None, "incomplete"));
        let standing = response::ended(said);
        let kind = match standing {
            Standing::Incomplete(_) => "response.incomplete",
            _ => "response.completed",
        };
        events.push(self.response(kind, &standing, said));
        events
    }

    fn message(&mut self, message: &Message) -> Vec<Numbered> {
        let id = message.id();
        let mut events = Vec::new();
        if self.open.as_ref().is_some_and(|open| open.id != id) {
            events.extend(self.close(None, "incomplete"));
        }
        let text = message.content.text();
        if self.open.is_none() && (!text.is_empty() || message.calls.is_empty()) {
            events.extend(self.say(id, &text));
        }
        events.extend(self.close(message.refusal.as_deref(), "completed"));
        for (place, call) in message.calls.iter().enumerate() {
            events.extend(self.call(id, place, call));
        }
        events
    }

    fn call(&mut self, id: &str, place: usize, call: &Call) -> Vec<Numbered> {
        let (at, item_id) = (self.output.len(), item::call_id(id, place));
        let begun = Call {
            arguments: String::new(),
            ..call.clone()
        };
        let item = item::call(id, place, call, "completed");
        let events = vec![
            self.event(
                "response.output_item.added",
                json!({"output_index": at, "item": item::call(id, place, &begun, "in_progress")}),
            ),
            self.event(
                "response.function_call_arguments.delta",
                json!({"item_id": item_id, "output_index": at, "delta": call.arguments}),
            ),
            self.event(
                "response.function_call_arguments.done",
                json!({
                    "item_id": item_id, "output_index": at, "name": call.name,
                    "arguments": call.arguments,
                }),
            ),
            self.event(
                "response.output_item.done",
                json!({"output_index": at, "item": item}),
            ),
        ];
        self.output.push(item);
        events
    }

    /// There is no reply.
    pub(super) fn fail(&mut self, standing: &Standing) -> Vec<Numbered> {
        let mut events = self.close(None, "incomplete");
        let kind = match standing {
            // Clients know no event for what was cancelled; the response says that it was.
            Standing::Cancelled => "response.incomplete",
            _ => "response.failed",
        };
        events.push(self.response(kind, standing, &[]));
        events
    }
}

#[cfg(test)]
mod tests {
    use super::super::message::{Content, Role};
    use super::*;

    fn events() -> Events {
        Events::new(Shell {
            id: "resp_1".to_owned(),
            created: 1,
            told: json!({"model": "m"}),
        })
    }

    fn reply(id: &str, text: &str) -> Message {
        Message {
            id: Some(id.to_owned()),
            ..Message::new(Role::Assistant, Content::Text(text.to_owned()))
        }
    }

    fn kinds(all: &[Numbered]) -> Vec<String> {
        let kinds = all.iter().filter_map(|(_, event)| event["type"].as_str());
        kinds.map(str::to_owned).collect()
    }

    #[test]
    fn a_reply_is_opened_said_and_finished() {
        let mut events = events();
        let mut all = events.begin();
        all.extend(events.text("m", "Hel"));
        all.extend(events.text("m", "lo"));
        all.extend(events.reply(&[reply("m", "Hello")]));
        assert_eq!(
            kinds(&all),
            [
                "response.created",
                "response.in_progress",
                "response.output_item.added",
                "response.content_part.added",
                "response.output_text.delta",
                "response.output_text.delta",
                "response.output_text.done",
                "response.content_part.done",
                "response.output_item.done",
                "response.completed",
            ]
        );
        let numbers: Vec<u64> = all.iter().map(|(number, _)| *number).collect();
        assert_eq!(numbers, (0..10).collect::<Vec<u64>>());
        let response = &all[9].1["response"];
        assert_eq!(response["output"][0]["content"][0]["text"], "Hello");
        assert_eq!(response["output"][0], all[8].1["item"]);
        assert_eq!(response["status"], "completed");
    }

    #[test]
    fn a_reply_that_begins_anew_is_another_item() {
        let mut events = events();
        events.begin();
        events.text("a", "Hel");
        let voided = events.restart();
        assert_eq!(voided[2].1["item"]["status"], "incomplete");
        let all = events.reply(&[reply("b", "Hello")]);
        let (_, last) = all.last().expect("an end");
        let output = last["response"]["output"].as_array().expect("items");
        let ids: Vec<&Value> = output.iter().map(|item| &item["id"]).collect();
        assert_eq!(ids, ["msg_a", "msg_b"]);
    }

    #[test]
    fn calls_are_items_of_their_own() {
        let mut events = events();
        let mut message = reply("m", "");
        message.calls.push(Call {
            id: "c".to_owned(),
            name: "f".to_owned(),
            arguments: "{}".to_owned(),
        });
        let all = events.reply(&[message]);
        assert_eq!(all[0].1["item"]["type"], "function_call");
        assert_eq!(all[0].1["item"]["arguments"], "");
        assert_eq!(all[3].1["item"]["arguments"], "{}");
        assert_eq!(all.len(), 5);
    }
}
