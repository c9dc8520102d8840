//! Several runs on one thread, and runs whose caller or whose answer is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use everthread_graph::contract::{Json, Multitask, StoreErrorKind};
use everthread_graph::{
    CancellationToken, CompiledGraph, Context, ErrorKind, NodeError, RunOptions, START, StateGraph,
    StreamModes,
};
use tokio::sync::Semaphore;

use crate::memory::{Fault, Memory};
use crate::states::{Board, log};

/// A graph whose node waits for a permit.
fn gated(memory: &Arc<Memory>) -> (CompiledGraph<Board>, Arc<Semaphore>) {
    let gate = Arc::new(Semaphore::new(0));
    let wait = gate.clone();
    let graph = StateGraph::<Board>::new()
        .node("a", move |state: Arc<Board>, _: Context| {
            let wait = wait.clone();
            async move {
                wait.acquire().await.unwrap().forget();
                log(&format!("saw {}", state.log.len()))
            }
        })
        .edge(START, "a")
        .compile(memory.clone())
        .unwrap();
    (graph, gate)
}

#[tokio::test]
async fn runs_of_one_thread_wait_for_each_other() {
    let memory = Memory::new();
    let (graph, gate) = gated(&memory);
    gate.add_permits(50);
    let runs = (0..50).map(|n| {
        let thread = graph.thread("t");
        tokio::spawn(async move { thread.invoke(log(&format!("in {n}"))).await })
    });
    for run in runs.collect::<Vec<_>>() {
        run.await.unwrap().unwrap();
    }
    let state = graph.thread("t").state().await.unwrap().unwrap();
    assert_eq!(state.values.log.len(), 100);
    // Each saw all before it: nothing was lost.
    let lines = state
        .values
        .lines()
        .into_iter()
        .map(str::to_owned)
        .collect::<Vec<_>>();
    for turn in 0..50 {
        assert_eq!(lines[2 * turn + 1], format!("saw {}", 2 * turn + 1));
    }
}

#[tokio::test]
async fn a_second_run_may_be_refused_or_take_over() {
    let memory = Memory::new();
    let (graph, gate) = gated(&memory);
    let thread = graph.thread("t");
    let first = tokio::spawn({
        let thread = thread.clone();
        async move { thread.invoke(log("first")).await }
    });
    let key = thread.key().unwrap();
    memory.until(|memory| memory.is_active(&key)).await;
    let reject = thread
        .clone()
        .with(RunOptions::new().multitask(Multitask::Reject));
    let error = reject.invoke(log("x")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Store(StoreErrorKind::Busy));
    let interrupt = thread
        .clone()
        .with(RunOptions::new().multitask(Multitask::Interrupt));
    gate.add_permits(2);
    let second = interrupt.invoke(log("second")).await.unwrap();
    assert_eq!(second.lines(), ["first", "second", "saw 2"]);
    let error = first.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Store(StoreErrorKind::Fenced));
}

#[tokio::test]
async fn a_stale_cache_is_noticed() {
    let memory = Memory::new();
    let (one, gate) = gated(&memory);
    gate.add_permits(100);
    let (two, gate) = gated(&memory);
    gate.add_permits(100);
    for turn in 0..4 {
        let out = one.thread("t").invoke(log("one")).await.unwrap();
        assert_eq!(
            out.log.len(),
            4 * turn + 2,
            "{:?}",
            memory.history_of(&one.thread("t").key().unwrap())
        );
        let out = two.thread("t").invoke(log("two")).await.unwrap();
        assert_eq!(out.log.len(), 4 * turn + 4);
    }
}

