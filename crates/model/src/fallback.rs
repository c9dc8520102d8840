//! A chain of models that stands in for one: when a model fails it is tried again, then the next one is.
//!
//! Once the listener has heard a part of a reply there is no quiet second attempt: either the error says that the
//! reply broke off ([`Interrupted`](ModelErrorKind::Interrupted)), or, if the chain was set up so, the listener
//! hears [`Delta::Restart`] and the reply begins anew.

mod backoff;
mod breaker;

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use tokio::time::{sleep, timeout};

use crate::{
    ChatModel, ChatRequest, Delta, FallbackConfig, Message, ModelError, ModelErrorKind, Reply,
    TokenSink,
};
use backoff::Backoff;
use breaker::Breaker;

/// Models in the order in which they are asked.
///
/// Its window is the smallest of its models' and its count of tokens the largest, so that what fits the chain fits
/// each model.
pub struct Fallback {
    name: String,
    members: Vec<Member>,
    config: FallbackConfig,
    backoff: Backoff,
}

#[derive(Debug)]
struct Member {
    model: Arc<dyn ChatModel>,
    breaker: Breaker,
}

impl Fallback {
    /// The chain of `models`, at least one.
    ///
    /// # Errors
    ///
    /// [`InvalidRequest`](ModelErrorKind::InvalidRequest) when there is none.
    pub fn new(
        models: impl IntoIterator<Item = Arc<dyn ChatModel>>,
        config: FallbackConfig,
    ) -> Result<Self, ModelError> {
        Self::with_jitter(models, config, backoff::chance)
    }

    /// The same, with a source of numbers from 0 up to 1 that decides how much of each wait is left out.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn with_jitter(
        models: impl IntoIterator<Item = Arc<dyn ChatModel>>,
        config: FallbackConfig,
        jitter: impl Fn() -> f64 + Send + Sync + 'static,
    ) -> Result<Self, ModelError> {
        let member = |model| Member {
            model,
            breaker: Breaker::default(),
        };
        let members: Vec<Member> = models.into_iter().map(member).collect();
        if members.is_empty() {
            let error = ModelError::new(ModelErrorKind::InvalidRequest, "");
            return Err(error.detail("a chain needs at least one model"));
        }
        let names: Vec<&str> = members.iter().map(|member| member.model.name()).collect();
        Ok(Self {
            name: names.join(","),
            backoff: Backoff::new(&config, Box::new(jitter)),
            members,
            config,
        })
    }

    /// Asks one model as often as it makes sense.
    async fn ask(
        &self,
        member: &Member,
        request: &ChatRequest,
        sink: &mut Heard<'_>,
    ) -> Result<Reply, Failure> {
        let mut attempt = 1;
        loop {
            if let Err(rest) = member.breaker.enter(self.config.breaker_rest) {
                let error = ModelError::new(ModelErrorKind::Unavailable, member.model.name());
                let error = error.detail("it failed too often and is left alone for now");
                return Err(Failure::Next(error.after(Some(rest))));
            }
            let error = match self.attempt(member, request, sink).await {
                Ok(reply) => {
                    if member.breaker.succeeded() {
                        self.tell_resting(member, false);
                    }
                    return Ok(reply);
                }
                Err(error) => error,
            };
            if error.is_retryable() {
                let config = &self.config;
                let rests = member
                    .breaker
                    .failed(config.breaker_failures, config.breaker_rest);
                if rests {
                    self.tell_resting(member, true);
                }
            }
            if sink.heard && !self.config.restart_replies {
                return Err(Failure::Final(interrupted(error)));
            }
            sink.restart();
            if !error.is_retryable() || attempt >= self.config.attempts {
                return Err(Failure::Next(error));
            }
            let Some(wait) = self.backoff.wait(attempt, error.retry_after()) else {
                return Err(Failure::Next(error));
            };
            sleep(wait).await;
            attempt += 1;
        }
    }

    async fn attempt(
        &self,
        member: &Member,
        request: &ChatRequest,
        sink: &mut Heard<'_>,
    ) -> Result<Reply, ModelError> {
        let limit = self.config.attempt_timeout;
        let began = Instant::now();
        let reply = timeout(limit, member.model.generate(request.clone(), sink)).await;
        let reply = reply.unwrap_or_else(|_| {
            let error = ModelError::new(ModelErrorKind::Timeout, member.model.name());
            Err(error.detail(format!(
                "the reply took more than {} s",
                limit.as_secs_f32()
            )))
        });
        if let Some(observer) = &self.config.observer {
            let failure = reply.as_ref().err();
            observer.attempt(member.model.name(), failure, began.elapsed());
        }
        reply
    }

    fn tell_resting(&self, member: &Member, is_resting: bool) {
        if let Some(observer) = &self.config.observer {
            observer.resting(member.model.name(), is_resting);
        }
    }

    /// The error of a chain of which every model failed: the first model's kind, everyone's reasons.
    fn exhausted(&self, mut errors: Vec<ModelError>) -> ModelError {
        if errors.len() == 1 {
            return errors.remove(0);
        }
        let reasons: Vec<String> = errors.iter().map(ToString::to_string).collect();
        let first = errors.remove(0);
        let after = first.retry_after();
        ModelError::new(first.kind(), &self.name)
            .detail(format!("every model failed: {}", reasons.join(" | ")))
            .after(after)
            .caused_by(first)
    }
}

