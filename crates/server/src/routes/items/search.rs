//! `POST /store/items/search`: by filter, and by meaning where the server has an [`Embedder`](crate::Embedder).

use axum::Json;
use axum::extract::State;
use everthread_graph::contract::{Item, ItemFilter, ItemQuery, Json as Stored};
use serde_json::{Value, json};

use super::shown;
use crate::app::App;
use crate::body::Body;
use crate::embedder::{Embedder, likeness};
use crate::error::ApiError;
use crate::identity::Caller;
use crate::params::limited;
use crate::wire::ItemSearch;

/// Items that are given when nothing else is said.
const LIMIT: usize = 10;
/// Items that are compared with a query: the newest so many.
pub(crate) const MAX_COMPARED: usize = 1_000;

pub(super) async fn search(
    State(app): State<App>,
    caller: Caller,
    Body(body): Body<ItemSearch>,
) -> Result<Json<Value>, ApiError> {
    let (limit, offset) = (limited(body.limit, LIMIT)?, body.offset.unwrap_or(0));
    let filter = body
        .filter
        .as_deref()
        .map(|filter| Stored::trusted(filter.get()));
    let filter = filter.as_ref().map(ItemFilter::parse).transpose()?;
    let query = body.query.filter(|query| !query.trim().is_empty());
    let ranked = query.as_deref().zip(app.embedder.as_deref());
    let asked = ItemQuery {
        prefix: body.namespace_prefix.unwrap_or_default(),
        filter,
        refresh: body.refresh_ttl.unwrap_or(true),
        offset: if ranked.is_some() { 0 } else { offset },
        limit: if ranked.is_some() {
            MAX_COMPARED
        } else {
            limit
        },
    };
    let items = app.store.search_items(&caller.user, asked).await?;
    let items: Vec<Value> = match ranked {
        None => items.iter().map(|item| scored(item, None)).collect(),
        Some((query, embedder)) => {
            let ranked = rank(embedder, query, items).await?;
            let page = ranked.iter().skip(offset).take(limit);
            page.map(|(item, score)| scored(item, Some(*score)))
                .collect()
        }
    };
    Ok(Json(json!({"items": items})))
}

fn scored(item: &Item, score: Option<f32>) -> Value {
    let mut item = shown(item);
    item["score"] = json!(score);
    item
}

/// The items by how like the query they are, the likest first.
pub(crate) async fn rank(
    embedder: &dyn Embedder,
    query: &str,
    items: Vec<Item>,
) -> Result<Vec<(Item, f32)>, ApiError> {
    let mut texts = vec![query.to_owned()];
    texts.extend(items.iter().map(|item| text(&item.value)));
    let vectors = embedder.embed(&texts).await.map_err(|error| {
        ApiError::unavailable(
            "embeddings_unavailable",
            format!("the query cannot be compared just now: {error}"),
        )
    })?;
    let Some((wanted, vectors)) = vectors.split_first() else {
        return Ok(Vec::new());
    };
    let scores = vectors.iter().map(|vector| likeness(wanted, vector));
    let mut ranked: Vec<_> = items.into_iter().zip(scores).collect();
    ranked.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    Ok(ranked)
}

/// The texts of a value, one after another.
pub(crate) fn text(value: &Stored) -> String {
    fn collect(value: &Value, into: &mut Vec<String>) {
        match value {
            Value::String(text) => into.push(text.clone()),
            Value::Array(all) => all.iter().for_each(|one| collect(one, into)),
            Value::Object(fields) => fields.values().for_each(|one| collect(one, into)),
            Value::Number(number) => into.push(number.to_string()),
            Value::Null | Value::Bool(_) => {}
        }
    }
    let mut texts = Vec::new();
    collect(&value.read().unwrap_or_default(), &mut texts);
    texts.join("\n")
}
