//! Chat models behind any server that speaks OpenAI's chat-completions protocol.
//!
//! Retrying is left to whoever asks; here one request is made, streamed and understood. What is read is read
//! tolerantly, because compatible servers differ: unknown fields and reasons to finish are no errors.

mod assembly;
mod chunk;
mod failure;
mod prompt;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use eventsource_stream::{EventStreamError, Eventsource};
use futures::{Stream, StreamExt};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Client, Response, Url};
use tokio::time::{Instant, timeout_at};

use crate::{
    ChatModel, ChatRequest, Delta, Message, ModelError, ModelErrorKind, OpenAiConfig, Reply,
    Silent, TokenSink, estimate_tokens,
};
use assembly::Assembly;

/// Who we say we are.
const USER_AGENT: &str = concat!("everthread/", env!("CARGO_PKG_VERSION"));

/// The end of a stream of events, in place of a last event.
const DONE: &str = "[DONE]";

/// The longest whole reply, where a server does not stream.
const MAX_REPLY_BYTES: usize = 16 << 20;

/// A model behind an OpenAI-compatible server. Opening it does nothing; the first request connects.
#[derive(Debug)]
pub struct OpenAiModel {
    name: String,
    model: String,
    url: Url,
    config: OpenAiConfig,
    client: OnceLock<Client>,
}

