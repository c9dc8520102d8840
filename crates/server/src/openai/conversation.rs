//! Conversations: threads as this protocol shows them, with their items.

use everthread_graph::contract::{Json, ThreadKey};
use everthread_store::{FindThreads, ReadMessages, StoredMessage, Thread, ThreadPatch, ThreadSort};
use serde_json::{Map, Value, json};

use super::item;
use super::refusal::Refusal;
use super::response_find::of_stored;
use super::seconds;
use crate::app::App;
use crate::assistants::Resolved;
use crate::identity::Caller;
use crate::params::Params;
use crate::thread_graph::metadata;

/// Most items of one page.
const MAX_PAGE: usize = 100;
/// Items of a page when nothing else is said.
const PAGE: usize = 20;
/// Messages and threads that are read at a time.
const READ: usize = 256;
/// Fields of a thread's metadata that are the other protocol's.
const OF_THREADS: [&str; 2] = ["graph_id", "assistant_id"];

/// Which part of a list is asked for.
pub(crate) struct Page {
    after: Option<String>,
    limit: usize,
    descending: bool,
}

impl Page {
    /// Reads `after`, `limit` and `order`.
    ///
    /// # Errors
    /// 400 for a limit that is not between 1 and 100, and for another order than `asc` and `desc`.
    pub(crate) fn of(params: &Params) -> Result<Self, Refusal> {
        let limit = params.read("limit")?.unwrap_or(PAGE);
        if !(1..=MAX_PAGE).contains(&limit) {
            let detail = format!("limit: {limit} does not lie between 1 and {MAX_PAGE}");
            return Err(Refusal::wrong("limit", detail));
        }
        let descending = match params.get("order") {
            None | Some("desc") => true,
            Some("asc") => false,
            Some(other) => {
                let detail = format!("order: asc or desc is expected, not {other:?}");
                return Err(Refusal::wrong("order", detail));
            }
        };
        Ok(Self {
            after: params.get("after").map(str::to_owned),
            limit,
            descending,
        })
    }

    /// The part of all items, which are in their order.
    ///
    /// # Errors
    /// 400 when the one to go on after is not there.
    pub(crate) fn cut(&self, mut all: Vec<Value>) -> Result<Value, Refusal> {
        if self.descending {
            all.reverse();
        }
        let from = match &self.after {
            None => 0,
            Some(after) => {
                1 + all
                    .iter()
                    .position(|one| one["id"] == *after)
                    .ok_or_else(|| self.lost())?
            }
        };
        Ok(list(all.split_off(from.min(all.len())), self.limit))
    }

    fn lost(&self) -> Refusal {
        let after = self.after.as_deref().unwrap_or_default();
        Refusal::wrong("after", format!("after: there is no {after:?} here"))
    }
}

/// A list of at most so many, and whether there are more.
pub(crate) fn list(mut all: Vec<Value>, limit: usize) -> Value {
    let has_more = all.len() > limit;
    all.truncate(limit);
    let id = |one: Option<&Value>| one.map_or(Value::Null, |one| one["id"].clone());
    json!({
        "object": "list",
        "first_id": id(all.first()),
        "last_id": id(all.last()),
        "has_more": has_more,
        "data": all,
    })
}

/// A thread as a conversation. Its title and its last change are told beside what OpenAI tells.
pub(crate) fn shown(thread: &Thread) -> Value {
    let mut fields = metadata(thread);
    fields.retain(|name, _| !OF_THREADS.contains(&name.as_str()));
    json!({
        "id": thread.id.as_str(),
        "object": "conversation",
        "created_at": seconds(thread.created_ms),
        "metadata": fields,
        "title": thread.title,
        "updated_at": seconds(thread.updated_ms),
    })
}

/// Metadata in the place of those that a client gave before.
///
/// # Errors
/// 400 for metadata that have no JSON form.
pub(crate) fn replaced(thread: &Thread, new: Map<String, Value>) -> Result<ThreadPatch, Refusal> {
    let mut fields = metadata(thread);
    fields.retain(|name, _| OF_THREADS.contains(&name.as_str()));
    for (name, value) in new {
        fields.entry(name).or_insert(value);
    }
    Ok(ThreadPatch {
        metadata: Some(stored(&fields)?),
        ..ThreadPatch::default()
    })
}

/// Metadata with the names by which clients of the other protocol find the graph of a thread.
pub(crate) fn named(mut metadata: Map<String, Value>, resolved: &Resolved) -> Map<String, Value> {
    let [graph, assistant] = OF_THREADS.map(str::to_owned);
    metadata.insert(graph, resolved.graph.name().into());
    metadata.insert(assistant, resolved.assistant.id.to_string().into());
    metadata
}

