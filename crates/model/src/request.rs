//! What a model is asked.

use std::sync::Arc;

use serde_json::Value;

use crate::Message;

/// A request to a chat model. `ChatRequest::new(messages)` is a whole one; the rest has defaults.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChatRequest {
    /// Exactly what the model is shown, oldest first; shared, so that asking copies no text.
    pub messages: Vec<Arc<Message>>,
    /// How freely the model chooses its words; 0 (the default) always takes the likeliest.
    pub temperature: f32,
    /// Decides what chance decides at a temperature above 0; without it, the model chooses.
    pub seed: Option<u64>,
    /// The longest reply, in tokens; without it the model's own limit holds.
    pub max_tokens: Option<usize>,
    /// A name for the conversation: a hint for models that keep its state between turns. Today's find that state
    /// by what the messages say, and need none.
    pub session: Option<String>,
    /// Tools that the model may call, each in OpenAI's shape (`{"type":"function","function":{…}}`).
    /// Models without tools ignore them.
    pub tools: Vec<Value>,
    /// Whether it must, may or must not call one, in OpenAI's shape: `auto`, `none`, `required` or the name of one
    /// (`{"type":"function","function":{"name":…}}`). `None` leaves it to the model.
    pub tool_choice: Option<Value>,
}

impl ChatRequest {
    /// A request that shows the model these messages. Takes `Message`s or `Arc<Message>`s.
    pub fn new<M: Into<Arc<Message>>>(messages: impl IntoIterator<Item = M>) -> Self {
        Self {
            messages: messages.into_iter().map(Into::into).collect(),
            ..Self::default()
        }
    }
}
