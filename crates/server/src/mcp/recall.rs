//! Recalling notes: by name, by meaning where the server has an [`Embedder`](crate::Embedder), by words otherwise.

use everthread_graph::contract::{Item, ItemQuery};
use serde_json::{Value, json};

use super::tools::{Recall, shelf};
use crate::app::App;
use crate::error::ApiError;
use crate::identity::Caller;
use crate::routes::items::search::{MAX_COMPARED, rank, text};
use crate::routes::items::{checked, shown};

/// What is remembered of this.
///
/// # Errors
/// 404 for a name that nothing has; as the store answers.
pub(super) async fn recall(
    app: &App,
    caller: &Caller,
    asked: Recall,
    limit: usize,
) -> Result<Value, ApiError> {
    if let Some(key) = asked.key.filter(|key| !key.is_empty()) {
        let namespace = shelf(asked.namespace);
        checked(&namespace)?;
        let item = app.store.get_item(&caller.user, &namespace, &key).await?;
        let item =
            item.ok_or_else(|| ApiError::not_found(format!("{key:?} in {}", namespace.join("."))))?;
        return Ok(json!({"items": [shown(&item)]}));
    }
    let query = asked.query.filter(|query| !query.trim().is_empty());
    let all = ItemQuery {
        prefix: asked.namespace.unwrap_or_default(),
        limit: if query.is_some() { MAX_COMPARED } else { limit },
        ..ItemQuery::default()
    };
    let items = app.store.search_items(&caller.user, all).await?;
    let items = match query {
        None => items,
        Some(query) => about(app, &query, items).await,
    };
    let items: Vec<Value> = items.iter().take(limit).map(shown).collect();
    Ok(json!({"items": items}))
}

/// The items by how much they are about this.
async fn about(app: &App, query: &str, items: Vec<Item>) -> Vec<Item> {
    if let Some(embedder) = app.embedder.as_deref() {
        // Words must do where meanings cannot be had just now.
        if let Ok(ranked) = rank(embedder, query, items.clone()).await {
            return ranked.into_iter().map(|(item, _)| item).collect();
        }
    }
    let words: Vec<String> = words(query).collect();
    let mut found: Vec<(usize, Item)> = items
        .into_iter()
        .map(|item| {
            let said: Vec<String> = self::words(&text(&item.value)).collect();
            let common = words.iter().filter(|word| said.contains(word)).count();
            (common, item)
        })
        .filter(|(common, _)| *common > 0)
        .collect();
    // Those alike stay as they came: the newest first.
    found.sort_by_key(|(common, _)| std::cmp::Reverse(*common));
    found.into_iter().map(|(_, item)| item).collect()
}

fn words(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
}
