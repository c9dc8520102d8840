//! The tools: search what was said, read a conversation, remember something, recall it.

use everthread_graph::contract::Json;
use everthread_store::{ReadMessages, Search, text_of};
use rmcp::handler::server::router::tool::ToolRouter;
use rmcp::handler::server::wrapper::Parameters;
use rmcp::model::{CallToolResult, ContentBlock, Implementation, ServerCapabilities, ServerConfig};
use rmcp::{ServerHandler, tool, tool_handler, tool_router};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::OnceLock;
use uuid::Uuid;

use super::recall::recall;
use crate::app::App;
use crate::error::ApiError;
use crate::identity::Caller;
use crate::params::thread_id;
use crate::routes::items::checked;
use crate::times::iso;

/// What a model is told of these tools.
const ABOUT: &str = "The memory of one person: everything that was said in their conversations with chatbots, word for \
                     word, and notes that were made to be recalled. Search before you ask them what they may have told \
                     already; remember what will matter in later conversations.";
/// Hits and notes that are given when nothing else is said.
const LIMIT: usize = 10;
/// Messages that are given when nothing else is said.
const MESSAGES: usize = 50;
/// Most of either.
const MAX_LIMIT: usize = 200;
/// Where notes are when nothing else is said.
const NOTES: &str = "memories";

/// The tools for one caller.
#[derive(Clone)]
pub(super) struct Tools {
    pub(super) app: App,
    pub(super) caller: Caller,
}

/// What to look for.
#[derive(Debug, Deserialize, JsonSchema)]
struct SearchConversations {
    /// Words; all of them must occur in a message. A word that ends in * matches words that begin so.
    query: String,
    /// In this conversation only.
    conversation: Option<String>,
    /// At most so many messages; 10.
    limit: Option<usize>,
}

/// What to read.
#[derive(Debug, Deserialize, JsonSchema)]
struct ReadConversation {
    /// The conversation's id, as a search gives it.
    conversation: String,
    /// Only messages before this one (its `seq`), to read backwards.
    before: Option<u64>,
    /// At most so many messages, the newest of them; 50.
    limit: Option<usize>,
}

/// What to keep.
#[derive(Debug, Deserialize, JsonSchema)]
struct Remember {
    /// What is to be remembered, in plain words.
    text: String,
    /// A name for it: what had this name before is replaced. One is made when it is left out.
    key: Option<String>,
    /// The shelf that it is kept on, outermost part first; ["memories"].
    namespace: Option<Vec<String>>,
}

/// What to recall.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Recall {
    /// What it is about; the newest notes when it is left out.
    pub(super) query: Option<String>,
    /// The one note of this name.
    pub(super) key: Option<String>,
    /// The shelf to look on; every shelf by default, for a name ["memories"].
    pub(super) namespace: Option<Vec<String>>,
    /// At most so many; 10.
    pub(super) limit: Option<usize>,
}

#[tool_router(router = all)]
impl Tools {
    #[tool(
        description = "Search everything that was said in this person's conversations, newest first. Gives the conversation, a snippet and the time of each message found."
    )]
    async fn search_conversations(
        &self,
        Parameters(asked): Parameters<SearchConversations>,
    ) -> CallToolResult {
        result(self.search(asked).await)
    }

    #[tool(
        description = "Read a conversation word for word, oldest message first. Long ones are read backwards with `before`."
    )]
    async fn read_conversation(
        &self,
        Parameters(asked): Parameters<ReadConversation>,
    ) -> CallToolResult {
        result(self.read(asked).await)
    }

    #[tool(
        description = "Remember something about this person or their work for later conversations."
    )]
    async fn remember(&self, Parameters(asked): Parameters<Remember>) -> CallToolResult {
        result(self.keep(asked).await)
    }

    #[tool(
        description = "Recall what was remembered: by what it is about, by its name, or the newest."
    )]
    async fn recall(&self, Parameters(asked): Parameters<Recall>) -> CallToolResult {
        let limit = limited(asked.limit, LIMIT);
        result(recall(&self.app, &self.caller, asked, limit).await)
    }
}

