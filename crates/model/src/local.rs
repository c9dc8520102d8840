//! Real models inside the process, on the processor alone and without a foreign runtime: one that chats, and
//! [one that makes vectors of texts](MiniLm) on the same kernels.
//!
//! The chat model has a thread of its own, on which it answers one request at a time; loading begins with the first
//! request (or [`warm`](crate::ChatModel::warm)), so that a program that never asks never pays. The runtime is ours
//! because nothing at hand did what lasting conversations need: to keep the state of a prompt and go on from
//! it, to stop within a layer, to use the whole window, and to read a prompt quickly in eight-bit integers.
//!
//! Chat models of the types `llama` and `qwen2` with a GPT-2 vocabulary and the ChatML form are supported.

mod activations;
mod blocks;
mod engine;
mod gguf;
mod half;
mod kernel;
mod matrix;
mod memory;
mod minilm;
mod network;
mod recall;
mod safetensors;
mod sampler;
mod shape;
mod template;
mod tensors;
mod tokens;
mod utf8;
mod vocabulary;
mod worker;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;

use crate::{
    ChatModel, ChatRequest, Delta, LocalConfig, Message, ModelError, ModelErrorKind, Reply,
    TokenSink, estimate_tokens,
    weights::{self, ModelKind, Weights},
};
pub use minilm::MiniLm;
use worker::{Event, Job, Worker};

/// The window that is claimed until the weights say otherwise: that of the smallest built-in model.
const UNKNOWN_WINDOW_TOKENS: usize = 8192;

/// Keeps a model that is not in the built-in list from repeating itself.
const DEFAULT_PENALTY: f32 = 1.05;

/// Why weights in `place` could not be loaded.
fn failed_load(name: &str, place: &Path, error: io::Error) -> ModelError {
    let kind = match error.kind() {
        io::ErrorKind::NotFound => ModelErrorKind::NotInstalled,
        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => ModelErrorKind::Corrupt,
        _ => ModelErrorKind::Storage,
    };
    let detail = format!("{} ({error})", place.display());
    ModelError::new(kind, name).detail(detail).caused_by(error)
}

/// A model inside the process. Tools are ignored: models of this size do not use them reliably.
#[derive(Debug)]
pub struct LocalModel {
    name: String,
    worker: Worker,
}

/// Which weights a model runs on.
#[derive(Clone, Debug)]
struct Source {
    name: String,
    path: PathBuf,
    penalty: f32,
    /// The weights of the built-in list, and their folder.
    listed: Option<(&'static Weights, PathBuf)>,
}

impl LocalModel {
    /// The model `name` of the built-in list, or the one in the file of that name if it ends in `.gguf`.
    ///
    /// # Errors
    ///
    /// [`UnknownModel`](ModelErrorKind::UnknownModel), also for a model that does not chat. That the weights are missing is only said when the model
    /// is first used.
    pub fn new(name: &str, config: LocalConfig) -> Result<Self, ModelError> {
        let full_name = format!("local:{name}");
        let source = if let Some(weights) = weights::find(name) {
            if weights.kind != ModelKind::Chat {
                let error = ModelError::new(ModelErrorKind::UnknownModel, full_name);
                return Err(error.detail("it makes vectors of texts and does not chat"));
            }
            Source {
                name: full_name.clone(),
                path: weights.path(&config.models_dir),
                penalty: weights.repeat_penalty,
                listed: Some((weights, config.models_dir.clone())),
            }
        } else if Path::new(name)
            .extension()
            .is_some_and(|extension| extension == "gguf")
        {
            Source {
                name: full_name.clone(),
                path: PathBuf::from(name),
                penalty: DEFAULT_PENALTY,
                listed: None,
            }
        } else {
            return Err(ModelError::new(ModelErrorKind::UnknownModel, full_name));
        };
        Ok(Self {
            name: full_name,
            worker: Worker::new(source, config),
        })
    }

    async fn ask(
        &self,
        request: Option<ChatRequest>,
        sink: &mut dyn TokenSink,
    ) -> Result<Option<Reply>, ModelError> {
        // As long as the reply at most, so it needs no bound; dropping this end is what cancels the work.
        let (events, mut heard) = tokio::sync::mpsc::unbounded_channel();
        self.worker.submit(Job { request, events })?;
        loop {
            match heard.recv().await {
                Some(Event::Text(text)) => sink.on_delta(Delta::Text(&text)),
                Some(Event::Done(result)) => return *result,
                None => {
                    let error = ModelError::new(ModelErrorKind::Unavailable, &self.name);
                    return Err(error.detail("its thread has ended"));
                }
            }
        }
    }
}

#[async_trait]
impl ChatModel for LocalModel {
    fn name(&self) -> &str {
        &self.name
    }

    fn window_tokens(&self) -> usize {
        let window = self.worker.loaded().map(|loaded| loaded.window);
        window.unwrap_or(UNKNOWN_WINDOW_TOKENS)
    }

    /// Exact once the model is loaded; before that, an estimate.
    fn count_tokens(&self, messages: &[Arc<Message>]) -> usize {
        let Some(loaded) = self.worker.loaded() else {
            return estimate_tokens(messages);
        };
        let count = |message: &Arc<Message>| {
            let exact = loaded.vocabulary.count(message);
            exact.unwrap_or_else(|| estimate_tokens(std::slice::from_ref(message)))
        };
        messages.iter().map(count).sum()
    }

    async fn generate(
        &self,
        request: ChatRequest,
        sink: &mut dyn TokenSink,
    ) -> Result<Reply, ModelError> {
        let reply = self.ask(Some(request), sink).await?;
        reply.ok_or_else(|| ModelError::new(ModelErrorKind::Unavailable, &self.name))
    }

    async fn warm(&self) -> Result<(), ModelError> {
        self.ask(None, &mut crate::Silent).await.map(|_| ())
    }
}
