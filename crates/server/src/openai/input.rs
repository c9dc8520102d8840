//! What a request asks for, whichever of the two routes it came by: what is said, who is to answer, and how.

use serde_json::{Map, Value, json};

use super::item;
use super::message::{Call, Content, Message, Role};
use super::models::{self, Chosen};
use super::refusal::Refusal;
use super::wire::{ChatCompletionCreate, ResponseCreate};
use crate::app::App;
use crate::error::ApiError;

/// Most fields of `metadata`.
const MAX_FIELDS: usize = 16;
/// Longest name of a field, in characters.
const MAX_NAME: usize = 64;
/// Longest text of a field, in characters.
const MAX_TEXT: usize = 512;
/// The hottest that a model may be asked to be.
const MAX_TEMPERATURE: f64 = 2.0;

/// What a request asks for.
pub(crate) struct Asked {
    /// What is said, without what opens the context.
    pub(crate) messages: Vec<Message>,
    pub(crate) chosen: Chosen,
    /// What the graph's nodes read.
    pub(crate) context: Map<String, Value>,
    /// Kept with the run.
    pub(crate) metadata: Map<String, Value>,
}

/// How the reply is to be made.
struct How<'a> {
    temperature: Option<f64>,
    tokens: (Option<u64>, &'static str),
    tools: Option<&'a [Value]>,
    choice: Option<&'a Value>,
}

/// Reads a chat completion.
///
/// # Errors
/// 400 for what cannot be read or is not done here; 404 for an unknown model.
pub(crate) async fn completion(app: &App, body: &ChatCompletionCreate) -> Result<Asked, Refusal> {
    refuse_in_completion(body)?;
    let mut messages = Vec::with_capacity(body.messages.len());
    for (at, message) in body.messages.iter().enumerate() {
        let read = spoken(message);
        messages.push(
            read.map_err(|why| Refusal::wrong("messages", format!("messages[{at}]: {why}")))?,
        );
    }
    let tokens = match body.max_completion_tokens {
        Some(tokens) => (Some(tokens), "max_completion_tokens"),
        None => (body.max_tokens, "max_tokens"),
    };
    let how = How {
        temperature: body.temperature,
        tokens,
        tools: body.tools.as_deref(),
        choice: body.tool_choice.as_ref(),
    };
    let chosen = models::choose(app, body.model.as_deref()).await?;
    asked(chosen, None, messages, &how, body.metadata.as_ref())
}

/// Reads a response that is asked for.
///
/// # Errors
/// As [`completion`].
pub(crate) async fn response(app: &App, body: &ResponseCreate) -> Result<Asked, Refusal> {
    if body.prompt.as_ref().is_some_and(|prompt| !prompt.is_null()) {
        return Err(Refusal::wrong(
            "prompt",
            "prompt: none are kept here; send instructions",
        ));
    }
    let format = body.text.as_ref().and_then(|text| text.get("format"));
    plain_text(format, "text")?;
    let messages = match &body.input {
        None | Some(Value::Null) => Vec::new(),
        Some(input) => item::read(input, "input")?,
    };
    let how = How {
        temperature: body.temperature,
        tokens: (body.max_output_tokens, "max_output_tokens"),
        tools: body.tools.as_deref(),
        choice: body.tool_choice.as_ref(),
    };
    let chosen = models::choose(app, body.model.as_deref()).await?;
    let instructions = body.instructions.as_deref();
    asked(chosen, instructions, messages, &how, body.metadata.as_ref())
}