/// The error of a reply of which a part was heard, whatever went wrong.
fn interrupted(error: ModelError) -> ModelError {
    if error.kind() == ModelErrorKind::Interrupted {
        return error;
    }
    let detail = format!("it {}", error.reason());
    let broken = ModelError::new(ModelErrorKind::Interrupted, error.model());
    broken.detail(detail).caused_by(error)
}

/// What follows from a model's failure.
enum Failure {
    /// The next model may do better.
    Next(ModelError),
    /// It is over: a part of a reply was heard.
    Final(ModelError),
}

/// Passes on what is heard, and remembers that something was.
struct Heard<'s> {
    sink: &'s mut dyn TokenSink,
    heard: bool,
}

impl Heard<'_> {
    fn restart(&mut self) {
        if self.heard {
            self.sink.on_delta(Delta::Restart);
            self.heard = false;
        }
    }
}

impl TokenSink for Heard<'_> {
    fn on_delta(&mut self, delta: Delta<'_>) {
        self.heard = matches!(delta, Delta::Text(_));
        self.sink.on_delta(delta);
    }
}

#[async_trait]
impl ChatModel for Fallback {
    fn name(&self) -> &str {
        &self.name
    }

    fn window_tokens(&self) -> usize {
        let windows = self
            .members
            .iter()
            .map(|member| member.model.window_tokens());
        windows.min().unwrap_or(0)
    }

    fn count_tokens(&self, messages: &[Arc<Message>]) -> usize {
        let counts = self
            .members
            .iter()
            .map(|member| member.model.count_tokens(messages));
        counts.max().unwrap_or(0)
    }

    /// Each of them may come to answer, so all of them must.
    fn has_tools(&self) -> bool {
        self.members.iter().all(|member| member.model.has_tools())
    }

    async fn generate(
        &self,
        request: ChatRequest,
        sink: &mut dyn TokenSink,
    ) -> Result<Reply, ModelError> {
        let mut sink = Heard { sink, heard: false };
        let mut errors = Vec::new();
        for member in &self.members {
            match self.ask(member, &request, &mut sink).await {
                Ok(reply) => return Ok(reply),
                Err(Failure::Final(error)) => return Err(error),
                Err(Failure::Next(error)) => errors.push(error),
            }
        }
        Err(self.exhausted(errors))
    }

    /// Warms the first model: the others are only needed when it fails.
    async fn warm(&self) -> Result<(), ModelError> {
        self.members[0].model.warm().await
    }
}

impl fmt::Debug for Fallback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fallback")
            .field("members", &self.members)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