#[tokio::test]
async fn a_dropped_run_is_ended() {
    let memory = Memory::new();
    let (graph, gate) = gated(&memory);
    let thread = graph.thread("t");
    let key = thread.key().unwrap();
    {
        let mut run = std::pin::pin!(thread.invoke(log("first")));
        assert!(futures::poll!(&mut run).is_pending());
        assert!(memory.is_active(&key));
    }
    memory.until(|memory| !memory.is_active(&key)).await;
    assert_eq!(memory.outcomes(&key), ["cancelled"]);
    {
        let mut stream = thread.stream(log("second"), StreamModes::VALUES);
        stream.next().await.unwrap().unwrap();
        assert!(memory.is_active(&key));
    }
    memory.until(|memory| !memory.is_active(&key)).await;
    // What was said is kept, and the next run goes on.
    gate.add_permits(1);
    let out = thread.invoke(log("third")).await.unwrap();
    assert_eq!(out.lines(), ["first", "second", "third", "saw 3"]);
}

#[tokio::test]
async fn a_dropped_run_leaves_the_queue() {
    let memory = Memory::new();
    let (graph, gate) = gated(&memory);
    let thread = graph.thread("t");
    let key = thread.key().unwrap();
    let mut first = std::pin::pin!(thread.invoke(log("first")));
    assert!(futures::poll!(&mut first).is_pending());
    {
        let mut second = std::pin::pin!(thread.invoke(log("second")));
        assert!(futures::poll!(&mut second).is_pending());
        assert_eq!(memory.queued(&key), 1);
    }
    memory.until(|memory| memory.queued(&key) == 0).await;
    gate.add_permits(1);
    assert_eq!(first.await.unwrap().lines(), ["first", "saw 1"]);
}

#[tokio::test]
async fn a_queued_run_with_nothing_to_do_leaves_the_queue() {
    let memory = Memory::new();
    let (graph, gate) = gated(&memory);
    let thread = graph.thread("t");
    let key = thread.key().unwrap();
    let mut first = std::pin::pin!(thread.invoke(log("first")));
    assert!(futures::poll!(&mut first).is_pending());
    let mut go_on = std::pin::pin!(thread.invoke(()));
    let mut answer = std::pin::pin!(thread.resume("yes"));
    assert!(futures::poll!(&mut go_on).is_pending());
    assert_eq!(memory.queued(&key), 1);
    assert_eq!(
        futures::poll!(&mut answer).map(|answer| answer.unwrap_err().kind()),
        std::task::Poll::Ready(ErrorKind::NothingToResume)
    );
    gate.add_permits(2);
    assert_eq!(first.await.unwrap().lines(), ["first", "saw 1"]);
    assert_eq!(go_on.await.unwrap().lines(), ["first", "saw 1"]);
    assert_eq!(memory.queued(&key), 0);
    let out = thread.invoke(log("third")).await.unwrap();
    assert_eq!(out.lines(), ["first", "saw 1", "third", "saw 3"]);
}

#[tokio::test]
async fn of_many_answers_to_one_question_one_is_taken() {
    let memory = Memory::new();
    let taken = Arc::new(AtomicU32::new(0));
    let count = taken.clone();
    let graph = StateGraph::<Board>::new()
        .node("ask", move |_, ctx: Context| {
            let count = count.clone();
            async move {
                let answer: u32 = ctx.interrupt("?").await?;
                count.fetch_add(1, Ordering::Relaxed);
                tokio::task::yield_now().await;
                Ok::<_, NodeError>(log(&format!("answer {answer}")))
            }
        })
        .edge(START, "ask")
        .compile(memory.clone())
        .unwrap();
    let thread = graph.thread("t");
    let key = thread.key().unwrap();
    thread.invoke(Board::update()).await.unwrap();
    let answers = (0..50).map(|n| {
        let thread = thread.clone();
        tokio::spawn(async move { thread.resume(&n).await })
    });
    let mut right = 0;
    for answer in answers.collect::<Vec<_>>() {
        match answer.await.unwrap() {
            Ok(_) => right += 1,
            Err(error) => assert_eq!(error.kind(), ErrorKind::NothingToResume),
        }
    }
    assert_eq!((right, taken.load(Ordering::Relaxed)), (1, 1));
    assert_eq!((memory.is_active(&key), memory.queued(&key)), (false, 0));
    let state = thread.state().await.unwrap().unwrap();
    assert_eq!(state.values.log.len(), 1);
}

