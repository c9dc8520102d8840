//! How many checkpoints a run keeps, and that none of them loses anything.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use everthread_graph::contract::Source;
use everthread_graph::{
    CompiledGraph, Context, Durability, Edits, NodeError, RunOptions, START, State, StateGraph,
    StreamModes, Thread,
};

use crate::memory::Memory;
use crate::states::{Board, BoardUpdate, Note, log};

fn exit(graph: &CompiledGraph<Board>) -> Thread<Board> {
    let options = RunOptions::new().durability(Durability::Exit);
    graph.thread("t").with(options)
}

async fn name(_: Arc<Board>, ctx: Context) -> BoardUpdate {
    log(ctx.node())
}

async fn ask(_: Arc<Board>, ctx: Context) -> Result<BoardUpdate, NodeError> {
    let answer: String = ctx.interrupt("?").await?;
    Ok(log(&answer))
}

/// The steps of the checkpoints that are kept, with what made them.
fn kept(memory: &Memory, thread: &Thread<Board>) -> Vec<(i64, Source)> {
    let history = memory.history_of(&thread.key().unwrap()).into_iter();
    let own = history.filter(|checkpoint| checkpoint.ns.is_root());
    own.map(|checkpoint| (checkpoint.step, checkpoint.source))
        .collect()
}

#[tokio::test]
async fn exit_keeps_the_input_and_the_last_step() {
    let memory = Memory::new();
    let notes = |n: u32| {
        move |_: Arc<Board>, _: Context| async move {
            let note = |i: u32| Note::new(&format!("{n}{i}"), "text");
            Board::update()
                .notes(vec![note(1), note(2)])
                .title(format!("title {n}"))
                .total(1)
        }
    };
    let graph = StateGraph::new()
        .node("a", notes(1))
        .node("b", notes(2))
        .node("c", notes(1))
        .edge(START, "a")
        .edge("a", "b")
        .edge("b", "c")
        .compile(memory.clone())
        .unwrap();
    let thread = exit(&graph);
    let modes = StreamModes::CHECKPOINTS | StreamModes::VALUES;
    let mut stream = thread.stream(log("in"), modes);
    let mut shown = Vec::new();
    while let Some(event) = stream.next().await {
        shown.push(event.unwrap().data.mode());
    }
    assert_eq!(
        shown,
        [
            "checkpoints",
            "values",
            "values",
            "values",
            "checkpoints",
            "values"
        ]
    );
    assert_eq!(
        kept(&memory, &thread),
        [(-1, Source::Input), (2, Source::Loop)]
    );
    // What the store has is what the run came to.
    let state = thread.state().await.unwrap().unwrap();
    let output = stream.output().unwrap();
    assert_eq!(
        state.values.to_json().unwrap(),
        output.state.to_json().unwrap()
    );
    assert_eq!(state.values.notes.len(), 4);
    assert_eq!(state.values.total, 3);
    // The thread goes on as ever.
    let out = graph.thread("t").invoke(log("again")).await.unwrap();
    assert_eq!((out.lines(), out.total), (vec!["in", "again"], 6));
}

#[tokio::test]
async fn exit_keeps_a_question_and_takes_its_answer() {
    let memory = Memory::new();
    let make = || {
        StateGraph::new()
            .node("a", name)
            .node("b", name)
            .node("ask", ask)
            .node("z", name)
            .edge(START, "a")
            .edge("a", "b")
            .edge("b", "ask")
            .edge("ask", "z")
            .compile(memory.clone())
            .unwrap()
    };
    let thread = exit(&make());
    let out = thread.invoke(log("in")).await.unwrap();
    assert_eq!(
        kept(&memory, &thread),
        [(-1, Source::Input), (1, Source::Loop)]
    );
    let state = thread.state().await.unwrap().unwrap();
    assert_eq!(state.interrupts, out.interrupts);
    assert_eq!(
        (&*state.next[0], state.values.lines()),
        ("ask", vec!["in", "a", "b"])
    );
    // Another process answers, with another durability.
    let out = make().thread("t").resume("yes").await.unwrap();
    assert_eq!(out.lines(), ["in", "a", "b", "yes", "z"]);
}

#[tokio::test]
async fn exit_keeps_what_was_done_before_a_failure() {
    let memory = Memory::new();
    let fails = Arc::new(AtomicU32::new(1));
    let left = fails.clone();
    let graph = StateGraph::new()
        .node("a", name)
        .node("b", name)
        .node("c", move |_: Arc<Board>, _: Context| {
            let failed = left.swap(0, Ordering::Relaxed) > 0;
            async move {
                if failed {
                    return Err(NodeError::permanent("no"));
                }
                Ok(log("c"))
            }
        })
        .edge(START, "a")
        .edge("a", "b")
        .edge("b", "c")
        .compile(memory.clone())
        .unwrap();
    let thread = exit(&graph);
    thread.invoke(log("in")).await.unwrap_err();
    assert_eq!(
        kept(&memory, &thread),
        [(-1, Source::Input), (1, Source::Loop)]
    );
    let state = thread.state().await.unwrap().unwrap();
    assert_eq!(
        state.tasks[0].error.as_deref(),
        Some("node \"c\" failed: no")
    );
    let out = thread.invoke(()).await.unwrap();
    assert_eq!(out.lines(), ["in", "a", "b", "c"]);
}

