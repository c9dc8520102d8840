//! Chat completions as they are answered: whole, or piece by piece.

use bytes::Bytes;
use everthread_graph::contract::RunId;
use futures::{Stream, stream};
use serde_json::{Value, json};

use super::hearing::{Heard, Hearing};
use super::message::{Call, Message, Usage};
use super::refusal::{self, Refusal};

/// A comment that keeps a connection alive.
pub(super) const HEARTBEAT: &[u8] = b": heartbeat\n\n";

/// Why a stream of bytes may fail: never.
type Never = std::convert::Infallible;

/// What all pieces of a completion say.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    pub(crate) run: RunId,
    pub(crate) created: i64,
    pub(crate) model: String,
    /// The last piece counts the tokens.
    pub(crate) usage: bool,
}

impl Head {
    fn id(&self) -> String {
        format!("chatcmpl-{}", self.run.uuid().simple())
    }

    fn piece(&self, choices: &Value, usage: &Value) -> Bytes {
        let mut piece = json!({
            "id": self.id(),
            "object": "chat.completion.chunk",
            "created": self.created,
            "model": self.model,
            "choices": choices,
        });
        if self.usage {
            piece["usage"] = usage.clone();
        }
        event(&piece)
    }

    fn delta(&self, delta: &Value, finish: Option<&str>) -> Bytes {
        let choice =
            json!([{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish}]);
        self.piece(&choice, &Value::Null)
    }
}

fn event(data: &Value) -> Bytes {
    format!("data: {data}\n\n").into()
}

/// Waits for the reply and answers with it.
///
/// # Errors
/// 502 when the run fails, 409 when it is stopped.
pub(crate) async fn whole(head: &Head, mut hearing: Hearing) -> Result<Value, Refusal> {
    let said = reply(&mut hearing).await?;
    let last = last(&said);
    let text: Vec<String> = said.iter().map(|one| one.content.text()).collect();
    let text = text.concat();
    let mut message = json!({
        "role": "assistant",
        "content": if text.is_empty() && !last.calls.is_empty() { Value::Null } else { text.into() },
        "refusal": last.refusal,
        "annotations": [],
    });
    if !last.calls.is_empty() {
        let calls: Vec<Value> = last.calls.iter().map(called).collect();
        message["tool_calls"] = calls.into();
    }
    Ok(json!({
        "id": head.id(),
        "object": "chat.completion",
        "created": head.created,
        "model": head.model,
        "choices": [{
            "index": 0,
            "message": message,
            "logprobs": null,
            "finish_reason": finish_reason(&last),
        }],
        "usage": usage(&said),
    }))
}

/// The reply of a run.
///
/// # Errors
/// 502 when the run fails, 409 when it is stopped.
pub(crate) async fn reply(hearing: &mut Hearing) -> Result<Vec<Message>, Refusal> {
    loop {
        match hearing.next().await {
            Heard::Reply(said) => return Ok(said),
            Heard::Failed(why) => return Err(Refusal::failed(why)),
            Heard::Stopped => return Err(stopped()),
            Heard::Text { .. } | Heard::Restart | Heard::Lost(_) | Heard::Beat => {}
        }
    }
}

fn stopped() -> Refusal {
    crate::error::ApiError::conflict(
        "cancelled",
        "the run was stopped before its reply; what was said is kept",
    )
    .into()
}

fn last(said: &[Message]) -> Message {
    said.last().cloned().unwrap_or_default()
}

fn called(call: &Call) -> Value {
    json!({
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments},
    })
}

fn finish_reason(last: &Message) -> &'static str {
    match last.finish.as_deref() {
        _ if !last.calls.is_empty() => "tool_calls",
        Some("length") => "length",
        Some("content_filter") => "content_filter",
        _ => "stop",
    }
}

/// What the model counted; `null` when it did not count.
fn usage(said: &[Message]) -> Value {
    let counted: Vec<Usage> = said.iter().filter_map(|one| one.usage).collect();
    if counted.is_empty() {
        return Value::Null;
    }
    let input: u64 = counted.iter().map(|one| one.input).sum();
    let output: u64 = counted.iter().map(|one| one.output).sum();
    json!({
        "prompt_tokens": input,
        "completion_tokens": output,
        "total_tokens": input + output,
        "prompt_tokens_details": {"cached_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0},
    })
}

/// The reply, piece by piece.
pub(crate) fn pieces(
    head: Head,
    hearing: Hearing,
) -> impl Stream<Item = Result<Bytes, Never>> + Send {
    let telling = Telling {
        head,
        hearing,
        heard: false,
        ended: false,
    };
    stream::unfold(telling, |mut telling| async move {
        let piece = telling.next().await?;
        Some((Ok(piece), telling))
    })
}

struct Telling {
    head: Head,
    hearing: Hearing,
    /// Some text was told.
    heard: bool,
    ended: bool,
}

impl Telling {
    async fn next(&mut self) -> Option<Bytes> {
        if self.ended {
            return None;
        }
        let heard = self.hearing.next().await;
        Some(match heard {
            Heard::Beat | Heard::Lost(_) => Bytes::from_static(HEARTBEAT),
            Heard::Text { text, .. } => self.text(&text),
            Heard::Reply(said) => {
                self.ended = true;
                self.end(&said)
            }
            // What was told cannot be taken back in this protocol: the client has to ask again.
            Heard::Restart if self.heard => self.fail(
                "the reply began anew with another model; ask again, the conversation has it",
            ),
            Heard::Restart => Bytes::from_static(HEARTBEAT),
            Heard::Failed(why) => self.fail(&why),
            Heard::Stopped => self.fail(stopped().detail()),
        })
    }

    fn text(&mut self, text: &str) -> Bytes {
        let piece = self.head.delta(&json!({"content": text}), None);
        if std::mem::replace(&mut self.heard, true) {
            return piece;
        }
        [self.role(), piece].concat().into()
    }

    fn role(&self) -> Bytes {
        self.head
            .delta(&json!({"role": "assistant", "content": ""}), None)
    }

    fn end(&mut self, said: &[Message]) -> Bytes {
        let last = last(said);
        let mut bytes = Vec::new();
        if !self.heard {
            bytes.extend(self.role());
            // A model that does not speak piece by piece says all of it at once.
            let text: String = said.iter().map(|one| one.content.text()).collect();
            if !text.is_empty() {
                bytes.extend(self.head.delta(&json!({"content": text}), None));
            }
        }
        for (place, call) in last.calls.iter().enumerate() {
            let mut call = called(call);
            call["index"] = place.into();
            bytes.extend(self.head.delta(&json!({"tool_calls": [call]}), None));
        }
        bytes.extend(self.head.delta(&json!({}), Some(finish_reason(&last))));
        if self.head.usage {
            bytes.extend(self.head.piece(&json!([]), &usage(said)));
        }
        bytes.extend_from_slice(b"data: [DONE]\n\n");
        bytes.into()
    }

    fn fail(&mut self, why: &str) -> Bytes {
        self.ended = true;
        event(&refusal::body("server_error", why, "run_failed", None))
    }
}
