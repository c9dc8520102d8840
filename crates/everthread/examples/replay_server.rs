//! A server of a developer's own graphs: those that the recorded exchanges of `clients/replay` talk to.
//!
//!     cargo run --example replay_server [STORAGE]
//!
//! What it takes is `main`: graphs are compiled over a store and registered, the rest comes with the server. The
//! graphs themselves are described in `clients/replay/GRAPHS.md`.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use everthread::model::{Role, ToolCall};
use everthread::prelude::*;
use everthread::server::Server;
use serde_json::{Value, json};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let storage = std::env::args().nth(1);
    let storage = storage.as_deref().unwrap_or("sqlite::memory:");
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(SqliteOptions::from_url(storage)?)?);
    let server = Server::new(store.clone())
        .graph(Arc::new(agent(store.clone())?))
        .graph(Arc::new(parent(store.clone())?))
        .graph(Arc::new(tooler(store)?));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}", listener.local_addr()?);
    let ended = async { drop(tokio::signal::ctrl_c().await) };
    Ok(server.serve(listener, ended).await?)
}

type Built<S> = Result<CompiledGraph<S>, everthread::graph::Error>;

#[derive(State)]
struct Agent {
    #[state(list)]
    messages: Messages,
    #[state(list)]
    log: List<String>,
}

/// Echoes; fails at `boom`, takes its time at `sleep N`, and asks before it ends when told to `approve`.
fn agent(store: Arc<dyn Store>) -> Built<Agent> {
    StateGraph::<Agent>::new()
        .name("agent")
        .node("agent", echo)
        .node("gate", gate)
        .edge(START, "agent")
        .edge("agent", "gate")
        .edge("gate", END)
        .compile(store)
}

async fn echo(state: Arc<Agent>, node: Context) -> Result<AgentUpdate, NodeError> {
    node.emit(&json!({"progress": "thinking"})).await;
    let said = last_text(&state);
    if matches!(said.as_str(), "" | "boom") {
        return Err(NodeError::permanent("scripted failure"));
    }
    if let Some(seconds) = said.strip_prefix("sleep ").and_then(|n| n.parse().ok()) {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }
    let id = node.new_id();
    let mut tokens = vec!["echo:".to_owned()];
    for word in said.split(' ') {
        tokens.extend([" ".to_owned(), word.to_owned()]);
    }
    let last = tokens.len() - 1;
    for (position, token) in tokens.iter().enumerate() {
        let mut chunk = chunk(&id, token);
        if position == last {
            chunk["chunk_position"] = "last".into();
        }
        node.emit_message(&chunk, &json!({})).await;
    }
    let reply = Message::ai(tokens.concat()).with_id(id);
    Ok(Agent::update().messages(reply).log("agent".to_owned()))
}

async fn gate(state: Arc<Agent>, node: Context) -> Result<AgentUpdate, NodeError> {
    if !last_text(&state).contains("approve") {
        return Ok(Agent::update().log("gate".to_owned()));
    }
    let answer: String = node
        .interrupt(&json!({"question": "ok to finish?"}))
        .await?;
    Ok(Agent::update().log(format!("gate:{answer}")))
}

fn last_text(state: &Agent) -> String {
    let last = state.messages.last();
    last.map(|message| message.text().into_owned())
        .unwrap_or_default()
}

/// A graph inside another. Its list is added to the list of the graph around it, as LangGraph adds it.
fn parent(store: Arc<dyn Store>) -> Built<Agent> {
    let child = agent(store.clone())?;
    let whole = |state: &Agent| {
        let messages: Vec<_> = state.messages.iter().cloned().collect();
        let log: Vec<String> = state.log.iter().map(|line| (**line).clone()).collect();
        Agent::update().messages(messages).log(log)
    };
    StateGraph::<Agent>::new()
        .name("parent")
        .node("before", |_: Arc<Agent>, _: Context| async {
            Agent::update().log("before".to_owned())
        })
        .subgraph("child", &child, whole, whole)
        .edge(START, "before")
        .edge("before", "child")
        .edge("child", END)
        .compile(store)
}

#[derive(State)]
struct Talk {
    #[state(list)]
    messages: Messages,
}

/// Calls a tool, reads what it found, and answers.
fn tooler(store: Arc<dyn Store>) -> Built<Talk> {
    StateGraph::<Talk>::new()
        .name("tooler")
        .node("model", call)
        .node("tools", look_up)
        .edge(START, "model")
        .route(
            "model",
            |state: &Talk| match state.messages.last() {
                Some(message) if !message.tool_calls.is_empty() => "tools",
                _ => END,
            },
            ["tools", END],
        )
        .edge("tools", "model")
        .compile(store)
}

async fn call(state: Arc<Talk>, node: Context) -> TalkUpdate {
    let id = node.new_id();
    let found = state
        .messages
        .last()
        .is_some_and(|message| message.role() == Role::Tool);
    let (message, chunks) = if found { answer(&id) } else { question(&id) };
    for chunk in &chunks {
        node.emit_message(chunk, &json!({})).await;
    }
    Talk::update().messages(message.with_id(id))
}

fn question(id: &str) -> (Message, Vec<Value>) {
    let mut message = Message::ai("Let me check. ");
    message.tool_calls = vec![ToolCall::new("call_1", "lookup", json!({"q": "life"}))];
    let piece = |name: Option<&str>, args: &str| {
        let call = name.map(|_| "call_1");
        let mut chunk = chunk(id, "");
        chunk["tool_call_chunks"] = json!([
            {"name": name, "args": args, "id": call, "index": 0, "type": "tool_call_chunk"}
        ]);
        chunk
    };
    let mut chunks = vec![
        chunk(id, "Let me check. "),
        piece(Some("lookup"), ""),
        piece(None, "{\"q\": "),
        piece(None, "\"life\"}"),
    ];
    chunks.push(end(id));
    (message, chunks)
}

fn answer(id: &str) -> (Message, Vec<Value>) {
    let words = ["The ", "answer ", "is ", "42."];
    let mut message = Message::ai(words.concat());
    let usage = json!({"input_tokens": 10, "output_tokens": 4, "total_tokens": 14});
    let about = json!({"finish_reason": "stop", "model_name": "fake-1"});
    message.usage_metadata = Some(usage.clone());
    message.response_metadata = about.as_object().cloned().unwrap_or_default();
    let mut chunks: Vec<Value> = words.iter().map(|word| chunk(id, word)).collect();
    let mut finished = chunk(id, "");
    finished["usage_metadata"] = usage;
    finished["response_metadata"] = about;
    chunks.extend([finished, end(id)]);
    (message, chunks)
}

async fn look_up(state: Arc<Talk>, node: Context) -> TalkUpdate {
    let wanted = state.messages.last();
    let call = wanted.and_then(|message| message.tool_calls.first());
    let subject = call.map_or("", |call| call.args["q"].as_str().unwrap_or_default());
    let mut found = Message::tool("call_1", format!("found 42 for {subject}"));
    found.name = Some("lookup".to_owned());
    found.extra.insert("status".to_owned(), "success".into());
    let found = found.with_id(node.new_id());
    node.emit_message(&found, &json!({})).await;
    Talk::update().messages(found)
}

fn chunk(id: &str, text: &str) -> Value {
    json!({"type": "AIMessageChunk", "id": id, "content": text})
}

fn end(id: &str) -> Value {
    let mut last = chunk(id, "");
    last["chunk_position"] = "last".into();
    last
}