#[tokio::test]
async fn exit_loses_no_finished_step_to_a_crash() {
    let memory = Memory::new();
    let ran = Arc::new(AtomicU32::new(0));
    let make = |hangs: bool| {
        let count = ran.clone();
        let counted = move |_: Arc<Board>, ctx: Context| {
            count.fetch_add(1, Ordering::Relaxed);
            async move { log(ctx.node()) }
        };
        StateGraph::new()
            .node("a", counted.clone())
            .node("b", counted)
            .node("c", move |_: Arc<Board>, ctx: Context| async move {
                if hangs {
                    ctx.cancelled().await;
                }
                log("c")
            })
            .edge(START, "a")
            .edge("a", "b")
            .edge("b", "c")
            .compile(memory.clone())
            .unwrap()
    };
    let thread = exit(&make(true));
    let mut stream = thread.stream(log("in"), StreamModes::UPDATES);
    for _ in 0..2 {
        stream.next().await.unwrap().unwrap();
    }
    // Nobody ends the steps any more.
    drop(stream);
    let key = thread.key().unwrap();
    memory.until(|memory| !memory.is_active(&key)).await;
    assert_eq!(kept(&memory, &thread), [(-1, Source::Input)]);
    let out = exit(&make(false)).invoke(()).await.unwrap();
    assert_eq!(out.lines(), ["in", "a", "b", "c"]);
    assert_eq!(ran.load(Ordering::Relaxed), 2, "neither a nor b ran again");
}

#[tokio::test]
async fn exit_makes_a_checkpoint_of_what_leaves_the_state_again() {
    let memory = Memory::new();
    let graph = StateGraph::new()
        .node("say", async |_: Arc<Board>, _: Context| {
            Board::update().notes(Note::new("n", "said"))
        })
        .node("forget", async |_: Arc<Board>, _: Context| {
            Board::update().notes(Edits::new().remove("n"))
        })
        .node("z", name)
        .edge(START, "say")
        .edge("say", "forget")
        .edge("forget", "z")
        .compile(memory.clone())
        .unwrap();
    let thread = exit(&graph);
    let out = thread.invoke(log("in")).await.unwrap();
    assert!(out.notes.is_empty());
    assert_eq!(
        kept(&memory, &thread),
        [(-1, Source::Input), (0, Source::Loop), (2, Source::Loop)]
    );
}

#[tokio::test]
async fn exit_reaches_into_graphs_inside() {
    let memory = Memory::new();
    let make = || {
        let inner = StateGraph::new()
            .node("x", name)
            .node("y", name)
            .node("ask", ask)
            .edge(START, "x")
            .edge("x", "y")
            .edge("y", "ask")
            .compile_stateless()
            .unwrap();
        StateGraph::new()
            .node("a", name)
            .subgraph_shared("inner", &inner)
            .edge(START, "a")
            .edge("a", "inner")
            .compile(memory.clone())
            .unwrap()
    };
    let thread = exit(&make());
    thread.invoke(log("in")).await.unwrap();
    let inside = |memory: &Memory| {
        let history = memory.history_of(&thread.key().unwrap());
        history.iter().filter(|c| !c.ns.is_root()).count()
    };
    assert_eq!(inside(&memory), 2, "its input, and where it asks");
    let out = exit(&make()).resume("yes").await.unwrap();
    assert_eq!(out.lines(), ["in", "a", "x", "y", "yes"]);
    assert_eq!(inside(&memory), 3);
}

#[tokio::test]
async fn sync_waits_for_the_disk_before_each_step() {
    let memory = Memory::new();
    let began = Arc::new(AtomicU32::new(0));
    let count = began.clone();
    let graph = StateGraph::new()
        .node("a", move |_: Arc<Board>, _: Context| {
            count.fetch_add(1, Ordering::Relaxed);
            async { log("a") }
        })
        .edge(START, "a")
        .compile(memory.clone())
        .unwrap();
    for (durability, begun) in [(Durability::Async, 1), (Durability::Sync, 0)] {
        began.store(0, Ordering::Relaxed);
        memory.hold();
        let before = memory.commits();
        let thread = graph
            .thread("t")
            .with(RunOptions::new().durability(durability));
        let run = tokio::spawn(async move { thread.invoke(log("in")).await });
        memory.until(|memory| memory.commits() > before).await;
        for _ in 0..16 {
            tokio::task::yield_now().await;
        }
        assert_eq!(began.load(Ordering::Relaxed), begun, "{durability:?}");
        memory.release();
        run.await.unwrap().unwrap();
        assert_eq!(Durability::from_name(durability.as_str()), Some(durability));
    }
}
