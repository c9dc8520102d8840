//! `POST /v1/chat/completions`.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use everthread_graph::contract::RunId;
use uuid::Uuid;

use crate::app::App;
use crate::body::Body;
use crate::identity::Caller;
use crate::openai::completion::{self, Head};
use crate::openai::hearing::Hearing;
use crate::openai::place::{Place, Said};
use crate::openai::refusal::Refusal;
use crate::openai::turn::{self, Telling};
use crate::openai::wire::ChatCompletionCreate;
use crate::openai::{input, response};
use crate::sse;

pub(super) async fn create(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    Body(body): Body<ChatCompletionCreate>,
) -> Result<Response, Refusal> {
    let run = RunId::from_uuid(Uuid::now_v7());
    let asked = input::completion(&app, &body).await?;
    let said = Said {
        headers: &headers,
        metadata: body.metadata.as_ref(),
        user: body.user.as_deref(),
        messages: &asked.messages,
    };
    let resolved = &asked.chosen.resolved;
    let place = Place::of_completion(&app, &caller, resolved, run, &said).await?;
    let options = body.stream_options.as_ref();
    let remembered = !place.temporary;
    let head = Head {
        run,
        created: response::created(run),
        model: asked.chosen.name.clone(),
        usage: options.and_then(|options| options.include_usage) == Some(true),
    };
    let telling = Telling {
        streams: body.stream == Some(true),
        background: false,
    };
    let begun = turn::begin(&app, run, asked, place, telling, None).await?;
    let key = begun.key.clone();
    // Whoever stops a reply closes the connection: this protocol has no other word for it.
    let hearing = Hearing::of(&app, begun, true);
    let mut response = if telling.streams {
        sse::answer(completion::pieces(head, hearing), &app.front.metrics)
    } else {
        Json(completion::whole(&head, hearing).await?).into_response()
    };
    if remembered {
        turn::locate(&mut response, &key, run);
    }
    Ok(response)
}
