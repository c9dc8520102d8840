//! `/api/keys`: who may call. A key is shown once, in the answer that makes it.

use axum::Json;
use axum::extract::State;
use axum::http::{Method, StatusCode, header};
use axum::response::IntoResponse;
use everthread_graph::contract::UserId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::wire::KeyBody;
use crate::app::App;
use crate::body::Body;
use crate::error::ApiError;
use crate::identity::{KeyId, NewKey, Role};
use crate::params::Path;
use crate::routes::{Routes, Rule};

/// Longest name of a key, in characters.
const MAX_NAME: usize = 255;

/// A key that is to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewKeyBody {
    /// What people call it.
    #[serde(default)]
    name: String,
    /// What it may do.
    role: Role,
    /// Whose data it sees: for the role `user`, and only for that.
    user: Option<String>,
    /// Requests a minute that it may make; the server's setting if it is left out.
    requests_per_minute: Option<u32>,
}

/// A new key, this once with its secret.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MadeKeyBody {
    /// The key itself. It is kept nowhere.
    key: String,
    #[serde(flatten)]
    about: KeyBody,
}

/// Every key, revoked ones too.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KeyList {
    /// The newest first.
    keys: Vec<KeyBody>,
}

pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .route(Method::GET, "/api/keys", Rule::Admin, list)
        .route(Method::POST, "/api/keys", Rule::Admin, create)
        .route(Method::DELETE, "/api/keys/{key_id}", Rule::Admin, revoke)
}

async fn list(State(app): State<App>) -> Result<Json<KeyList>, ApiError> {
    let keys = app.front.auth.keys().list().await?;
    Ok(Json(KeyList {
        keys: keys.iter().map(KeyBody::from).collect(),
    }))
}

async fn create(
    State(app): State<App>,
    Body(body): Body<NewKeyBody>,
) -> Result<impl IntoResponse, ApiError> {
    if body.name.chars().count() > MAX_NAME {
        let detail = format!("name: more than {MAX_NAME} characters");
        return Err(ApiError::invalid(detail));
    }
    let user = body.user.map(UserId::new).transpose();
    let new = NewKey {
        name: body.name,
        role: body.role,
        user: user.map_err(|error| ApiError::invalid(format!("user: {error}")))?,
        requests_per_minute: body.requests_per_minute,
    };
    let (text, key) = app.front.auth.keys().create(new).await?;
    let made = MadeKeyBody {
        key: text.reveal().to_owned(),
        about: KeyBody::from(&key),
    };
    let never_kept = [(header::CACHE_CONTROL, "no-store")];
    Ok((StatusCode::CREATED, never_kept, Json(made)))
}

async fn revoke(path: Path, State(app): State<App>) -> Result<Json<KeyBody>, ApiError> {
    let id: KeyId = path
        .text("key_id")
        .parse()
        .unwrap_or_else(|never| match never {});
    let key = app.front.auth.keys().revoke(&id).await?;
    Ok(Json(KeyBody::from(&key)))
}
