//! Turns over HTTP, each worker on a connection that stays open.
//!
//! The client is a thin one on purpose: it shares the machine with the server that it measures.

mod events;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use everthread_graph::contract::ThreadKey;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use self::events::Events;
use super::beside::Beside;
use super::speaker::{Heard, Reading, Trouble, check, input};
use crate::failure::{Exit, Failure};

/// Names the user whom a request is made for.
const USER: &str = "x-everthread-user";
/// Longest time to connect, and to answer the first question.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

type Sender = SendRequest<Full<Bytes>>;

/// A running server.
pub(super) struct Server {
    url: String,
    /// `host:port`.
    address: String,
    host: HeaderValue,
    /// Before every path, without a slash at its end.
    prefix: String,
    authorization: Option<HeaderValue>,
}

impl Server {
    /// The server at this URL.
    ///
    /// # Errors
    /// `Usage` when it is no `http://` URL, or the key cannot be a header's.
    pub(super) fn new(url: &str, key: Option<&str>) -> Result<Self, Failure> {
        let wrong = || {
            Failure::new(
                Exit::Usage,
                format!("{url:?} is no URL as http://127.0.0.1:8123"),
            )
        };
        let uri: Uri = url.parse().map_err(|_| wrong())?;
        let authority = uri.authority().ok_or_else(wrong)?;
        if uri.scheme_str() != Some("http") {
            return Err(wrong());
        }
        let authorization = key.map(|key| {
            let value = HeaderValue::from_str(&format!("Bearer {key}"));
            value.map_err(|_| Failure::new(Exit::Usage, "--key holds what no key does"))
        });
        Ok(Self {
            url: url.to_owned(),
            address: format!(
                "{}:{}",
                authority.host(),
                authority.port_u16().unwrap_or(80)
            ),
            host: HeaderValue::from_str(authority.as_str()).map_err(|_| wrong())?,
            prefix: uri.path().trim_end_matches('/').to_owned(),
            authorization: authorization.transpose()?,
        })
    }

    /// Asks whether the server answers and lets this caller speak for others.
    ///
    /// # Errors
    /// `Unavailable` when it does not answer, `Failed` with its words when it refuses.
    pub(super) async fn check(&self) -> Result<(), Failure> {
        let question = async {
            let mut sender = self.connect().await?;
            let request = self.post("/threads/search", "user_0", &json!({"limit": 1}))?;
            let response = sender.send_request(request).await.map_err(broken)?;
            let status = response.status();
            Ok::<_, Trouble>((status, text(response).await?))
        };
        match tokio::time::timeout(CONNECT_LIMIT, question).await {
            Ok(Ok((StatusCode::OK, _))) => Ok(()),
            Ok(Ok((status, body))) => {
                let what = format!("{} refuses with {status}: {}", self.url, detail(&body));
                Err(Failure::new(Exit::Failed, what))
            }
            Ok(Err(trouble)) => {
                let what = format!("no server answers at {}: {}", self.url, trouble.kind());
                Err(Failure::new(Exit::Unavailable, what))
            }
            Err(_) => {
                let what = format!("no server answers at {}", self.url);
                Err(Failure::new(Exit::Unavailable, what))
            }
        }
    }

    async fn connect(&self) -> Result<Sender, Trouble> {
        let stream = TcpStream::connect(&self.address).await;
        let stream = stream.map_err(|error| Trouble::new(error.kind().to_string()))?;
        stream
            .set_nodelay(true)
            .map_err(|error| Trouble::new(error.kind().to_string()))?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(broken)?;
        // What breaks the connection is seen by whoever sends.
        tokio::spawn(async { drop(connection.await) });
        Ok(sender)
    }

    fn post(&self, path: &str, user: &str, body: &Value) -> Result<Request<Full<Bytes>>, Trouble> {
        self.request(Method::POST, path, user, body.to_string())
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        user: &str,
        body: String,
    ) -> Result<Request<Full<Bytes>>, Trouble> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.prefix))
            .header(HOST, self.host.clone())
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .header(USER, user);
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization.clone());
        }
        let body = Full::new(Bytes::from(body));
        request.body(body).map_err(|_| Trouble::new("request"))
    }
}

/// Says messages to a server.
pub(crate) struct There {
    server: Arc<Server>,
    reading: Reading,
    /// The connection, while no request is on it.
    idle: Option<Sender>,
}

impl There {
    pub(super) fn new(server: Arc<Server>, reading: Reading) -> Self {
        Self {
            server,
            reading,
            idle: None,
        }
    }