/// Metadata as they are stored.
///
/// # Errors
/// 400 when they have no JSON form.
pub(crate) fn stored(fields: &Map<String, Value>) -> Result<Json, Refusal> {
    Json::of(fields).map_err(|error| Refusal::wrong("metadata", error.to_string()))
}

/// The caller's conversations, by when they were made.
///
/// # Errors
/// 400 when the one to go on after is not there; as the store answers.
pub(crate) async fn conversations(
    app: &App,
    caller: &Caller,
    page: &Page,
) -> Result<Value, Refusal> {
    let mut found: Vec<Value> = Vec::new();
    let (mut offset, mut begun) = (0, page.after.is_none());
    loop {
        let query = FindThreads {
            // Threads that change meanwhile keep their places in this order.
            sort_by: ThreadSort::Created,
            descending: page.descending,
            offset,
            limit: READ,
            ..FindThreads::default()
        };
        let threads = app.store.find_threads(&caller.user, query).await?.threads;
        offset += threads.len();
        for thread in &threads {
            if begun {
                found.push(shown(thread));
            }
            begun |= page.after.as_deref() == Some(thread.id.as_str());
        }
        if found.len() > page.limit {
            break;
        }
        if threads.len() < READ {
            if !begun {
                return Err(page.lost());
            }
            break;
        }
    }
    Ok(list(found, page.limit))
}

/// The items of a conversation: of all that was said on the line that its head is on. The newest are read first, and
/// no more of them than are asked for, as long as they are asked for in this order.
///
/// # Errors
/// 400 when the one to go on after is not there; 404; as the store answers.
pub(crate) async fn items(app: &App, key: &ThreadKey, page: &Page) -> Result<Value, Refusal> {
    if !page.descending {
        let all = app.store.messages(key, ReadMessages::default()).await?;
        let all = all.iter().flat_map(of).collect();
        return page.cut(all);
    }
    let mut found: Vec<Value> = Vec::new();
    let (mut before_seq, mut begun) = (None, page.after.is_none());
    loop {
        let query = ReadMessages {
            at: None,
            before_seq,
            limit: Some(READ),
        };
        let part = app.store.messages(key, query).await?;
        before_seq = part.first().map(|first| first.seq);
        for item in part
            .iter()
            .rev()
            .flat_map(|message| of(message).into_iter().rev())
        {
            let is_last_seen = page
                .after
                .as_deref()
                .is_some_and(|after| item["id"] == after);
            if begun {
                found.push(item);
            }
            begun |= is_last_seen;
        }
        if found.len() > page.limit {
            break;
        }
        if part.len() < READ {
            if !begun {
                return Err(page.lost());
            }
            break;
        }
    }
    Ok(list(found, page.limit))
}

/// The items of a message.
fn of(message: &StoredMessage) -> Vec<Value> {
    of_stored(message).map_or_else(Vec::new, |message| item::items(&message))
}

/// The message that has this item, and the item; `None` when there is none.
///
/// # Errors
/// As the store answers.
pub(crate) async fn find_item(
    app: &App,
    key: &ThreadKey,
    id: &str,
) -> Result<Option<(String, Value)>, Refusal> {
    let all = app.store.messages(key, ReadMessages::default()).await?;
    for stored in all.iter().rev() {
        let Some(message) = of_stored(stored) else {
            continue;
        };
        if item::is_of(id, &message) {
            let items = item::items(&message);
            let item = items.iter().find(|item| item["id"] == id);
            let item = item.or(items.first()).cloned().unwrap_or_default();
            return Ok(Some((stored.id.clone(), item)));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(list: &Value) -> Vec<&str> {
        let data = list["data"].as_array().expect("data");
        data.iter().filter_map(|one| one["id"].as_str()).collect()
    }

    #[test]
    fn a_list_is_cut_into_pages() {
        let all = || ["a", "b", "c"].map(|id| json!({"id": id})).to_vec();
        let page = |after: Option<&str>, limit, descending| Page {
            after: after.map(str::to_owned),
            limit,
            descending,
        };
        let first = page(None, 2, true).cut(all()).expect("a page");
        assert_eq!(
            (ids(&first), &first["has_more"]),
            (vec!["c", "b"], &json!(true))
        );
        let next = page(Some("b"), 2, true).cut(all()).expect("a page");
        assert_eq!((ids(&next), &next["has_more"]), (vec!["a"], &json!(false)));
        let rest = page(Some("a"), 2, false).cut(all()).expect("a page");
        assert_eq!(ids(&rest), ["b", "c"]);
        assert!(page(Some("x"), 2, false).cut(all()).is_err());
    }
}
