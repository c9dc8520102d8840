//! Scripted models: deterministic stand-ins for tests, benchmarks and first steps. They are no models at
//! all: what they say follows from the question (or a counter) alone, and they say so in their name.

mod answer;
mod script;
mod words;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::{Instant, sleep_until};

use crate::{
    ChatModel, ChatRequest, Delta, Finish, Message, ModelError, ModelErrorKind, Reply, TokenSink,
    estimate_tokens,
};

pub use script::Script;
pub use words::words;

/// Between two tokens of `scripted:slow`: 50 tokens a second.
const SLOW_TOKEN: Duration = Duration::from_millis(20);

/// The window of a scripted model, in estimated tokens.
const WINDOW_TOKENS: usize = 128_000;

type Answer = dyn Fn(&ChatRequest) -> Result<String, ModelErrorKind> + Send + Sync;

/// A scripted model.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use everthread_model::{ChatModel, ChatRequest, Message, Silent, scripted::Scripted};
///
/// let request = ChatRequest::new([Message::human("What is new?")]);
/// let reply = Scripted::echo().generate(request, &mut Silent).await?;
/// assert!(reply.message.text().starts_with("You said: What is new?"));
/// assert_eq!(reply.message.text().chars().count(), 200);
/// # Ok::<(), everthread_model::ModelError>(())
/// # }).unwrap();
/// ```
pub struct Scripted {
    name: String,
    script: Script,
    answer: Option<Arc<Answer>>,
    calls: AtomicUsize,
}

impl Scripted {
    /// The model that follows `script`.
    pub fn new(script: Script) -> Self {
        Self {
            name: format!("scripted:{script}"),
            script,
            answer: None,
            calls: AtomicUsize::new(0),
        }
    }

    /// `scripted:echo`.
    pub fn echo() -> Self {
        Self::new(Script::Echo)
    }

    /// A model for a test: answers what `answer` returns, or fails in its way. Named `scripted:custom`.
    pub fn answering(
        answer: impl Fn(&ChatRequest) -> Result<String, ModelErrorKind> + Send + Sync + 'static,
    ) -> Self {
        Self {
            name: "scripted:custom".to_owned(),
            answer: Some(Arc::new(answer)),
            ..Self::echo()
        }
    }

    /// How often the model was asked.
    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }

    fn error(&self, kind: ModelErrorKind) -> ModelError {
        ModelError::new(kind, &self.name).detail("as its script says")
    }

    fn text(&self, request: &ChatRequest, call: usize) -> Result<String, ModelErrorKind> {
        if let Some(answer) = &self.answer {
            return answer(request);
        }
        match self.script {
            Script::Echo | Script::Slow | Script::Hang | Script::Tools => Ok(answer::echo(request)),
            Script::Words => Ok(words()[call % words().len()].clone()),
            Script::Fail => Err(ModelErrorKind::Unavailable),
            Script::FailOnce if call == 0 => Err(ModelErrorKind::Unavailable),
            Script::FailOnce | Script::FailMidway => Ok(answer::echo(request)),
        }
    }
}

#[async_trait]
impl ChatModel for Scripted {
    fn name(&self) -> &str {
        &self.name
    }

    fn window_tokens(&self) -> usize {
        WINDOW_TOKENS
    }

    fn count_tokens(&self, messages: &[Arc<Message>]) -> usize {
        estimate_tokens(messages)
    }

    fn has_tools(&self) -> bool {
        self.script == Script::Tools
    }

    async fn generate(
        &self,
        request: ChatRequest,
        sink: &mut dyn TokenSink,
    ) -> Result<Reply, ModelError> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        if self.has_tools()
            && let Some(message) = answer::call(&request, call)
        {
            let finish = Finish::ToolCalls;
            return Ok(Reply { message, finish });
        }
        let text = self.text(&request, call).map_err(|kind| self.error(kind))?;
        match self.script {
            Script::Slow => say_slowly(&text, sink).await,
            Script::Hang => std::future::pending().await,
            Script::FailMidway => {
                sink.on_delta(Delta::Text(answer::first_half(&text)));
                return Err(self.error(ModelErrorKind::Interrupted));
            }
            _ if text.is_empty() => {}
            _ => sink.on_delta(Delta::Text(&text)),
        }
        Ok(Reply::stop(Message::ai(text)))
    }
}

async fn say_slowly(text: &str, sink: &mut dyn TokenSink) {
    let mut due = Instant::now();
    for token in text.split_inclusive(' ') {
        due += SLOW_TOKEN;
        sleep_until(due).await;
        sink.on_delta(Delta::Text(token));
    }
}

impl fmt::Debug for Scripted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scripted")
            .field("name", &self.name)
            .field("calls", &self.calls)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
