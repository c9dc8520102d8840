//! Who is at work: a session is what one client does for one user, from its first turn until a long pause.
//!
//! Counted in memory beside the requests and written a moment later: a session says when somebody was here, and no
//! turn waits for that.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::Response;
use everthread_graph::contract::{ThreadId, ThreadKey, UserId};
use everthread_store::{Session, Store};
use percent_encoding::percent_decode_str;
use tokio::time::{MissedTickBehavior, interval};
use uuid::Uuid;

use crate::app::App;
use crate::identity::Principal;

/// A client that did nothing for so long begins a new session with its next turn.
const PAUSE_MS: i64 = 30 * 60 * 1_000;
/// Time between two rounds of writing.
const ROUND: Duration = Duration::from_secs(1);
/// Characters of a client's name that are kept.
const MAX_CLIENT: usize = 100;
/// The route of commands, of which some begin a turn: those that say where it is found.
const COMMANDS: &str = "/threads/{thread_id}/commands";
/// The routes that begin a turn.
const TURNS: [&str; 9] = [
    "/threads/{thread_id}/runs",
    "/threads/{thread_id}/runs/stream",
    "/threads/{thread_id}/runs/wait",
    "/runs",
    "/runs/stream",
    "/runs/wait",
    COMMANDS,
    "/v1/chat/completions",
    "/v1/responses",
];

/// The sessions that may go on.
#[derive(Debug, Default)]
pub(crate) struct Sessions(Mutex<HashMap<(UserId, String), Open>>);

#[derive(Debug)]
struct Open {
    session: Session,
    /// Whether it is still to be written.
    changed: bool,
}

impl Sessions {
    fn open(&self) -> MutexGuard<'_, HashMap<(UserId, String), Open>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a turn.
    fn turn(&self, user: &UserId, client: String, thread: Option<ThreadId>, now_ms: i64) {
        let mut all = self.open();
        let open = all
            .entry((user.clone(), client.clone()))
            .or_insert_with(|| Open::new(client.clone(), now_ms));
        if now_ms - open.session.last_ms > PAUSE_MS {
            *open = Open::new(client, now_ms);
        }
        open.session.last_ms = now_ms;
        open.session.turns += 1;
        open.session.thread = thread;
        open.changed = true;
    }

    /// Counts a turn that came in over a connection that stays.
    pub(crate) fn note_turn(&self, key: &ThreadKey, headers: &HeaderMap) {
        self.turn(
            &key.user,
            client(headers),
            Some(key.thread.clone()),
            now_ms(),
        );
    }

    /// What is to be written; forgets sessions that are over.
    fn changed(&self, now_ms: i64) -> Vec<(UserId, Session)> {
        let mut all = self.open();
        let mut changed = Vec::new();
        all.retain(|(user, _), open| {
            if std::mem::take(&mut open.changed) {
                changed.push((user.clone(), open.session.clone()));
            }
            now_ms - open.session.last_ms <= PAUSE_MS
        });
        changed
    }

    /// Writes what changed.
    pub(crate) async fn write(&self, store: &dyn Store) {
        for (user, session) in self.changed(now_ms()) {
            if let Err(error) = store.put_session(&user, session).await {
                tracing::warn!(operation = "session", %error, "a session was not written");
            }
        }
    }
}

impl Open {
    fn new(client: String, now_ms: i64) -> Self {
        let session = Session {
            id: Uuid::now_v7().to_string(),
            client,
            thread: None,
            started_ms: now_ms,
            last_ms: now_ms,
            turns: 0,
        };
        Self {
            session,
            changed: true,
        }
    }
}

/// Writes what changed from time to time, until it is aborted.
pub(crate) async fn keep(app: App) {
    let mut rounds = interval(ROUND);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        rounds.tick().await;
        app.sessions.write(&*app.store).await;
    }
}

/// Counts the turn that a request began.
pub(crate) async fn note(State(app): State<App>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>();
    let begins = request.method() == Method::POST
        && route.is_some_and(|route| TURNS.contains(&route.as_str()));
    if !begins {
        return next.run(request).await;
    }
    let may_begin_none = route.is_some_and(|route| route.as_str() == COMMANDS);
    let client = client(request.headers());
    let response = next.run(request).await;
    if may_begin_none && !response.headers().contains_key(header::CONTENT_LOCATION) {
        return response;
    }
    let principal = response.extensions().get::<Principal>();
    if response.status().is_success()
        && let Some(user) = principal.and_then(|principal| principal.user.as_ref())
    {
        app.sessions.turn(user, client, thread(&response), now_ms());
    }
    response
}

/// Which program it is, by its own word.
fn client(headers: &HeaderMap) -> String {
    let named = headers.get(header::USER_AGENT);
    let named = named.and_then(|named| named.to_str().ok());
    named
        .unwrap_or("unknown")
        .chars()
        .take(MAX_CLIENT)
        .collect()
}

/// The thread of the run that began; `None` for one without a thread of its own.
fn thread(response: &Response) -> Option<ThreadId> {
    let place = response.headers().get(header::CONTENT_LOCATION)?;
    let rest = place.to_str().ok()?.strip_prefix("/threads/")?;
    let text = percent_decode_str(rest.split('/').next()?)
        .decode_utf8()
        .ok()?;
    ThreadId::new(&text).ok()
}

fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_pause_ends_a_session() {
        let sessions = Sessions::default();
        let ann = UserId::new("ann").expect("an id");
        let turn = |at: i64| sessions.turn(&ann, "browser".to_owned(), None, at);
        turn(0);
        turn(PAUSE_MS);
        let first = sessions.changed(PAUSE_MS);
        assert_eq!((first.len(), first[0].1.turns), (1, 2));
        assert_eq!(sessions.changed(PAUSE_MS), []);
        turn(2 * PAUSE_MS + 1);
        let second = sessions.changed(2 * PAUSE_MS + 1);
        assert_eq!(second[0].1.turns, 1);
        assert_ne!(second[0].1.id, first[0].1.id);
        assert!(sessions.changed(9 * PAUSE_MS).is_empty());
        assert!(sessions.open().is_empty());
    }
}
