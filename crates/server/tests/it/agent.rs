//! A graph like the one that the recorded exchanges were made with: `agent` answers, `gate` asks when it is told to.
//!
//! What is said decides what happens: `boom` fails, `hold NAME` answers when the test lets NAME go, a text with
//! `approve` makes the gate ask.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use everthread_chat::Messages;
use everthread_graph::{
    AnyGraph, CompiledGraph, Context, END, List, NodeError, START, State, StateGraph,
};
use everthread_model::Message;
use everthread_store::Store;
use serde_json::json;
use tokio::sync::watch;

#[derive(State)]
pub struct Talk {
    #[state(list)]
    pub messages: Messages,
    pub log: List<String>,
}

/// Lets nodes wait until a test lets them go.
#[derive(Debug, Clone, Default)]
pub struct Holds(Arc<Mutex<HashMap<String, Hold>>>);

#[derive(Debug, Clone)]
struct Hold {
    reached: watch::Sender<bool>,
    free: watch::Sender<bool>,
}

impl Holds {
    fn hold(&self, name: &str) -> Hold {
        let mut all = self.0.lock().expect("no test panicked here");
        let new = || Hold {
            reached: watch::Sender::new(false),
            free: watch::Sender::new(false),
        };
        all.entry(name.to_owned()).or_insert_with(new).clone()
    }

    /// Waits until a node holds at this name.
    pub async fn reached(&self, name: &str) {
        let mut reached = self.hold(name).reached.subscribe();
        reached
            .wait_for(|reached| *reached)
            .await
            .expect("the sender is kept");
    }

    /// Lets it go.
    pub fn free(&self, name: &str) {
        self.hold(name).free.send_replace(true);
    }

    async fn wait(&self, name: &str) {
        let hold = self.hold(name);
        let mut free = hold.free.subscribe();
        hold.reached.send_replace(true);
        free.wait_for(|free| *free)
            .await
            .expect("the sender is kept");
    }
}

async fn agent(holds: Holds, state: Arc<Talk>, ctx: Context) -> Result<TalkUpdate, NodeError> {
    let asked = state.messages.last().map(|last| last.text().into_owned());
    let asked = asked.unwrap_or_default();
    if asked == "boom" {
        return Err(NodeError::permanent("scripted failure"));
    }
    ctx.emit(&json!({"progress": "thinking"})).await;
    if let Some(name) = asked.strip_prefix("hold ") {
        holds.wait(name).await;
    }
    let id = format!("reply-{}", state.messages.len());
    let reply = format!("echo: {asked}");
    for (at, piece) in reply.split_inclusive(' ').enumerate() {
        let chunk = json!({"type": "AIMessageChunk", "id": id, "content": piece, "n": at});
        ctx.emit_message(&chunk, &json!({"model": "echo"})).await;
    }
    let reply = Message::ai(reply).with_id(id);
    Ok(Talk::update().messages([reply]).log("agent".to_owned()))
}

async fn gate(state: Arc<Talk>, ctx: Context) -> Result<TalkUpdate, NodeError> {
    let mut done = "gate".to_owned();
    let asks = state
        .messages
        .iter()
        .any(|one| one.text().contains("approve"));
    if asks && !state.log.iter().any(|line| line.starts_with("gate:")) {
        let answer: String = ctx.interrupt(&json!({"question": "ok to finish?"})).await?;
        done = format!("gate:{answer}");
    }
    Ok(Talk::update().log(done))
}

fn inner(store: &Arc<dyn Store>, name: &'static str, holds: &Holds) -> CompiledGraph<Talk> {
    let holds = holds.clone();
    StateGraph::<Talk>::new()
        .name(name)
        .node("agent", move |state, ctx| agent(holds.clone(), state, ctx))
        .node("gate", gate)
        .edge(START, "agent")
        .edge("agent", "gate")
        .edge("gate", END)
        .compile(store.clone())
        .expect("a graph")
}

/// `agent`, and `parent`, which has it inside its node `child`.
pub fn graphs(store: &Arc<dyn Store>, holds: &Holds) -> Vec<Arc<dyn AnyGraph>> {
    let agent = inner(store, "agent", holds);
    let child = inner(store, "child", holds);
    let parent = StateGraph::<Talk>::new()
        .name("parent")
        .node("before", async |_, _| {
            Talk::update().log("before".to_owned())
        })
        .subgraph(
            "child",
            &child,
            |talk: &Talk| {
                let said: Vec<Arc<Message>> = talk.messages.iter().cloned().collect();
                Talk::update().messages(said)
            },
            |talk: &Talk| {
                let said: Vec<Arc<Message>> = talk.messages.iter().cloned().collect();
                Talk::update().messages(said)
            },
        )
        .edge(START, "before")
        .edge("before", "child")
        .edge("child", END)
        .compile(store.clone())
        .expect("a graph");
    vec![Arc::new(agent), Arc::new(parent)]
}
