//! Items of the long-term memory, as they are asked for.

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// An item that is to be stored.
#[derive(Debug, Deserialize, ToSchema)]
pub struct ItemPut {
    /// Where it belongs, outermost label first.
    pub namespace: Vec<String>,
    /// Its name there.
    pub key: String,
    /// The value, an object.
    #[schema(value_type = Object)]
    pub value: Map<String, Value>,
    /// Which fields are searched by meaning: all of the value, that is `["$"]` or nothing. Other choices are refused.
    #[schema(value_type = Option<Vec<String>>)]
    pub index: Option<Value>,
    /// Minutes that it lives; for ever when absent.
    pub ttl: Option<f64>,
}

/// An item that is to be deleted.
#[derive(Debug, Deserialize, ToSchema)]
pub struct ItemDelete {
    /// Where it belongs.
    #[serde(default)]
    pub namespace: Vec<String>,
    /// Its name there.
    pub key: String,
}

/// Which items.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub struct ItemSearch {
    /// Namespaces that begin with these labels; all when absent.
    pub namespace_prefix: Option<Vec<String>>,
    /// Fields and what they must be: a value, or `$eq`, `$ne`, `$gt`, `$gte`, `$lt`, `$lte` with one.
    #[schema(value_type = Option<Object>)]
    pub filter: Option<Box<RawValue>>,
    /// At most so many; 10, at most 1,000.
    pub limit: Option<usize>,
    /// Skip so many; 0.
    pub offset: Option<usize>,
    /// What they should be about.
    pub query: Option<String>,
    /// Whether those found live anew; `true`.
    pub refresh_ttl: Option<bool>,
}

/// Which namespaces.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub struct NamespaceSearch {
    /// Those that begin so; `*` stands for any label.
    pub prefix: Option<Vec<String>>,
    /// Those that end so; `*` stands for any label.
    pub suffix: Option<Vec<String>>,
    /// Only so many labels of each.
    pub max_depth: Option<usize>,
    /// At most so many; 100, at most 1,000.
    pub limit: Option<usize>,
    /// Skip so many; 0.
    pub offset: Option<usize>,
}
