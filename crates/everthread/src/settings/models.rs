//! `[models]`

use std::path::PathBuf;
use std::time::Duration;

use everthread_model::{FallbackConfig, LocalConfig, ModelConfig, OpenAiConfig};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How models are asked, and what happens when one fails.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ModelsSettings {
    /// Models that a run may ask for by name, besides the one that is served; none by default. Whoever may begin a
    /// run may ask for any of them.
    pub(super) offered: Vec<String>,
    /// Attempts with each model before the next of the chain is asked.
    attempts: u32,
    /// Wait before the second attempt, in milliseconds; it doubles from attempt to attempt.
    first_backoff_ms: u64,
    /// The longest wait between attempts, in milliseconds.
    max_backoff_ms: u64,
    /// The longest time for one attempt, in seconds.
    attempt_timeout_s: u64,
    /// Failures in a row after which a model is left alone (its circuit breaker opens).
    breaker_failures: u32,
    /// How long it is left alone, in seconds.
    breaker_rest_s: u64,
    /// The window of `openai:` models, in tokens.
    openai_window_tokens: usize,
    /// The longest time from a request to the first piece of a reply of an `openai:` model, in seconds.
    openai_first_token_timeout_s: u64,
    /// The longest silence within a reply of an `openai:` model, in seconds.
    openai_idle_timeout_s: u64,
    /// Threads that compute for local models; 0 for one for each processor.
    local_threads: usize,
    /// Memory for the state of recent prompts of local models, in bytes.
    local_prompt_cache_bytes: usize,
    /// Tokens that a local model may see, if fewer than its window; the whole window by default.
    local_max_context_tokens: Option<usize>,
}

impl ModelsSettings {
    pub(super) fn config(&self, models_dir: PathBuf) -> ModelConfig {
        ModelConfig {
            openai: OpenAiConfig {
                window_tokens: self.openai_window_tokens,
                first_token_timeout: Duration::from_secs(self.openai_first_token_timeout_s),
                idle_timeout: Duration::from_secs(self.openai_idle_timeout_s),
                ..OpenAiConfig::from_env()
            },
            local: LocalConfig {
                models_dir,
                threads: self.local_threads,
                prompt_cache_bytes: self.local_prompt_cache_bytes,
                max_context_tokens: self.local_max_context_tokens,
                ..LocalConfig::default()
            },
            fallback: FallbackConfig {
                attempts: self.attempts,
                first_backoff: Duration::from_millis(self.first_backoff_ms),
                max_backoff: Duration::from_millis(self.max_backoff_ms),
                attempt_timeout: Duration::from_secs(self.attempt_timeout_s),
                breaker_failures: self.breaker_failures,
                breaker_rest: Duration::from_secs(self.breaker_rest_s),
                ..FallbackConfig::default()
            },
        }
    }
}

impl Default for ModelsSettings {
    fn default() -> Self {
        let ModelConfig {
            openai,
            local,
            fallback,
        } = ModelConfig::default();
        Self {
            offered: Vec::new(),
            attempts: fallback.attempts,
            first_backoff_ms: millis(fallback.first_backoff),
            max_backoff_ms: millis(fallback.max_backoff),
            attempt_timeout_s: fallback.attempt_timeout.as_secs(),
            breaker_failures: fallback.breaker_failures,
            breaker_rest_s: fallback.breaker_rest.as_secs(),
            openai_window_tokens: openai.window_tokens,
            openai_first_token_timeout_s: openai.first_token_timeout.as_secs(),
            openai_idle_timeout_s: openai.idle_timeout.as_secs(),
            local_threads: local.threads,
            local_prompt_cache_bytes: local.prompt_cache_bytes,
            local_max_context_tokens: local.max_context_tokens,
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
