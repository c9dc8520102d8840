//! Assistants as they are asked for.

use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

/// An assistant that is to be made.
#[derive(Debug, Deserialize, ToSchema)]
pub struct AssistantCreate {
    /// The graph.
    pub graph_id: String,
    /// The id; a new one when absent.
    #[schema(value_type = Option<String>, format = "uuid")]
    pub assistant_id: Option<Uuid>,
    /// Tags, the recursion limit and what is configurable.
    #[schema(value_type = Option<Object>)]
    pub config: Option<Map<String, Value>>,
    /// What the graph's nodes read beside the state; what is configurable when absent.
    #[schema(value_type = Option<Object>)]
    pub context: Option<Map<String, Value>>,
    /// Free metadata.
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<Map<String, Value>>,
    /// The name; `Untitled`.
    pub name: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// What happens when the id is taken: `raise` (the default) or `do_nothing`.
    pub if_exists: Option<String>,
}

/// A change to an assistant; what is absent stays.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub struct AssistantPatch {
    /// Another graph.
    pub graph_id: Option<String>,
    /// The new configuration, as a whole.
    #[schema(value_type = Option<Object>)]
    pub config: Option<Map<String, Value>>,
    /// The new context, as a whole.
    #[schema(value_type = Option<Object>)]
    pub context: Option<Map<String, Value>>,
    /// Metadata that come upon those there.
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<Map<String, Value>>,
    /// The new name.
    pub name: Option<String>,
    /// The new description.
    pub description: Option<String>,
}

/// Which assistants.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub struct AssistantSearch {
    /// Of this graph only.
    pub graph_id: Option<String>,
    /// Whose name has this in it, in whichever case.
    pub name: Option<String>,
    /// Whose metadata have these fields.
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<Map<String, Value>>,
    /// At most so many; 10, at most 1,000.
    pub limit: Option<usize>,
    /// Skip so many; 0.
    pub offset: Option<usize>,
    /// `created_at` (the default), `updated_at`, `name`, `graph_id` or `assistant_id`.
    pub sort_by: Option<String>,
    /// `desc` (the default) or `asc`.
    pub sort_order: Option<String>,
    /// Only these fields.
    pub select: Option<Vec<String>>,
}

/// Which version is to be the latest.
#[derive(Debug, Deserialize, ToSchema)]
pub struct LatestBody {
    /// The version.
    pub version: u64,
}

/// Which versions of an assistant.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub struct VersionSearch {
    /// Whose metadata have these fields.
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<Map<String, Value>>,
    /// At most so many; 10, at most 1,000.
    pub limit: Option<usize>,
    /// Skip so many; 0.
    pub offset: Option<usize>,
}
