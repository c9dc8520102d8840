//! `/v1/responses`.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use everthread_graph::contract::RunId;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::app::App;
use crate::body::Body;
use crate::identity::Caller;
use crate::openai::conversation::Page;
use crate::openai::hearing::Hearing;
use crate::openai::refusal::Refusal;
use crate::openai::response::{self, Shell, Standing};
use crate::openai::response_find::{Found, find};
use crate::openai::response_place;
use crate::openai::response_stream::{events, events_of};
use crate::openai::turn::{self, Telling};
use crate::openai::wire::ResponseCreate;
use crate::openai::{completion, input, item};
use crate::params::{Params, Path};
use crate::sse;

pub(super) async fn create(
    State(app): State<App>,
    caller: Caller,
    Body(body): Body<ResponseCreate>,
) -> Result<Response, Refusal> {
    let run = RunId::from_uuid(Uuid::now_v7());
    let asked = input::response(&app, &body).await?;
    let place = response_place::place(&app, &caller, run, &body, &asked).await?;
    let remembered = !place.temporary;
    let told = response::told(&body, &asked.chosen.name, &place.key.thread);
    let shell = Shell::new(run, &place.key.thread, told.clone());
    let telling = Telling {
        streams: body.stream == Some(true) || body.background == Some(true),
        background: body.background == Some(true),
    };
    let begun = turn::begin(&app, run, asked, place, telling, Some(&told)).await?;
    let key = begun.key.clone();
    let hearing = Hearing::of(&app, begun, !telling.background);
    let mut response = if body.stream == Some(true) {
        sse::answer(events(shell, hearing, None), &app.front.metrics)
    } else if telling.background {
        Json(shell.with(&Standing::InProgress, &[], None)).into_response()
    } else {
        let mut hearing = hearing;
        let said = completion::reply(&mut hearing).await?;
        Json(shell.of(&said)).into_response()
    };
    if remembered {
        turn::locate(&mut response, &key, run);
    }
    Ok(response)
}

async fn found(app: &App, caller: &Caller, path: &Path) -> Result<Found, Refusal> {
    let id = path.text("response_id");
    let found = find(app, caller, id).await?;
    found.ok_or_else(|| Refusal::absent("Response", id))
}

pub(super) async fn get(
    State(app): State<App>,
    caller: Caller,
    path: Path,
    params: Params,
) -> Result<Response, Refusal> {
    let found = found(&app, &caller, &path).await?;
    if !params.is_set("stream")? {
        return Ok(Json(found.show(&app).await?).into_response());
    }
    let after: Option<u64> = params.read("starting_after")?;
    let live = app.runs.get(&found.key, found.run.id);
    if found.kept.resumable {
        let key = found.key.clone();
        let hearing = Hearing::again(&app, key, found.run.id, live.as_ref());
        return Ok(sse::answer(
            events(found.shell, hearing, after),
            &app.front.metrics,
        ));
    }
    let talk = found.talk(&app).await?;
    let standing = found.standing(&talk);
    if talk.said.is_empty() && matches!(standing, Standing::Queued | Standing::InProgress) {
        return Err(Refusal::wrong(
            "stream",
            "stream: this response goes on in another stream; only those that are begun with `background` are told twice",
        ));
    }
    let told = events_of(found.shell, &talk.said, &standing, after);
    Ok(sse::answer(told, &app.front.metrics))
}

pub(super) async fn delete(
    State(app): State<App>,
    caller: Caller,
    path: Path,
) -> Result<Json<Value>, Refusal> {
    let found = found(&app, &caller, &path).await?;
    response_place::delete(&app, &found).await?;
    Ok(Json(
        json!({"id": found.shell.id, "object": "response", "deleted": true}),
    ))
}

pub(super) async fn input_items(
    State(app): State<App>,
    caller: Caller,
    path: Path,
    params: Params,
) -> Result<Json<Value>, Refusal> {
    let page = Page::of(&params)?;
    let found = found(&app, &caller, &path).await?;
    let talk = found.talk(&app).await?;
    let items = talk.given.iter().flat_map(item::items).collect();
    Ok(Json(page.cut(items)?))
}

pub(super) async fn cancel(
    State(app): State<App>,
    caller: Caller,
    path: Path,
) -> Result<Json<Value>, Refusal> {
    let found = found(&app, &caller, &path).await?;
    if !found.kept.resumable {
        return Err(Refusal::wrong(
            "response_id",
            "only responses that were begun with `background` can be cancelled; others end with their connection",
        ));
    }
    app.runs.stop_and_wait(&found.key, found.run.id).await?;
    let found = self::found(&app, &caller, &path).await?;
    Ok(Json(found.show(&app).await?))
}
