//! `/api/users/{user}`: a profile, and what becomes of a user.

use axum::Json;
use axum::extract::State;
use axum::http::Method;
use everthread_graph::contract::Json as StoredJson;
use everthread_store::UserPatch;

use super::wire::{ErasedBody, ProfileBody, UserBody};
use super::{no_user, target};
use crate::app::App;
use crate::body::Body;
use crate::erase::erase_user;
use crate::error::ApiError;
use crate::identity::Principal;
use crate::params::Path;
use crate::routes::{Routes, Rule};

/// Longest name, in characters.
const MAX_NAME: usize = 255;

pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .route(Method::GET, "/api/users/{user}", Rule::Own, get)
        .route(Method::PUT, "/api/users/{user}", Rule::Own, put)
        .route(Method::DELETE, "/api/users/{user}", Rule::Manage, erase)
        .route(Method::POST, "/api/users/{user}/hold", Rule::Admin, hold)
        .route(
            Method::POST,
            "/api/users/{user}/unhold",
            Rule::Admin,
            unhold,
        )
}

async fn get(
    principal: Principal,
    path: Path,
    State(app): State<App>,
) -> Result<Json<UserBody>, ApiError> {
    let user = target(&principal, path.text("user"))?;
    match app.store.user(&user).await? {
        Some(found) => Ok(Json(UserBody::from(&found))),
        // Identity says that the caller is there, even before the first turn.
        None if principal.user.as_ref() == Some(&user) => {
            Ok(Json(UserBody::nobody_yet(user.as_str())))
        }
        None => Err(no_user()),
    }
}

async fn put(
    principal: Principal,
    path: Path,
    State(app): State<App>,
    Body(body): Body<ProfileBody>,
) -> Result<Json<UserBody>, ApiError> {
    let user = target(&principal, path.text("user"))?;
    let name = body.name.map(|name| name.trim().to_owned());
    if let Some(name) = &name {
        check_name(name)?;
    }
    let preferences = body.preferences.map(|fields| StoredJson::of(&fields));
    let preferences = preferences
        .transpose()
        .map_err(|error| ApiError::invalid(format!("preferences: {error}")))?;
    let patch = UserPatch {
        name,
        preferences,
        ..UserPatch::default()
    };
    let changed = app.store.put_user(&user, patch).await?;
    Ok(Json(UserBody::from(&changed)))
}

fn check_name(name: &str) -> Result<(), ApiError> {
    let chars = name.chars().count();
    if chars == 0 || chars > MAX_NAME || name.chars().any(char::is_control) {
        let detail = format!("name must be 1 to {MAX_NAME} printable characters");
        return Err(ApiError::invalid(detail));
    }
    Ok(())
}

async fn erase(
    principal: Principal,
    path: Path,
    State(app): State<App>,
) -> Result<Json<ErasedBody>, ApiError> {
    let user = target(&principal, path.text("user"))?;
    let gone = erase_user(&*app.store, app.front.auth.keys(), &user).await?;
    tracing::info!(
        operation = "erase_user",
        user = user.as_str(),
        threads = gone.data.threads,
        messages = gone.data.messages,
        keys = gone.keys,
        outcome = "ok",
        "user erased"
    );
    Ok(Json(gone.into()))
}

async fn hold(
    principal: Principal,
    path: Path,
    State(app): State<App>,
) -> Result<Json<UserBody>, ApiError> {
    set_hold(&principal, &path, &app, true).await
}

async fn unhold(
    principal: Principal,
    path: Path,
    State(app): State<App>,
) -> Result<Json<UserBody>, ApiError> {
    set_hold(&principal, &path, &app, false).await
}

async fn set_hold(
    principal: &Principal,
    path: &Path,
    app: &App,
    held: bool,
) -> Result<Json<UserBody>, ApiError> {
    let user = target(principal, path.text("user"))?;
    if app.store.user(&user).await?.is_none() {
        return Err(no_user());
    }
    let patch = UserPatch {
        held: Some(held),
        ..UserPatch::default()
    };
    let changed = app.store.put_user(&user, patch).await?;
    Ok(Json(UserBody::from(&changed)))
}
