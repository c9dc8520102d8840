//! Chat models behind one trait (OpenAI-compatible, local, scripted), and what makes vectors of texts behind another.
//!
//! This crate owns [`Message`], the one shape in which people, models and tools speak, and [`ChatModel`],
//! the one seam behind which every chat model stands, as [`Embedder`] is for vectors. It knows no graph, no store and no chat policy: what a
//! model is shown is the caller's choice, what the model answers is this crate's work.

mod chat_model;
mod config;
mod delta;
mod embedder;
mod error;
mod fallback;
mod fit;
#[cfg(feature = "local")]
mod local;
mod message;
mod observer;
#[cfg(feature = "openai")]
mod openai;
mod reply;
mod request;
pub mod scripted;
mod spec;
mod tokens;
#[cfg(feature = "local")]
pub mod weights;

pub use chat_model::ChatModel;
pub use config::{FallbackConfig, LocalConfig, ModelConfig, OpenAiConfig};
pub use delta::{Delta, Silent, TokenSink};
pub use embedder::Embedder;
pub use error::{ModelError, ModelErrorKind};
pub use fallback::Fallback;
pub use fit::fit;
#[cfg(feature = "local")]
pub use local::{LocalModel, MiniLm};
pub use message::{Content, Message, Role, ToolCall};
pub use observer::ModelObserver;
#[cfg(feature = "openai")]
pub use openai::OpenAiModel;
pub use reply::{Finish, Reply};
pub use request::ChatRequest;
pub use spec::{ModelChoice, ModelSpec, open};
pub use tokens::estimate_tokens;
