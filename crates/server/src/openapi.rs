//! `GET /openapi.json`: every route, described from the types that it reads and writes.
//!
//! The descriptions stand in tables of their own beside the routes; a test holds both against each other, and the
//! document against its copy in `docs/openapi.json`.

mod api;
mod doc;
mod openai;
mod protocol;
mod runs;
mod schemas;
mod shapes;
mod thread_protocol;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use axum::Json;
use axum::http::Method;
use serde_json::{Map, Value, json};

use crate::codes::CODES;
use crate::routes::{Route, Routes, Rule, route_table};
use doc::Doc;
use schemas::Schemas;

pub(crate) fn routes(routes: Routes) -> Routes {
    routes.route(Method::GET, "/openapi.json", Rule::Public, openapi)
}

async fn openapi() -> Json<&'static Value> {
    static DOCUMENT: OnceLock<Value> = OnceLock::new();
    Json(DOCUMENT.get_or_init(openapi_document))
}

/// The description of every route (OpenAPI 3.1).
#[must_use]
pub fn openapi_document() -> Value {
    let rules: BTreeMap<(String, &str), Rule> = route_table()
        .into_iter()
        .map(|Route { method, path, rule }| ((method.to_string(), path), rule))
        .collect();
    let mut schemas = Schemas::default();
    let mut paths: Map<String, Value> = Map::new();
    for doc in docs() {
        let rule = rules.get(&(doc.method.to_owned(), doc.path));
        let operation = doc.operation(rule.copied().unwrap_or(Rule::Own), &mut schemas);
        let path = paths.entry(doc.path).or_insert_with(|| json!({}));
        path[doc.method.to_lowercase()] = operation;
    }
    schemas.insert("Error", error_schema());
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Everthread",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Chatbot memory that lasts: the LangGraph protocol at the root, OpenAI's under /v1, MCP at /mcp, Everthread's own under /api.",
            "license": {"name": "MIT OR Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": TAGS.map(|(name, description)| json!({"name": name, "description": description})),
        "paths": paths,
        "components": {
            "schemas": schemas.all(),
            "securitySchemes": {
                "key": {"type": "apiKey", "in": "header", "name": "X-Api-Key"},
                "bearer": {"type": "http", "scheme": "bearer", "description": "A key, or a token of the issuer."},
            },
        },
    })
}

/// The groups of routes.
const TAGS: [(&str, &str); 10] = [
    ("threads", "Conversations and their states."),
    ("runs", "Executions of a graph on a thread."),
    ("assistants", "Graphs, and what was made of them."),
    ("store", "Long-term memory of a user."),
    (
        "openai",
        "The same conversations in OpenAI's words; errors are in its shape, and bad input is 400.",
    ),
    ("mcp", "A user's memory as tools."),
    ("users", "Profiles and what users did."),
    ("operation", "Keys, storage, health and figures."),
    (
        "backups",
        "Backups of the storage, and the jobs that make and restore them.",
    ),
    ("system", "What the server is."),
];

fn docs() -> Vec<Doc> {
    let mut docs = protocol::docs();
    docs.extend(runs::docs());
    docs.extend(thread_protocol::docs());
    docs.extend(openai::docs());
    docs.extend(api::docs());
    docs
}

fn error_schema() -> Value {
    let codes: Vec<&str> = CODES.iter().map(|code| code.code).collect();
    json!({
        "type": "object",
        "description": "An error. Each code has a page in docs/errors.",
        "required": ["detail", "code"],
        "properties": {
            "detail": {"type": "string", "description": "What happened, to what, and what to do."},
            "code": {"type": "string", "enum": codes},
        },
    })
}

#[cfg(test)]
mod tests;
