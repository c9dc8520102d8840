//! A conversation over a WebSocket: commands come in, answers and events go out.
//!
//! What several subscriptions want goes out once. What a new one wants of the past is told again before its answer.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use axum::http::HeaderMap;
use everthread_graph::contract::ThreadKey;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::timeout;
use uuid::Uuid;

use super::command::{Answer, Command, perform};
use super::event::Event;
use super::filter::Filter;
use super::follow::Follow;
use super::tape::Tape;
use crate::app::App;
use crate::error::ApiError;
use crate::sse::beats;

/// How long a client may take to take in one message.
const PATIENCE: Duration = Duration::from_secs(30);
/// Subscriptions of one connection.
const MAX_SUBSCRIPTIONS: usize = 64;
/// What is added to a status to make it the code of a close.
const CLOSE_CODES: u16 = 4_000;

/// Who speaks, and to which thread.
pub(crate) struct Greeting {
    pub(crate) app: App,
    pub(crate) key: ThreadKey,
    /// What the client showed: it is looked at again with each command, so that a key may end and limits hold.
    pub(crate) headers: HeaderMap,
    pub(crate) from: IpAddr,
}

impl Greeting {
    /// Whether this is still the user's own connection, and not too many commands came over it.
    async fn check(&self) -> Result<(), ApiError> {
        let front = &self.app.front;
        let known = front.auth.identify(&self.headers, self.from, &front.limits);
        match known.await {
            Ok(principal) if principal.user.as_ref() == Some(&self.key.user) => Ok(()),
            Ok(_) => Err(ApiError::unauthorized("the key is another user's now")),
            Err(error) => Err(error),
        }
    }
}

/// Why a conversation ends.
enum End {
    /// The client is gone, or does not listen.
    Gone,
    /// The server stops: the client may come again.
    Stopping,
    /// What was asked cannot be had.
    Refused(ApiError),
}

impl From<ApiError> for End {
    fn from(error: ApiError) -> Self {
        Self::Refused(error)
    }
}

/// Speaks until one side has enough.
pub(crate) async fn converse(mut socket: WebSocket, greeting: Greeting) {
    let _open = greeting.app.front.metrics.stream();
    let tape = greeting.app.runs.tapes.tape(&greeting.key);
    let end = match Follow::from_now(&greeting.app, &tape).await {
        Ok(live) => {
            let mut talk = Talk {
                socket: &mut socket,
                greeting: &greeting,
                tape,
                live,
                subscriptions: HashMap::new(),
            };
            match talk.run().await {
                Ok(never) => match never {},
                Err(end) => end,
            }
        }
        Err(error) => End::Refused(error),
    };
    let frame = match end {
        End::Gone => return,
        End::Stopping => CloseFrame {
            code: close_code::RESTART,
            reason: "the server stops".into(),
        },
        End::Refused(error) => CloseFrame {
            code: CLOSE_CODES + error.status().as_u16(),
            reason: error.code().into(),
        },
    };
    // The client may be gone already.
    let _ = timeout(PATIENCE, socket.send(Message::Close(Some(frame)))).await;
}

struct Talk<'a> {
    socket: &'a mut WebSocket,
    greeting: &'a Greeting,
    tape: Arc<Tape>,
    /// What happens from now on.
    live: Follow,
    subscriptions: HashMap<String, Filter>,
}

#[derive(Deserialize)]
struct Subscribed {
    #[serde(default)]
    subscription_id: String,
}

impl Talk<'_> {
    async fn run(&mut self) -> Result<std::convert::Infallible, End> {
        let mut beats = beats(self.greeting.app.settings.heartbeat);
        loop {
            tokio::select! {
                message = self.socket.recv() => match message {
                    Some(Ok(message)) => self.hear(message).await?,
                    Some(Err(_)) | None => return Err(End::Gone),
                },
                events = self.live.next() => {
                    let events = events.map_err(ApiError::from)?;
                    self.tell(events.ok_or(End::Stopping)?).await?;
                }
                _ = beats.tick() => self.send(Message::Ping(Vec::new().into())).await?,
            }
        }
    }

    async fn send(&mut self, message: Message) -> Result<(), End> {
        match timeout(PATIENCE, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(End::Gone),
        }
    }

    async fn tell(&mut self, events: Vec<Event>) -> Result<(), End> {
        for event in events {
            self.send(Message::Text(event.json().into())).await?;
        }
        Ok(())
    }

    async fn hear(&mut self, message: Message) -> Result<(), End> {
        let text = match &message {
            Message::Text(text) => text.as_bytes(),
            Message::Binary(bytes) => bytes,
            Message::Ping(_) | Message::Pong(_) => return Ok(()),
            Message::Close(_) => return Err(End::Gone),
        };
        let answer = match Command::read(text) {
            Ok(command) => {
                self.greeting.check().await?;
                self.answer(&command).await?
            }
            Err(answer) => *answer,
        };
        let text = answer.json().to_string();
        self.send(Message::Text(text.into())).await
    }

    async fn answer(&mut self, command: &Command) -> Result<Answer, End> {
        Ok(match command.method.as_str() {
            "subscription.subscribe" => self.subscribe(command).await?,
            "subscription.unsubscribe" => {
                let asked: Subscribed = match command.read_params() {
                    Ok(asked) => asked,
                    Err(refusal) => return Ok(command.refused(refusal)),
                };
                if self.subscriptions.remove(&asked.subscription_id).is_none() {
                    return Ok(command.no_subscription(&asked.subscription_id));
                }
                self.listen();
                command.answered(Ok(json!({})), self.tape.last())
            }
            // Nothing of another connection is kept: a client subscribes again, after the last number that it saw.
            "subscription.reconnect" => {
                command.answered(Ok(json!({"restored": false})), self.tape.last())
            }
            _ => {
                let answer = perform(&self.greeting.app, &self.tape, command).await;
                if answer.run().is_some() {
                    let Greeting {
                        app, key, headers, ..
                    } = self.greeting;
                    app.sessions.note_turn(key, headers);
                }
                answer
            }
        })
    }

    /// Tells what was missed, up to where the others are, and everything from then on.
    async fn subscribe(&mut self, command: &Command) -> Result<Answer, End> {
        if self.subscriptions.len() >= MAX_SUBSCRIPTIONS {
            let error = ApiError::bad_request(format!(
                "one connection has at most {MAX_SUBSCRIPTIONS} subscriptions"
            ));
            return Ok(command.answered(Err(error), self.tape.last()));
        }
        let asked: Value = match command.read_params() {
            Ok(asked) => asked,
            Err(refusal) => return Ok(command.refused(refusal)),
        };
        let (filter, since) = match Filter::read(&asked) {
            Ok(read) => read,
            Err(error) => return Ok(command.answered(Err(error), self.tape.last())),
        };
        let app = &self.greeting.app;
        let missed = Follow::after(app, &self.tape, vec![filter.clone()], since).await?;
        let mut missed = missed.until(self.live.at());
        let mut replayed = 0;
        while let Some(events) = missed.next().await.map_err(ApiError::from)? {
            replayed += events.len();
            self.tell(events).await?;
        }
        let id = Uuid::now_v7().to_string();
        self.subscriptions.insert(id.clone(), filter);
        self.listen();
        let result = json!({"subscription_id": id, "replayed_events": replayed});
        Ok(command.answered(Ok(result), self.tape.last()))
    }

    fn listen(&mut self) {
        let filters = self.subscriptions.values().cloned();
        self.live.want(filters.collect());
    }
}
