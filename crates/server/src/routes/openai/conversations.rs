//! `/v1/conversations`.

use axum::Json;
use axum::extract::State;
use everthread_store::NewThread;
use serde_json::{Value, json};

use super::items::{add, read};
use crate::app::App;
use crate::body::Body;
use crate::identity::Caller;
use crate::openai::conversation::{self, Page, named, replaced, shown, stored};
use crate::openai::input::check_metadata;
use crate::openai::place::key;
use crate::openai::refusal::Refusal;
use crate::openai::response_id::new_conversation;
use crate::openai::wire::{ConversationCreate, ConversationUpdate};
use crate::params::{Params, Path};

pub(super) async fn create(
    State(app): State<App>,
    caller: Caller,
    Body(body): Body<ConversationCreate>,
) -> Result<Json<Value>, Refusal> {
    let metadata = body.metadata.unwrap_or_default();
    check_metadata(&metadata)?;
    let messages = read(&body.items.unwrap_or_default())?;
    let key = key(&caller, &new_conversation())?;
    let resolved = app.assistants.resolve(&app.openai.offer.graph).await?;
    let new = NewThread {
        metadata: Some(stored(&named(metadata, &resolved))?),
        ..NewThread::default()
    };
    let thread = app.store.create_thread(&key, new).await?;
    if messages.is_empty() {
        return Ok(Json(shown(&thread)));
    }
    if let Err(refusal) = add(&app, &key, &messages).await {
        // One whose first items could not be written is not left behind.
        app.store.delete_thread(&key).await?;
        return Err(refusal);
    }
    get_of(&app, &caller, key.thread.as_str()).await
}

pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    params: Params,
) -> Result<Json<Value>, Refusal> {
    let page = Page::of(&params)?;
    Ok(Json(
        conversation::conversations(&app, &caller, &page).await?,
    ))
}

pub(super) async fn get(
    State(app): State<App>,
    caller: Caller,
    path: Path,
) -> Result<Json<Value>, Refusal> {
    get_of(&app, &caller, path.text("conversation_id")).await
}

/// A conversation of the caller's.
pub(super) async fn get_of(app: &App, caller: &Caller, id: &str) -> Result<Json<Value>, Refusal> {
    let thread = app.store.thread(&key(caller, id)?).await?;
    let thread = thread.ok_or_else(|| Refusal::absent("Conversation", id))?;
    Ok(Json(shown(&thread)))
}

pub(super) async fn update(
    State(app): State<App>,
    caller: Caller,
    path: Path,
    Body(body): Body<ConversationUpdate>,
) -> Result<Json<Value>, Refusal> {
    let id = path.text("conversation_id");
    let key = key(&caller, id)?;
    let thread = app.store.thread(&key).await?;
    let thread = thread.ok_or_else(|| Refusal::absent("Conversation", id))?;
    let metadata = body.metadata.unwrap_or_default();
    check_metadata(&metadata)?;
    let patch = replaced(&thread, metadata)?;
    let thread = app.store.update_thread(&key, patch).await?;
    Ok(Json(shown(&thread)))
}

pub(super) async fn delete(
    State(app): State<App>,
    caller: Caller,
    path: Path,
) -> Result<Json<Value>, Refusal> {
    let id = path.text("conversation_id");
    let key = key(&caller, id)?;
    let thread = app.store.thread(&key).await?;
    thread.ok_or_else(|| Refusal::absent("Conversation", id))?;
    app.runs.clear_thread(&key).await?;
    app.store.delete_thread(&key).await?;
    Ok(Json(
        json!({"id": id, "object": "conversation.deleted", "deleted": true}),
    ))
}
