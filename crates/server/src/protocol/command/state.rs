//! `state.get` and `state.listCheckpoints`.

use everthread_graph::contract::{At, HistoryQuery, Namespace, ThreadKey};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Command, Done, Refusal};
use crate::app::App;
use crate::wire::iso;

/// Checkpoints of a page, unless another number is asked for.
const PAGE: usize = 10;
/// Most checkpoints of a page.
const MAX_PAGE: usize = 1_000;

#[derive(Deserialize)]
struct GetParams {
    #[serde(default)]
    namespace: Vec<String>,
    keys: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct ListParams {
    #[serde(default)]
    namespace: Vec<String>,
    limit: Option<usize>,
    before: Option<String>,
}

fn no_namespace(namespace: &[String]) -> Refusal {
    let message = format!("Nothing is known of the namespace {namespace:?} on this thread.");
    Refusal::new("no_such_namespace", message)
}

/// The state of a graph of the thread, or some channels of it.
pub(super) async fn get(app: &App, key: &ThreadKey, command: &Command) -> Result<Done, Refusal> {
    let asked: GetParams = command.read_params()?;
    let ns = Namespace::from_text(&asked.namespace.join("|"));
    let graph = match app.store.thread(key).await? {
        Some(thread) => app.graph_of(key, &thread).await?,
        None => None,
    };
    let state = match graph {
        Some(graph) => graph.state_in(key, &ns, At::Head, false).await?,
        None => None,
    };
    let Some(state) = state else {
        // A thread on which nothing happened has an empty state; a graph inside of it has none.
        return if ns.is_root() {
            Ok(Done::of(json!({"values": {}})))
        } else {
            Err(no_namespace(&asked.namespace))
        };
    };
    let mut values: Map<String, Value> = state.values.read().unwrap_or_default();
    if let Some(keys) = asked.keys {
        values.retain(|name, _| keys.contains(name));
    }
    let checkpoint = json!({"id": state.checkpoint.id.to_string(), "ns": ns.as_str()});
    Ok(Done::of(
        json!({"values": values, "checkpoint": checkpoint}),
    ))
}

/// Checkpoints, the newest first.
pub(super) async fn list(app: &App, key: &ThreadKey, command: &Command) -> Result<Done, Refusal> {
    let asked: ListParams = command.read_params()?;
    let before = asked.before.as_deref().map(str::parse).transpose();
    let before = before.map_err(|_| Refusal::invalid("before must be the id of a checkpoint."))?;
    let graph = match app.store.thread(key).await? {
        Some(thread) => app.graph_of(key, &thread).await?,
        None => None,
    };
    let states = match graph {
        Some(graph) => {
            let query = HistoryQuery {
                ns: Some(Namespace::from_text(&asked.namespace.join("|"))),
                before,
                limit: asked.limit.unwrap_or(PAGE).min(MAX_PAGE),
            };
            graph.history(key, query).await?
        }
        None => Vec::new(),
    };
    let checkpoints: Vec<Value> = states
        .iter()
        .map(|state| {
            let made = &state.checkpoint;
            json!({
                "id": made.id.to_string(),
                "timestamp": iso(made.at_ms),
                "step": made.step,
                "metadata": {"source": made.source.as_str(), "parent_id": made.parent.map(|id| id.to_string())},
            })
        })
        .collect();
    Ok(Done::of(json!({"checkpoints": checkpoints})))
}
