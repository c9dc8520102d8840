//! Commands to a thread, and their answers.

mod respond;
mod start;
mod state;

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use everthread_graph::contract::{RunId, ThreadKey};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use uuid::Uuid;

use super::filter::Filter;
use super::tape::Tape;
use crate::app::App;
use crate::body;
use crate::error::ApiError;
use crate::params::segment;

/// A command as clients send it.
#[derive(Debug)]
pub(crate) struct Command {
    pub(crate) id: i64,
    pub(crate) method: String,
    params: Option<Box<RawValue>>,
}

/// What a command came to.
pub(crate) struct Answer {
    /// The command's id, or what was sent in its place.
    id: Value,
    outcome: Result<Done, Refusal>,
    /// The number of the last event before it.
    seq: u64,
}

/// A command that was done.
pub(super) struct Done {
    pub(super) result: Value,
    /// The run that it began.
    pub(super) run: Option<RunId>,
}

/// A command that was refused.
pub(super) struct Refusal {
    /// What programs branch on.
    code: &'static str,
    message: String,
    /// Set where the request as a whole failed, and may be sent again.
    status: StatusCode,
    error: Option<ApiError>,
}

impl Done {
    pub(super) fn of(result: Value) -> Self {
        Self { result, run: None }
    }
}

impl Refusal {
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            status: StatusCode::OK,
            error: None,
        }
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new("invalid_argument", message)
    }
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        let code = match error.status() {
            StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => "invalid_argument",
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => "permission_denied",
            _ => "unknown_error",
        };
        let may_come_again = error.status() == StatusCode::TOO_MANY_REQUESTS
            || error.status() == StatusCode::UNAUTHORIZED
            || error.status().is_server_error();
        Self {
            code,
            message: error.detail().to_owned(),
            status: if may_come_again {
                error.status()
            } else {
                StatusCode::OK
            },
            error: Some(error),
        }
    }
}

impl From<everthread_store::StoreError> for Refusal {
    fn from(error: everthread_store::StoreError) -> Self {
        ApiError::from(error).into()
    }
}

impl From<everthread_graph::Error> for Refusal {
    fn from(error: everthread_graph::Error) -> Self {
        ApiError::from(error).into()
    }
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    id: Value,
    #[serde(default)]
    method: Value,
    params: Option<Box<RawValue>>,
}

impl Command {
    /// Reads a command.
    ///
    /// # Errors
    /// The answer to what is none.
    pub(crate) fn read(json: &[u8]) -> Result<Self, Box<Answer>> {
        let json: Box<RawValue> = body::read(json).map_err(|_| Box::new(no_json()))?;
        let asked: Asked =
            serde_json::from_str(json.get()).map_err(|_| Box::new(malformed(Value::Null)))?;
        match (asked.id.as_i64(), asked.method.as_str()) {
            (Some(id), Some(method)) => Ok(Self {
                id,
                method: method.to_owned(),
                params: asked.params,
            }),
            _ => Err(Box::new(malformed(asked.id))),
        }
    }

    /// Its parameters; none at all read as an empty object.
    pub(super) fn read_params<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        let text = self.params.as_ref().map_or("{}", |params| params.get());
        let text = if text.trim() == "null" { "{}" } else { text };
        let read = serde_json::from_str(text);
        read.map_err(|error| Refusal::invalid(format!("{}: {error}", self.method)))
    }

    /// Its answer.
    pub(crate) fn answered(&self, outcome: Result<Value, ApiError>, seq: u64) -> Answer {
        Answer {
            id: self.id.into(),
            outcome: outcome.map(Done::of).map_err(Refusal::from),
            seq,
        }
    }

    /// Its answer when it is refused.
    pub(super) fn refused(&self, refusal: Refusal) -> Answer {
        Answer {
            id: self.id.into(),
            outcome: Err(refusal),
            seq: 0,
        }
    }

    /// The answer that there is no such subscription.
    pub(crate) fn no_subscription(&self, id: &str) -> Answer {
        self.refused(no_subscription(id))
    }
}

/// The answer to what is no JSON.
fn no_json() -> Answer {
    refused(Value::Null, "Protocol commands must be valid JSON.")
}

fn malformed(id: Value) -> Answer {
    let id = if id.is_object() || id.is_array() {
        Value::Null
    } else {
        id
    };
    let message = "Protocol commands must include an integer id and string method.";
    refused(id, message)
}

fn refused(id: Value, message: &str) -> Answer {
    Answer {
        id,
        outcome: Err(Refusal {
            status: StatusCode::BAD_REQUEST,
            error: Some(ApiError::bad_request(message)),
            ..Refusal::invalid(message)
        }),
        seq: 0,
    }
}

fn no_subscription(id: &str) -> Refusal {
    Refusal::new(
        "no_such_subscription",
        format!("Unknown subscription: {id}"),
    )
}

