//! What a run may ask for: other words to open with, another model, other limits.

use everthread_graph::contract::Json;
use everthread_graph::{Context as Node, NodeError};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::ContextPolicy;

const MAX_TEMPERATURE: f32 = ContextPolicy::MAX_TEMPERATURE;

/// The context of a run of the chat graphs. Whatever it leaves out is as the deployment has it; fields that it does
/// not have are passed over.
///
/// The fields and their bounds are told to clients as [`RunContext::schema`].
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct RunContext {
    /// The text that opens every context.
    #[serde(alias = "system_prompt")]
    pub system: Option<String>,
    /// The model, as a specification spells it.
    pub model: Option<String>,
    /// 0 for the likeliest reply each time, up to 2 for the most varied.
    pub temperature: Option<f32>,
    /// As [`ContextPolicy::summarize_above_messages`].
    #[serde(alias = "max_messages")]
    pub summarize_above_messages: Option<usize>,
    /// As [`ContextPolicy::summarize_above_tokens`].
    pub summarize_above_tokens: Option<usize>,
    /// As [`ContextPolicy::keep_last`].
    #[serde(alias = "keep_messages")]
    pub keep_last: Option<usize>,
    /// As [`ContextPolicy::reply_tokens`].
    #[serde(alias = "max_tokens")]
    pub reply_tokens: Option<usize>,
    /// As [`ContextPolicy::summary_tokens`].
    pub summary_tokens: Option<usize>,
    /// Tools that the model may call, in OpenAI's shape; the run ends with the calls, and goes on when a message of
    /// each tool is there. Empty for none.
    pub tools: Option<Vec<Value>>,
    /// Whether it must, may or must not call one, in OpenAI's shape.
    pub tool_choice: Option<Value>,
}

impl RunContext {
    /// What a run was given; the default when it was given nothing.
    ///
    /// # Errors
    /// When it does not have the right form, or a value is out of bounds.
    pub(crate) fn of(node: &Node) -> Result<Self, NodeError> {
        let context: Self = node.run_context()?.unwrap_or_default();
        context
            .check_bounds()
            .map_err(|wrong| NodeError::permanent(format!("the run's context {wrong}")))?;
        Ok(context)
    }

    /// Reads a context that is to be kept for many runs: stricter than for a single run, because nobody would see that
    /// a misspelt field is passed over for ever.
    ///
    /// # Errors
    /// What is wrong, with the field's name.
    pub(crate) fn strict(context: &Json) -> Result<Self, String> {
        let fields: Map<String, Value> = context.read().map_err(|error| error.to_string())?;
        if let Some(unknown) = fields.keys().find(|name| !is_known(name)) {
            return Err(format!(
                "the context has no field {unknown:?}; its fields are {}",
                FIELDS.join(", ")
            ));
        }
        let read: Self = context
            .read()
            .map_err(|error| format!("the context cannot be read: {error}"))?;
        read.check_bounds()
            .map_err(|wrong| format!("the context {wrong}"))?;
        Ok(read)
    }

    fn check_bounds(&self) -> Result<(), String> {
        if let Some(temperature) = self.temperature
            && !(0.0..=MAX_TEMPERATURE).contains(&temperature)
        {
            return Err(format!(
                "asks for the temperature {temperature}; it lies between 0 and {MAX_TEMPERATURE}"
            ));
        }
        for (name, tokens) in [
            ("reply_tokens", self.reply_tokens),
            ("summary_tokens", self.summary_tokens),
        ] {
            if tokens == Some(0) {
                return Err(format!("sets {name} to 0; at least 1 is needed"));
            }
        }
        Ok(())
    }

    /// The limits of the run.
    pub(crate) fn limits(self, deployed: &ContextPolicy) -> ContextPolicy {
        let above = self.summarize_above_tokens;
        ContextPolicy {
            system: self.system.unwrap_or_else(|| deployed.system.clone()),
            summarize_above_messages: self
                .summarize_above_messages
                .unwrap_or(deployed.summarize_above_messages),
            summarize_above_tokens: above.or(deployed.summarize_above_tokens),
            keep_last: self.keep_last.unwrap_or(deployed.keep_last),
            reply_tokens: self.reply_tokens.unwrap_or(deployed.reply_tokens),
            summary_tokens: self.summary_tokens.unwrap_or(deployed.summary_tokens),
            temperature: self.temperature.unwrap_or(deployed.temperature),
        }
    }

