//! What is left out, and what never is.

use std::sync::Arc;

use serde_json::json;

use super::fit;
use crate::scripted::Scripted;
use crate::{ChatModel, Message, ModelErrorKind, ToolCall};

fn shared(messages: Vec<Message>) -> Vec<Arc<Message>> {
    messages.into_iter().map(Arc::new).collect()
}

fn fitted(messages: &[Arc<Message>], budget: usize) -> Result<Vec<String>, ModelErrorKind> {
    let model = Scripted::echo();
    let reserve = model.window_tokens() - budget;
    fit(&model, messages, reserve)
        .map(|kept| kept.iter().map(|m| m.text().into_owned()).collect())
        .map_err(|error| error.kind())
}

#[test]
fn the_oldest_go_first_and_system_text_stays() {
    // Five tokens each.
    let messages = shared(vec![
        Message::system("s"),
        Message::human("a"),
        Message::ai("b"),
        Message::human("c"),
    ]);
    assert_eq!(fitted(&messages, 20).unwrap(), ["s", "a", "b", "c"]);
    assert_eq!(fitted(&messages, 19).unwrap(), ["s", "b", "c"]);
    assert_eq!(fitted(&messages, 10).unwrap(), ["s", "c"]);
    assert_eq!(
        fitted(&messages, 9),
        Err(ModelErrorKind::ContextTooLong {
            needed: 10,
            window: 9
        })
    );
}

#[test]
fn a_tool_call_goes_with_its_results_or_stays_with_them() {
    let mut ask = Message::ai("b");
    ask.tool_calls = vec![
        ToolCall::new("1", "f", json!({})),
        ToolCall::new("2", "f", json!({})),
    ];
    let messages = shared(vec![
        Message::human("a"),
        ask,
        Message::tool("1", "r1"),
        Message::tool("2", "r2"),
        Message::human("c"),
    ]);
    let all = Scripted::echo().count_tokens(&messages);
    assert_eq!(fitted(&messages, all - 1).unwrap(), ["b", "r1", "r2", "c"]);
    assert_eq!(fitted(&messages, all - 6).unwrap(), ["c"]);
}

#[test]
fn nothing_needs_no_room() {
    assert_eq!(fitted(&[], 0).unwrap(), Vec::<String>::new());
}
