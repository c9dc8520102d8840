//! A server for a graph of your own, on `http://127.0.0.1:8123`. Talk to it with any client of LangGraph, or so:
//!
//!     cargo run --example own_graph
//!     curl http://127.0.0.1:8123/runs/wait \
//!       -d '{"assistant_id": "shout", "input": {"messages": [{"role": "user", "content": "hello"}]}}'

use std::sync::Arc;

use everthread::prelude::*;
use everthread::server::Server;
use tokio::net::TcpListener;

#[derive(State)]
struct Talk {
    #[state(list)]
    messages: Messages,
}

async fn shout(state: Arc<Talk>, _: Context) -> TalkUpdate {
    let said = state.messages.last().map(|last| last.text().to_uppercase());
    Talk::update().messages(Message::ai(said.unwrap_or_default()))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let options = SqliteOptions::from_url("sqlite:own_graph.db")?;
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(options)?);
    let graph = StateGraph::<Talk>::new()
        .name("shout")
        .node("shout", shout)
        .edge(START, "shout")
        .edge("shout", END)
        .compile(store.clone())?;
    let listener = TcpListener::bind("127.0.0.1:8123").await?;
    let stop = async { drop(tokio::signal::ctrl_c().await) };
    Ok(Server::new(store)
        .graph(Arc::new(graph))
        .serve(listener, stop)
        .await?)
}