#[tokio::test]
async fn a_token_cancels() {
    let memory = Memory::new();
    let (graph, _gate) = gated(&memory);
    let token = CancellationToken::new();
    let thread = graph
        .thread("t")
        .with(RunOptions::new().cancel(token.clone()));
    let key = thread.key().unwrap();
    let mut run = std::pin::pin!(thread.invoke(log("x")));
    assert!(futures::poll!(&mut run).is_pending());
    let queued = graph
        .thread("t")
        .with(RunOptions::new().cancel(token.clone()));
    let mut waiting = std::pin::pin!(queued.invoke(log("y")));
    assert!(futures::poll!(&mut waiting).is_pending());
    token.cancel();
    assert_eq!(waiting.await.unwrap_err().kind(), ErrorKind::Cancelled);
    assert_eq!(run.await.unwrap_err().kind(), ErrorKind::Cancelled);
    assert_eq!(memory.outcomes(&key), ["cancelled"]);
    assert_eq!((memory.is_active(&key), memory.queued(&key)), (false, 0));
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again() {
    let memory = Memory::new();
    let (graph, gate) = gated(&memory);
    gate.add_permits(10);
    memory.fault(Fault::LoseAnswer);
    let out = graph.thread("t").invoke(log("x")).await.unwrap();
    assert_eq!(out.lines(), ["x", "saw 1"]);
    memory.fault(Fault::Refuse(StoreErrorKind::OutcomeUnknown));
    let out = graph.thread("t").invoke(log("y")).await.unwrap();
    assert_eq!(out.lines(), ["x", "saw 1", "y", "saw 3"]);
}

#[tokio::test]
async fn a_store_that_cannot_write_fails_the_run() {
    let memory = Memory::new();
    let (graph, gate) = gated(&memory);
    gate.add_permits(10);
    memory.fault(Fault::Refuse(StoreErrorKind::Unavailable));
    let error = graph.thread("t").invoke(log("x")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Store(StoreErrorKind::Unavailable));
    assert!(error.is_retryable());
    // The input is written, the step is not: the run is ended all the same.
    memory.fault(Fault::None);
    memory.fault(Fault::Refuse(StoreErrorKind::Unavailable));
    let thread = graph.thread("t");
    thread.invoke(log("y")).await.unwrap_err();
    let key = thread.key().unwrap();
    memory.until(|memory| !memory.is_active(&key)).await;
    assert_eq!(thread.invoke(()).await.unwrap().lines(), ["y", "saw 1"]);
}

#[tokio::test(start_paused = true)]
async fn a_passing_failure_of_the_store_does_not_block_the_thread() {
    let memory = Memory::new();
    let (graph, gate) = gated(&memory);
    gate.add_permits(10);
    let thread = graph.thread("t");
    let unavailable = Fault::Refuse(StoreErrorKind::Unavailable);
    let unknown = Fault::Refuse(StoreErrorKind::OutcomeUnknown);
    let mut expected = 0;
    for faults in [
        // The step and the run's end.
        vec![
            Fault::None,
            unavailable,
            unavailable,
            unavailable,
            unavailable,
            unavailable,
        ],
        // The step is lost, or it is there and its answer is lost, and the end is refused.
        vec![Fault::None, unknown, unavailable, unknown],
        vec![
            Fault::None,
            Fault::LoseAnswer,
            unavailable,
            Fault::LoseAnswer,
        ],
        // The input is there, which nobody is told.
        vec![Fault::LoseAnswer, unavailable, unavailable, unavailable],
        vec![Fault::LoseAnswer, unknown, unknown, unknown, unavailable],
        // It is not.
        vec![unknown, unavailable, unavailable],
    ] {
        for fault in faults {
            memory.fault(fault);
        }
        thread.invoke(log("x")).await.unwrap_err();
        memory.until(|memory| memory.faults_left() == 0).await;
        let next = thread.invoke(log("y"));
        let next = tokio::time::timeout(Duration::from_secs(600), next).await;
        let out = next.unwrap().unwrap();
        assert!(out.log.len() > expected);
        expected = out.log.len();
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_whose_admission_is_in_doubt_does_not_block_the_thread() {
    let memory = Memory::new();
    let graph = StateGraph::<Board>::new()
        .node("ask", async |_, ctx: Context| {
            let answer: String = ctx.interrupt("?").await?;
            Ok::<_, NodeError>(log(&answer))
        })
        .edge(START, "ask")
        .compile(memory.clone())
        .unwrap();
    let thread = graph.thread("t");
    thread.invoke(Board::update()).await.unwrap();
    memory.fault(Fault::LoseAnswer);
    memory.fault(Fault::Refuse(StoreErrorKind::Unavailable));
    thread.resume("yes").await.unwrap_err();
    let next = tokio::time::timeout(Duration::from_secs(600), thread.invoke(()));
    assert_eq!(next.await.unwrap().unwrap().lines(), ["yes"]);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_dropped_while_its_end_is_under_way_is_ended_if_that_fails() {
    let memory = Memory::new();
    let (graph, gate) = gated(&memory);
    gate.add_permits(10);
    let thread = graph.thread("t");
    let key = thread.key().unwrap();
    memory.hold();
    {
        let mut run = std::pin::pin!(thread.invoke(log("x")));
        assert!(futures::poll!(&mut run).is_pending());
        assert_eq!(memory.commits(), 2, "its last step was sent");
    }
    memory.lose(StoreErrorKind::Unavailable);
    memory.until(|memory| !memory.is_active(&key)).await;
    assert_eq!(memory.outcomes(&key), ["error"]);
}

#[tokio::test]
async fn commits_are_not_unanswered_without_end() {
    let memory = Memory::new();
    let graph = StateGraph::<Board>::new()
        .node("a", async |_, _| log("a"))
        .edge(START, "a")
        .route(
            "a",
            |state: &Board| {
                if state.log.len() < 100 {
                    "a"
                } else {
                    everthread_graph::END
                }
            },
            ["a", everthread_graph::END],
        )
        .compile(memory.clone())
        .unwrap();
    memory.hold();
    let thread = graph.thread("t");
    let mut run = std::pin::pin!(thread.invoke(Board::update()));
    assert!(futures::poll!(&mut run).is_pending());
    assert_eq!(memory.commits(), 8);
    memory.release();
    assert_eq!(run.await.unwrap().log.len(), 100);
}

#[tokio::test]
async fn metadata_is_kept_with_each_checkpoint() {
    let memory = Memory::new();
    let (graph, gate) = gated(&memory);
    gate.add_permits(1);
    let options = RunOptions::new().metadata(Json::trusted(r#"{"source":"test"}"#));
    let thread = graph.thread("t").with(options);
    thread.invoke(log("x")).await.unwrap();
    for checkpoint in memory.history_of(&thread.key().unwrap()) {
        assert_eq!(
            checkpoint.metadata.unwrap().as_str(),
            r#"{"source":"test"}"#
        );
    }
}

#[tokio::test]
async fn a_token_cancels_nodes_that_are_ready_at_once() {
    let token = CancellationToken::new();
    let cancel = token.clone();
    let graph = StateGraph::<Board>::new()
        .node("a", move |state: Arc<Board>, _| {
            if state.log.len() == 10 {
                cancel.cancel();
            }
            async { log("a") }
        })
        .edge(START, "a")
        .edge("a", "a")
        .compile(Memory::new())
        .unwrap();
    let thread = graph
        .thread("t")
        .with(RunOptions::new().cancel(token.clone()));
    let error = thread.invoke(Board::update()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    let state = thread.state().await.unwrap().unwrap();
    assert_eq!(state.values.log.len(), 11);
}

#[tokio::test]
async fn a_long_run_gives_others_a_turn() {
    let token = CancellationToken::new();
    let graph = StateGraph::<Board>::new()
        .node("a", async |_, _| log("a"))
        .edge(START, "a")
        .edge("a", "a")
        .compile(Memory::new())
        .unwrap();
    let thread = graph
        .thread("t")
        .with(RunOptions::new().cancel(token.clone()));
    let canceller = tokio::spawn(async move { token.cancel() });
    let error = thread.invoke(Board::update()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    canceller.await.unwrap();
}
