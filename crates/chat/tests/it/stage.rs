//! A store, a scripted model that notes what it is asked, and the graphs over them.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use everthread_chat::{Chatbot, ContextPolicy, Models};
use everthread_graph::contract::{Json, ThreadId, ThreadKey, UserId};
use everthread_graph::{
    AnyGraph, AnyInput, AnyOutput, Error, Event, EventData, RunOptions, StreamModes,
};
use everthread_model::scripted::Scripted;
use everthread_model::{
    ChatModel, ChatRequest, Message, ModelError, ModelErrorKind, Reply, TokenSink,
};
use everthread_sqlite::{SqliteOptions, SqliteStore};
use everthread_store::Store;
use serde_json::Value;

type Asked = Arc<Mutex<Vec<ChatRequest>>>;

pub struct Stage {
    pub store: Arc<dyn Store>,
    /// What the models were asked, in order.
    asked: Asked,
    pub graph: Arc<dyn AnyGraph>,
}

/// A model that answers with what it is asked to summarise, or with its name and a number.
fn model(name: &'static str, asked: &Asked) -> Arc<dyn ChatModel> {
    let asked = asked.clone();
    let model = Scripted::answering(move |request| {
        let mut asked = asked.lock().unwrap();
        asked.push(request.clone());
        match request.messages[0].text() {
            text if text.starts_with("You summarise") => Ok("a summary".to_owned()),
            _ => Ok(format!("{name} {}", asked.len())),
        }
    });
    Arc::new(Named { name, model })
}

/// A scripted model under a name of its own.
#[derive(Debug)]
struct Named {
    name: &'static str,
    model: Scripted,
}

#[async_trait]
impl ChatModel for Named {
    fn name(&self) -> &str {
        self.name
    }

    fn window_tokens(&self) -> usize {
        self.model.window_tokens()
    }

    fn count_tokens(&self, messages: &[Arc<Message>]) -> usize {
        self.model.count_tokens(messages)
    }

    async fn generate(
        &self,
        request: ChatRequest,
        sink: &mut dyn TokenSink,
    ) -> Result<Reply, ModelError> {
        self.model.generate(request, sink).await
    }
}

pub fn key() -> ThreadKey {
    ThreadKey {
        user: UserId::new("ann").unwrap(),
        thread: ThreadId::new("t").unwrap(),
    }
}

pub fn json(value: impl Into<Value>) -> Json {
    Json::of(&value.into()).unwrap()
}

pub fn says(text: &str) -> AnyInput {
    input(serde_json::json!({"messages": [{"type": "human", "content": text}]}))
}

pub fn input(value: Value) -> AnyInput {
    AnyInput::Update(json(value))
}

pub fn answers(value: impl Into<Value>) -> AnyInput {
    AnyInput::Command {
        update: None,
        resume: Some(json(value)),
        goto: Vec::new(),
    }
}

pub fn values(output: &AnyOutput) -> Value {
    output.values.json().unwrap().read().unwrap()
}

/// The texts of the messages that the state holds.
pub fn texts(values: &Value) -> Vec<&str> {
    let messages = values["messages"].as_array().unwrap().iter();
    messages
        .map(|message| message["content"].as_str().unwrap())
        .collect()
}

impl Stage {
    /// The graph of this name; it speaks with `first`, and runs may ask for `second`.
    pub fn new(graph: &str) -> Self {
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(SqliteOptions::memory()).unwrap());
        let asked = Asked::default();
        let others = asked.clone();
        let models = Models::new(model("first", &asked)).opening(move |name| match name {
            "second" => Ok(model("second", &others)),
            _ => Err(ModelError::new(ModelErrorKind::UnknownModel, name)),
        });
        let bot = Chatbot::new(store.clone(), models, ContextPolicy::default()).unwrap();
        let graphs = bot.graphs().unwrap();
        let graph = graphs.into_iter().find(|known| known.name() == graph);
        Self {
            store,
            asked,
            graph: graph.unwrap(),
        }
    }

    pub async fn run(&self, input: AnyInput) -> AnyOutput {
        self.run_with(input, RunOptions::new()).await.unwrap()
    }

    pub async fn run_with(&self, input: AnyInput, options: RunOptions) -> Result<AnyOutput, Error> {
        let stream = self.graph.stream(&key(), input, StreamModes::NONE, options);
        stream?.finish().await
    }

    /// A run with a context.
    pub async fn run_in(&self, context: Value, input: AnyInput) -> Result<AnyOutput, Error> {
        let options = RunOptions::new().context(json(context));
        self.run_with(input, options).await
    }

    /// All that a run shows.
    pub async fn watch(&self, input: AnyInput, modes: StreamModes) -> Vec<EventData> {
        let stream = self.graph.stream(&key(), input, modes, RunOptions::new());
        let mut stream = stream.unwrap();
        let mut shown = Vec::new();
        while let Some(event) = stream.next().await {
            let Event { data, .. } = event.unwrap();
            shown.push(data);
        }
        shown
    }

    pub fn asked(&self) -> Vec<ChatRequest> {
        self.asked.lock().unwrap().clone()
    }

    /// What opened the context of the last request.
    pub fn system(&self) -> String {
        self.asked().last().unwrap().messages[0].text().into_owned()
    }
}