    /// What the context of a run may hold, as a JSON Schema.
    #[must_use]
    pub fn schema() -> Json {
        Json::trusted(SCHEMA)
    }
}

/// The fields of a context.
const FIELDS: [&str; 10] = [
    "system",
    "model",
    "temperature",
    "summarize_above_messages",
    "summarize_above_tokens",
    "keep_last",
    "reply_tokens",
    "summary_tokens",
    "tools",
    "tool_choice",
];

/// Other names under which fields are read.
const ALIASES: [&str; 4] = [
    "system_prompt",
    "max_messages",
    "keep_messages",
    "max_tokens",
];

fn is_known(name: &str) -> bool {
    FIELDS.contains(&name) || ALIASES.contains(&name)
}

const SCHEMA: &str = r#"{
  "title": "run_context",
  "type": "object",
  "description": "Whatever is left out is as the deployment has it.",
  "properties": {
    "system": {
      "type": "string",
      "description": "The text that opens every context. `system_prompt` is read as well."
    },
    "model": {
      "type": "string",
      "description": "The model, such as `local`, `openai:gpt-4o-mini` or several with commas, each standing in for the one before."
    },
    "temperature": {
      "type": "number",
      "minimum": 0,
      "maximum": 2,
      "description": "0 for the likeliest reply each time, up to 2 for the most varied."
    },
    "summarize_above_messages": {
      "type": "integer",
      "minimum": 0,
      "description": "Summarise when the model is shown more messages than this; 0 never summarises. `max_messages` is read as well."
    },
    "summarize_above_tokens": {
      "type": "integer",
      "minimum": 0,
      "description": "Summarise when the messages that the model is shown have more tokens than this."
    },
    "keep_last": {
      "type": "integer",
      "minimum": 0,
      "description": "How many of the newest messages stay beside the summary. `keep_messages` is read as well."
    },
    "reply_tokens": {
      "type": "integer",
      "minimum": 1,
      "description": "Longest reply, in tokens. `max_tokens` is read as well."
    },
    "summary_tokens": {
      "type": "integer",
      "minimum": 1,
      "description": "Longest summary that the model is asked for, in tokens."
    },
    "tools": {
      "type": "array",
      "items": {"type": "object"},
      "description": "Tools that the model may call, in OpenAI's shape. The run ends with the calls; it goes on with a message of each tool."
    },
    "tool_choice": {
      "description": "`auto`, `none`, `required`, or the tool to call, in OpenAI's shape."
    }
  }
}"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_names_every_field() {
        let schema: serde_json::Value = RunContext::schema().read().expect("JSON");
        let properties = schema["properties"].as_object().expect("an object");
        let debug = format!("{:?}", RunContext::default());
        assert_eq!(debug.matches(": None").count(), properties.len());
        for name in properties.keys() {
            assert!(debug.contains(&format!("{name}: None")), "{name}");
            assert!(FIELDS.contains(&&**name), "{name}");
        }
        assert_eq!(FIELDS.len(), properties.len());
    }

    #[test]
    fn a_context_that_is_kept_is_read_strictly() {
        let read = |text: &str| RunContext::strict(&Json::trusted(text));
        let every = r#"{"system_prompt":"S","max_messages":9,"keep_messages":4,"max_tokens":7,"temperature":2}"#;
        assert_eq!(read(every).expect("a context").reply_tokens, Some(7));
        for (wrong, named) in [
            (r#"{"sytem":"S"}"#, "\"sytem\""),
            (r#"{"temperature":99}"#, "temperature 99"),
            (r#"{"reply_tokens":0}"#, "reply_tokens"),
            (r#"{"keep_last":"two"}"#, "string"),
        ] {
            let error = read(wrong).expect_err(wrong);
            assert!(error.contains(named), "{error}");
        }
    }

    #[test]
    fn what_is_left_out_is_as_deployed() {
        let deployed = ContextPolicy::default();
        assert_eq!(RunContext::default().limits(&deployed), deployed);
        let asked =
            r#"{"system_prompt":"S","max_messages":9,"keep_messages":4,"max_tokens":7,"other":1}"#;
        let asked: RunContext = serde_json::from_str(asked).expect("a context");
        let limits = asked.limits(&deployed);
        assert_eq!(limits.system, "S");
        assert_eq!(
            (
                limits.summarize_above_messages,
                limits.keep_last,
                limits.reply_tokens
            ),
            (9, 4, 7)
        );
        assert_eq!(limits.summary_tokens, deployed.summary_tokens);
    }
}
