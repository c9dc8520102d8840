//! What a stream shows, and when.

use std::sync::Arc;
use std::time::Duration;

use everthread_graph::contract::StoreErrorKind;
use everthread_graph::{
    CompiledGraph, Context, ErrorKind, NodeError, START, SendTo, StateGraph, StreamModes,
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
