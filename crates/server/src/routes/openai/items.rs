//! `/v1/conversations/{conversation_id}/items`.

use axum::Json;
use axum::extract::State;
use everthread_graph::contract::{At, Json as Stored, Multitask, ThreadKey};
use everthread_graph::{AnyEdit, END};
use serde_json::{Value, json};

use super::conversations::get_of;
use crate::app::App;
use crate::body::Body;
use crate::identity::Caller;
use crate::openai::conversation::{self, Page, find_item};
use crate::openai::item;
use crate::openai::message::Message;
use crate::openai::place::{Known, key, with_id};
use crate::openai::refusal::Refusal;
use crate::openai::wire::ItemsCreate;
use crate::params::{Params, Path};

/// Most items that are added at once.
const MAX_ITEMS: usize = 20;

/// Reads items that are to be added.
///
/// # Errors
/// 400 for more than twenty and for what is no item.
pub(super) fn read(items: &[Value]) -> Result<Vec<Message>, Refusal> {
    if items.len() > MAX_ITEMS {
        let detail = format!("items: at most {MAX_ITEMS} are added at once");
        return Err(Refusal::wrong("items", detail));
    }
    item::read_all(items, "items")
}

/// Adds messages to a conversation, without a reply; gives them with their ids.
///
/// # Errors
/// 404; 400 when it is of another graph; 409 while it is busy.
pub(super) async fn add(
    app: &App,
    key: &ThreadKey,
    messages: &[Message],
) -> Result<Vec<Value>, Refusal> {
    let kept: Vec<Value> = messages.iter().map(with_id).collect();
    write(app, key, &kept).await?;
    let messages = kept.iter().filter_map(Message::of_state);
    Ok(messages.flat_map(|message| item::items(&message)).collect())
}

/// Writes to a conversation as its graph would, and leaves nothing to do.
async fn write(app: &App, key: &ThreadKey, messages: &[Value]) -> Result<(), Refusal> {
    let graph = app.assistants.resolve(&app.openai.offer.graph).await?.graph;
    let _turn = app.openai.turns.take(key).await;
    let known = Known::read(app, key, &graph).await?;
    let known = known.ok_or_else(|| Refusal::absent("Conversation", key.thread.as_str()))?;
    if known.policy(app, key).await? == Multitask::Interrupt {
        // What goes on behind a reply gives way.
        app.runs.clear_thread(key).await?;
    }
    let values = Stored::of(&json!({"messages": messages}));
    let values = values.map_err(|error| Refusal::wrong("items", error.to_string()))?;
    let edit = AnyEdit::new(values).as_node(END);
    graph.update_state(key, At::Head, vec![edit]).await?;
    Ok(())
}

pub(super) async fn create(
    State(app): State<App>,
    caller: Caller,
    path: Path,
    Body(body): Body<ItemsCreate>,
) -> Result<Json<Value>, Refusal> {
    let messages = read(&body.items)?;
    if messages.is_empty() {
        return Err(Refusal::wrong("items", "items: there are none"));
    }
    let key = key(&caller, path.text("conversation_id"))?;
    let added = add(&app, &key, &messages).await?;
    let count = added.len();
    Ok(Json(conversation::list(added, count)))
}

pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    path: Path,
    params: Params,
) -> Result<Json<Value>, Refusal> {
    let page = Page::of(&params)?;
    let key = there(&app, &caller, &path).await?;
    Ok(Json(conversation::items(&app, &key, &page).await?))
}

/// The conversation of a path.
async fn there(app: &App, caller: &Caller, path: &Path) -> Result<ThreadKey, Refusal> {
    let id = path.text("conversation_id");
    let key = key(caller, id)?;
    let thread = app.store.thread(&key).await?;
    thread.ok_or_else(|| Refusal::absent("Conversation", id))?;
    Ok(key)
}

pub(super) async fn get(
    State(app): State<App>,
    caller: Caller,
    path: Path,
) -> Result<Json<Value>, Refusal> {
    let key = there(&app, &caller, &path).await?;
    let id = path.text("item_id");
    let found = find_item(&app, &key, id).await?;
    let (_, item) = found.ok_or_else(|| Refusal::absent("Item", id))?;
    Ok(Json(item))
}

pub(super) async fn delete(
    State(app): State<App>,
    caller: Caller,
    path: Path,
) -> Result<Json<Value>, Refusal> {
    let key = there(&app, &caller, &path).await?;
    let id = path.text("item_id");
    let found = find_item(&app, &key, id).await?;
    let (message, _) = found.ok_or_else(|| Refusal::absent("Item", id))?;
    write(&app, &key, &[json!({"type": "remove", "id": message})]).await?;
    get_of(&app, &caller, path.text("conversation_id")).await
}
