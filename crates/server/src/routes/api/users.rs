//! `GET /api/users`: the users of the deployment.

use axum::Json;
use axum::extract::State;
use axum::http::Method;
use everthread_store::ListUsers;
use serde::Serialize;
use utoipa::ToSchema;

use super::wire::UserBody;
use crate::app::App;
use crate::error::ApiError;
use crate::identity::Principal;
use crate::params::Params;
use crate::routes::{Routes, Rule};

/// A page of users.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UserList {
    /// The latest activity first.
    users: Vec<UserBody>,
    /// Where the next page begins; `null` when this is the last.
    next_offset: Option<usize>,
}

pub(super) fn routes(routes: Routes) -> Routes {
    routes.route(Method::GET, "/api/users", Rule::Manage, list)
}

async fn list(
    principal: Principal,
    params: Params,
    State(app): State<App>,
) -> Result<Json<UserList>, ApiError> {
    let (limit, offset) = params.page(100)?;
    // Who acts as one user sees that one.
    if let (true, Some(user)) = (principal.named, &principal.user) {
        let found = app.store.user(user).await?.filter(|_| offset == 0);
        return Ok(Json(UserList {
            users: found.iter().map(UserBody::from).collect(),
            next_offset: None,
        }));
    }
    let query = ListUsers {
        offset,
        limit: limit + 1,
    };
    let found = app.store.users(query).await?;
    Ok(Json(UserList {
        users: found.iter().take(limit).map(UserBody::from).collect(),
        next_offset: (found.len() > limit).then(|| offset + limit),
    }))
}
