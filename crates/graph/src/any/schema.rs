//! JSON Schemas of what a graph takes and gives, made of what its channels tell.

use serde_json::{Map, Value, json};

use crate::contract::Json;
use crate::graph::CompiledGraph;
use crate::state::{ChannelInfo, ChannelKind, State};

/// JSON Schemas of what a graph takes and gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GraphSchemas {
    /// What a run is called with: any of the channels.
    pub input: Json,
    /// What a run gives: the channels that are kept.
    pub output: Json,
    /// The whole state.
    pub state: Json,
    /// What a run's context may hold; an object of anything when the graph does not say.
    pub context: Json,
}

pub(super) fn of<S: State>(graph: &CompiledGraph<S>) -> GraphSchemas {
    let name = graph.name();
    let shown = |info: &&ChannelInfo| info.kind != ChannelKind::Untracked;
    let context = graph.inner.settings.context_schema.clone();
    GraphSchemas {
        input: object(&format!("{name}_input"), S::CHANNELS.iter()),
        output: object(&format!("{name}_output"), S::CHANNELS.iter().filter(shown)),
        state: object(&format!("{name}_state"), S::CHANNELS.iter()),
        context: context.unwrap_or_else(|| {
            text(&json!({"title": format!("{name}_context"), "type": "object"}))
        }),
    }
}

fn object<'a>(title: &str, channels: impl Iterator<Item = &'a ChannelInfo>) -> Json {
    let properties: Map<_, _> = channels
        .map(|info| (info.name.to_owned(), channel(info)))
        .collect();
    text(&json!({"title": title, "type": "object", "properties": properties}))
}

fn channel(info: &ChannelInfo) -> Value {
    // The derive wrote it; text that it could not have written says nothing.
    let told: Value = serde_json::from_str(info.schema).unwrap_or_default();
    let mut schema = match told {
        Value::Object(told) => told,
        _ => Map::new(),
    };
    if schema.is_empty() && matches!(info.kind, ChannelKind::List | ChannelKind::Keyed) {
        schema.insert("type".to_owned(), "array".into());
        if info.kind == ChannelKind::Keyed {
            schema.insert("items".to_owned(), json!({"type": "object"}));
        }
    }
    schema.insert("title".to_owned(), info.name.into());
    if !info.doc.is_empty() {
        schema.insert("description".to_owned(), info.doc.into());
    }
    Value::Object(schema)
}

fn text(schema: &Value) -> Json {
    Json::trusted(&schema.to_string())
}
