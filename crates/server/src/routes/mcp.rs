//! `POST /mcp`: the Model Context Protocol.

use axum::extract::{Request, State};
use axum::http::Method;
use axum::response::Response;

use super::{Routes, Rule};
use crate::app::App;
use crate::identity::Caller;
use crate::mcp;

pub(super) fn routes(routes: Routes) -> Routes {
    routes.route(Method::POST, "/mcp", Rule::Own, post)
}

async fn post(State(app): State<App>, caller: Caller, request: Request) -> Response {
    mcp::answer(app, caller, request).await
}
