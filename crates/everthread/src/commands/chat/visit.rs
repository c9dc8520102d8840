//! The session of a person at a terminal, as the server keeps those of its clients.

use std::sync::Arc;

use everthread_graph::contract::{ThreadKey, UserId};
use everthread_store::{Session, Store};
use uuid::Uuid;

/// What this program is called among the clients.
const CLIENT: &str = "everthread chat";

/// One use of the program, from its first turn to its last.
pub(super) struct Visit {
    store: Arc<dyn Store>,
    user: UserId,
    session: Session,
}

impl Visit {
    /// A visit in this conversation. It is kept from its first turn on.
    pub(super) fn new(store: &Arc<dyn Store>, key: &ThreadKey) -> Self {
        let now_ms = now_ms();
        Self {
            store: Arc::clone(store),
            user: key.user.clone(),
            session: Session {
                id: Uuid::now_v7().to_string(),
                client: CLIENT.to_owned(),
                thread: Some(key.thread.clone()),
                started_ms: now_ms,
                last_ms: now_ms,
                turns: 0,
            },
        }
    }

    /// Counts a turn. A failure is no reason to stop talking.
    pub(super) async fn turn(&mut self) {
        self.session.turns += 1;
        self.session.last_ms = now_ms();
        let kept = self.store.put_session(&self.user, self.session.clone());
        if let Err(error) = kept.await {
            tracing::warn!(operation = "session", %error, "a session was not written");
        }
    }
}

fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}
