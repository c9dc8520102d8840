//! Nodes that fail, hang and panic; and what is kept of a step that did not end.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use everthread_graph::contract::WriteSlot;
use everthread_graph::{
    Command, Context, ErrorKind, NodeError, NodeOptions, RetryPolicy, START, StateGraph,
};

use crate::memory::Memory;
use crate::states::{Board, BoardUpdate, Note, log};

/// Fails so many times, then writes its name and the attempt.
fn flaky(
    fails: u32,
    error: fn() -> NodeError,
) -> impl Fn(Arc<Board>, Context) -> futures::future::Ready<Result<BoardUpdate, NodeError>> {
    let calls = AtomicU32::new(0);
    move |_, ctx| {
        let call = calls.fetch_add(1, Ordering::Relaxed);
        futures::future::ready(if call < fails {
            Err(error())
        } else {
            Ok(log(&format!("{} {}", ctx.node(), ctx.attempt())))
        })
    }
}

#[tokio::test(start_paused = true)]
async fn transient_errors_are_retried() {
    let options = NodeOptions::new().retry(RetryPolicy::new());
    let graph = StateGraph::new()
        .node_with("a", flaky(2, || NodeError::transient("busy")), options)
        .edge(START, "a")
        .compile_stateless()
        .unwrap();
    let start = tokio::time::Instant::now();
    assert_eq!(
        graph.invoke(Board::update()).await.unwrap().lines(),
        ["a 3"]
    );
    let waited = start.elapsed().as_secs_f64();
    assert!((1.5..=3.6).contains(&waited), "{waited}");
}

#[tokio::test(start_paused = true)]
async fn permanent_errors_are_not() {
    let options = NodeOptions::new().retry(RetryPolicy::new());
    let parse = || "x".parse::<u32>().unwrap_err().into();
    let graph = StateGraph::new()
        .node_with("a", flaky(1, parse), options)
        .edge(START, "a")
        .compile_stateless()
        .unwrap();
    let error = graph.invoke(Board::update()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Node);
    assert_eq!(
        error.to_string(),
        "node \"a\" failed: invalid digit found in string"
    );
}

#[tokio::test(start_paused = true)]
async fn a_node_that_hangs_times_out() {
    let options = NodeOptions::new().timeout(Duration::from_secs(5));
    let graph = StateGraph::<Board>::new()
        .node_with(
            "a",
            async |_, _| futures::future::pending::<BoardUpdate>().await,
            options,
        )
        .edge(START, "a")
        .compile_stateless()
        .unwrap();
    let error = graph.invoke(Board::update()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(error.to_string().contains("5s"), "{error}");
}

#[tokio::test]
async fn a_panic_is_an_error() {
    fn boom() -> BoardUpdate {
        panic!("boom {}", 1)
    }
    let graph = StateGraph::<Board>::new()
        .node("a", async |_, _| boom())
        .edge(START, "a")
        .compile_stateless()
        .unwrap();
    let error = graph.invoke(Board::update()).await.unwrap_err();
    assert_eq!(error.to_string(), "node \"a\" failed: it panicked: boom 1");
}

#[tokio::test]
async fn the_input_of_a_failed_run_stays_and_the_next_goes_on() {
    let memory = Memory::new();
    let graph = StateGraph::new()
        .node("a", flaky(1, || NodeError::transient("model down")))
        .edge(START, "a")
        .compile(memory.clone())
        .unwrap();
    let thread = graph.thread("t");
    let key = thread.key().unwrap();
    let input = Board::update().notes(Note::new("1", "hi"));
    let error = thread.invoke(input).await.unwrap_err();
    assert_eq!(error.to_string(), "node \"a\" failed: model down");
    assert_eq!(memory.outcomes(&key), ["error"]);
    let state = thread.state().await.unwrap().unwrap();
    assert_eq!(state.values.texts(), ["hi"]);
    assert_eq!(
        state.tasks[0].error.as_deref(),
        Some("node \"a\" failed: model down")
    );
    let out = thread.invoke(()).await.unwrap();
    assert_eq!((out.texts(), out.lines()), (vec!["hi"], vec!["a 1"]));
}

#[tokio::test]
async fn finished_siblings_do_not_run_again() {
    let memory = Memory::new();
    let graph = StateGraph::new()
        .node("bad", flaky(1, || NodeError::permanent("no")))
        .node("good", flaky(0, || NodeError::permanent("never")))
        .node("next", async |_, ctx: Context| log(ctx.node()))
        .route("good", |_: &Board| "next", ["next"])
        .edge(START, "bad")
        .edge(START, "good")
        .compile(memory.clone())
        .unwrap();
    let thread = graph.thread("t");
    thread.invoke(Board::update()).await.unwrap_err();
    let slots: Vec<_> = memory
        .pending(&thread.key().unwrap())
        .iter()
        .map(|w| w.slot)
        .collect();
    assert!(
        slots.contains(&WriteSlot::Output) && slots.contains(&WriteSlot::Error),
        "{slots:?}"
    );
    let out = thread.invoke(()).await.unwrap();
    assert_eq!(out.lines(), ["bad 1", "good 1", "next"]);
}

#[tokio::test]
async fn results_are_kept_while_others_still_run() {
    let memory = Memory::new();
    let gate = Arc::new(tokio::sync::Notify::new());
    let wait = gate.clone();
    let graph = StateGraph::<Board>::new()
        .node("slow", move |_, _| {
            let wait = wait.clone();
            async move {
                wait.notified().await;
                Command::<Board>::new().update(log("slow"))
            }
        })
        .node("fast", async |_, _| log("fast"))
        .edge(START, "slow")
        .edge(START, "fast")
        .compile(memory.clone())
        .unwrap();
    let thread = graph.thread("t");
    let mut run = std::pin::pin!(thread.invoke(Board::update()));
    assert!(futures::poll!(&mut run).is_pending());
    assert_eq!(memory.pending(&thread.key().unwrap()).len(), 1);
    gate.notify_one();
    assert_eq!(run.await.unwrap().lines(), ["fast", "slow"]);
}

#[tokio::test]
async fn one_task_needs_no_pending_write() {
    let memory = Memory::new();
    let graph = StateGraph::<Board>::new()
        .node("a", async |_, _| log("a"))
        .edge(START, "a")
        .compile(memory.clone())
        .unwrap();
    graph.thread("t").invoke(Board::update()).await.unwrap();
    assert_eq!((memory.commits(), memory.writes()), (2, 0));
}

#[tokio::test]
async fn a_node_with_effects_waits_for_what_is_before_it() {
    let memory = Memory::new();
    let ran = Arc::new(AtomicU32::new(0));
    let count = ran.clone();
    let graph = StateGraph::<Board>::new()
        .node_with(
            "pay",
            move |_, _| {
                count.fetch_add(1, Ordering::Relaxed);
                async { log("paid") }
            },
            NodeOptions::new().effects(),
        )
        .edge(START, "pay")
        .compile(memory.clone())
        .unwrap();
    memory.hold();
    let thread = graph.thread("t");
    let mut run = std::pin::pin!(thread.invoke(Board::update()));
    assert!(futures::poll!(&mut run).is_pending());
    assert_eq!(ran.load(Ordering::Relaxed), 0);
    memory.release();
    assert_eq!(run.await.unwrap().lines(), ["paid"]);
}
