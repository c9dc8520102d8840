//! What a stream shows, and when.

use std::sync::Arc;
use std::time::Duration;

use everthread_graph::contract::StoreErrorKind;
use everthread_graph::{
    CompiledGraph, Context, ErrorKind, EventData, NodeError, RunOptions, RunStream, START, SendTo,
    StateGraph, StreamModes,
};

use crate::memory::{Fault, Memory};
use crate::states::{Board, log};

/// More tasks than events may wait.
const MANY: u32 = 300;

/// A graph with so many tasks in one step.
fn wide(memory: &Arc<Memory>) -> CompiledGraph<Board> {
    StateGraph::<Board>::new()
        .node("work", async |_, ctx: Context| {
            Ok::<_, NodeError>(log(&ctx.arg::<u32>()?.to_string()))
        })
        .route(
            START,
            |_: &Board| {
                (0..MANY)
                    .map(|n| SendTo::new("work", &n))
                    .collect::<Vec<_>>()
            },
            ["work"],
        )
        .compile(memory.clone())
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn more_events_than_may_wait_come_through() {
    for (modes, expected) in [
        (StreamModes::UPDATES, MANY),
        (StreamModes::TASKS, 2 * MANY),
        (StreamModes::UPDATES | StreamModes::TASKS, 3 * MANY),
    ] {
        let memory = Memory::new();
        memory.hold();
        let mut stream = wide(&memory).thread("t").stream(Board::update(), modes);
        assert!(futures::poll!(std::pin::pin!(stream.next())).is_pending());
        memory.release();
        let read = async {
            let mut count = 0;
            while let Some(event) = stream.next().await {
                event.unwrap();
                count += 1;
            }
            count
        };
        let count = tokio::time::timeout(Duration::from_secs(60), read).await;
        assert_eq!(count, Ok(expected));
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_that_fails_ends_a_stream_that_is_full() {
    let memory = Memory::new();
    memory.fault(Fault::None);
    memory.fault(Fault::Refuse(StoreErrorKind::Unavailable));
    let mut stream = wide(&memory)
        .thread("t")
        .stream(Board::update(), StreamModes::UPDATES);
    let read = async {
        let mut last = None;
        while let Some(event) = stream.next().await {
            last = Some(event);
        }
        last
    };
    let last = tokio::time::timeout(Duration::from_secs(60), read).await;
    let error = last.unwrap().unwrap().map(|event| event.data).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Store(StoreErrorKind::Unavailable));
}

/// What a run of two steps shows, a line an event.
async fn shown(stream: &mut RunStream<Board>) -> Vec<String> {
    let mut seen = Vec::new();
    while let Some(event) = stream.next().await {
        seen.push(match event.unwrap().data {
            EventData::Values(view) => {
                format!("values {:?}", view.get::<Board>().unwrap().lines())
            }
            EventData::Update { node, update } => format!("update {node} {update}"),
            EventData::Checkpoint {
                checkpoint,
                values,
                next,
            } => format!(
                "checkpoint {} {} {:?} then {next:?}",
                checkpoint.source.as_str(),
                checkpoint.step,
                values.get::<Board>().unwrap().lines()
            ),
            EventData::TaskStarted { node, step, .. } => format!("start {node} {step}"),
            EventData::TaskFinished {
                node, step, result, ..
            } => format!("finish {node} {step} {}", result.unwrap()),
            other => format!("{other:?}"),
        });
    }
    seen
}

fn two_steps(memory: &Arc<Memory>) -> CompiledGraph<Board> {
    StateGraph::<Board>::new()
        .node("a", async |_, _| log("a"))
        .node("b", async |_, _| log("b"))
        .edge(START, "a")
        .edge("a", "b")
        .compile(memory.clone())
        .unwrap()
}

#[tokio::test]
async fn every_checkpoint_and_every_task_is_shown() {
    let thread = two_steps(&Memory::new()).thread("t");
    let modes = StreamModes::DEBUG | StreamModes::VALUES | StreamModes::UPDATES;
    let mut stream = thread.stream(log("in"), modes);
    let expected = [
        r#"checkpoint input -1 ["in"] then ["a"]"#,
        r#"values ["in"]"#,
        "start a 0",
        r#"finish a 0 {"log":["a"]}"#,
        r#"update a {"log":["a"]}"#,
        r#"checkpoint loop 0 ["in", "a"] then ["b"]"#,
        r#"values ["in", "a"]"#,
        "start b 1",
        r#"finish b 1 {"log":["b"]}"#,
        r#"update b {"log":["b"]}"#,
        r#"checkpoint loop 1 ["in", "a", "b"] then []"#,
        r#"values ["in", "a", "b"]"#,
    ];
    assert_eq!(shown(&mut stream).await, expected);
}

#[tokio::test]
async fn the_checkpoint_of_a_new_branch_is_shown() {
    let thread = two_steps(&Memory::new()).thread("t");
    thread.invoke(log("in")).await.unwrap();
    let after_a = thread.history(2, None).await.unwrap().pop().unwrap();
    let options = RunOptions::new().checkpoint(after_a.checkpoint.id);
    let branch = thread.with(options);
    let mut stream = branch.stream((), StreamModes::CHECKPOINTS);
    let expected = [
        r#"checkpoint fork 1 ["in", "a"] then ["b"]"#,
        r#"checkpoint loop 2 ["in", "a", "b"] then []"#,
    ];
    assert_eq!(shown(&mut stream).await, expected);
}

#[tokio::test]
async fn a_graph_without_a_store_streams_and_takes_options() {
    let graph = StateGraph::<Board>::new()
        .node("a", async |_, _| log("a"))
        .edge(START, "a")
        .edge("a", "a")
        .compile_stateless()
        .unwrap();
    let limited = || RunOptions::new().recursion_limit(2);
    let error = graph.invoke_with(log("in"), limited()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RecursionLimit);
    let mut stream = graph.stream_with(log("in"), StreamModes::VALUES, limited());
    let mut count = 0;
    while let Some(Ok(_)) = stream.next().await {
        count += 1;
    }
    assert_eq!(count, 3);
    let mut stream = graph.stream(log("in"), StreamModes::UPDATES);
    for _ in 0..1_000 {
        stream.next().await.unwrap().unwrap();
    }
}
