//! Scheduled runs, which this server does not have: `/info` says so, and clients that ask all the same are told.

use axum::body::Bytes;
use axum::http::{Method, StatusCode};

use super::{Routes, Rule};
use crate::error::ApiError;
use crate::identity::Principal;

pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .route(Method::POST, "/runs/crons", Rule::Shared, none)
        .route(Method::POST, "/runs/crons/search", Rule::Shared, none)
        .route(Method::POST, "/runs/crons/count", Rule::Shared, none)
        .route(Method::PATCH, "/runs/crons/{cron_id}", Rule::Shared, none)
        .route(Method::DELETE, "/runs/crons/{cron_id}", Rule::Shared, none)
        .route(
            Method::POST,
            "/threads/{thread_id}/runs/crons",
            Rule::Shared,
            none,
        )
}

/// The body is read to its end, so that the connection serves the next request. 404, because some clients try a 5xx again.
async fn none(_: Principal, _: Bytes) -> ApiError {
    ApiError::new(
        StatusCode::NOT_FOUND,
        "no_crons",
        "this server has no scheduled runs (/info says crons: false): start runs from a scheduler of your own, or put one off with after_seconds",
    )
}
