//! `/api/users/{user}/threads` and `/sessions`: what a user did.

use axum::Json;
use axum::extract::State;
use axum::http::Method;
use everthread_store::{FindThreads, ThreadSort};
use serde::Serialize;
use utoipa::ToSchema;

use super::target;
use super::wire::{ConversationBody, SessionBody};
use crate::app::App;
use crate::error::ApiError;
use crate::identity::Principal;
use crate::params::{Params, Path};
use crate::routes::{Routes, Rule};

/// A page of conversations.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ConversationList {
    /// The last change first.
    threads: Vec<ConversationBody>,
    /// How many there are in all.
    total: u64,
    /// Where the next page begins; `null` when this is the last.
    next_offset: Option<usize>,
}

/// A user's sessions.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SessionList {
    /// The one that did something last first.
    sessions: Vec<SessionBody>,
}

pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .route(Method::GET, "/api/users/{user}/threads", Rule::Own, threads)
        .route(
            Method::GET,
            "/api/users/{user}/sessions",
            Rule::Own,
            sessions,
        )
}

async fn threads(
    principal: Principal,
    path: Path,
    params: Params,
    State(app): State<App>,
) -> Result<Json<ConversationList>, ApiError> {
    let user = target(&principal, path.text("user"))?;
    let (limit, offset) = params.page(100)?;
    let query = FindThreads {
        sort_by: ThreadSort::Updated,
        descending: true,
        archived: params.is_set("archived")?,
        offset,
        limit,
        ..FindThreads::default()
    };
    let page = app.store.find_threads(&user, query).await?;
    let seen = offset.saturating_add(page.threads.len());
    Ok(Json(ConversationList {
        threads: page.threads.iter().map(ConversationBody::from).collect(),
        total: page.total,
        next_offset: (!page.threads.is_empty() && (seen as u64) < page.total).then_some(seen),
    }))
}

async fn sessions(
    principal: Principal,
    path: Path,
    params: Params,
    State(app): State<App>,
) -> Result<Json<SessionList>, ApiError> {
    let user = target(&principal, path.text("user"))?;
    let (limit, _) = params.page(100)?;
    let found = app.store.sessions(&user, limit).await?;
    Ok(Json(SessionList {
        sessions: found.iter().map(SessionBody::from).collect(),
    }))
}
