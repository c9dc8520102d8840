//! What clients of OpenAI's protocol are offered.

/// What clients of OpenAI's protocol are offered: the graph that answers them, and its models.
///
/// The graph keeps a conversation in the channel `messages`, in LangChain's form, and reads the run's context as the
/// built-in graph `chat` does: `system`, `model`, `temperature`, `reply_tokens`, `tools`, `tool_choice`,
/// `summarize_above_messages` and `summarize_above_tokens`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    pub(crate) graph: String,
    pub(crate) reply_node: Option<String>,
    pub(crate) models: Vec<Model>,
}

/// A model that a request may name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Model {
    pub(crate) name: String,
    pub(crate) has_tools: bool,
}

impl Offer {
    /// This graph answers. Without a model it is the only one, under its own name, and calls no tools.
    #[must_use]
    pub fn new(graph: impl Into<String>) -> Self {
        Self {
            graph: graph.into(),
            reply_node: None,
            models: Vec::new(),
        }
    }

    /// The reply is complete with what this node says: clients are answered then, while the graph goes on. By default
    /// they wait for the end of the run.
    #[must_use]
    pub fn reply_of(mut self, node: impl Into<String>) -> Self {
        self.reply_node = Some(node.into());
        self
    }

    /// One more model, and whether it calls tools. The first is the one that answers when a request names none.
    #[must_use]
    pub fn model(mut self, name: impl Into<String>, has_tools: bool) -> Self {
        self.models.push(Model {
            name: name.into(),
            has_tools,
        });
        self
    }

    /// Whether this model calls tools; the one that answers by default for `None`. Of an unknown one the graph
    /// decides.
    pub(crate) fn has_tools(&self, model: Option<&str>) -> bool {
        match model {
            None => self.models.first().is_some_and(|first| first.has_tools),
            Some(name) => self
                .models
                .iter()
                .find(|known| known.name == name)
                .is_none_or(|known| known.has_tools),
        }
    }
}
