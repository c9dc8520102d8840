//! A server on the loopback that gives prepared answers, for what a real server cannot be made to do.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

/// What the server does with one connection after it has read the request.
pub(crate) enum Answer {
    /// Sends these bytes and closes.
    Close(String),
    /// Sends these bytes and says nothing more until the client goes away.
    Hold(String),
}

/// The server.
pub(crate) struct StandIn {
    pub(crate) url: String,
    /// Each request's head and body.
    pub(crate) requests: Receiver<String>,
    /// A message when a client has gone away from a held connection.
    pub(crate) gone: Receiver<()>,
}

impl StandIn {
    /// A server that answers one connection after the other.
    pub(crate) fn start(answers: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/v1/", listener.local_addr().unwrap());
        let (requests_in, requests) = channel();
        let (gone_in, gone) = channel();
        thread::spawn(move || {
            for answer in answers {
                let (mut stream, _) = listener.accept().unwrap();
                stream
                    .set_read_timeout(Some(Duration::from_secs(20)))
                    .unwrap();
                let _ = requests_in.send(read_request(&mut stream));
                match answer {
                    Answer::Close(bytes) => stream.write_all(bytes.as_bytes()).unwrap(),
                    Answer::Hold(bytes) => {
                        stream.write_all(bytes.as_bytes()).unwrap();
                        // Returns when the client closes.
                        if matches!(stream.read(&mut [0]), Ok(0)) {
                            let _ = gone_in.send(());
                        }
                    }
                }
            }
        });
        Self {
            url,
            requests,
            gone,
        }
    }
}

fn read_request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let count = stream.read(&mut buffer).unwrap();
        bytes.extend_from_slice(&buffer[..count]);
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length")
                    .then(|| value.trim().parse().unwrap())
            });
            if body.len() >= length.unwrap_or(0) {
                return text.into_owned();
            }
        }
        assert!(count > 0, "the request ended early");
    }
}

/// An answer with a status, headers and a body.
pub(crate) fn response(status: &str, headers: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}

/// The beginning of a stream of events with these data; it has no length, so that it ends when it closes.
pub(crate) fn events(data: &[&str]) -> String {
    let events: String = data
        .iter()
        .map(|data| format!("data: {data}\n\n"))
        .collect();
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n{events}"
    )
}
