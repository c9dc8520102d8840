//! All that is kept of a user, as one JSON document that is written while it is read.
//!
//! `{"format": "everthread-user", "version": 1, "exported_at", "user", "sessions", "threads": [{…, "messages"}],
//! "items"}`: what was said is whole, whatever was summarised.

use std::sync::Arc;

use everthread_graph::contract::{ItemQuery, ThreadKey, UserId};
use everthread_store::{FindThreads, ReadMessages, Store, StoreError, Thread, ThreadSort};
use futures::stream::{self, Stream};
use serde_json::{Value, json};

use crate::routes::api::wire::{ConversationBody, SessionBody, UserBody, value};
use crate::times::iso;

/// Rows that are read at once.
const PAGE: usize = 100;
/// Sessions that are told.
const MAX_SESSIONS: usize = 10_000;

/// Where the document has come to.
enum Place {
    Thread { offset: usize },
    Items { offset: usize },
    Done,
}

struct Export {
    store: Arc<dyn Store>,
    user: UserId,
    place: Place,
    head: Option<String>,
}

/// The pieces of the document; `None` when nothing is known of the user. Put together they are one JSON object; a
/// piece that is an error leaves it broken off.
///
/// # Errors
/// Those of the store.
pub async fn export_user(
    store: Arc<dyn Store>,
    user: &UserId,
) -> Result<Option<impl Stream<Item = Result<String, StoreError>> + Send + use<>>, StoreError> {
    let Some(found) = store.user(user).await? else {
        return Ok(None);
    };
    let sessions = store.sessions(user, MAX_SESSIONS).await?;
    let sessions: Vec<SessionBody> = sessions.iter().map(SessionBody::from).collect();
    let head = json!({
        "format": "everthread-user",
        "version": 1,
        "exported_at": iso(jiff::Timestamp::now().as_millisecond()),
        "user": UserBody::from(&found),
        "sessions": sessions,
    });
    // The object goes on.
    let mut head = head.to_string();
    head.pop();
    let export = Export {
        store,
        user: user.clone(),
        place: Place::Thread { offset: 0 },
        head: Some(head + ",\"threads\":["),
    };
    Ok(Some(stream::unfold(export, |mut export| async move {
        let piece = export.next().await.transpose()?;
        if piece.is_err() {
            export.place = Place::Done;
        }
        Some((piece, export))
    })))
}

impl Export {
    async fn next(&mut self) -> Result<Option<String>, StoreError> {
        if let Some(head) = self.head.take() {
            return Ok(Some(head));
        }
        match self.place {
            Place::Thread { offset } => self.thread(offset).await.map(Some),
            Place::Items { offset } => self.items(offset).await.map(Some),
            Place::Done => Ok(None),
        }
    }

    async fn thread(&mut self, offset: usize) -> Result<String, StoreError> {
        let query = FindThreads {
            // Threads that change meanwhile keep their places in this order.
            sort_by: ThreadSort::Created,
            descending: false,
            archived: true,
            offset,
            limit: 1,
            ..FindThreads::default()
        };
        let page = self.store.find_threads(&self.user, query).await?;
        let Some(thread) = page.threads.first() else {
            self.place = Place::Items { offset: 0 };
            return Ok("],\"items\":[".to_owned());
        };
        self.place = Place::Thread { offset: offset + 1 };
        Ok(comma(offset) + &self.whole(thread).await?.to_string())
    }

    async fn whole(&self, thread: &Thread) -> Result<Value, StoreError> {
        let key = ThreadKey {
            user: self.user.clone(),
            thread: thread.id.clone(),
        };
        let messages = self.store.messages(&key, ReadMessages::default()).await?;
        let messages: Vec<Value> = messages
            .iter()
            .map(|message| {
                json!({
                    "seq": message.seq,
                    "id": message.id,
                    "at": iso(message.at_ms),
                    "message": value(&message.body),
                })
            })
            .collect();
        let mut whole = serde_json::to_value(ConversationBody::from(thread)).unwrap_or_default();
        whole["messages"] = Value::Array(messages);
        Ok(whole)
    }

    async fn items(&mut self, offset: usize) -> Result<String, StoreError> {
        let query = ItemQuery {
            offset,
            limit: PAGE,
            ..ItemQuery::default()
        };
        let items = self.store.search_items(&self.user, query).await?;
        let mut text = String::new();
        for (at, item) in items.iter().enumerate() {
            let item = json!({
                "namespace": item.namespace,
                "key": item.key,
                "value": value(&item.value),
                "created_at": iso(item.created_ms),
                "updated_at": iso(item.updated_ms),
            });
            text += &(comma(offset + at) + &item.to_string());
        }
        if items.len() < PAGE {
            self.place = Place::Done;
            text += "]}\n";
        } else {
            self.place = Place::Items {
                offset: offset + PAGE,
            };
        }
        Ok(text)
    }
}

fn comma(before: usize) -> String {
    if before == 0 {
        String::new()
    } else {
        ",".to_owned()
    }
}
