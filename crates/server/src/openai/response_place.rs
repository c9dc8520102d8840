//! Where a response goes: into a conversation, on from another response, on a thread of its own, or nowhere.

use axum::http::StatusCode;
use everthread_graph::contract::{At, RunId, ThreadKey};
use everthread_store::StoreErrorKind;
use serde_json::Value;

use super::history;
use super::input::Asked;
use super::place::{Known, Place, input, key};
use super::refusal::Refusal;
use super::response_find::{Found, find};
use super::response_id::own_thread;
use super::wire::ResponseCreate;
use crate::app::App;
use crate::error::ApiError;
use crate::identity::Caller;

/// Where a response goes.
///
/// # Errors
/// 400 when nothing is said, for two places at once and for an unknown previous response; 404 for an unknown
/// conversation; 409 while the conversation is busy.
pub(crate) async fn place(
    app: &App,
    caller: &Caller,
    run: RunId,
    body: &ResponseCreate,
    asked: &Asked,
) -> Result<Place, Refusal> {
    let conversation = conversation(body)?;
    let previous = body.previous_response_id.as_deref();
    let previous = previous.filter(|id| !id.is_empty());
    if asked.messages.is_empty() {
        return Err(Refusal::wrong("input", "input: nothing is said"));
    }
    let stores = body.store != Some(false);
    if body.background == Some(true) && !stores {
        let detail = "background: what is not stored cannot be asked for later";
        return Err(Refusal::wrong("background", detail));
    }
    match (conversation, previous) {
        (Some(_), Some(_)) => Err(Refusal::wrong(
            "previous_response_id",
            "previous_response_id: a response goes on from another one or in a conversation, not both",
        )),
        (Some(id), None) => in_conversation(app, caller, &id, asked).await,
        (None, Some(id)) => {
            let found = find(app, caller, id)
                .await?
                .ok_or_else(|| no_previous(id))?;
            if stores {
                after(app, found, asked).await
            } else {
                beside(app, caller, run, &found, asked).await
            }
        }
        (None, None) if stores => {
            let thread = own_thread(run).ok_or_else(|| Refusal::absent("Response", "resp_"))?;
            Place::new(caller.key(thread), &asked.messages)
        }
        (None, None) => Place::temporary(caller, run, &asked.messages),
    }
}

/// The conversation that is named, by its id or by an object with it.
fn conversation(body: &ResponseCreate) -> Result<Option<String>, Refusal> {
    let named = match &body.conversation {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(id)) => Some(id.clone()),
        Some(of) => of["id"].as_str().map(str::to_owned),
    };
    let wrong = "conversation: its id, or an object with it, is expected";
    named
        .map(Some)
        .ok_or_else(|| Refusal::wrong("conversation", wrong))
}

fn no_previous(id: &str) -> Refusal {
    Refusal::from(ApiError::new(
        StatusCode::BAD_REQUEST,
        "previous_response_not_found",
        format!("there is no response {id:?} to go on from"),
    ))
    .of("previous_response_id")
}

async fn in_conversation(
    app: &App,
    caller: &Caller,
    id: &str,
    asked: &Asked,
) -> Result<Place, Refusal> {
    let resolved = &asked.chosen.resolved;
    let key = key(caller, id)?;
    let turn = app.openai.turns.take(&key).await;
    let known = Known::read(app, &key, &resolved.graph).await?;
    let known = known.ok_or_else(|| Refusal::absent("Conversation", id).of("conversation"))?;
    let policy = known.policy(app, &key).await?;
    let place = Place::of(key, &known, resolved, None, input(&asked.messages)?);
    Ok(place.policy(policy).holding(turn))
}

/// On from a response, on its thread: at the head while nothing else came after it, otherwise on a branch of its own.
async fn after(app: &App, found: Found, asked: &Asked) -> Result<Place, Refusal> {
    let resolved = &asked.chosen.resolved;
    let key = found.key.clone();
    let turn = app.openai.turns.take(&key).await;
    let known = Known::read(app, &key, &resolved.graph).await?;
    let known = known.ok_or_else(|| no_previous(&found.shell.id))?;
    let policy = known.policy(app, &key).await?;
    let head = known.state.as_ref().and_then(|head| head.checkpoint.run);
    let begin = if head == Some(found.run.id) {
        None
    } else {
        let end = history::end_of_run(&*app.store, &key, found.run.id).await?;
        Some(end.ok_or_else(|| no_previous(&found.shell.id))?)
    };
    let place = Place::of(key, &known, resolved, begin, input(&asked.messages)?);
    Ok(place.policy(policy).holding(turn))
}

/// On from a response without a trace: what it ended with is said again on a thread that goes with the run.
async fn beside(
    app: &App,
    caller: &Caller,
    run: RunId,
    found: &Found,
    asked: &Asked,
) -> Result<Place, Refusal> {
    let resolved = &asked.chosen.resolved;
    let end = history::end_of_run(&*app.store, &found.key, found.run.id).await?;
    let end = end.ok_or_else(|| no_previous(&found.shell.id))?;
    let state = resolved.graph.state(&found.key, At::Id(end), false).await?;
    let mut messages = state.as_ref().map(history::messages).unwrap_or_default();
    messages.extend(asked.messages.iter().cloned());
    Place::temporary(caller, run, &messages)
}

/// Deletes a response, and stops it if it goes on: its run, and with the last of them the thread that the first began for itself.
///
/// # Errors
/// 409 while another process does not stop it; as the store answers.
pub(crate) async fn delete(app: &App, found: &Found) -> Result<(), Refusal> {
    let key: &ThreadKey = &found.key;
    app.runs.stop_and_wait(key, found.run.id).await?;
    let deleted = app.store.delete_run(key, found.run.id).await;
    match deleted {
        Ok(()) => {}
        Err(error) if error.kind() == StoreErrorKind::Busy => return Err(Refusal::busy()),
        Err(error) => return Err(error.into()),
    }
    if super::response_id::is_own(&key.thread) {
        let left = everthread_store::RunQuery {
            limit: 1,
            ..everthread_store::RunQuery::default()
        };
        if app.store.runs(key, left).await?.is_empty() {
            app.store.delete_thread(key).await?;
        }
    }
    Ok(())
}