fn asked(
    chosen: Chosen,
    instructions: Option<&str>,
    mut messages: Vec<Message>,
    how: &How<'_>,
    metadata: Option<&Map<String, Value>>,
) -> Result<Asked, Refusal> {
    let is_opening = |message: &&Message| message.role == Role::System;
    let opening = messages.iter().take_while(is_opening).count();
    let mut system: Vec<String> = instructions.map(str::to_owned).into_iter().collect();
    let said = messages.drain(..opening).map(|one| one.content.text());
    system.extend(said);
    system.retain(|text| !text.is_empty());
    let mut context = chosen.context.clone();
    if !system.is_empty() {
        context.insert("system".to_owned(), system.join("\n\n").into());
    }
    if let Some(temperature) = how.temperature {
        if !(0.0..=MAX_TEMPERATURE).contains(&temperature) {
            let detail = format!("temperature: {temperature} does not lie between 0 and 2");
            return Err(Refusal::wrong("temperature", detail));
        }
        context.insert("temperature".to_owned(), temperature.into());
    }
    if let (Some(tokens), name) = how.tokens {
        if tokens == 0 {
            return Err(Refusal::wrong(
                name,
                format!("{name}: at least 1 is needed"),
            ));
        }
        context.insert("reply_tokens".to_owned(), tokens.into());
    }
    let offered = how.tools.unwrap_or_default();
    if !offered.is_empty() && how.choice.is_none_or(|choice| choice != "none") {
        offer(&chosen, offered, how.choice, &mut context)?;
    }
    let metadata = metadata.cloned().unwrap_or_default();
    check_metadata(&metadata)?;
    Ok(Asked {
        messages,
        chosen,
        context,
        metadata,
    })
}

/// Hands the tools on to the model.
fn offer(
    chosen: &Chosen,
    offered: &[Value],
    choice: Option<&Value>,
    context: &mut Map<String, Value>,
) -> Result<(), Refusal> {
    if !chosen.has_tools {
        let detail = format!(
            "the model {:?} calls no tools: leave out `tools`, or choose a model that does",
            chosen.name
        );
        let error = ApiError::new(
            axum::http::StatusCode::BAD_REQUEST,
            "tools_unsupported",
            detail,
        );
        return Err(Refusal::from(error).of("tools"));
    }
    let tools = offered.iter().enumerate().map(|(at, one)| {
        tool(one).map_err(|why| Refusal::wrong("tools", format!("tools[{at}]: {why}")))
    });
    let tools: Vec<Value> = tools.collect::<Result<_, _>>()?;
    context.insert("tools".to_owned(), tools.into());
    let choice = match choice {
        None | Some(Value::Null) => return Ok(()),
        Some(Value::String(word)) if ["auto", "required"].contains(&word.as_str()) => {
            word.as_str().into()
        }
        Some(one) => {
            let name = one["function"]["name"].as_str().or(one["name"].as_str());
            let name = name.ok_or_else(|| {
                Refusal::wrong(
                    "tool_choice",
                    "tool_choice: auto, none, required or one function",
                )
            })?;
            json!({"type": "function", "function": {"name": name}})
        }
    };
    context.insert("tool_choice".to_owned(), choice);
    Ok(())
}

/// A tool as chat completions spell it; responses have its fields one level higher.
fn tool(tool: &Value) -> Result<Value, String> {
    match tool["type"].as_str() {
        Some("function") => {}
        Some(other) => {
            return Err(format!(
                "this server runs no tools of its own, so {other:?} cannot be offered; functions can"
            ));
        }
        None => return Err("a tool must say its type".to_owned()),
    }
    let function = match tool.get("function") {
        Some(function) => function.clone(),
        None => {
            let mut fields = tool.as_object().cloned().unwrap_or_default();
            fields.remove("type");
            Value::Object(fields)
        }
    };
    match function["name"].as_str() {
        Some(name) if !name.is_empty() => Ok(json!({"type": "function", "function": function})),
        _ => Err("a function must have a name".to_owned()),
    }
}

/// Checks that metadata are few short texts by name.
///
/// # Errors
/// 400 when they are not.
pub(crate) fn check_metadata(metadata: &Map<String, Value>) -> Result<(), Refusal> {
    let wrong = |detail: String| Err(Refusal::wrong("metadata", detail));
    if metadata.len() > MAX_FIELDS {
        return wrong(format!("metadata: more than {MAX_FIELDS} fields"));
    }
    for (name, value) in metadata {
        let Some(text) = value.as_str() else {
            return wrong(format!("metadata.{name}: it must be a text"));
        };
        if name.chars().count() > MAX_NAME || text.chars().count() > MAX_TEXT {
            return wrong(format!(
                "metadata: names have at most {MAX_NAME} characters, texts {MAX_TEXT}"
            ));
        }
    }
    Ok(())
}

