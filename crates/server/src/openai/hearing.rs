//! Hears a run: what it tells in the words of another protocol becomes what this one tells of.

use std::collections::VecDeque;
use std::sync::Arc;

use everthread_store::{Store, StoreError};
use serde::Deserialize;
use serde_json::Value;
use tokio::time::Interval;

use super::message::{Message, Role};
use super::turn::Begun;
use crate::app::App;
use crate::runs::{self, Far, Frame, Live, Read, Reader, Remote};
use crate::sse::{Leave, beats};

/// What is heard of a run.
#[derive(Debug)]
pub(crate) enum Heard {
    /// A piece of a message of the assistant's.
    Text {
        /// The message.
        id: String,
        /// The piece.
        text: String,
    },
    /// What was heard of the message that is being said is void.
    Restart,
    /// The reply, which may be several messages. Nothing comes after.
    Reply(Vec<Message>),
    /// There will be no reply.
    Failed(String),
    /// The run was stopped before its reply.
    Stopped,
    /// So many events of the run were lost with the process that drove it.
    Lost(u64),
    /// Nothing yet, and it is time to say so.
    Beat,
}

/// Hears one run to its reply.
pub(crate) struct Hearing {
    store: Arc<dyn Store>,
    key: everthread_graph::contract::ThreadKey,
    run: everthread_graph::contract::RunId,
    source: Source,
    reply_node: Option<String>,
    leave: Option<Leave>,
    beats: Interval,
    frames: VecDeque<Frame>,
    /// The number of the next frame, if none is lost.
    expected: u64,
    said: Vec<Message>,
    failed: Option<String>,
}

enum Source {
    /// It is driven here.
    Memory(Reader),
    /// Another process drives it, or did.
    Elsewhere(Box<Remote>),
}

/// A piece of a message.
#[derive(Deserialize)]
struct Chunk {
    #[serde(default)]
    id: Option<String>,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    content: Value,
}

impl Hearing {
    /// Hears a run that has just begun. If `leave`, the run is stopped when this is dropped before its reply.
    pub(crate) fn of(app: &App, begun: Begun, leave: bool) -> Self {
        let Begun { live, reader, key } = begun;
        Self {
            leave: Some(Leave::new(&live, leave)),
            ..Self::new(app, key, live.id, Source::Memory(reader))
        }
    }

    /// Hears a run whose events are kept, from its begin.
    pub(crate) fn again(
        app: &App,
        key: everthread_graph::contract::ThreadKey,
        run: everthread_graph::contract::RunId,
        live: Option<&Arc<Live>>,
    ) -> Self {
        let source = match live {
            Some(live) => Source::Memory(live.log.reader(Some(0))),
            None => {
                let remote = Remote::resumable(&app.runs, key.clone(), run, None);
                Source::Elsewhere(Box::new(remote))
            }
        };
        Self::new(app, key, run, source)
    }

    fn new(
        app: &App,
        key: everthread_graph::contract::ThreadKey,
        run: everthread_graph::contract::RunId,
        source: Source,
    ) -> Self {
        Self {
            store: app.store.clone(),
            key,
            run,
            source,
            reply_node: app.openai.offer.reply_node.clone(),
            leave: None,
            beats: beats(app.settings.heartbeat),
            frames: VecDeque::new(),
            expected: 0,
            said: Vec::new(),
            failed: None,
        }
    }

    /// What comes next. After `Reply`, `Failed` and `Stopped` nothing does.
    pub(crate) async fn next(&mut self) -> Heard {
        loop {
            while let Some(frame) = self.frames.pop_front() {
                let lost = frame.seq.saturating_sub(self.expected);
                self.expected = frame.seq.saturating_add(1);
                if lost > 0 {
                    self.expected = frame.seq;
                    self.frames.push_front(frame);
                    return Heard::Lost(lost);
                }
                if let Some(heard) = self.hear(&frame) {
                    return self.told(heard);
                }
            }
            match self.more().await {
                Ok(true) => {}
                Ok(false) => return Heard::Beat,
                Err(end) => return self.told(end),
            }
        }
    }

    fn told(&mut self, heard: Heard) -> Heard {
        let is_end = matches!(heard, Heard::Reply(_) | Heard::Failed(_) | Heard::Stopped);
        if let (true, Some(leave)) = (is_end, &mut self.leave) {
            // What goes on behind the reply is not its reader's to stop.
            leave.done();
        }
        heard
    }

