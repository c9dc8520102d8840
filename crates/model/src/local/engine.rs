//! A loaded model: vocabulary, network and the memories of recent prompts. It answers one request at a time, on
//! whatever thread asks.

use std::io;
use std::path::Path;
use std::sync::Arc;

use serde_json::json;

use super::gguf::Gguf;
use super::memory::Memory;
use super::network::{Network, Stopped};
use super::recall::Recall;
use super::sampler::Sampler;
use super::utf8::Utf8Stream;
use super::vocabulary::Vocabulary;
use crate::LocalConfig;
use crate::{ChatRequest, Finish, Message, ModelError, ModelErrorKind, Reply};

/// Tokens of a prompt that are read at a time: enough to use each weight often, few enough for the caches.
const CHUNK_TOKENS: usize = 128;

/// A loaded model.
pub(super) struct Engine {
    name: String,
    vocabulary: Arc<Vocabulary>,
    network: Network,
    recall: Recall,
    threads: rayon::ThreadPool,
    max_reply_tokens: usize,
    penalty: f32,
    window: usize,
}

/// One request as it is being answered.
pub(super) struct Task<'t> {
    pub(super) request: &'t ChatRequest,
    /// Whether nobody waits for the reply any more.
    pub(super) cancelled: &'t (dyn Fn() -> bool + Sync),
    /// Hears the text as it is made.
    pub(super) say: &'t mut (dyn FnMut(String) + Send),
}

impl Engine {
    /// Loads the weights at `path`.
    pub(super) fn load(
        name: &str,
        path: &Path,
        penalty: f32,
        config: &LocalConfig,
    ) -> io::Result<Self> {
        let gguf = Gguf::open(path)?;
        let threads = rayon::ThreadPoolBuilder::new()
            .num_threads(config.threads)
            .thread_name(|index| format!("model-{index}"))
            .build()
            .map_err(io::Error::other)?;
        let (vocabulary, network) = threads
            .install(|| rayon::join(|| Vocabulary::load(&gguf), || Network::load(path, &gguf)));
        let network = network?;
        let window = network.shape().window;
        Ok(Self {
            name: name.to_owned(),
            vocabulary: Arc::new(vocabulary?),
            recall: Recall::new(config.prompt_cache_bytes),
            threads,
            max_reply_tokens: config.max_reply_tokens,
            penalty,
            window: config
                .max_context_tokens
                .map_or(window, |limit| limit.min(window)),
            network,
        })
    }

    /// What turns messages into tokens.
    pub(super) fn vocabulary(&self) -> &Arc<Vocabulary> {
        &self.vocabulary
    }

    /// How many tokens the model can see.
    pub(super) fn window(&self) -> usize {
        self.window
    }

    /// Answers a request.
    pub(super) fn answer(&mut self, mut task: Task<'_>) -> Result<Reply, ModelError> {
        let prompt = self.prompt(task.request)?;
        let mut memory = self
            .recall
            .take(&prompt)
            .unwrap_or_else(|| self.network.empty_memory());
        let recalled = memory.tokens().len();
        let spoken = {
            let Self {
                network, threads, ..
            } = &*self;
            threads.install(|| self.speak(network, &mut memory, &prompt, &mut task))
        };
        self.recall.keep(memory);
        let spoken = spoken.map_err(|stopped| self.stopped(stopped))?;
        Ok(self.reply(spoken, prompt.len(), recalled))
    }

    fn prompt(&self, request: &ChatRequest) -> Result<Vec<u32>, ModelError> {
        let messages = request.messages.iter().map(AsRef::as_ref);
        let prompt = self.vocabulary.prompt(messages, self.window);
        let needed = match prompt {
            Ok(prompt) if prompt.len() < self.window => return Ok(prompt),
            Ok(prompt) => prompt.len(),
            Err(needed) => needed,
        };
        let window = self.window;
        let kind = ModelErrorKind::ContextTooLong { needed, window };
        Err(ModelError::new(kind, &self.name))
    }

    fn speak(
        &self,
        network: &Network,
        memory: &mut Memory,
        prompt: &[u32],
        task: &mut Task<'_>,
    ) -> Result<Spoken, Stopped> {
        let mut scores = Vec::new();
        for chunk in prompt[memory.tokens().len()..].chunks(CHUNK_TOKENS) {
            scores = network.read(memory, chunk, task.cancelled)?;
        }
        let seed = task.request.seed.unwrap_or_else(|| fold(prompt));
        let mut sampler = Sampler::new(task.request.temperature, self.penalty, seed);
        let limit = task.request.max_tokens.unwrap_or(self.max_reply_tokens);
        let limit = limit.min(self.window - prompt.len()).max(1);
        let mut spoken = Spoken::default();
        let mut stream = Utf8Stream::default();
        loop {
            if spoken.tokens.is_empty() {
                // An empty reply helps nobody: something is said.
                self.vocabulary.forbid_end(&mut scores);
            }
            let token = sampler.choose(&mut scores, &spoken.tokens);
            if self.vocabulary.is_end(token) {
                spoken.finished = true;
                break;
            }
            spoken.tokens.push(token);
            spoken.say(stream.push(self.vocabulary.bytes(token)), task);
            if spoken.tokens.len() >= limit {
                break;
            }
            scores = network.read(memory, &[token], task.cancelled)?;
        }
        spoken.say(stream.finish(), task);
        Ok(spoken)
    }

    fn reply(&self, spoken: Spoken, prompt: usize, recalled: usize) -> Reply {
        let said = spoken.tokens.len();
        let (finish, reason) = if spoken.finished {
            (Finish::Stop, "stop")
        } else {
            (Finish::Length, "length")
        };
        let mut message = Message::ai(spoken.text);
        message.usage_metadata = Some(json!({
            "input_tokens": prompt,
            "output_tokens": said,
            "total_tokens": prompt + said,
            "input_token_details": {"cache_read": recalled},
        }));
        let metadata = &mut message.response_metadata;
        metadata.insert("model_name".to_owned(), self.name.clone().into());
        metadata.insert("finish_reason".to_owned(), reason.into());
        Reply { message, finish }
    }

    fn stopped(&self, stopped: Stopped) -> ModelError {
        match stopped {
            Stopped::Cancelled => ModelError::new(ModelErrorKind::Cancelled, &self.name),
            Stopped::Io(error) => ModelError::new(ModelErrorKind::Storage, &self.name)
                .detail("its weights cannot be read")
                .caused_by(error),
        }
    }
}

#[derive(Default)]
struct Spoken {
    tokens: Vec<u32>,
    text: String,
    finished: bool,
}

impl Spoken {
    fn say(&mut self, text: String, task: &mut Task<'_>) {
        if !text.is_empty() {
            self.text.push_str(&text);
            (task.say)(text);
        }
    }
}

/// A seed from the prompt, for those who do not care (Fowler, Noll and Vo's hash).
fn fold(prompt: &[u32]) -> u64 {
    prompt.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &token| {
        (hash ^ u64::from(token)).wrapping_mul(0x0100_0000_01b3)
    })
}
