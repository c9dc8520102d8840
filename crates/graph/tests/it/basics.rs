//! A straight conversation: input, steps, heads, streams.

use std::sync::Arc;

use everthread_graph::contract::{Source, ThreadKey};
use everthread_graph::{
    CompiledGraph, Context, END, EventData, NodeError, START, State, StateGraph, StreamModes,
};

use crate::memory::Memory;
use crate::states::{Board, BoardUpdate, Note, log};

pub fn key(graph: &CompiledGraph<Board>, thread: &str) -> ThreadKey {
    graph.thread(thread).key().unwrap()
}

async fn echo(state: Arc<Board>, ctx: Context) -> Result<BoardUpdate, NodeError> {
    let last = state.notes.last().map_or("nothing", |note| &note.text);
    for piece in ["you ", "said ", last] {
        ctx.emit_message(&piece, &"{}").await;
    }
    Ok(Board::update().notes(Note::anonymous(&format!("you said {last}"))))
}

async fn count(state: Arc<Board>, _: Context) -> BoardUpdate {
    Board::update().total(state.notes.len() as u64)
}

fn chat(memory: &Arc<Memory>) -> CompiledGraph<Board> {
    StateGraph::new()
        .node("echo", echo)
        .node("count", count)
        .edge(START, "echo")
        .route(
            "echo",
            |state: &Board| if state.notes.len() > 2 { "count" } else { END },
            ["count", END],
        )
        .edge("count", END)
        .compile(memory.clone())
        .unwrap()
}

#[tokio::test]
async fn a_thread_remembers_across_graphs() {
    let memory = Memory::new();
    let graph = chat(&memory);
    let out = graph
        .thread("t")
        .invoke(Board::update().notes(Note::new("1", "hi")))
        .await
        .unwrap();
    assert_eq!(out.texts(), ["hi", "you said hi"]);
    assert_eq!(out.total, 0);
    assert!(out.next.is_empty());

    // Another process: nothing is cached.
    let graph = chat(&memory);
    let out = graph
        .thread("t")
        .invoke(Board::update().notes(Note::new("3", "again")))
        .await
        .unwrap();
    assert_eq!(
        out.texts(),
        ["hi", "you said hi", "again", "you said again"]
    );
    assert_eq!(out.total, 4);
    let key = key(&graph, "t");
    let steps: Vec<_> = memory
        .history_of(&key)
        .iter()
        .map(|c| (c.step, c.source))
        .collect();
    use Source::{Input, Loop};
    assert_eq!(
        steps,
        [(-1, Input), (0, Loop), (1, Input), (2, Loop), (3, Loop)]
    );
    assert_eq!(memory.outcomes(&key), ["success", "success"]);
    assert!(!memory.is_active(&key));
}

#[tokio::test]
async fn a_warm_graph_loads_nothing() {
    let memory = Memory::new();
    let graph = chat(&memory);
    for turn in 0..5 {
        let input = Board::update().notes(Note::anonymous(&format!("turn {turn}")));
        graph.thread("t").invoke(input).await.unwrap();
    }
    assert_eq!(memory.loads(), 1);
    assert_eq!(
        graph.thread("u").invoke(log("x")).await.unwrap().lines(),
        ["x"]
    );
}

#[tokio::test]
async fn users_do_not_see_each_other() {
    let memory = Memory::new();
    let graph = chat(&memory);
    graph
        .thread("t")
        .user("ann")
        .invoke(log("ann's"))
        .await
        .unwrap();
    let out = graph
        .thread("t")
        .user("bob")
        .invoke(log("bob's"))
        .await
        .unwrap();
    assert_eq!(out.lines(), ["bob's"]);
}

#[tokio::test]
async fn events_come_in_order() {
    let memory = Memory::new();
    let graph = chat(&memory);
    let modes = StreamModes::VALUES | StreamModes::MESSAGES | StreamModes::UPDATES;
    let mut stream = graph
        .thread("t")
        .stream(Board::update().notes(Note::new("1", "hi")), modes);
    let mut seen = Vec::new();
    while let Some(event) = stream.next().await {
        let event = event.unwrap();
        seen.push(match &event.data {
            EventData::Message { chunk, .. } => format!("message {chunk}"),
            EventData::Values(view) => {
                format!("values {}", view.get::<Board>().unwrap().notes.len())
            }
            data => data.mode().to_owned(),
        });
    }
    let expected = [
        "values 1",
        "message \"you \"",
        "message \"said \"",
        "message \"hi\"",
        "updates",
        "values 2",
    ];
    assert_eq!(seen, expected);
    assert_eq!(stream.output().unwrap().notes.len(), 2);
}

#[tokio::test]
async fn nothing_is_shown_before_it_is_durable() {
    let memory = Memory::new();
    let graph = chat(&memory);
    memory.hold();
    let mut stream = graph.thread("t").stream(
        Board::update().notes(Note::new("1", "hi")),
        StreamModes::MESSAGES,
    );
    // The model is called, and all of it waits for the input to be durable.
    assert!(futures::poll!(std::pin::pin!(stream.next())).is_pending());
    assert_eq!(memory.commits(), 2);
    memory.release();
    let mut pieces = 0;
    while let Some(event) = stream.next().await {
        event.unwrap();
        pieces += 1;
    }
    assert_eq!(pieces, 3);
}

#[tokio::test]
async fn invoke_returns_only_when_all_is_durable() {
    let memory = Memory::new();
    let graph = chat(&memory);
    memory.hold();
    let thread = graph.thread("t");
    let mut run = std::pin::pin!(thread.invoke(log("x")));
    assert!(futures::poll!(&mut run).is_pending());
    assert_eq!(memory.commits(), 2, "commits are pipelined");
    memory.release();
    run.await.unwrap();
}

#[tokio::test]
async fn an_update_round_trips_through_json() {
    use everthread_graph::{Edits, Overwrite, Update};
    let update = Board::update()
        .notes(
            Edits::new()
                .put(Note::new("a", "x"))
                .remove("b")
                .remove_all(),
        )
        .log(["l1".to_owned(), "l2".to_owned()])
        .title("t".to_owned())
        .total(3)
        .total(Overwrite(4));
    let json = update.to_json().unwrap();
    insta::assert_snapshot!(json, @r#"{"notes":[{"id":"a","text":"x"},{"type":"remove","id":"b"},{"type":"remove","id":"__remove_all__"}],"log":["l1","l2"],"title":"t","total":{"__writes__":[3,{"__overwrite__":4}]}}"#);
    let back = BoardUpdate::from_json(&json).unwrap();
    assert_eq!(back.to_json().unwrap(), json);
    let wrong = everthread_graph::contract::Json::trusted(r#"{"total":"many"}"#);
    let error = BoardUpdate::from_json(&wrong).unwrap_err().to_string();
    assert!(error.contains("\"total\""), "{error}");
    assert_eq!(Board::CHANNELS.len(), 6);
}
