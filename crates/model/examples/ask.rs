//! Asks a model one question and prints the reply as it comes.
//!
//! `cargo run -p everthread-model --example ask -- local:smollm2-135m "What is the capital of France?"`

use std::error::Error;
use std::io::Write;

use everthread_model::{
    ChatRequest, Delta, LocalConfig, Message, ModelConfig, OpenAiConfig, open, weights,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let spec = words.next().unwrap_or_else(|| "local".to_owned()).parse()?;
    let question = words.collect::<Vec<_>>().join(" ");
    let config = ModelConfig {
        openai: OpenAiConfig::from_env(),
        local: LocalConfig {
            models_dir: weights::default_dir(),
            ..LocalConfig::default()
        },
        ..ModelConfig::default()
    };
    let mut print = |delta: Delta<'_>| {
        if let Delta::Text(text) = delta {
            print!("{text}");
            let _ = std::io::stdout().flush();
        }
    };
    let request = ChatRequest::new([Message::human(question)]);
    let reply = open(&spec, &config)?.generate(request, &mut print).await?;
    println!("\n{}", serde_json::to_string(&reply.message)?);
    Ok(())
}
