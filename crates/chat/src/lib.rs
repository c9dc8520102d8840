//! The chatbot: what of a conversation the model sees, and the graph that keeps the rest.
//!
//! Over any store and any model: this crate knows no database driver and no HTTP. What was said stays in
//! the state for ever; a summary only chooses what the model is shown.

mod chatbot;
mod context;
mod error;
mod graph;
mod lines;
mod notes;
mod policy;
mod speak;
mod state;
mod summary;
mod title;
mod turn;

pub use chatbot::{Chatbot, Conversation, Sent, Standing};
pub use context::{Context, Profile};
pub use error::ChatError;
pub use graph::{CHAT, GRAPH, SUMMARIZE};
pub use policy::ContextPolicy;
pub use state::{ChatState, ChatStateUpdate, MessageIds, Messages, overdue};
pub use summary::Summary;
pub use title::title_of;
pub use turn::Said;
