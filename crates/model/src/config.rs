//! How models are set up. Plain values: where they come from is the application's business.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::ModelObserver;

/// Settings of every kind of model.
#[derive(Clone, Debug, Default)]
pub struct ModelConfig {
    /// Models behind an OpenAI-compatible server.
    pub openai: OpenAiConfig,
    /// Models inside the process.
    pub local: LocalConfig,
    /// What happens when a model fails.
    pub fallback: FallbackConfig,
}

/// Settings of models behind an OpenAI-compatible server.
#[derive(Clone)]
pub struct OpenAiConfig {
    /// Where the server's routes begin; default `https://api.openai.com/v1`.
    pub base_url: String,
    /// The key; a server on this machine may need none. Never shown.
    pub api_key: Option<String>,
    /// The longest time to connect; default 10 s.
    pub connect_timeout: Duration,
    /// The longest time from the request to the first piece of a reply; default 60 s.
    pub first_token_timeout: Duration,
    /// The longest silence within a reply; default 30 s.
    pub idle_timeout: Duration,
    /// The model's window in tokens; default 128,000, that of gpt-4o-mini.
    pub window_tokens: usize,
}

impl Default for OpenAiConfig {
    fn default() -> Self {
        Self {
            base_url: "https://api.openai.com/v1".to_owned(),
            api_key: None,
            connect_timeout: Duration::from_secs(10),
            first_token_timeout: Duration::from_secs(60),
            idle_timeout: Duration::from_secs(30),
            window_tokens: 128_000,
        }
    }
}

impl OpenAiConfig {
    /// The defaults, with the key and the server that `OPENAI_API_KEY` and `OPENAI_BASE_URL` name.
    pub fn from_env() -> Self {
        let set = |name| {
            std::env::var(name)
                .ok()
                .filter(|value| !value.trim().is_empty())
        };
        let mut config = Self::default();
        if let Some(url) = set("OPENAI_BASE_URL") {
            config.base_url = url;
        }
        config.api_key = set("OPENAI_API_KEY");
        config
    }
}

impl fmt::Debug for OpenAiConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenAiConfig")
            .field("base_url", &self.base_url)
            .field("api_key", &self.api_key.as_ref().map(|_| "…"))
            .field("connect_timeout", &self.connect_timeout)
            .field("first_token_timeout", &self.first_token_timeout)
            .field("idle_timeout", &self.idle_timeout)
            .field("window_tokens", &self.window_tokens)
            .finish()
    }
}

/// Settings of models inside the process.
#[derive(Clone, Debug)]
pub struct LocalConfig {
    /// The folder with the weights.
    pub models_dir: PathBuf,
    /// Threads that compute; default 0, one for each processor.
    pub threads: usize,
    /// Memory for the state of recent prompts, in bytes; default 256 MiB.
    pub prompt_cache_bytes: usize,
    /// The longest reply in tokens, unless the request says otherwise; default 1,024.
    pub max_reply_tokens: usize,
    /// Tokens that the model may see, if fewer than its window; a token takes some 25 to 60 KB of memory.
    pub max_context_tokens: Option<usize>,
}

impl Default for LocalConfig {
    fn default() -> Self {
        Self {
            models_dir: PathBuf::from("models"),
            threads: 0,
            prompt_cache_bytes: 256 << 20,
            max_reply_tokens: 1024,
            max_context_tokens: None,
        }
    }
}

/// What happens when a model fails, and when the next of a chain takes over.
#[derive(Clone, Debug)]
pub struct FallbackConfig {
    /// Attempts with each model; default 3.
    pub attempts: u32,
    /// Wait before the second attempt; it doubles from attempt to attempt; default 0.5 s.
    pub first_backoff: Duration,
    /// The longest wait; default 10 s. A server that asks for more time is not tried again.
    pub max_backoff: Duration,
    /// The longest time for one attempt; default 5 minutes.
    pub attempt_timeout: Duration,
    /// Failures in a row after which a model is left alone; default 5.
    pub breaker_failures: u32,
    /// How long it is left alone; default 30 s.
    pub breaker_rest: Duration,
    /// Whether a reply that broke off is begun anew (the listener hears `Delta::Restart`); default no.
    pub restart_replies: bool,
    /// Who hears of every attempt; default nobody.
    pub observer: Option<Arc<dyn ModelObserver>>,
}

impl Default for FallbackConfig {
    fn default() -> Self {
        Self {
            attempts: 3,
            first_backoff: Duration::from_millis(500),
            max_backoff: Duration::from_secs(10),
            attempt_timeout: Duration::from_secs(300),
            breaker_failures: 5,
            breaker_rest: Duration::from_secs(30),
            restart_replies: false,
            observer: None,
        }
    }
}