/// The router is made once: it says the same for everyone.
fn router() -> &'static ToolRouter<Tools> {
    static ROUTER: OnceLock<ToolRouter<Tools>> = OnceLock::new();
    ROUTER.get_or_init(Tools::all)
}

#[tool_handler(router = router())]
impl ServerHandler for Tools {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder().enable_tools().build();
        ServerConfig::new(capabilities)
            .with_server_info(Implementation::new("everthread", env!("CARGO_PKG_VERSION")))
            .with_instructions(ABOUT)
    }
}

/// What a tool gives: a JSON object, or what is wrong, in words that the model can act on.
fn result(done: Result<Value, ApiError>) -> CallToolResult {
    match done {
        Ok(value) => CallToolResult::structured(value),
        Err(error) => CallToolResult::error(vec![ContentBlock::text(error.detail())]),
    }
}

fn limited(asked: Option<usize>, otherwise: usize) -> usize {
    asked.unwrap_or(otherwise).clamp(1, MAX_LIMIT)
}

impl Tools {
    async fn search(&self, asked: SearchConversations) -> Result<Value, ApiError> {
        let query = Search {
            words: asked.query,
            thread: asked.conversation.as_deref().map(thread_id).transpose()?,
            offset: 0,
            limit: limited(asked.limit, LIMIT),
        };
        let hits = self.app.store.search(&self.caller.user, query).await?;
        let hits: Vec<Value> = hits
            .iter()
            .map(|hit| {
                json!({
                    "conversation": hit.thread.as_str(),
                    "title": hit.title,
                    "seq": hit.seq,
                    "from": speaker(&hit.body),
                    "at": iso(hit.at_ms),
                    "snippet": hit.snippet,
                })
            })
            .collect();
        Ok(json!({"messages": hits}))
    }

    async fn read(&self, asked: ReadConversation) -> Result<Value, ApiError> {
        let key = self.caller.key(thread_id(&asked.conversation)?);
        let thread = self.app.thread(&key).await?;
        let query = ReadMessages {
            at: None,
            before_seq: asked.before,
            limit: Some(limited(asked.limit, MESSAGES)),
        };
        let messages = self.app.store.messages(&key, query).await?;
        let messages: Vec<Value> = messages
            .iter()
            .map(|message| {
                json!({
                    "seq": message.seq,
                    "from": speaker(&message.body),
                    "at": iso(message.at_ms),
                    "text": text_of(&message.body),
                })
            })
            .collect();
        Ok(json!({
            "conversation": thread.id.as_str(),
            "title": thread.title,
            "messages_in_all": thread.messages,
            "messages": messages,
        }))
    }

    async fn keep(&self, asked: Remember) -> Result<Value, ApiError> {
        let namespace = asked.namespace.unwrap_or_else(|| vec![NOTES.to_owned()]);
        checked(&namespace)?;
        let key = asked.key.filter(|key| !key.is_empty());
        let key = key.unwrap_or_else(|| Uuid::now_v7().to_string());
        let value = Json::of(&json!({"text": asked.text}));
        let value = value.map_err(|error| ApiError::invalid(error.to_string()))?;
        let user = &self.caller.user;
        let put = self
            .app
            .store
            .put_item(user, &namespace, &key, Some(value), None);
        put.await?;
        Ok(json!({"namespace": namespace, "key": key}))
    }
}

/// Who said a message: `human`, `ai`, `system` or `tool`.
fn speaker(body: &Json) -> Value {
    let body: Value = body.read().unwrap_or_default();
    body["type"].clone()
}

/// The shelf of a note that is asked for by its name.
pub(super) fn shelf(namespace: Option<Vec<String>>) -> Vec<String> {
    namespace.unwrap_or_else(|| vec![NOTES.to_owned()])
}
