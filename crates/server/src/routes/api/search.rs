//! `GET /api/search`: full-text search over a user's conversations.

use axum::Json;
use axum::extract::State;
use axum::http::Method;
use everthread_store::Search;
use serde::Serialize;
use utoipa::ToSchema;

use super::wire::HitBody;
use crate::app::App;
use crate::error::ApiError;
use crate::identity::Caller;
use crate::params::{Params, thread_id};
use crate::routes::{Routes, Rule};

/// Longest question, in characters.
const MAX_CHARS: usize = 1_000;

/// What was found.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HitList {
    /// The newest first.
    hits: Vec<HitBody>,
}

pub(super) fn routes(routes: Routes) -> Routes {
    routes.route(Method::GET, "/api/search", Rule::Own, search)
}

async fn search(
    caller: Caller,
    params: Params,
    State(app): State<App>,
) -> Result<Json<HitList>, ApiError> {
    let words = params.get("q").unwrap_or_default().to_owned();
    if words.chars().count() > MAX_CHARS {
        let detail = format!("q: more than {MAX_CHARS} characters");
        return Err(ApiError::invalid(detail));
    }
    let (limit, offset) = params.page(20)?;
    let query = Search {
        words,
        thread: params.get("thread_id").map(thread_id).transpose()?,
        offset,
        limit,
    };
    let hits = app.store.search(&caller.user, query).await?;
    Ok(Json(HitList {
        hits: hits.iter().map(HitBody::from).collect(),
    }))
}