    fn hear(&mut self, frame: &Frame) -> Option<Heard> {
        match frame.name() {
            "messages" => {
                let (chunk, _): (Chunk, Value) = serde_json::from_str(frame.data()).ok()?;
                let text = match chunk.content {
                    Value::String(text) => text,
                    _ => return None,
                };
                let is_said = chunk.kind == "AIMessageChunk" && !text.is_empty();
                let id = chunk.id.filter(|_| is_said)?;
                Some(Heard::Text { id, text })
            }
            "updates" => self.update(frame.data()),
            "custom" => {
                let value: Value = serde_json::from_str(frame.data()).ok()?;
                value.get("restart").map(|_| Heard::Restart)
            }
            "error" => {
                let error: Value = serde_json::from_str(frame.data()).ok()?;
                self.failed = error["message"].as_str().map(str::to_owned);
                None
            }
            "end" => {
                let end: Value = serde_json::from_str(frame.data()).ok()?;
                Some(self.end(end["status"].as_str().unwrap_or_default()))
            }
            _ => None,
        }
    }

    /// What a node wrote: its messages are said, and those of the node that replies are the reply.
    fn update(&mut self, data: &str) -> Option<Heard> {
        let update: serde_json::Map<String, Value> = serde_json::from_str(data).ok()?;
        let mut replied = false;
        for (node, written) in &update {
            let messages = match &written["messages"] {
                Value::Array(all) => all.as_slice(),
                Value::Null => continue,
                one => std::slice::from_ref(one),
            };
            let said = messages.iter().filter_map(Message::of_state);
            self.said
                .extend(said.filter(|one| one.role == Role::Assistant));
            replied |= self.reply_node.as_deref() == Some(node.as_str());
        }
        (replied && !self.said.is_empty()).then(|| Heard::Reply(std::mem::take(&mut self.said)))
    }

    fn end(&mut self, status: &str) -> Heard {
        let said = std::mem::take(&mut self.said);
        match (self.failed.take(), status) {
            (Some(why), _) => Heard::Failed(why),
            (None, "success") if !said.is_empty() => Heard::Reply(said),
            (None, "success") => {
                Heard::Failed("the run came to its end without a reply".to_owned())
            }
            (None, "error") => Heard::Failed("the run failed".to_owned()),
            _ => Heard::Stopped,
        }
    }

    /// Waits for frames; `false` when it is time for a sign of life.
    async fn more(&mut self) -> Result<bool, Heard> {
        match &mut self.source {
            Source::Memory(reader) => {
                let read = tokio::select! {
                    biased;
                    read = reader.next() => read,
                    _ = self.beats.tick() => return Ok(false),
                };
                match read {
                    Read::Frames(frames) => {
                        self.frames.extend(frames);
                        Ok(true)
                    }
                    Read::Closed => Err(self.end("")),
                    Read::Behind(_) if !reader.is_resumable() => {
                        let why = "the reader was too slow and a part of the reply was lost to it; the conversation has all of it";
                        Err(Heard::Failed(why.to_owned()))
                    }
                    Read::Behind(first) => self.catch_up(first).await,
                }
            }
            Source::Elsewhere(remote) => {
                let far = tokio::select! {
                    biased;
                    far = remote.next() => far,
                    _ = self.beats.tick() => return Ok(false),
                };
                match far.map_err(cut)? {
                    Far::Frames(frames) => self.frames.extend(frames),
                    Far::Here(live, from) => {
                        self.source = Source::Memory(live.log.reader(from));
                    }
                    Far::Ended => return Err(self.end("")),
                }
                Ok(true)
            }
        }
    }

    /// Reads what is no longer in memory, whose first event is `first`, from the store.
    async fn catch_up(&mut self, first: u64) -> Result<bool, Heard> {
        let Source::Memory(reader) = &mut self.source else {
            return Ok(true);
        };
        let after = reader.at().checked_sub(1);
        let frames = runs::read_stored(&*self.store, &self.key, self.run, after);
        let frames = frames.await.map_err(cut)?;
        // What was dropped from memory and is not in the store was never kept.
        reader.skip_to(frames.last().map_or(first, |last| last.seq + 1));
        self.frames.extend(frames);
        Ok(true)
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the shape of a closure that maps an error"
)]
fn cut(error: StoreError) -> Heard {
    Heard::Failed(format!("the store cannot be read just now: {error}"))
}
