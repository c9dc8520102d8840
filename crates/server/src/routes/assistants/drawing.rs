//! `GET /assistants/{assistant_id}/graph`, `/schemas` and `/subgraphs`.

use axum::Json;
use axum::extract::State;
use everthread_graph::contract::Json as Stored;
use everthread_graph::{END, GraphSchemas, Picture, START};
use serde_json::{Map, Value, json};

use crate::app::App;
use crate::error::ApiError;
use crate::identity::Principal;
use crate::params::{Params, Path};

/// Levels that `xray=true` shows.
const ALL_LEVELS: usize = 16;

pub(super) async fn graph(
    State(app): State<App>,
    _: Principal,
    path: Path,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    let found = app.assistants.resolve(path.text("assistant_id")).await?;
    let levels = match params.get("xray").map(str::parse::<usize>) {
        Some(Ok(levels)) => levels.min(ALL_LEVELS),
        _ if params.is_set("xray")? => ALL_LEVELS,
        _ => 0,
    };
    let mut picture = found.graph.picture();
    if levels > 0 {
        picture = picture.expanded(levels);
    }
    Ok(Json(drawn(&picture)))
}

fn drawn(picture: &Picture) -> Value {
    let node = |name: &str| json!({"id": name, "type": "runnable", "data": {"name": name}});
    let mut nodes = vec![node(START)];
    // What is inside of nodes comes last, as LangGraph draws it.
    let inside = |name: &str| name.contains(':');
    let names = || picture.nodes().iter().map(|one| one.name.as_str());
    nodes.extend(names().filter(|name| !inside(name)).map(node));
    nodes.push(json!({"id": END}));
    nodes.extend(names().filter(|name| inside(name)).map(node));
    let edges = picture.edges().iter().map(|edge| {
        let mut shown = json!({"source": edge.from, "target": edge.to});
        if edge.conditional {
            shown["conditional"] = true.into();
        }
        if let Some(label) = &edge.label {
            shown["data"] = label.as_str().into();
        }
        shown
    });
    let edges: Vec<Value> = edges.collect();
    json!({"nodes": nodes, "edges": edges})
}

pub(super) async fn schemas(
    State(app): State<App>,
    _: Principal,
    path: Path,
) -> Result<Json<Value>, ApiError> {
    let found = app.assistants.resolve(path.text("assistant_id")).await?;
    let mut shown = schema(&found.graph.schemas());
    shown["graph_id"] = found.graph.name().into();
    Ok(Json(shown))
}

fn schema(schemas: &GraphSchemas) -> Value {
    let read = |schema: &Stored| -> Value { schema.read().unwrap_or_default() };
    json!({
        "input_schema": read(&schemas.input),
        "output_schema": read(&schemas.output),
        "state_schema": read(&schemas.state),
        "config_schema": read(&schemas.context),
        "context_schema": read(&schemas.context),
    })
}

pub(super) async fn subgraphs(
    State(app): State<App>,
    _: Principal,
    path: Path,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    let found = app.assistants.resolve(path.text("assistant_id")).await?;
    let recurse = params.is_set("recurse")?;
    let within = path.text("namespace");
    let mut shown = Map::new();
    for (name, schemas) in found.graph.subgraphs() {
        let is_within = within.is_empty()
            || name == within
            || name
                .strip_prefix(within)
                .is_some_and(|rest| rest.starts_with('|'));
        if is_within && (recurse || name == within || !name.contains('|')) {
            shown.insert(name, schema(&schemas));
        }
    }
    Ok(Json(shown.into()))
}
