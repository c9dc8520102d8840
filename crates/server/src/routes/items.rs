//! `/store`: what graphs and clients remember of a user beyond one thread.

pub(crate) mod search;

use axum::Json;
use axum::extract::State;
use axum::http::{Method, StatusCode};
use everthread_graph::contract::{Item, Json as Stored, NamespaceQuery};
use everthread_store::StoreErrorKind;
use serde_json::{Value, json};

use super::{Routes, Rule};
use crate::app::App;
use crate::body::Body;
use crate::error::ApiError;
use crate::identity::Caller;
use crate::params::{Params, limited};
use crate::wire::{ItemDelete, ItemPut, NamespaceSearch, in_minutes, iso};

/// Namespaces that are given when nothing else is said.
const NAMESPACES: usize = 100;

pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .route(Method::PUT, "/store/items", Rule::Own, put)
        .route(Method::GET, "/store/items", Rule::Own, get)
        .route(Method::DELETE, "/store/items", Rule::Own, delete)
        .route(
            Method::POST,
            "/store/items/search",
            Rule::Own,
            search::search,
        )
        .route(Method::POST, "/store/namespaces", Rule::Own, namespaces)
}

/// A namespace that something can be stored in.
pub(crate) fn checked(namespace: &[String]) -> Result<(), ApiError> {
    if namespace.is_empty() {
        return Err(ApiError::bad_request("Namespace cannot be empty."));
    }
    let wrong = namespace
        .iter()
        .find(|label| label.is_empty() || label.contains('.'));
    wrong.map_or(Ok(()), |label| {
        Err(ApiError::invalid(format!(
            "Namespace label '{label}' must be a non-empty string without periods"
        )))
    })
}

/// Refuses to compare less than all of a value with a query: what is asked for is done or refused, never passed over.
fn whole(index: Option<&Value>) -> Result<(), ApiError> {
    match index {
        None | Some(Value::Null) => Ok(()),
        Some(Value::Array(fields)) if fields.iter().eq(["$"]) => Ok(()),
        Some(_) => Err(ApiError::invalid(
            "index: a query is compared with all of an item's value; leave index out",
        )),
    }
}

/// An item as clients read it.
pub(crate) fn shown(item: &Item) -> Value {
    let value: Value = item.value.read().unwrap_or_default();
    json!({
        "namespace": item.namespace,
        "key": item.key,
        "value": value,
        "created_at": iso(item.created_ms),
        "updated_at": iso(item.updated_ms),
    })
}

async fn put(
    State(app): State<App>,
    caller: Caller,
    Body(body): Body<ItemPut>,
) -> Result<StatusCode, ApiError> {
    checked(&body.namespace)?;
    whole(body.index.as_ref())?;
    let value = Stored::of(&body.value).map_err(|error| ApiError::invalid(error.to_string()))?;
    let expires_ms = match body.ttl {
        None => None,
        Some(minutes) => Some(in_minutes(minutes).ok_or_else(|| {
            ApiError::invalid(format!("ttl: {minutes} is no number of minutes above 0"))
        })?),
    };
    let put = app.store.put_item(
        &caller.user,
        &body.namespace,
        &body.key,
        Some(value),
        expires_ms,
    );
    put.await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn get(
    State(app): State<App>,
    caller: Caller,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    let Some(key) = params.get("key") else {
        return Err(ApiError::invalid("key: it is required"));
    };
    let namespace: Vec<String> = params
        .all("namespace")
        .flat_map(|labels| labels.split('.'))
        .map(str::to_owned)
        .collect();
    let item = app.store.get_item(&caller.user, &namespace, key).await?;
    let refresh = params.get("refresh_ttl").is_none() || params.is_set("refresh_ttl")?;
    if refresh && item.as_ref().is_some_and(|item| item.expires_ms.is_some()) {
        app.store
            .refresh_item(&caller.user, &namespace, key)
            .await?;
    }
    Ok(Json(item.as_ref().map_or(Value::Null, shown)))
}

async fn delete(
    State(app): State<App>,
    caller: Caller,
    Body(body): Body<ItemDelete>,
) -> Result<StatusCode, ApiError> {
    let gone = app
        .store
        .put_item(&caller.user, &body.namespace, &body.key, None, None)
        .await;
    match gone {
        // Where nothing can be stored, nothing is there.
        Err(error) if error.kind() != StoreErrorKind::Invalid => Err(error.into()),
        _ => Ok(StatusCode::NO_CONTENT),
    }
}

async fn namespaces(
    State(app): State<App>,
    caller: Caller,
    Body(body): Body<NamespaceSearch>,
) -> Result<Json<Value>, ApiError> {
    let query = NamespaceQuery {
        prefix: body.prefix.unwrap_or_default(),
        suffix: body.suffix.unwrap_or_default(),
        max_depth: body.max_depth,
        offset: body.offset.unwrap_or(0),
        limit: limited(body.limit, NAMESPACES)?,
    };
    let found = app.store.namespaces(&caller.user, query).await?;
    Ok(Json(json!({"namespaces": found})))
}
