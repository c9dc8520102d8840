//! Bodies of requests. What is not known is let pass; what is known and cannot be done is refused where it is read.

use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// A chat completion that is asked for.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct ChatCompletionCreate {
    /// A model of `GET /v1/models`; the first of them when it is left out.
    pub model: Option<String>,
    /// The conversation, or what is new of it: `{"role", "content", …}` each.
    #[serde(default)]
    #[schema(value_type = Vec<Object>)]
    pub messages: Vec<Value>,
    /// Whether the reply is streamed; `false`.
    pub stream: Option<bool>,
    /// `{"include_usage": true}` ends a stream with the counts of tokens.
    #[schema(value_type = Option<Object>)]
    pub stream_options: Option<StreamOptions>,
    /// Up to 16 texts by name, kept with the run. `conversation_id` names the conversation.
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<Map<String, Value>>,
    /// Names the conversation where nothing else does.
    pub user: Option<String>,
    /// From 0 to 2.
    pub temperature: Option<f64>,
    /// Longest reply, in tokens.
    pub max_completion_tokens: Option<u64>,
    /// The older name of the same.
    pub max_tokens: Option<u64>,
    /// Functions that the model may call.
    #[schema(value_type = Option<Vec<Object>>)]
    pub tools: Option<Vec<Value>>,
    /// `auto`, `none`, `required` or one function.
    #[schema(value_type = Option<Object>)]
    pub tool_choice: Option<Value>,
    /// One choice is made; more are refused.
    pub n: Option<u64>,
    /// Text is written; other formats are refused.
    #[schema(value_type = Option<Object>)]
    pub response_format: Option<Value>,
    /// Refused, unless it is empty.
    #[schema(value_type = Option<Object>)]
    pub stop: Option<Value>,
    /// Refused when `true`.
    pub logprobs: Option<bool>,
    /// Refused: use `tools`.
    #[schema(value_type = Option<Vec<Object>>)]
    pub functions: Option<Vec<Value>>,
    /// `["text"]`; others are refused.
    pub modalities: Option<Vec<String>>,
}

/// What a stream tells beside the reply.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct StreamOptions {
    /// Whether the last piece counts the tokens; `false`.
    pub include_usage: Option<bool>,
}

/// A response that is asked for.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct ResponseCreate {
    /// A model of `GET /v1/models`; the first of them when it is left out.
    pub model: Option<String>,
    /// What is said: a text, or items.
    #[schema(value_type = Option<Object>)]
    pub input: Option<Value>,
    /// What opens the context of this response alone.
    pub instructions: Option<String>,
    /// The conversation that it belongs to: its id, or `{"id": …}`.
    #[schema(value_type = Option<Object>)]
    pub conversation: Option<Value>,
    /// The response that it goes on from.
    pub previous_response_id: Option<String>,
    /// Whether it can be got later; `true`.
    pub store: Option<bool>,
    /// Whether it is streamed; `false`.
    pub stream: Option<bool>,
    /// Whether it is answered at once and goes on without its caller; `false`.
    pub background: Option<bool>,
    /// Up to 16 texts by name.
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<Map<String, Value>>,
    /// From 0 to 2.
    pub temperature: Option<f64>,
    /// Longest reply, in tokens.
    pub max_output_tokens: Option<u64>,
    /// Functions that the model may call.
    #[schema(value_type = Option<Vec<Object>>)]
    pub tools: Option<Vec<Value>>,
    /// `auto`, `none`, `required` or one function.
    #[schema(value_type = Option<Object>)]
    pub tool_choice: Option<Value>,
    /// Kept and told.
    pub parallel_tool_calls: Option<bool>,
    /// Text is written; other formats are refused.
    #[schema(value_type = Option<Object>)]
    pub text: Option<Value>,
    /// Kept and told.
    pub user: Option<String>,
    /// Refused: prompts are not kept here.
    #[schema(value_type = Option<Object>)]
    pub prompt: Option<Value>,
}

/// A conversation that is to be made.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct ConversationCreate {
    /// What was said before, at most 20 items.
    #[schema(value_type = Option<Vec<Object>>)]
    pub items: Option<Vec<Value>>,
    /// Up to 16 texts by name.
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<Map<String, Value>>,
}

/// A change to a conversation.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct ConversationUpdate {
    /// Takes the place of what was there.
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<Map<String, Value>>,
}

/// Items that are added to a conversation.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct ItemsCreate {
    /// At most 20 of them.
    #[serde(default)]
    #[schema(value_type = Vec<Object>)]
    pub items: Vec<Value>,
}
