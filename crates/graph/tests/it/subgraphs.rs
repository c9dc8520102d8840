//! Graphs as nodes of graphs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use everthread_graph::{
    CancellationToken, Command, CompiledGraph, Context, END, ErrorKind, NodeError, NodeOptions,
    RetryPolicy, RunOptions, START, State, StateGraph, StreamModes,
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

/// A graph of one node that calls this one.
fn calling(inner: CompiledGraph<Inner>, memory: &Arc<Memory>) -> CompiledGraph<Board> {
    StateGraph::<Board>::new()
        .node("outer", move |_, ctx: Context| {
            let inner = inner.clone();
            async move {
                let end = ctx.call(&inner, Inner::update()).await?;
                Ok::<_, NodeError>(log(end.answer.as_deref().unwrap_or_default()))
            }
        })
        .node("target", name)
        .options("outer", &NodeOptions::new().destinations(["target"]))
        .edge(START, "outer")
        .compile(memory.clone())
        .unwrap()
}

fn inner<F, Fut>(node: F) -> CompiledGraph<Inner>
where
    F: Fn(Arc<Inner>, Context) -> Fut + Send + Sync + 'static,
    Fut: Future + Send + 'static,
    Fut::Output: everthread_graph::IntoCommand<Inner>,
{
    StateGraph::<Inner>::new()
        .node("inside", node)
        .edge(START, "inside")
        .compile_stateless()
        .unwrap()
}

#[tokio::test]
async fn cancelling_inside_is_cancelling() {
    let memory = Memory::new();
    let hangs = inner(async |_, _| futures::future::pending::<InnerUpdate>().await);
    let token = CancellationToken::new();
    let thread = calling(hangs, &memory)
        .thread("t")
        .with(RunOptions::new().cancel(token.clone()));
    let mut run = std::pin::pin!(thread.invoke(Board::update()));
    assert!(futures::poll!(&mut run).is_pending());
    token.cancel();
    assert_eq!(run.await.unwrap_err().kind(), ErrorKind::Cancelled);
    assert_eq!(memory.outcomes(&thread.key().unwrap()), ["cancelled"]);
}

#[tokio::test]
async fn the_kind_of_a_failure_inside_is_kept() {
    let endless = StateGraph::<Inner>::new()
        .node("a", async |_, _| Inner::update())
        .edge(START, "a")
        .edge("a", "a")
        .compile_stateless()
        .unwrap();
    let thread = calling(endless, &Memory::new())
        .thread("t")
        .with(RunOptions::new().recursion_limit(5));
    let error = thread.invoke(Board::update()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RecursionLimit);
}

#[tokio::test]
async fn a_called_graph_commands_the_graph_that_calls_it() {
    let leaves = inner(async |_, _| {
        Command::<Inner>::in_parent(Command::<Board>::new().update(log("left")).goto("target"))
    });
    let thread = calling(leaves, &Memory::new()).thread("t");
    let out = thread.invoke(Board::update()).await.unwrap();
    assert_eq!(out.lines(), ["left", "target"]);
}

#[tokio::test(start_paused = true)]
async fn a_subgraph_is_retried_where_it_failed() {
    let failed = Arc::new(AtomicU32::new(0));
    let count = failed.clone();
    let flaky = StateGraph::<Inner>::new()
        .node("once", move |_, _| {
            count.fetch_add(1, Ordering::Relaxed);
            async { Inner::update() }
        })
        .node("flaky", async |_, ctx: Context| match ctx.attempt() {
            1 if FAILS.fetch_sub(1, Ordering::Relaxed) > 0 => Err(NodeError::transient("down")),
            _ => Ok(Inner::update().answer("up".to_owned())),
        })
        .edge(START, "once")
        .edge("once", "flaky")
        .compile_stateless()
        .unwrap();
    static FAILS: std::sync::atomic::AtomicI32 = std::sync::atomic::AtomicI32::new(1);
    let graph = StateGraph::new()
        .subgraph(
            "inner",
            &flaky,
            |_: &Board| Inner::update(),
            |inner: &Inner| log(inner.answer.as_deref().unwrap_or("none")),
        )
        .options("inner", &NodeOptions::new().retry(RetryPolicy::new()))
        .edge(START, "inner")
        .compile(Memory::new())
        .unwrap();
    let out = graph.thread("t").invoke(Board::update()).await.unwrap();
    assert_eq!(
        (out.lines(), failed.load(Ordering::Relaxed)),
        (vec!["up"], 1)
    );
}

#[tokio::test]
async fn a_subgraph_whose_pending_node_is_gone_is_not_finished() {
    let memory = Memory::new();
    let asks = inner(async |_, ctx: Context| {
        let answer: String = ctx.interrupt("?").await?;
        Ok::<_, NodeError>(Inner::update().answer(answer))
    });
    let thread = calling(asks, &memory).thread("t");
    thread.invoke(Board::update()).await.unwrap();
    let other = StateGraph::<Inner>::new()
        .node("renamed", async |_, _| Inner::update())
        .edge(START, "renamed")
        .compile_stateless()
        .unwrap();
    let error = calling(other, &memory).thread("t").resume("yes").await;
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Corrupt);
}

#[tokio::test]
async fn a_shared_state_does_not_undo_what_the_caller_wrote_meanwhile() {
    let inner = StateGraph::new()
        .node("ask", async |_: Arc<Board>, ctx: Context| {
            let answer: String = ctx.interrupt("?").await?;
            Ok::<_, NodeError>(log(&answer).notes(Note::new("n3", "three")))
        })
        .edge(START, "ask")
        .compile_stateless()
        .unwrap();
    let graph = StateGraph::new()
        .subgraph_shared("inner", &inner)
        .edge(START, "inner")
        .compile(Memory::new())
        .unwrap();
    let thread = graph.thread("t");
    let input = log("in").title("old".to_owned()).total(1);
    let input = input.notes(Note::new("n1", "one"));
    thread.invoke(input).await.unwrap();
    let update = log("meanwhile").title("new".to_owned()).total(2);
    let command = Command::new()
        .update(update.notes(Note::new("n2", "two")))
        .resume("yes");
    let out = thread.invoke(command).await.unwrap();
    assert_eq!(out.lines(), ["in", "meanwhile", "yes"]);
    assert_eq!(out.texts(), ["one", "two", "three"]);
    assert_eq!((out.title.as_deref(), out.total), (Some("new"), 3));
}
