//! Graphs as nodes of graphs.

use std::sync::Arc;

use everthread_graph::{
    Command, CompiledGraph, Context, END, NodeError, RunOptions, START, State, StateGraph,
    StreamModes,
};

use crate::memory::Memory;
use crate::states::{Board, BoardUpdate, Note, log};

/// The state of a graph inside.
#[derive(State)]
struct Inner {
    question: String,
    answer: Option<String>,
}

async fn name(_: Arc<Board>, ctx: Context) -> BoardUpdate {
    log(ctx.node())
}

fn asking(memory: &Arc<Memory>) -> CompiledGraph<Board> {
    let inner = StateGraph::<Inner>::new()
        .node("think", async |_, _| Inner::update())
        .node("ask", async |state: Arc<Inner>, ctx: Context| {
            let answer: String = ctx.interrupt(&state.question).await?;
            Ok::<_, NodeError>(Inner::update().answer(answer))
        })
        .edge(START, "think")
        .edge("think", "ask")
        .edge("ask", END)
        .compile(memory.clone())
        .unwrap();
    StateGraph::new()
        .node("before", name)
        .subgraph(
            "inner",
            &inner,
            |board: &Board| Inner::update().question(format!("{} lines?", board.log.len())),
            |inner: &Inner| log(inner.answer.as_deref().unwrap_or("none")),
        )
        .node("after", name)
        .edge(START, "before")
        .edge("before", "inner")
        .edge("inner", "after")
        .compile(memory.clone())
        .unwrap()
}

#[tokio::test]
async fn a_question_inside_is_answered_through_the_graph_above() {
    let memory = Memory::new();
    let thread = asking(&memory).thread("t");
    let out = thread.invoke(Board::update()).await.unwrap();
    assert_eq!(out.interrupts[0].value, "1 lines?");
    let inside = memory.history_of(&thread.key().unwrap());
    let inside: Vec<_> = inside.iter().filter(|c| !c.ns.is_root()).collect();
    assert_eq!(inside.len(), 2, "input and think");
    assert!(inside[0].ns.as_str().starts_with("inner:"));
    // Another process; what has run inside does not run again.
    let out = asking(&memory).thread("t").resume("yes").await.unwrap();
    assert_eq!(out.lines(), ["before", "yes", "after"]);
    let inside = memory.history_of(&thread.key().unwrap());
    assert_eq!(inside.iter().filter(|c| !c.ns.is_root()).count(), 3);
    assert_eq!(
        memory.outcomes(&thread.key().unwrap()),
        ["interrupted", "success"]
    );
}

fn shared(memory: Option<&Arc<Memory>>) -> CompiledGraph<Board> {
    let inner = StateGraph::new()
        .node("x", async |state: Arc<Board>, _: Context| {
            Board::update()
                .total(1)
                .log(format!("saw {} {}", state.total, state.notes.len()))
        })
        .node("y", async |_: Arc<Board>, _: Context| {
            Board::update().notes(Note::new("n2", "two"))
        })
        .edge(START, "x")
        .edge("x", "y")
        .compile_stateless()
        .unwrap();
    let graph = StateGraph::new()
        .subgraph_shared("inner", &inner)
        .edge(START, "inner");
    match memory {
        Some(memory) => graph.compile(memory.clone()).unwrap(),
        None => graph.compile_stateless().unwrap(),
    }
}

#[tokio::test]
async fn a_shared_state_comes_back_changed() {
    let input = || {
        Board::update()
            .total(5)
            .log("in".to_owned())
            .notes(Note::new("n1", "one"))
    };
    let memory = Memory::new();
    let stored = shared(Some(&memory))
        .thread("t")
        .invoke(input())
        .await
        .unwrap();
    let plain = shared(None).invoke(input()).await.unwrap();
    for out in [stored, plain] {
        assert_eq!(out.lines(), ["in", "saw 5 1"]);
        assert_eq!((out.total, out.texts()), (6, vec!["one", "two"]));
    }
}

#[tokio::test]
async fn a_node_inside_may_command_the_graph_above() {
    let inner = StateGraph::<Inner>::new()
        .node("leave", async |_, _| {
            Command::<Inner>::in_parent(Command::<Board>::new().update(log("left")).goto("target"))
        })
        .node("never", async |_, _| {
            Inner::update().answer("never".to_owned())
        })
        .edge(START, "leave")
        .edge("leave", "never")
        .compile_stateless()
        .unwrap();
    let graph = StateGraph::new()
        .subgraph(
            "inner",
            &inner,
            |_: &Board| Inner::update(),
            |_: &Inner| log("ended"),
        )
        .node("target", name)
        .options(
            "inner",
            &everthread_graph::NodeOptions::new().destinations(["target"]),
        )
        .edge(START, "inner")
        .compile(Memory::new())
        .unwrap();
    assert_eq!(
        graph
            .thread("t")
            .invoke(Board::update())
            .await
            .unwrap()
            .lines(),
        ["left", "target"]
    );
}

#[tokio::test]
async fn a_failure_inside_is_resumed_inside() {
    let memory = Memory::new();
    let calls = Arc::new(std::sync::atomic::AtomicU32::new(0));
    let count = calls.clone();
    let inner = StateGraph::<Inner>::new()
        .node("once", move |_, _| {
            count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            async { Inner::update().question("asked".to_owned()) }
        })
        .node("flaky", {
            let failed = std::sync::atomic::AtomicBool::new(false);
            move |state: Arc<Inner>, _| {
                let first = !failed.swap(true, std::sync::atomic::Ordering::Relaxed);
                async move {
                    if first {
                        return Err(NodeError::transient("down"));
                    }
                    Ok(Inner::update().answer(state.question.clone()))
                }
            }
        })
        .edge(START, "once")
        .edge("once", "flaky")
        .compile_stateless()
        .unwrap();
    let graph = StateGraph::<Board>::new()
        .node("outer", move |_, ctx: Context| {
            let inner = inner.clone();
            async move {
                let end = ctx.call(&inner, Inner::update()).await?;
                Ok::<_, NodeError>(log(end.answer.as_deref().unwrap_or_default()))
            }
        })
        .edge(START, "outer")
        .compile(memory)
        .unwrap();
    let thread = graph.thread("t");
    let error = thread
        .invoke(Board::update())
        .await
        .unwrap_err()
        .to_string();
    assert_eq!(error, "node \"outer\" failed: node \"flaky\" failed: down");
    assert_eq!(thread.invoke(()).await.unwrap().lines(), ["asked"]);
    assert_eq!(calls.load(std::sync::atomic::Ordering::Relaxed), 1);
}

#[tokio::test]
async fn events_inside_are_shown_when_asked_for() {
    for (subgraphs, expected) in [(false, 2), (true, 5)] {
        let memory = Memory::new();
        let thread = shared(Some(&memory))
            .thread("t")
            .with(RunOptions::new().subgraphs(subgraphs));
        let mut stream = thread.stream(Board::update(), StreamModes::VALUES);
        let mut count = 0;
        while let Some(event) = stream.next().await {
            event.unwrap();
            count += 1;
        }
        assert_eq!(count, expected);
    }
}