impl OpenAiModel {
    /// The model that the server calls `model`.
    ///
    /// # Errors
    ///
    /// [`InvalidRequest`](ModelErrorKind::InvalidRequest) when the base URL or the key cannot be one.
    pub fn new(model: &str, config: OpenAiConfig) -> Result<Self, ModelError> {
        let name = format!("openai:{model}");
        let wrong =
            |detail: String| ModelError::new(ModelErrorKind::InvalidRequest, &name).detail(detail);
        let base = config.base_url.trim().trim_end_matches('/');
        let url = Url::parse(&format!("{base}/chat/completions"))
            .map_err(|error| wrong(format!("`{base}` is no URL ({error})")))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(wrong(format!(
                "`{base}` does not begin with http:// or https://"
            )));
        }
        let key = config.api_key.as_deref().unwrap_or_default();
        if HeaderValue::from_str(key).is_err() {
            return Err(wrong("the key holds characters that no key has".to_owned()));
        }
        Ok(Self {
            model: model.to_owned(),
            url,
            client: OnceLock::new(),
            config,
            name,
        })
    }

    fn error(&self, kind: ModelErrorKind) -> ModelError {
        ModelError::new(kind, &self.name)
    }

    /// The client, made when it is first needed: reading the system's certificates takes a while.
    fn client(&self) -> Result<&Client, ModelError> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let client = Client::builder()
            .user_agent(USER_AGENT)
            .connect_timeout(self.config.connect_timeout)
            .build();
        let client = client.map_err(|error| {
            let failed = self.error(ModelErrorKind::Unavailable).caused_by(error);
            failed.detail("the HTTP client cannot be made")
        })?;
        Ok(self.client.get_or_init(|| client))
    }

    async fn send(&self, request: &ChatRequest, deadline: Instant) -> Result<Response, ModelError> {
        let is_official = self.url.host_str() == Some("api.openai.com");
        if is_official && self.config.api_key.is_none() {
            return Err(self
                .error(ModelErrorKind::Unauthorized)
                .detail("there is none"));
        }
        let body = prompt::body(&self.model, request, is_official);
        let mut call = self.client()?.post(self.url.clone()).json(&body);
        if let Some(key) = &self.config.api_key
            && let Ok(mut value) = HeaderValue::from_str(&format!("Bearer {key}"))
        {
            value.set_sensitive(true);
            call = call.header(AUTHORIZATION, value);
        }
        let response = timeout_at(deadline, call.send()).await;
        let response =
            response.map_err(|_| self.silent("to answer", self.config.first_token_timeout))?;
        let response = response.map_err(|error| failure::of_transport(self, error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        Err(failure::of_response(self, response, deadline).await)
    }

    /// Hears the stream of events to its end.
    async fn hear(
        &self,
        response: Response,
        mut deadline: Instant,
        sink: &mut dyn TokenSink,
    ) -> Result<Reply, ModelError> {
        let mut assembly = Assembly::default();
        let mut events = Box::pin(response.bytes_stream().eventsource());
        let mut patience = self.config.first_token_timeout;
        loop {
            let event = self
                .next(&mut events, &assembly, deadline, patience)
                .await?;
            let Some(data) = event else { break };
            if data == DONE {
                assembly.finish();
                break;
            }
            let chunk = chunk::parse(&data).map_err(|error| {
                let failed = self.error(assembly.failure_kind(ModelErrorKind::BadReply));
                failed
                    .detail("the server sent what is no chunk of a reply")
                    .caused_by(error)
            })?;
            if let Some(error) = chunk.error {
                return Err(failure::in_stream(self, &error, &assembly));
            }
            assembly.add(chunk, sink);
            if assembly.len() > MAX_REPLY_BYTES {
                return Err(self
                    .error(ModelErrorKind::Interrupted)
                    .detail("the reply has no end"));
            }
            patience = self.config.idle_timeout;
            deadline = Instant::now() + patience;
        }
        if !assembly.is_finished() {
            let error = self.error(assembly.failure_kind(ModelErrorKind::Unavailable));
            return Err(error.detail("the server closed the connection before the end"));
        }
        self.reply_of(assembly)
    }

    /// The whole reply. One in which nothing is said is none: nobody could tell it from a conversation that lost one.
    fn reply_of(&self, assembly: Assembly) -> Result<Reply, ModelError> {
        if assembly.is_empty() {
            let reason = assembly.finish_reason().unwrap_or("none");
            let detail = format!("the server sent an empty one (reason to finish: {reason})");
            return Err(self.error(ModelErrorKind::BadReply).detail(detail));
        }
        Ok(assembly.reply(&self.model))
    }

    async fn next<S, E>(
        &self,
        events: &mut S,
        assembly: &Assembly,
        deadline: Instant,
        patience: Duration,
    ) -> Result<Option<String>, ModelError>
    where
        S: Stream<Item = Result<eventsource_stream::Event, EventStreamError<E>>> + Unpin,
        E: std::error::Error + Send + Sync + 'static,
    {
        match timeout_at(deadline, events.next()).await {
            Err(_) if assembly.was_heard() => {
                let error = self.error(ModelErrorKind::Interrupted);
                Err(error.detail(format!("nothing came for {} s", patience.as_secs_f32())))
            }
            Err(_) => Err(self.silent("to begin", patience)),
            Ok(None) => Ok(None),
            Ok(Some(Ok(event))) => Ok(Some(event.data)),
            Ok(Some(Err(error))) => {
                let failed = self.error(assembly.failure_kind(ModelErrorKind::Unavailable));
                Err(failed
                    .detail("the connection broke")
                    .caused_by(error.to_string()))
            }
        }
    }

    /// A whole reply, from a server that does not stream.
    async fn read_whole(
        &self,
        response: Response,
        deadline: Instant,
        sink: &mut dyn TokenSink,
    ) -> Result<Reply, ModelError> {
        let body = failure::read_body(response, MAX_REPLY_BYTES);
        let body = timeout_at(deadline, body).await;
        let body = body.map_err(|_| self.silent("to finish", self.config.first_token_timeout))?;
        let body = body.map_err(|error| failure::of_transport(self, error))?;
        let chunk = chunk::parse(&body).map_err(|error| {
            let failed = self.error(ModelErrorKind::BadReply).caused_by(error);
            failed.detail("the server sent what is neither a stream nor a reply")
        })?;
        let mut assembly = Assembly::default();
        if let Some(error) = chunk.error {
            return Err(failure::in_stream(self, &error, &assembly));
        }
        // Heard only when it is known to be a reply: it came whole, so a server that gives no reason to finish has
        // finished too.
        assembly.add(chunk, &mut Silent);
        assembly.finish();
        let reply = self.reply_of(assembly)?;
        let text = reply.message.text();
        if !text.is_empty() {
            sink.on_delta(Delta::Text(&text));
        }
        drop(text);
        Ok(reply)
    }

    fn silent(&self, what: &str, patience: Duration) -> ModelError {
        let detail = format!("it took more than {} s {what}", patience.as_secs_f32());
        self.error(ModelErrorKind::Timeout).detail(detail)
    }
}

#[async_trait]
impl ChatModel for OpenAiModel {
    fn name(&self) -> &str {
        &self.name
    }

    fn window_tokens(&self) -> usize {
        self.config.window_tokens
    }

    fn count_tokens(&self, messages: &[Arc<Message>]) -> usize {
        estimate_tokens(messages)
    }

    fn has_tools(&self) -> bool {
        true
    }

    async fn generate(
        &self,
        request: ChatRequest,
        sink: &mut dyn TokenSink,
    ) -> Result<Reply, ModelError> {
        let deadline = Instant::now() + self.config.first_token_timeout;
        let response = self.send(&request, deadline).await?;
        let kind = response.headers().get(CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if kind.starts_with("text/event-stream") {
            self.hear(response, deadline, sink).await
        } else {
            self.read_whole(response, deadline, sink).await
        }
    }
}
