//! `/v1`: OpenAI's protocol.

mod chat;
mod conversations;
mod items;
mod models;
mod responses;

use axum::http::Method;

use super::{Routes, Rule};

pub(super) fn routes(routes: Routes) -> Routes {
    let routes = routes
        .route(Method::GET, "/v1/models", Rule::Shared, models::list)
        .route(Method::GET, "/v1/models/{model}", Rule::Shared, models::get)
        .route(
            Method::POST,
            "/v1/chat/completions",
            Rule::Own,
            chat::create,
        );
    of_conversations(of_responses(routes))
}

fn of_responses(routes: Routes) -> Routes {
    routes
        .route(Method::POST, "/v1/responses", Rule::Own, responses::create)
        .route(
            Method::GET,
            "/v1/responses/{response_id}",
            Rule::Own,
            responses::get,
        )
        .route(
            Method::DELETE,
            "/v1/responses/{response_id}",
            Rule::Own,
            responses::delete,
        )
        .route(
            Method::GET,
            "/v1/responses/{response_id}/input_items",
            Rule::Own,
            responses::input_items,
        )
        .route(
            Method::POST,
            "/v1/responses/{response_id}/cancel",
            Rule::Own,
            responses::cancel,
        )
}

fn of_conversations(routes: Routes) -> Routes {
    routes
        .route(
            Method::POST,
            "/v1/conversations",
            Rule::Own,
            conversations::create,
        )
        .route(
            Method::GET,
            "/v1/conversations",
            Rule::Own,
            conversations::list,
        )
        .route(
            Method::GET,
            "/v1/conversations/{conversation_id}",
            Rule::Own,
            conversations::get,
        )
        .route(
            Method::POST,
            "/v1/conversations/{conversation_id}",
            Rule::Own,
            conversations::update,
        )
        .route(
            Method::DELETE,
            "/v1/conversations/{conversation_id}",
            Rule::Own,
            conversations::delete,
        )
        .route(
            Method::POST,
            "/v1/conversations/{conversation_id}/items",
            Rule::Own,
            items::create,
        )
        .route(
            Method::GET,
            "/v1/conversations/{conversation_id}/items",
            Rule::Own,
            items::list,
        )
        .route(
            Method::GET,
            "/v1/conversations/{conversation_id}/items/{item_id}",
            Rule::Own,
            items::get,
        )
        .route(
            Method::DELETE,
            "/v1/conversations/{conversation_id}/items/{item_id}",
            Rule::Own,
            items::delete,
        )
}
