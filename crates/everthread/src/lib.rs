//! Chatbot memory that lasts: the libraries behind one name.
//!
//! Build a conversation graph, give it a store, and every turn of every thread is kept:
//!
//! ```
//! use everthread::prelude::*;
//! use std::sync::Arc;
//!
//! #[derive(State)]
//! struct Talk {
//!     #[state(list)]
//!     messages: Messages,
//! }
//!
//! async fn answer(state: Arc<Talk>, _: Context) -> TalkUpdate {
//!     let said = state.messages.last().map(|message| message.text().into_owned());
//!     Talk::update().messages(Message::ai(format!("You said: {}", said.unwrap_or_default())))
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let store = Arc::new(SqliteStore::open(SqliteOptions::from_url("sqlite::memory:")?)?);
//! let graph = StateGraph::<Talk>::new()
//!     .node("answer", answer)
//!     .edge(START, "answer")
//!     .edge("answer", END)
//!     .compile(store)?;
//!
//! let alice = graph.thread("alice");
//! alice.invoke(Talk::update().messages(Message::human("hello"))).await?;
//! let out = alice.invoke(Talk::update().messages(Message::human("again"))).await?;
//! assert_eq!(out.state.messages.len(), 4);
//! # Ok(())
//! # }
//! ```

mod sqlite_files;

pub use everthread_backup as backup;
pub use everthread_chat as chat;
pub use everthread_graph as graph;
pub use everthread_model as model;
pub use everthread_server as server;
pub use everthread_sqlite as sqlite;
pub use everthread_store as store;
pub use sqlite_files::SqliteFiles;

/// The model that `EVERTHREAD_MODEL` names; without it gpt-4o-mini when `OPENAI_API_KEY` is set, else the local one,
/// whose weights `everthread models pull` gets.
///
/// # Errors
/// When the name is no model's, or the model needs what is not there: the error says what to do.
pub fn model_from_env() -> Result<std::sync::Arc<dyn model::ChatModel>, model::ModelError> {
    let openai = model::OpenAiConfig::from_env();
    let default = match openai.api_key {
        Some(_) => "openai:gpt-4o-mini",
        None => "local",
    };
    let named = std::env::var("EVERTHREAD_MODEL");
    let spec: model::ModelSpec = named.as_deref().unwrap_or(default).parse()?;
    let config = model::ModelConfig {
        openai,
        local: model::LocalConfig {
            models_dir: model::weights::default_dir(),
            ..model::LocalConfig::default()
        },
        ..model::ModelConfig::default()
    };
    model::open(&spec, &config)
}

/// What most programs need.
pub mod prelude {
    pub use everthread_chat::{ChatState, Chatbot, ContextPolicy, Messages};
    pub use everthread_graph::{
        CompiledGraph, Context, END, Edits, Keyed, List, NodeError, RunOptions, START, State,
        StateGraph, StreamModes,
    };
    pub use everthread_model::{ChatModel, ChatRequest, Message, ModelConfig, ModelSpec};
    pub use everthread_sqlite::{SqliteOptions, SqliteStore};
    pub use everthread_store::Store;
}
