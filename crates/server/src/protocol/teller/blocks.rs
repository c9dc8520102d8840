//! The blocks of a message that is being said: text, reasoning, calls of tools. One ends before the next begins.

use serde::Deserialize;
use serde_json::{Map, Value, json};

/// The blocks of a message.
#[derive(Default)]
pub(super) struct Blocks {
    /// The number of the block that is open, or of the next one.
    index: usize,
    open: Option<Block>,
}

#[expect(clippy::large_enum_variant, reason = "one of them is held at a time")]
enum Block {
    Text(String),
    Reasoning(String),
    Tool {
        /// What the model calls it by: pieces of several calls may come in turns.
        place: Value,
        id: Value,
        name: Value,
        args: String,
    },
}

/// A piece of a tool's call.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ToolPiece {
    index: Value,
    id: Value,
    name: Value,
    args: Value,
}

impl ToolPiece {
    /// A call that comes whole: `{"id": …, "name": …, "args": {…}}`.
    pub(super) fn whole(at: usize, call: &Map<String, Value>) -> Self {
        let field = |name: &str| call.get(name).cloned().unwrap_or_default();
        Self {
            index: at.into(),
            id: field("id"),
            name: field("name"),
            args: field("args").to_string().into(),
        }
    }
}

impl Blocks {
    /// Adds content: a text, or a list of texts and blocks.
    pub(super) fn content(&mut self, content: Value, all: &mut Vec<Value>) {
        match content {
            Value::String(text) => self.text(&text, all),
            Value::Array(parts) => {
                for part in parts {
                    match part {
                        Value::String(text) => self.text(&text, all),
                        Value::Object(block) => self.block(block, all),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }

    fn block(&mut self, block: Map<String, Value>, all: &mut Vec<Value>) {
        let text = |name: &str| block.get(name).and_then(Value::as_str);
        match text("type") {
            Some("text") => self.text(text("text").unwrap_or_default(), all),
            Some("reasoning") => self.reasoning(text("reasoning").unwrap_or_default(), all),
            Some("tool_call") => self.tool(ToolPiece::whole(self.index, &block), all),
            Some("tool_call_chunk") => {
                let piece = serde_json::from_value(Value::Object(block));
                self.tool(piece.unwrap_or_default(), all);
            }
            Some(_) => {
                self.close(all);
                let (index, content) = (self.index, Value::Object(block));
                all.push(
                    json!({"event": "content-block-start", "index": index, "content": content}),
                );
                all.push(
                    json!({"event": "content-block-finish", "index": index, "content": content}),
                );
                self.index += 1;
            }
            None => {}
        }
    }

    fn text(&mut self, more: &str, all: &mut Vec<Value>) {
        if more.is_empty() {
            return;
        }
        if !matches!(self.open, Some(Block::Text(_))) {
            self.start(Block::Text(String::new()), all);
        }
        if let Some(Block::Text(text)) = &mut self.open {
            text.push_str(more);
        }
        self.delta(&json!({"type": "text-delta", "text": more}), all);
    }

    fn reasoning(&mut self, more: &str, all: &mut Vec<Value>) {
        if more.is_empty() {
            return;
        }
        if !matches!(self.open, Some(Block::Reasoning(_))) {
            self.start(Block::Reasoning(String::new()), all);
        }
        if let Some(Block::Reasoning(text)) = &mut self.open {
            text.push_str(more);
        }
        self.delta(&json!({"type": "reasoning-delta", "reasoning": more}), all);
    }

    /// Adds to a call of a tool, or begins one.
    pub(super) fn tool(&mut self, piece: ToolPiece, all: &mut Vec<Value>) {
        let is_open = match &self.open {
            Some(Block::Tool { place, id, .. }) => {
                *place == piece.index && (piece.id.is_null() || *id == piece.id)
            }
            _ => false,
        };
        if !is_open {
            let block = Block::Tool {
                place: piece.index,
                id: piece.id,
                name: piece.name,
                args: String::new(),
            };
            self.start(block, all);
        }
        let more = piece.args.as_str().unwrap_or_default();
        if more.is_empty() {
            return;
        }
        if let Some(Block::Tool { args, .. }) = &mut self.open {
            args.push_str(more);
        }
        self.delta(&json!({"type": "tool-call-delta", "args": more}), all);
    }

    fn start(&mut self, block: Block, all: &mut Vec<Value>) {
        self.close(all);
        let content = match &block {
            Block::Text(_) => json!({"type": "text", "text": ""}),
            Block::Reasoning(_) => json!({"type": "reasoning", "reasoning": ""}),
            Block::Tool { id, name, .. } => {
                json!({"type": "tool_call_chunk", "id": id, "name": name, "args": ""})
            }
        };
        all.push(json!({"event": "content-block-start", "index": self.index, "content": content}));
        self.open = Some(block);
    }

    fn delta(&self, delta: &Value, all: &mut Vec<Value>) {
        all.push(json!({"event": "content-block-delta", "index": self.index, "delta": delta}));
    }

    /// Ends the block that is open.
    pub(super) fn close(&mut self, all: &mut Vec<Value>) {
        let content = match self.open.take() {
            None => return,
            Some(Block::Text(text)) => json!({"type": "text", "text": text}),
            Some(Block::Reasoning(text)) => json!({"type": "reasoning", "reasoning": text}),
            Some(Block::Tool { id, name, args, .. }) => call(&id, &name, &args),
        };
        all.push(json!({"event": "content-block-finish", "index": self.index, "content": content}));
        self.index += 1;
    }
}

/// A call with its arguments read; one whose arguments are no object says so.
fn call(id: &Value, name: &Value, args: &str) -> Value {
    let text = if args.trim().is_empty() { "{}" } else { args };
    match serde_json::from_str::<Map<String, Value>>(text) {
        Ok(read) => json!({"type": "tool_call", "id": id, "name": name, "args": read}),
        Err(error) => json!({
            "type": "invalid_tool_call", "id": id, "name": name, "args": args, "error": error.to_string(),
        }),
    }
}
