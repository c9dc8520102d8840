//! One part of the server, and how it stands.

use std::fmt::Debug;

use async_trait::async_trait;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::metrics::Metrics;

/// How a part stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// As it should be.
    Ok,
    /// It works, and somebody should look at it.
    Degraded,
    /// It does not work.
    Failed,
}

/// What was found when a part was looked at.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Component {
    /// Which part: `storage`, `queue`, `disk`, `backup`, `model …`.
    pub name: String,
    /// How it stands.
    pub status: Standing,
    /// What is wrong and what to do; absent when nothing is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Figures: sizes in bytes, times in seconds.
    #[schema(value_type = Object)]
    pub facts: Map<String, Value>,
}

/// Looks at one part of the server. Whoever wires a part that the server does not know, such as a model, hands one in.
#[async_trait]
pub trait Probe: Send + Sync + Debug {
    /// Looks. To be quick: a part that takes long to tell is told from memory.
    async fn look(&self) -> Component;

    /// Whether requests may come as far as this part is concerned; yes by default. To be as quick as a look: a load
    /// balancer asks every second.
    ///
    /// # Errors
    /// What is missing and what to do: anybody may read it.
    async fn ready(&self) -> Result<(), String> {
        Ok(())
    }

    /// Brings counters up to date that tell a state rather than an event; nothing by default.
    async fn refresh(&self, _: &Metrics) {}
}

impl Component {
    /// A part that stands so.
    #[must_use]
    pub fn new(name: impl Into<String>, status: Standing) -> Self {
        Self {
            name: name.into(),
            status,
            hint: None,
            facts: Map::new(),
        }
    }

    /// The same with a figure.
    #[must_use]
    pub fn fact(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.facts.insert(name.to_owned(), value.into());
        self
    }

    /// The same with what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}
