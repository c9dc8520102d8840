//! The chatbot: what of a conversation the model sees, and the graph that keeps the rest.
//!
//! Over any store and any model: this crate knows no database driver and no HTTP. What was said stays in
//! the state for ever; a summary only chooses what the model is shown.

mod chatbot;
mod context;
mod error;
mod graph;
mod lines;
mod models;
mod notes;
mod policy;
mod profile;
mod review;
mod run_context;
mod speak;
mod speaker;
mod state;
mod summary;
mod title;
mod turn;

pub use chatbot::{Chatbot, Conversation, Sent, Standing};
pub use context::Context;
pub use error::ChatError;
pub use graph::{CHAT, GRAPH, SUMMARIZE};
pub use models::Models;
pub use policy::ContextPolicy;
pub use profile::{Profile, UserProfile};
pub use review::{DRAFT, REVIEW, Rejected, ReviewState, ReviewStateUpdate, review_graph};
pub use run_context::RunContext;
pub use state::{ChatState, ChatStateUpdate, MessageIds, Messages, overdue};
pub use summary::Summary;
pub use title::title_of;
pub use turn::Said;