fn refuse_in_completion(body: &ChatCompletionCreate) -> Result<(), Refusal> {
    let refuse =
        |param: &'static str, why: &str| Err(Refusal::wrong(param, format!("{param}: {why}")));
    if body.messages.is_empty() {
        return refuse("messages", "there are none");
    }
    if body.n.is_some_and(|n| n != 1) {
        return refuse("n", "one reply is made at a time");
    }
    if body.logprobs == Some(true) {
        return refuse("logprobs", "they are not known here");
    }
    if body.functions.as_ref().is_some_and(|all| !all.is_empty()) {
        return refuse("functions", "offer them as `tools`");
    }
    let speaks = body.modalities.as_ref();
    if speaks.is_some_and(|all| all.iter().any(|one| one != "text")) {
        return refuse("modalities", "only text is written here");
    }
    let stops = match &body.stop {
        None | Some(Value::Null) => false,
        Some(Value::Array(all)) => !all.is_empty(),
        Some(Value::String(text)) => !text.is_empty(),
        Some(_) => true,
    };
    if stops {
        return refuse("stop", "replies end where the model ends them");
    }
    plain_text(body.response_format.as_ref(), "response_format")
}

/// Only plain text is written.
fn plain_text(format: Option<&Value>, param: &'static str) -> Result<(), Refusal> {
    match format.map(|format| &format["type"]) {
        None | Some(Value::Null) => Ok(()),
        Some(kind) if kind == "text" => Ok(()),
        Some(kind) => Err(Refusal::wrong(
            param,
            format!("{param}: the format {kind} is not made here, only text"),
        )),
    }
}

/// A message of a chat completion.
fn spoken(message: &Value) -> Result<Message, String> {
    let role = message["role"].as_str().ok_or("role must be a text")?;
    let role = Role::parse(role).filter(|_| !["ai", "human", "AIMessageChunk"].contains(&role));
    let role = role.ok_or("role must be system, developer, user, assistant or tool")?;
    let content: Content = item::content(&message["content"])?;
    let text = |field: &str| message[field].as_str().map(str::to_owned);
    let calls = message["tool_calls"].as_array().into_iter().flatten();
    let calls = calls.map(called).collect::<Result<Vec<Call>, String>>()?;
    let answers = match role {
        Role::Tool => Some(text("tool_call_id").ok_or("tool_call_id must be a text")?),
        _ => None,
    };
    Ok(Message {
        name: text("name"),
        refusal: text("refusal"),
        calls,
        answers,
        ..Message::new(role, content)
    })
}

fn called(call: &Value) -> Result<Call, String> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let wrong = "tool_calls need an id and a function with name and arguments, all of them texts";
    Ok(Call {
        id: text(&call["id"]).ok_or(wrong)?,
        name: text(&call["function"]["name"]).ok_or(wrong)?,
        arguments: text(&call["function"]["arguments"]).ok_or(wrong)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_are_spelled_in_two_ways() {
        let function = json!({"name": "weather", "parameters": {"type": "object"}});
        let nested = json!({"type": "function", "function": function});
        let flat = json!({"type": "function", "name": "weather", "parameters": {"type": "object"}});
        assert_eq!(tool(&flat).expect("a tool"), tool(&nested).expect("a tool"));
        assert!(tool(&json!({"type": "web_search"})).is_err());
        assert!(tool(&json!({"type": "function", "function": {}})).is_err());
    }

    #[test]
    fn metadata_are_few_short_texts() {
        let check = |value: Value| check_metadata(value.as_object().expect("an object"));
        assert!(check(json!({"a": "b"})).is_ok());
        assert!(check(json!({"a": 1})).is_err());
        assert!(check(json!({"a": "x".repeat(513)})).is_err());
    }

    #[test]
    fn a_message_of_a_completion_is_read() {
        let call =
            json!({"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}});
        let read = spoken(&json!({"role": "assistant", "content": null, "tool_calls": [call]}));
        assert_eq!(read.expect("a message").calls[0].name, "f");
        for wrong in [
            json!(1),
            json!({"role": "ai", "content": "x"}),
            json!({"role": "tool", "content": "x"}),
            json!({"role": "user", "content": 5}),
            json!({"role": "assistant", "tool_calls": [{}]}),
        ] {
            assert!(spoken(&wrong).is_err(), "{wrong}");
        }
    }
}
