//! `threads history`

use everthread_graph::contract::{Checkpoint, HistoryQuery, Namespace};
use serde_json::{Value, json};

use super::Scope;
use crate::failure::Failure;
use crate::output::{local_time, rfc3339, table};

pub(super) async fn run(scope: &Scope<'_>, thread: &str, limit: usize) -> Result<(), Failure> {
    let (key, found) = scope.known(thread).await?;
    let query = HistoryQuery {
        ns: Some(Namespace::root()),
        before: None,
        limit,
    };
    let checkpoints = scope.store.history(&key, query).await?;
    let document: Vec<Value> = checkpoints.iter().map(checkpoint_json).collect();
    scope.output.print(json!({ "checkpoints": document }), || {
        let rows: Vec<Vec<String>> = checkpoints
            .iter()
            .map(|checkpoint| {
                let head = found.head == Some(checkpoint.id);
                vec![
                    checkpoint.id.to_string(),
                    checkpoint.step.to_string(),
                    checkpoint.source.as_str().to_owned(),
                    local_time(checkpoint.at_ms),
                    if head { "head".into() } else { String::new() },
                ]
            })
            .collect();
        table(&["checkpoint", "step", "source", "at", ""], &rows)
    })
}

fn checkpoint_json(checkpoint: &Checkpoint) -> Value {
    let metadata: Option<Value> = checkpoint
        .metadata
        .as_ref()
        .and_then(|json| json.read().ok());
    json!({
        "id": checkpoint.id.to_string(),
        "parent": checkpoint.parent.map(|id| id.to_string()),
        "run": checkpoint.run.map(|id| id.to_string()),
        "source": checkpoint.source.as_str(),
        "step": checkpoint.step,
        "metadata": metadata,
        "at": rfc3339(checkpoint.at_ms),
    })
}