    /// The ids of a load need no escaping in a path.
    pub(super) async fn say(&mut self, key: &ThreadKey, text: &str) -> Result<Heard, Trouble> {
        let begun = Instant::now();
        let mut body = json!({
            "assistant_id": "chat",
            "if_not_exists": "create",
            "input": input(text),
        });
        let (way, mode) = match self.reading {
            Reading::Whole => ("wait", "values"),
            Reading::Stream => ("stream", "messages-tuple"),
        };
        body["stream_mode"] = mode.into();
        let path = format!("/threads/{}/runs/{way}", key.thread);
        let request = self.server.post(&path, key.user.as_str(), &body)?;
        let (response, sender) = self.send(request).await?;
        let heard = match self.reading {
            Reading::Whole => whole(response).await,
            Reading::Stream => streamed(response, begun).await,
        };
        self.idle = Some(sender);
        heard
    }

    /// Does something beside the turns.
    pub(super) async fn beside(
        &mut self,
        what: Beside,
        key: &ThreadKey,
        word: &str,
    ) -> Result<(), Trouble> {
        let (method, path, body) = match what {
            Beside::Read => {
                let path = format!("/threads/{}/state", key.thread);
                (Method::GET, path, String::new())
            }
            Beside::Search => (Method::GET, format!("/api/search?q={word}"), String::new()),
            Beside::New => {
                let body = json!({"thread_id": key.thread.as_str()});
                (Method::POST, "/threads".to_owned(), body.to_string())
            }
        };
        let request = self
            .server
            .request(method, &path, key.user.as_str(), body)?;
        let (response, sender) = self.send(request).await?;
        text(response).await?;
        self.idle = Some(sender);
        Ok(())
    }

    /// Sends a request; gives an answer that is fine, and the connection that it comes by.
    async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<(Response<Incoming>, Sender), Trouble> {
        let mut sender = match self.idle.take().filter(|idle| !idle.is_closed()) {
            Some(idle) => idle,
            None => self.server.connect().await?,
        };
        sender.ready().await.map_err(broken)?;
        let response = sender.send_request(request).await.map_err(broken)?;
        if response.status().is_success() {
            return Ok((response, sender));
        }
        Err(self.refused(response, sender).await)
    }

    /// Why the server refused: the status and its own code.
    async fn refused(&mut self, response: Response<Incoming>, sender: Sender) -> Trouble {
        let status = response.status().as_u16();
        let Ok(body) = text(response).await else {
            return Trouble::new(status.to_string());
        };
        self.idle = Some(sender);
        let told: Value = serde_json::from_slice(&body).unwrap_or_default();
        let code = told["code"].as_str().unwrap_or_default();
        Trouble::new(format!("{status} {code}").trim_end())
    }
}

/// The state that a run left.
async fn whole(response: Response<Incoming>) -> Result<Heard, Trouble> {
    check(&text(response).await?)?;
    Ok(Heard::default())
}

/// The events of a run, to their end.
async fn streamed(mut response: Response<Incoming>, begun: Instant) -> Result<Heard, Trouble> {
    let (mut events, mut heard) = (Events::default(), Heard::default());
    while let Some(frame) = response.frame().await {
        let Ok(data) = frame.map_err(broken)?.into_data() else {
            continue;
        };
        events.take(&data);
        if heard.first_token.is_none() && events.have_message() {
            heard.first_token = Some(begun.elapsed());
        }
    }
    match events.into_error() {
        Some(error) => Err(Trouble::new(error)),
        None if heard.first_token.is_none() => Err(Trouble::new("no_messages")),
        None => Ok(heard),
    }
}

async fn text(response: Response<Incoming>) -> Result<Bytes, Trouble> {
    let body = response.into_body().collect().await.map_err(broken)?;
    Ok(body.to_bytes())
}

/// The words of an error's answer.
fn detail(body: &[u8]) -> String {
    let told: Value = serde_json::from_slice(body).unwrap_or_default();
    told["detail"]
        .as_str()
        .unwrap_or("without a reason")
        .to_owned()
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the shape of a closure that maps an error"
)]
fn broken(error: hyper::Error) -> Trouble {
    Trouble::new(if error.is_timeout() {
        "timeout"
    } else {
        "connection"
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart() {
        let server = Server::new("http://localhost:81/a/", Some("k")).unwrap();
        assert_eq!((&*server.address, &*server.prefix), ("localhost:81", "/a"));
        assert_eq!(server.authorization.unwrap(), "Bearer k");
        assert_eq!(Server::new("http://h", None).unwrap().address, "h:80");
        for wrong in ["https://localhost", "localhost:81", "/x", ""] {
            assert!(Server::new(wrong, None).is_err(), "{wrong}");
        }
    }
}
