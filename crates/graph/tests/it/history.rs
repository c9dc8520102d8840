//! Reading, editing and forking a thread.

use std::sync::Arc;

use everthread_graph::contract::{Source, StoreErrorKind};
use everthread_graph::{
    CompiledGraph, Context, END, Edits, ErrorKind, RunOptions, START, StateGraph,
};

use crate::memory::Memory;
use crate::states::{Board, BoardUpdate, Note, log};

async fn name(_: Arc<Board>, ctx: Context) -> BoardUpdate {
    log(ctx.node())
}

fn line(memory: &Arc<Memory>) -> CompiledGraph<Board> {
    StateGraph::new()
        .node("a", name)
        .node("b", name)
        .edge(START, "a")
        .edge("a", "b")
        .edge("b", END)
        .compile(memory.clone())
        .unwrap()
}

#[tokio::test]
async fn every_checkpoint_can_be_seen_again() {
    let memory = Memory::new();
    let thread = line(&memory).thread("t");
    assert!(thread.state().await.unwrap().is_none());
    thread.invoke(log("1")).await.unwrap();
    thread.invoke(log("2")).await.unwrap();
    let history = thread.history(10, None).await.unwrap();
    let mut seen = Vec::new();
    for entry in &history {
        let state = thread.state_at(entry.checkpoint.id).await.unwrap().unwrap();
        assert_eq!(state.next, entry.next);
        seen.push(format!(
            "{} {:?} next {:?}",
            entry.checkpoint.step,
            state.values.lines(),
            entry.next
        ));
    }
    insta::assert_snapshot!(seen.join("\n"), @r#"
    4 ["1", "a", "b", "2", "a", "b"] next []
    3 ["1", "a", "b", "2", "a"] next ["b"]
    2 ["1", "a", "b", "2"] next ["a"]
    1 ["1", "a", "b"] next []
    0 ["1", "a"] next ["b"]
    -1 ["1"] next ["a"]
    "#);
    let older = thread
        .history(2, Some(history[1].checkpoint.id))
        .await
        .unwrap();
    assert_eq!(older, history[2..4]);
}

#[tokio::test]
async fn an_update_is_made_in_a_nodes_name() {
    let memory = Memory::new();
    let thread = line(&memory).thread("t");
    thread.invoke(log("1")).await.unwrap();
    // The last writer was b: nothing follows.
    thread.update_state(log("as b"), None).await.unwrap();
    let state = thread.state().await.unwrap().unwrap();
    assert!(state.next.is_empty());
    assert_eq!(
        (state.checkpoint.source, state.checkpoint.run),
        (Source::Update, None)
    );
    // As a: b follows.
    thread.update_state(log("as a"), Some("a")).await.unwrap();
    assert_eq!(&*thread.state().await.unwrap().unwrap().next[0], "b");
    let out = thread.invoke(()).await.unwrap();
    assert_eq!(out.lines(), ["1", "a", "b", "as b", "as a", "b"]);
    // As an input: a follows. As the end: nothing.
    thread.update_state(log("in"), Some(START)).await.unwrap();
    assert_eq!(&*thread.state().await.unwrap().unwrap().next[0], "a");
    thread
        .update_state(Board::update(), Some(END))
        .await
        .unwrap();
    assert!(thread.state().await.unwrap().unwrap().next.is_empty());
    let error = thread.update_state(log("x"), Some("c")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[tokio::test]
async fn an_update_begins_a_thread_and_removes_for_the_user() {
    let memory = Memory::new();
    let graph = line(&memory);
    let thread = graph.thread("t");
    thread
        .update_state(
            Board::update().notes(vec![Note::new("1", "x"), Note::new("2", "y")]),
            None,
        )
        .await
        .unwrap();
    let state = thread.state().await.unwrap().unwrap();
    assert_eq!((state.checkpoint.step, &*state.next[0]), (-1, "a"));
    thread
        .update_state(Board::update().notes(Edits::new().remove("1")), Some("b"))
        .await
        .unwrap();
    assert_eq!(thread.state().await.unwrap().unwrap().values.texts(), ["y"]);
    let error = thread
        .update_state(Board::update().notes(Edits::new().remove("1")), Some("b"))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidUpdate);
    assert!(
        error.to_string().contains("\"notes\"") && error.to_string().contains("\"1\""),
        "{error}"
    );
    // The next run sees the edit, warm as the graph is.
    assert_eq!(thread.invoke(log("go")).await.unwrap().texts(), ["y"]);
}

#[tokio::test]
async fn two_last_writers_are_ambiguous() {
    let memory = Memory::new();
    let graph = StateGraph::new()
        .node("a", name)
        .node("b", name)
        .edge(START, "a")
        .edge(START, "b")
        .compile(memory)
        .unwrap();
    let thread = graph.thread("t");
    thread.invoke(log("1")).await.unwrap();
    let error = thread.update_state(log("x"), None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AmbiguousNode);
    assert!(error.to_string().contains("a, b"), "{error}");
}

#[tokio::test]
async fn a_run_replays_from_an_old_checkpoint_on_a_branch() {
    let memory = Memory::new();
    let thread = line(&memory).thread("t");
    thread.invoke(log("1")).await.unwrap();
    thread.invoke(log("2")).await.unwrap();
    let history = thread.history(10, None).await.unwrap();
    let old = history[4].checkpoint.id; // after the first a
    let out = thread
        .clone()
        .with(RunOptions::new().checkpoint(old))
        .invoke(())
        .await
        .unwrap();
    assert_eq!(out.lines(), ["1", "a", "b"]);
    let newest = thread.history(2, None).await.unwrap();
    assert_eq!(newest[1].checkpoint.source, Source::Fork);
    assert_eq!(newest[1].checkpoint.parent, Some(old));
    // With an input the branch begins with it.
    let out = thread
        .clone()
        .with(RunOptions::new().checkpoint(old))
        .invoke(log("other"))
        .await
        .unwrap();
    assert_eq!(out.lines(), ["1", "a", "other", "a", "b"]);
    // And it is the head now.
    assert_eq!(thread.invoke(log("3")).await.unwrap().log.len(), 8);
}

#[tokio::test]
async fn a_fork_moves_the_head() {
    let memory = Memory::new();
    let thread = line(&memory).thread("t");
    thread.invoke(log("1")).await.unwrap();
    let first = thread
        .history(9, None)
        .await
        .unwrap()
        .pop()
        .unwrap()
        .checkpoint
        .id;
    let fork = thread.fork(first).await.unwrap();
    let state = thread.state().await.unwrap().unwrap();
    assert_eq!(
        (state.checkpoint.id, state.checkpoint.parent),
        (fork, Some(first))
    );
    assert_eq!(state.values.lines(), ["1"]);
    assert_eq!(thread.invoke(()).await.unwrap().lines(), ["1", "a", "b"]);
    let unknown = everthread_graph::contract::CheckpointId::from_uuid(uuid::Uuid::nil());
    let error = thread.fork(unknown).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Store(StoreErrorKind::NotFound));
}
