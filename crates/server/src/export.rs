//! All that is kept of a user, as one JSON document that is written while it is read, as of one moment.
//!
//! `{"format": "everthread-user", "version": 2, "exported_at", "user", "keys", "sessions", "items", "threads": [{…,
//! "branches", "heads", "runs", "checkpoints", "channel_changes", "pending_writes", "messages", "run_events"}]}`.
//!
//! `messages` are all that were said, on every branch; `at_head` tells those that the thread shows now. The state at a
//! checkpoint is read so: its `channels` name, for each channel, the change that last set it. Such a change holds the
//! value; of a list, it holds the `seq` of the messages that are its elements (`"live": "1-4,7"`, and `all` where it
//! differs: what the thread shows beside), in full or as edits (position, how many leave, which come) of the change that
//! `on` names.

mod document;
mod rows;
mod transcript;

use std::sync::Arc;

use everthread_graph::contract::UserId;
use everthread_store::portable::{Row, RowStream, Scope};
use everthread_store::{Store, StoreError, StoreErrorKind};
use futures::stream::{self, Stream, StreamExt};
use serde_json::{Value, json};

use crate::identity::Keys;
use crate::routes::api::wire::{KeyBody, UserBody};
use crate::times::iso;

use document::Document;
use transcript::Transcript;

struct Export {
    rows: Option<RowStream>,
    head: Option<String>,
    document: Document,
    transcript: Transcript,
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
    let rows = match store.read_rows(&Scope::User(user.clone())).await {
        Err(error) if error.kind() == StoreErrorKind::NotFound => return Ok(None),
        rows => rows?,
    };
    let keys = Keys::new(store).list().await?;
    let keys: Vec<Value> = keys
        .iter()
        .filter(|key| key.user.as_ref() == Some(user))
        .map(|key| json!(KeyBody::from(key)))
        .collect();
    let head = json!({
        "format": "everthread-user",
        "version": 2,
        "exported_at": iso(jiff::Timestamp::now().as_millisecond()),
        "user": UserBody::from(&found),
        "keys": keys,
    });
    // The object goes on.
    let mut head = head.to_string();
    head.pop();
    let export = Export {
        rows: Some(rows),
        head: Some(head),
        document: Document::default(),
        transcript: Transcript::default(),
    };
    Ok(Some(stream::unfold(export, |mut export| async move {
        let piece = export.next().await.transpose()?;
        if piece.is_err() {
            export.rows = None;
        }
        Some((piece, export))
    })))
}

impl Export {
    async fn next(&mut self) -> Result<Option<String>, StoreError> {
        if let Some(head) = self.head.take() {
            return Ok(Some(head + &self.document.begin()));
        }
        let Some(rows) = &mut self.rows else {
            return Ok(None);
        };
        let Some(batch) = rows.next().await else {
            self.rows = None;
            return Ok(Some(self.document.end()));
        };
        let mut text = String::new();
        for row in batch? {
            self.transcript.hear(&row);
            let mut told = rows::told(&row);
            if let Row::Message(message) = &row {
                told["at_head"] = self.transcript.shows(message)?.into();
            }
            text += &self.document.put(row.kind(), &told);
        }
        Ok(Some(text))
    }
}
