//! Measures a local model: how long it loads, reads and writes, and what a follow-up costs.
//!
//! `cargo run --release -p everthread-model --example measure_local -- qwen2.5-coder-0.5b`

use std::error::Error;
use std::time::Instant;

use everthread_model::{
    ChatModel, ChatRequest, Delta, LocalConfig, LocalModel, Message, Reply, weights,
};

/// Words of the long prompt.
const LONG_WORDS: usize = 800;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let name = std::env::args()
        .nth(1)
        .unwrap_or_else(|| weights::catalog()[0].name.to_owned());
    let config = LocalConfig {
        models_dir: weights::default_dir(),
        ..LocalConfig::default()
    };
    let model = LocalModel::new(&name, config)?;
    let begin = Instant::now();
    model.warm().await?;
    println!(
        "{name}: loaded in {:.2} s, {}",
        begin.elapsed().as_secs_f32(),
        memory()
    );

    let mut messages = vec![
        Message::system("You are a helpful assistant. Answer in one sentence."),
        Message::human("Hello! My name is Alice, I live in Lisbon, and my dog is called Bruno."),
    ];
    for question in [
        "What is my name?",
        "And what is my dog called?",
        "Where do I live?",
    ] {
        let reply = ask(&model, &messages, None).await?;
        messages.push(reply.message);
        messages.push(Message::human(question));
    }
    ask(&model, &messages, None).await?;

    let words = everthread_model::scripted::words().concat();
    let words: Vec<&str> = words.split_whitespace().take(LONG_WORDS / 4).collect();
    let long = format!("Repeat these words: {}", words.join(" "));
    let mut messages = vec![Message::human(long)];
    let reply = ask(&model, &messages, Some(128)).await?;
    messages.push(reply.message);
    messages.push(Message::human("Thank you. What was the first word?"));
    ask(&model, &messages, Some(16)).await?;
    println!("{}", memory());
    Ok(())
}

async fn ask(
    model: &LocalModel,
    messages: &[Message],
    max_tokens: Option<usize>,
) -> Result<Reply, Box<dyn Error>> {
    let request = ChatRequest {
        max_tokens,
        ..ChatRequest::new(messages.iter().cloned())
    };
    let (begin, cpu) = (Instant::now(), cpu_seconds());
    let mut first = None;
    let mut sink = |_: Delta<'_>| {
        first.get_or_insert_with(|| (begin.elapsed(), cpu_seconds()));
    };
    let reply = model.generate(request, &mut sink).await?;
    let ((first, first_cpu), total) = (first.unwrap_or_default(), begin.elapsed());
    let usage = reply.message.usage_metadata.clone().unwrap_or_default();
    let count = |value: &serde_json::Value| value.as_f64().unwrap_or(0.0) as f32;
    let input = count(&usage["input_tokens"]);
    let known = count(&usage["input_token_details"]["cache_read"]);
    let output = count(&usage["output_tokens"]);
    println!(
        "(busy: {:.0} tokens/s, then {:.1} tokens/s for each processor)",
        (input - known) / (first_cpu - cpu),
        (output - 1.0) / (cpu_seconds() - first_cpu),
    );
    println!(
        "{input} tokens, {known} known: first token {:.2} s ({:.0} tokens/s), then {:.1} tokens/s: {:?}",
        first.as_secs_f32(),
        (input - known) / first.as_secs_f32(),
        (output - 1.0) / (total - first).as_secs_f32(),
        reply.message.text().chars().take(160).collect::<String>(),
    );
    Ok(reply)
}

/// Resident memory, now and at its highest, where the system tells.
fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let lines = status
        .lines()
        .filter(|line| line.starts_with("VmRSS") || line.starts_with("VmHWM"));
    lines
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect::<Vec<_>>()
        .join(", ")
}

/// Processor time of this process, where the system tells: what a busy machine cannot distort.
fn cpu_seconds() -> f32 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let ticks = stat
        .split_whitespace()
        .skip(13)
        .take(2)
        .filter_map(|ticks| ticks.parse::<f32>().ok());
    ticks.sum::<f32>() / 100.0
}
