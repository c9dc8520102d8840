//! `GET /api/users/{user}/export`: all that is kept of a user, as one JSON document.

use axum::body::Body;
use axum::extract::State;
use axum::http::{Method, header};
use axum::response::IntoResponse;

use super::{no_user, target};
use crate::app::App;
use crate::error::ApiError;
use crate::export::export_user;
use crate::identity::Principal;
use crate::params::Path;
use crate::routes::{Routes, Rule};

pub(super) fn routes(routes: Routes) -> Routes {
    routes.route(Method::GET, "/api/users/{user}/export", Rule::Own, export)
}

async fn export(
    principal: Principal,
    path: Path,
    State(app): State<App>,
) -> Result<impl IntoResponse, ApiError> {
    let user = target(&principal, path.text("user"))?;
    let Some(document) = export_user(app.store.clone(), &user).await? else {
        return Err(no_user());
    };
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"export.json\"",
        ),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, Body::from_stream(document)))
}
