//! The scripts do what their names say.

use std::collections::HashSet;
use std::time::Duration;

use super::{Script, Scripted, words};
use crate::{ChatModel, ChatRequest, Delta, Message, ModelErrorKind, Silent};

fn ask(text: &str) -> ChatRequest {
    ChatRequest::new([Message::human(text), Message::system("later")])
}

#[tokio::test]
async fn echo_always_has_the_same_length() {
    for question in ["", "hi", "ééé", "日本語", &"long ".repeat(100), "\0"] {
        let mut heard = String::new();
        let mut sink = |delta: Delta<'_>| {
            if let Delta::Text(text) = delta {
                heard.push_str(text);
            }
        };
        let reply = Scripted::echo()
            .generate(ask(question), &mut sink)
            .await
            .unwrap();
        assert_eq!(reply.message.text().chars().count(), 200);
        assert_eq!(reply.message.text(), heard);
    }
}

#[tokio::test(start_paused = true)]
async fn slow_says_fifty_tokens_a_second() {
    let begin = tokio::time::Instant::now();
    let mut tokens = 0_u32;
    let mut sink = |_: Delta<'_>| tokens += 1;
    let model = Scripted::new(Script::Slow);
    model
        .generate(ask("one two three"), &mut sink)
        .await
        .unwrap();
    assert!(tokens > 20);
    assert_eq!(begin.elapsed(), Duration::from_millis(20) * tokens);
}

#[tokio::test]
async fn failures_fail_as_named() {
    let model = Scripted::new(Script::FailOnce);
    let error = model.generate(ask("x"), &mut Silent).await.unwrap_err();
    assert_eq!(error.kind(), ModelErrorKind::Unavailable);
    assert!(error.is_retryable());
    assert!(model.generate(ask("x"), &mut Silent).await.is_ok());

    let mut heard = 0;
    let mut sink = |_: Delta<'_>| heard += 1;
    let model = Scripted::new(Script::FailMidway);
    let error = model.generate(ask("x"), &mut sink).await.unwrap_err();
    assert_eq!((heard, error.kind()), (1, ModelErrorKind::Interrupted));
}

#[tokio::test]
async fn tools_are_called_and_their_answers_echoed() {
    let model = Scripted::new(Script::Tools);
    let tool = serde_json::json!({"type": "function", "function": {"name": "weather"}});
    let mut request = ChatRequest::new([Message::human("Oslo?")]);
    request.tools = vec![tool];
    let reply = model.generate(request.clone(), &mut Silent).await.unwrap();
    assert_eq!(reply.finish, crate::Finish::ToolCalls);
    let call = &reply.message.tool_calls[0];
    assert_eq!(
        (call.name.as_str(), &call.args["text"]),
        ("weather", &"Oslo?".into())
    );
    let answer = Message::tool(call.id.clone().unwrap(), "rain");
    request
        .messages
        .extend([reply.message.into(), answer.into()]);
    let reply = model.generate(request, &mut Silent).await.unwrap();
    assert!(reply.message.text().starts_with("You said: rain"));
    assert!(model.has_tools() && !Scripted::echo().has_tools());
}

#[test]
fn the_texts_are_distinct_and_of_one_length() {
    let distinct: HashSet<_> = words().iter().collect();
    assert_eq!(distinct.len(), 997);
    assert!(words().iter().all(|text| text.len() == 200));
}

#[test]
fn scripts_are_spelled_as_they_are_read() {
    for script in Script::ALL {
        assert_eq!(script.to_string().parse(), Ok(script));
    }
}