fn no_run() -> Refusal {
    Refusal::new("no_such_run", "No active run is bound to this thread.")
}

impl Answer {
    /// The answer as JSON.
    pub(crate) fn json(&self) -> Value {
        match &self.outcome {
            Ok(done) => json!({
                "type": "success",
                "id": self.id,
                "result": done.result,
                "meta": {"applied_through_seq": self.seq},
            }),
            Err(refusal) => {
                let mut body = json!({
                    "type": "error",
                    "id": self.id,
                    "error": refusal.code,
                    "message": refusal.message,
                });
                if let Some(error) = &refusal.error {
                    body["detail"] = error.detail().into();
                    body["code"] = error.code().into();
                }
                body
            }
        }
    }

    /// The run that was begun.
    pub(crate) fn run(&self) -> Option<RunId> {
        self.outcome.as_ref().ok().and_then(|done| done.run)
    }

    /// The answer over HTTP: an error of the command is no error of the request.
    pub(crate) fn into_response(self, key: &ThreadKey) -> Response {
        let (body, run) = (self.json(), self.run());
        let failed = self
            .outcome
            .err()
            .filter(|refusal| refusal.status != StatusCode::OK);
        if let Some(error) = failed.and_then(|refusal| refusal.error) {
            let (head, _) = error.into_response().into_parts();
            return Response::from_parts(head, Body::from(body.to_string()));
        }
        let mut response = axum::Json(body).into_response();
        if let Some(run) = run {
            let place = format!("/threads/{}/runs/{run}", segment(key.thread.as_str()));
            // Every segment was escaped: this is plain ASCII.
            if let Ok(place) = HeaderValue::from_str(&place) {
                response
                    .headers_mut()
                    .insert(header::CONTENT_LOCATION, place);
            }
        }
        response
    }
}

/// Does what a command says on a thread.
pub(crate) async fn perform(app: &App, tape: &Tape, command: &Command) -> Answer {
    let id = command.id.into();
    if let Err(error) = tape.look().await {
        let outcome = Err(error.into());
        return Answer {
            id,
            outcome,
            seq: 0,
        };
    }
    let seq = tape.last();
    let outcome = done(app, tape, command).await;
    Answer { id, outcome, seq }
}

async fn done(app: &App, tape: &Tape, command: &Command) -> Result<Done, Refusal> {
    let key = &tape.key;
    match command.method.as_str() {
        "run.start" => start::start(app, key, command).await,
        "input.respond" => respond::respond(app, key, command).await,
        "agent.getTree" => tree(tape, command),
        "state.get" => state::get(app, key, command).await,
        "state.listCheckpoints" => state::list(app, key, command).await,
        "state.fork" => start::fork(app, key, command).await,
        // Over HTTP a subscription is the connection that it came on.
        "subscription.subscribe" => {
            Filter::read(&command.read_params::<Value>()?)?;
            let id = Uuid::now_v7().to_string();
            Ok(Done::of(
                json!({"subscription_id": id, "replayed_events": 0}),
            ))
        }
        "subscription.unsubscribe" => {
            let asked: Value = command.read_params()?;
            Err(no_subscription(
                asked["subscription_id"].as_str().unwrap_or_default(),
            ))
        }
        "subscription.reconnect" => Err(no_run()),
        method => Err(Refusal::new(
            "unknown_command",
            format!("Unknown protocol command: {method}"),
        )),
    }
}

#[derive(Deserialize)]
struct TreeParams {
    run_id: Option<String>,
}

fn tree(tape: &Tape, command: &Command) -> Result<Done, Refusal> {
    let asked: TreeParams = command.read_params()?;
    let (run, tree) = tape.tree().ok_or_else(no_run)?;
    if asked.run_id.is_some_and(|asked| asked != run.to_string()) {
        return Err(no_run());
    }
    Ok(Done::of(json!({"tree": tree.json()})))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_command_is_refused_with_what_it_had_for_an_id() {
        for (text, id) in [
            (r#"{"id": 1}"#, json!(1)),
            (r#"{"id": "a", "method": "run.start"}"#, json!("a")),
            (r#"{"id": 1.5, "method": "x"}"#, json!(1.5)),
            (r#"{"id": [1], "method": "x"}"#, Value::Null),
            (r#"{"method": "x"}"#, Value::Null),
            ("[]", Value::Null),
        ] {
            let answer = Command::read(text.as_bytes())
                .expect_err("no command")
                .json();
            assert_eq!(answer["type"], "error");
            assert_eq!(answer["id"], id, "{text}");
            assert_eq!(answer["error"], "invalid_argument");
            let said = answer["message"].as_str().expect("text");
            assert!(said.contains("an integer id and string method"), "{said}");
        }
        let answer = Command::read(b"x").expect_err("no JSON").json();
        assert_eq!(answer["message"], "Protocol commands must be valid JSON.");
    }
}
