//! The local model with real weights: SmolLM2, the smallest. What it says is of no interest, how it says it is.

use std::path::Path;

use everthread_model::{
    ChatModel, ChatRequest, Delta, Finish, LocalConfig, LocalModel, Message, ModelErrorKind, Reply,
    Silent, weights,
};
use tokio::sync::mpsc::unbounded_channel;

const NAME: &str = "smollm2-135m";

/// The model; its weights have to be there, for a test that did not run is no test.
fn model() -> LocalModel {
    let models_dir = weights::default_dir();
    let weights = weights::find(NAME).unwrap();
    assert!(
        weights.is_installed(&models_dir),
        "{} is missing in {}: run `cargo run -p everthread-model --example pull_weights -- {NAME}` \
         (93 MB), with EVERTHREAD_MODELS set as it is for the tests",
        weights.title,
        models_dir.display(),
    );
    LocalModel::new(
        NAME,
        LocalConfig {
            models_dir,
            ..LocalConfig::default()
        },
    )
    .unwrap()
}

async fn ask(model: &LocalModel, messages: &[Message], max_tokens: usize) -> Reply {
    let request = ChatRequest {
        max_tokens: Some(max_tokens),
        ..ChatRequest::new(messages.to_vec())
    };
    let mut heard = String::new();
    let mut sink = |delta: Delta<'_>| {
        if let Delta::Text(text) = delta {
            assert!(!text.is_empty() && !text.contains(char::REPLACEMENT_CHARACTER));
            heard.push_str(text);
        }
    };
    let reply = model.generate(request, &mut sink).await.unwrap();
    assert_eq!(reply.message.text(), heard);
    reply
}

fn recalled(reply: &Reply) -> (u64, u64) {
    let usage = reply.message.usage_metadata.as_ref().unwrap();
    let known = usage["input_token_details"]["cache_read"].as_u64().unwrap();
    (usage["input_tokens"].as_u64().unwrap(), known)
}

#[tokio::test]
async fn a_conversation_is_read_once() {
    let model = model();
    let mut messages = vec![Message::human("What is the capital of France?")];
    let first = ask(&model, &messages, 24).await;
    assert!(
        first.message.text().contains("Paris"),
        "{}",
        first.message.text()
    );
    assert_eq!(recalled(&first).1, 0);

    messages.extend([first.message, Message::human("And of Italy?")]);
    let with_memory = ask(&model, &messages, 24).await;
    let (prompt, known) = recalled(&with_memory);
    assert!(
        known > 30 && prompt - known < 25,
        "{known} of {prompt} tokens were known"
    );

    // What is remembered is as good as what is read.
    let anew = ask(&self::model(), &messages, 24).await;
    assert_eq!(recalled(&anew).1, 0);
    assert_eq!(anew.message.text(), with_memory.message.text());

    // A fork shares the beginning, and the limit on tokens holds.
    messages.pop();
    messages.push(Message::human("Say it again."));
    let fork = ask(&model, &messages, 2).await;
    assert!(recalled(&fork).1 > 30);
    assert_eq!(fork.finish, Finish::Length);
}

#[tokio::test]
async fn nobody_listening_means_no_more_work() {
    let model = model();
    let request = ChatRequest::new([Message::human("Count from one to one thousand, in words.")]);
    let (heard_in, mut heard) = unbounded_channel();
    let mut sink = move |_: Delta<'_>| heard_in.send(()).unwrap();
    let reply = model.generate(request, &mut sink);
    tokio::select! {
        _ = reply => panic!("the reply is long"),
        _ = heard.recv() => {}
    }
    // The thread is free: the next reply does not wait for a thousand tokens.
    let reply = ask(&model, &[Message::human("Hi")], 4).await;
    assert!(!reply.message.text().is_empty());
}

#[tokio::test]
async fn reading_stops_when_nobody_listens() {
    let model = model();
    model.warm().await.unwrap();
    let messages = [Message::human("word ".repeat(600))];
    {
        let mut sink = Silent;
        let reply = model.generate(ChatRequest::new(messages.clone()), &mut sink);
        tokio::select! {
            biased;
            _ = reply => panic!("reading takes longer than asking"),
            () = std::future::ready(()) => {}
        }
    }
    let short = ask(&model, &[Message::human("Hi")], 1).await;
    assert_eq!(short.finish, Finish::Length);
    // What the first attempt read is kept, and it is not all.
    let messages = [Message::human("word ".repeat(600)), Message::human("What?")];
    let known = recalled(&ask(&model, &messages, 1).await).1;
    assert!(known < 600, "{known} tokens were read for nobody");
}

#[tokio::test]
async fn limits_and_marks_hold() {
    let models_dir = weights::default_dir();
    let config = LocalConfig {
        models_dir,
        max_context_tokens: Some(64),
        ..LocalConfig::default()
    };
    drop(model());
    let model = LocalModel::new(NAME, config).unwrap();
    model.warm().await.unwrap();
    assert_eq!(model.window_tokens(), 64);

    let long = ChatRequest::new([Message::human("word ".repeat(100))]);
    let error = model.generate(long, &mut Silent).await.unwrap_err();
    let ModelErrorKind::ContextTooLong { needed, window: 64 } = error.kind() else {
        panic!("{error}");
    };
    assert!((100..130).contains(&needed), "{needed}");
    let huge = ChatRequest::new([Message::human("x".repeat(5_000_000))]);
    let error = model.generate(huge, &mut Silent).await.unwrap_err();
    assert!(
        matches!(error.kind(), ModelErrorKind::ContextTooLong { .. }),
        "{error}"
    );

    // A mark that a person writes is text, not a mark.
    let count = |text: &str| model.count_tokens(&[Message::human(text).into()]);
    assert!(count("<|im_end|>") > count("hello") + 3);
    let odd = ask(&model, &[Message::human("\0 👩‍👩‍👧 é <|im_end|>")], 4).await;
    assert!(odd.message.usage_metadata.is_some());
}

#[tokio::test]
async fn weights_that_are_not_there_or_damaged_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let at = |dir: &Path| LocalConfig {
        models_dir: dir.to_owned(),
        ..LocalConfig::default()
    };
    let model = LocalModel::new(NAME, at(dir.path())).unwrap();
    let error = model.warm().await.unwrap_err();
    assert_eq!(error.kind(), ModelErrorKind::NotInstalled);
    assert!(
        error
            .to_string()
            .ends_with("run `everthread models pull smollm2-135m`"),
        "{error}"
    );

    let weights = weights::find(NAME).unwrap();
    std::fs::write(weights.path(dir.path()), b"GGUF\x03\0\0\0").unwrap();
    let error = model.warm().await.unwrap_err();
    assert_eq!(error.kind(), ModelErrorKind::Corrupt);
}
