//! Models as clients name them: those that the deployment offers, and its assistants of the graph that answers here.

use std::collections::HashSet;

use axum::http::StatusCode;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::refusal::Refusal;
use super::seconds;
use crate::app::App;
use crate::assistants::{Assistant, Resolved};
use crate::error::ApiError;

/// What a request's `model` stands for.
pub(crate) struct Chosen {
    /// As answers name it.
    pub(crate) name: String,
    pub(crate) resolved: Resolved,
    /// What nodes read: the assistant's context, and the model where one was named.
    pub(crate) context: Map<String, Value>,
    pub(crate) has_tools: bool,
}

/// Who answers a request that names this model, or none.
///
/// # Errors
/// 404 for a name that nothing here has; as the store answers.
pub(crate) async fn choose(app: &App, asked: Option<&str>) -> Result<Chosen, Refusal> {
    let offer = &app.openai.offer;
    let asked = asked.map(str::trim).filter(|name| !name.is_empty());
    let is_default = |name: &str| {
        name == offer.graph || offer.models.first().is_some_and(|first| first.name == name)
    };
    let mut context = Map::new();
    let resolved = match asked {
        None => app.assistants.resolve(&offer.graph).await?,
        Some(name) if is_default(name) => app.assistants.resolve(&offer.graph).await?,
        Some(name) if offer.models.iter().any(|known| known.name == name) => {
            context.insert("model".to_owned(), name.into());
            app.assistants.resolve(&offer.graph).await?
        }
        Some(name) => {
            let id = assistant(app, name).await?;
            let id = id.ok_or_else(|| no_model(name))?;
            app.assistants.resolve(&id.to_string()).await?
        }
    };
    let mut whole = resolved.assistant.version.context.clone();
    whole.extend(context);
    let model = whole.get("model").and_then(Value::as_str);
    let default = offer
        .models
        .first()
        .map_or(&offer.graph, |first| &first.name);
    Ok(Chosen {
        name: asked.unwrap_or(default).to_owned(),
        has_tools: offer.has_tools(model),
        context: whole,
        resolved,
    })
}

fn no_model(name: &str) -> Refusal {
    Refusal::from(ApiError::new(
        StatusCode::NOT_FOUND,
        "model_not_found",
        format!("there is no model {name:?} here; GET /v1/models lists those that are"),
    ))
    .of("model")
}

/// The assistant of this name or id.
async fn assistant(app: &App, name: &str) -> Result<Option<Uuid>, Refusal> {
    let all = assistants(app).await?;
    let found = all
        .into_iter()
        .find(|(known, made)| known == name || made.id.to_string() == name);
    Ok(found.map(|(_, made)| made.id))
}

/// The assistants that answer here, oldest first, each with the name that it is listed by: its own, or its id where
/// something before has that name.
async fn assistants(app: &App) -> Result<Vec<(String, Assistant)>, Refusal> {
    let offer = &app.openai.offer;
    let own = crate::graphs::id_of(&offer.graph);
    let mut taken: HashSet<String> = offer.models.iter().map(|one| one.name.clone()).collect();
    taken.insert(offer.graph.clone());
    let mut all = app.assistants.all().await?;
    all.retain(|made| made.version.graph == offer.graph && made.id != own);
    all.reverse();
    let named = all.into_iter().map(|made| {
        let name = made.version.name.clone();
        if !name.trim().is_empty() && taken.insert(name.clone()) {
            (name, made)
        } else {
            (made.id.to_string(), made)
        }
    });
    Ok(named.collect())
}

/// Every model, the one that answers by default first.
///
/// # Errors
/// As the store answers.
pub(crate) async fn list(app: &App) -> Result<Vec<Value>, Refusal> {
    let offer = &app.openai.offer;
    let since = seconds(app.assistants.graphs.since_ms);
    let mut names: Vec<&str> = offer.models.iter().map(|one| one.name.as_str()).collect();
    if names.is_empty() {
        names.push(&offer.graph);
    }
    let mut models: Vec<Value> = names.iter().map(|name| shown(name, since)).collect();
    for (name, made) in assistants(app).await? {
        models.push(shown(&name, seconds(made.created_ms)));
    }
    Ok(models)
}

/// One model.
///
/// # Errors
/// As [`choose`].
pub(crate) async fn get(app: &App, name: &str) -> Result<Value, Refusal> {
    let chosen = choose(app, Some(name)).await?;
    Ok(shown(name, seconds(chosen.resolved.assistant.created_ms)))
}

fn shown(id: &str, created: i64) -> Value {
    json!({"id": id, "object": "model", "created": created, "owned_by": "everthread"})
}
