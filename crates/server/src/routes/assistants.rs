//! `/assistants`: graphs with a configuration.

mod drawing;

use axum::Json;
use axum::extract::State;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use uuid::Uuid;

use super::threads::{contains, pages};
use super::{Routes, Rule};
use crate::app::App;
use crate::assistants::Assistant;
use crate::body::Body;
use crate::error::ApiError;
use crate::identity::{Principal, Role};
use crate::params::{Path, limited};
use crate::wire::{
    self, AssistantCreate, AssistantPatch, AssistantSearch, LatestBody, VersionSearch,
};

/// Assistants that are given when nothing else is said.
const LIMIT: usize = 10;

pub(super) fn routes(routes: Routes) -> Routes {
    let one = "/assistants/{assistant_id}";
    routes
        .route(Method::POST, "/assistants", Rule::Manage, create)
        .route(Method::POST, "/assistants/search", Rule::Shared, search)
        .route(Method::POST, "/assistants/count", Rule::Shared, count)
        .route(Method::GET, one, Rule::Shared, get)
        .route(Method::PATCH, one, Rule::Manage, patch)
        .route(Method::DELETE, one, Rule::Manage, delete)
        .route(
            Method::GET,
            "/assistants/{assistant_id}/graph",
            Rule::Shared,
            drawing::graph,
        )
        .route(
            Method::GET,
            "/assistants/{assistant_id}/schemas",
            Rule::Shared,
            drawing::schemas,
        )
        .route(
            Method::GET,
            "/assistants/{assistant_id}/subgraphs",
            Rule::Shared,
            drawing::subgraphs,
        )
        .route(
            Method::GET,
            "/assistants/{assistant_id}/subgraphs/{namespace}",
            Rule::Shared,
            drawing::subgraphs,
        )
        .route(
            Method::POST,
            "/assistants/{assistant_id}/versions",
            Rule::Shared,
            versions,
        )
        .route(
            Method::POST,
            "/assistants/{assistant_id}/latest",
            Rule::Manage,
            latest,
        )
}

/// What belongs to the deployment is changed by those who manage it.
fn manages(principal: &Principal) -> Result<(), ApiError> {
    if principal.role >= Role::Service {
        return Ok(());
    }
    Err(ApiError::new(
        StatusCode::FORBIDDEN,
        "forbidden",
        "assistants belong to the whole deployment: a key with the role service or admin may change them",
    ))
}

fn id(path: &Path) -> Result<Uuid, ApiError> {
    let text = path.text("assistant_id");
    Uuid::parse_str(text).map_err(|_| ApiError::invalid("Invalid assistant ID: must be a UUID"))
}

async fn create(
    State(app): State<App>,
    principal: Principal,
    Body(body): Body<AssistantCreate>,
) -> Result<Json<Value>, ApiError> {
    manages(&principal)?;
    Ok(Json(app.assistants.create(body).await?.to_wire()))
}

async fn get(State(app): State<App>, _: Principal, path: Path) -> Result<Json<Value>, ApiError> {
    let found = app.assistants.find(path.text("assistant_id")).await?;
    Ok(Json(found.to_wire()))
}

async fn patch(
    State(app): State<App>,
    principal: Principal,
    path: Path,
    Body(body): Body<AssistantPatch>,
) -> Result<Json<Value>, ApiError> {
    manages(&principal)?;
    Ok(Json(
        app.assistants.patch(id(&path)?, body).await?.to_wire(),
    ))
}

async fn delete(
    State(app): State<App>,
    principal: Principal,
    path: Path,
) -> Result<StatusCode, ApiError> {
    manages(&principal)?;
    app.assistants.delete(id(&path)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn latest(
    State(app): State<App>,
    principal: Principal,
    path: Path,
    Body(body): Body<LatestBody>,
) -> Result<Json<Value>, ApiError> {
    manages(&principal)?;
    let set = app.assistants.set_latest(id(&path)?, body.version).await?;
    Ok(Json(set.to_wire()))
}

async fn versions(
    State(app): State<App>,
    _: Principal,
    path: Path,
    Body(body): Body<VersionSearch>,
) -> Result<Json<Vec<Value>>, ApiError> {
    let limit = limited(body.limit, LIMIT)?;
    let all = app.assistants.versions(id(&path)?).await?;
    let wanted = Value::Object(body.metadata.unwrap_or_default());
    let shown = all
        .into_iter()
        .filter(|one| contains(&one["metadata"], &wanted));
    Ok(Json(
        shown.skip(body.offset.unwrap_or(0)).take(limit).collect(),
    ))
}

async fn search(
    State(app): State<App>,
    _: Principal,
    Body(body): Body<AssistantSearch>,
) -> Result<Response, ApiError> {
    let limit = limited(body.limit, LIMIT)?;
    let offset = body.offset.unwrap_or(0);
    let mut found = matching(&app, &body).await?;
    match body.sort_by.as_deref() {
        None | Some("created_at") => found.sort_by_key(|one| one.created_ms),
        Some("updated_at") => found.sort_by_key(|one| one.updated_ms),
        Some("name") => found.sort_by_key(|one| one.version.name.clone()),
        Some("graph_id") => found.sort_by_key(|one| one.version.graph.clone()),
        Some("assistant_id") => found.sort_by_key(|one| one.id),
        Some(other) => {
            return Err(ApiError::invalid(format!(
                "sort_by: {other:?} is not known"
            )));
        }
    }
    if body.sort_order.as_deref() != Some("asc") {
        found.reverse();
    }
    let total = u64::try_from(found.len()).unwrap_or(u64::MAX);
    let fields = body.select.unwrap_or_default();
    let shown = found.iter().skip(offset).take(limit);
    let shown = shown.map(|one| wire::select(one.to_wire(), fields.iter().map(String::as_str)));
    let shown: Vec<Value> = shown.collect();
    Ok((pages(total, offset, shown.len()), Json(shown)).into_response())
}

async fn count(
    State(app): State<App>,
    _: Principal,
    Body(body): Body<AssistantSearch>,
) -> Result<Json<usize>, ApiError> {
    Ok(Json(matching(&app, &body).await?.len()))
}

async fn matching(app: &App, body: &AssistantSearch) -> Result<Vec<Assistant>, ApiError> {
    let mut found = app.assistants.all().await?;
    let name = body.name.as_ref().map(|name| name.to_lowercase());
    let wanted = Value::Object(body.metadata.clone().unwrap_or_default());
    found.retain(|one| {
        let version = &one.version;
        body.graph_id
            .as_ref()
            .is_none_or(|graph| *graph == version.graph)
            && name
                .as_ref()
                .is_none_or(|name| version.name.to_lowercase().contains(name))
            && contains(&Value::Object(version.metadata.clone()), &wanted)
    });
    Ok(found)
}
