//! A model's request that a tool be run.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One tool that the model asks for, in LangChain's shape: `{"name":…,"args":{…},"id":…,"type":"tool_call"}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolCall {
    /// The tool's name.
    pub name: String,
    /// The tool's arguments, an object.
    #[serde(default)]
    pub args: Value,
    /// The name of this call, to which the tool's message answers.
    #[serde(default)]
    pub id: Option<String>,
    /// Every other field, `type` among them, verbatim.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl ToolCall {
    /// A call of `name` with `args`, to be answered under `id`.
    pub fn new(id: impl Into<String>, name: impl Into<String>, args: Value) -> Self {
        Self {
            name: name.into(),
            args,
            id: Some(id.into()),
            extra: Map::from_iter([("type".to_owned(), Value::from("tool_call"))]),
        }
    }
}
