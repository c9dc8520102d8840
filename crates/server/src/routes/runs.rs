//! `/threads/{thread_id}/runs`: making runs, reading them, waiting for them and stopping them.

mod begin;
mod follow;
mod list;
mod stateless;
mod stop;

use axum::http::Method;

use super::{Routes, Rule};

pub(super) fn routes(routes: Routes) -> Routes {
    without_threads(of_threads(routes))
}

fn of_threads(routes: Routes) -> Routes {
    routes
        .route(
            Method::POST,
            "/threads/{thread_id}/runs",
            Rule::Own,
            begin::background,
        )
        .route(
            Method::POST,
            "/threads/{thread_id}/runs/stream",
            Rule::Own,
            begin::stream,
        )
        .route(
            Method::POST,
            "/threads/{thread_id}/runs/wait",
            Rule::Own,
            begin::wait,
        )
        .route(
            Method::GET,
            "/threads/{thread_id}/runs",
            Rule::Own,
            list::list,
        )
        .route(
            Method::GET,
            "/threads/{thread_id}/runs/{run_id}",
            Rule::Own,
            list::get,
        )
        .route(
            Method::DELETE,
            "/threads/{thread_id}/runs/{run_id}",
            Rule::Own,
            list::delete,
        )
        .route(
            Method::GET,
            "/threads/{thread_id}/runs/{run_id}/join",
            Rule::Own,
            follow::join,
        )
        .route(
            Method::GET,
            "/threads/{thread_id}/runs/{run_id}/stream",
            Rule::Own,
            follow::stream,
        )
        .route(
            Method::POST,
            "/threads/{thread_id}/runs/{run_id}/cancel",
            Rule::Own,
            stop::one,
        )
        .route(
            Method::GET,
            "/threads/{thread_id}/stream",
            Rule::Own,
            follow::thread,
        )
}

fn without_threads(routes: Routes) -> Routes {
    routes
        .route(Method::POST, "/runs", Rule::Own, stateless::background)
        .route(Method::POST, "/runs/stream", Rule::Own, stateless::stream)
        .route(Method::POST, "/runs/wait", Rule::Own, stateless::wait)
        .route(Method::POST, "/runs/batch", Rule::Own, stateless::batch)
        .route(Method::POST, "/runs/cancel", Rule::Own, stop::many)
        .route(
            Method::GET,
            "/runs/{run_id}/stream",
            Rule::Own,
            stateless::follow,
        )
        .route(
            Method::GET,
            "/runs/{run_id}/join",
            Rule::Own,
            stateless::join,
        )
}
