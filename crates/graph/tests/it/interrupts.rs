//! Questions, answers and breakpoints.

use std::sync::Arc;

use everthread_graph::{
    Command, CompiledGraph, Context, END, ErrorKind, EventData, NodeError, RunOptions, START,
    StateGraph, StreamModes,
};

use crate::memory::Memory;
use crate::states::{Board, BoardUpdate, log};

async fn asks(_: Arc<Board>, ctx: Context) -> Result<BoardUpdate, NodeError> {
    let name: String = ctx.interrupt("your name?").await?;
    let age: u32 = ctx.interrupt("your age?").await?;
    Ok(log(&format!("{} is {age} ({name})", ctx.node())))
}

async fn plain(_: Arc<Board>, ctx: Context) -> BoardUpdate {
    log(ctx.node())
}

fn one(memory: &Arc<Memory>) -> CompiledGraph<Board> {
    StateGraph::new()
        .node("ask", asks)
        .node("after", plain)
        .edge(START, "ask")
        .edge("ask", "after")
        .compile(memory.clone())
        .unwrap()
}

#[tokio::test]
async fn a_node_runs_again_from_its_top_with_each_answer() {
    let memory = Memory::new();
    let out = one(&memory)
        .thread("t")
        .invoke(Board::update())
        .await
        .unwrap();
    assert_eq!(out.interrupts[0].value, "your name?");
    assert_eq!(out.next[0].as_ref(), "ask");
    // Another process answers.
    let graph = one(&memory);
    let thread = graph.thread("t");
    let out = thread.resume("Ann").await.unwrap();
    assert_eq!(out.interrupts[0].value, "your age?");
    let out = thread.resume(&33).await.unwrap();
    assert_eq!(out.lines(), ["ask is 33 (Ann)", "after"]);
    assert_eq!(
        memory.outcomes(&thread.key().unwrap()),
        ["interrupted", "interrupted", "success"]
    );
    assert_eq!(
        thread.resume("x").await.unwrap_err().kind(),
        ErrorKind::NothingToResume
    );
}

#[tokio::test]
async fn several_questions_are_answered_by_id() {
    let memory = Memory::new();
    let asks = async |_: Arc<Board>, ctx: Context| {
        let answer: String = ctx.interrupt(ctx.node()).await?;
        Ok::<_, NodeError>(log(&format!("{} {answer}", ctx.node())))
    };
    let graph = StateGraph::new()
        .node("a", asks)
        .node("b", asks)
        .node("c", plain)
        .edge(START, "a")
        .edge(START, "b")
        .edge(START, "c")
        .compile(memory.clone())
        .unwrap();
    let thread = graph.thread("t");
    let out = thread.invoke(Board::update()).await.unwrap();
    assert_eq!(out.interrupts.len(), 2);
    assert_eq!(
        thread.resume("which?").await.unwrap_err().kind(),
        ErrorKind::AmbiguousResume
    );
    // c has finished and is seen, though its step has not ended; it does not run again.
    let state = thread.state().await.unwrap().unwrap();
    assert_eq!(state.values.lines(), ["c"]);
    assert_eq!(
        state.next.iter().map(|n| &**n).collect::<Vec<_>>(),
        ["a", "b"]
    );
    let b = &out.interrupts[1];
    let out = thread
        .resume(&serde_json::json!({ &b.id: "yes" }))
        .await
        .unwrap();
    assert_eq!(out.interrupts.len(), 1);
    assert_eq!(out.interrupts[0].value, "a");
    let out = thread.resume("no").await.unwrap();
    assert_eq!(out.lines(), ["a no", "b yes", "c"]);
}

#[tokio::test]
async fn an_answer_may_bring_an_update() {
    let memory = Memory::new();
    let graph = StateGraph::new()
        .node("ask", async |state: Arc<Board>, ctx: Context| {
            let answer: String = ctx.interrupt("?").await?;
            Ok::<_, NodeError>(log(&format!("{answer} {:?}", state.title.as_deref())))
        })
        .edge(START, "ask")
        .compile(memory)
        .unwrap();
    let thread = graph.thread("t");
    thread.invoke(Board::update()).await.unwrap();
    let command = Command::new()
        .update(Board::update().title("T".to_owned()))
        .resume("yes");
    let out = thread.invoke(command).await.unwrap();
    assert_eq!(out.lines(), ["yes Some(\"T\")"]);
    assert_eq!(out.title.as_deref(), Some("T"));
    // And it is stored.
    assert_eq!(
        thread
            .state()
            .await
            .unwrap()
            .unwrap()
            .values
            .title
            .as_deref(),
        Some("T")
    );
}

/// A graph whose node asks, and fails at the first answers.
fn fails_after_the_answer(memory: &Arc<Memory>, fails: u32) -> CompiledGraph<Board> {
    let left = Arc::new(std::sync::atomic::AtomicU32::new(fails + 1));
    StateGraph::new()
        .node("ask", move |state: Arc<Board>, ctx: Context| {
            let left = left.clone();
            async move {
                let answer: String = ctx.interrupt("?").await?;
                if left.fetch_sub(1, std::sync::atomic::Ordering::Relaxed) > 1 {
                    return Err(NodeError::transient("down"));
                }
                let title = state.title.as_deref().unwrap_or_default();
                Ok(log(&format!("{answer} {title}")).title("mine".to_owned()))
            }
        })
        .node("fast", async |_, _| log("fast"))
        .edge(START, "ask")
        .edge(START, "fast")
        .compile(memory.clone())
        .unwrap()
}

fn with_answer(update: BoardUpdate) -> Command<Board> {
    Command::new().update(update).resume("yes")
}

#[tokio::test]
async fn updates_for_a_pending_step_add_up() {
    let thread = fails_after_the_answer(&Memory::new(), 2).thread("t");
    thread.invoke(Board::update()).await.unwrap();
    let first = with_answer(Board::update().title("T".to_owned()).total(1));
    thread.invoke(first).await.unwrap_err();
    let second = Command::new().update(Board::update().total(2).log("second".to_owned()));
    thread.invoke(second).await.unwrap_err();
    let out = thread.invoke(()).await.unwrap();
    assert_eq!(out.lines(), ["second", "yes T", "fast"]);
    assert_eq!((out.total, out.title.as_deref()), (3, Some("mine")));
}

#[tokio::test]
async fn an_update_for_a_pending_step_outlives_it() {
    let thread = fails_after_the_answer(&Memory::new(), 1).thread("t");
    thread.invoke(Board::update()).await.unwrap();
    let command = with_answer(Board::update().title("T".to_owned()).total(1));
    thread.invoke(command).await.unwrap_err();
    let input = Board::update().title("new".to_owned()).total(2);
    let out = thread.invoke(input).await.unwrap();
    assert_eq!((out.total, out.title.as_deref()), (3, Some("new")));
}

#[tokio::test]
async fn an_update_of_the_state_keeps_what_was_left_at_the_head() {
    let memory = Memory::new();
    let graph = fails_after_the_answer(&memory, 1);
    let thread = graph.thread("t");
    thread.invoke(Board::update()).await.unwrap();
    let command = with_answer(Board::update().title("T".to_owned()).total(1));
    thread.invoke(command).await.unwrap_err();
    let update = Board::update().total(2);
    thread.update_state(update, Some("fast")).await.unwrap();
    let state = thread.state().await.unwrap().unwrap();
    assert_eq!(state.values.lines(), ["fast"]);
    assert_eq!(
        (state.values.total, state.values.title.as_deref()),
        (3, Some("T"))
    );
    assert!(state.next.is_empty());
    // An old checkpoint is taken as it was recorded.
    let old = thread.history(10, None).await.unwrap().pop().unwrap();
    let options = RunOptions::new().checkpoint(old.checkpoint.id);
    let branch = graph.thread("t").with(options);
    branch.update_state(log("old"), Some("fast")).await.unwrap();
    let state = thread.state().await.unwrap().unwrap();
    assert_eq!((state.values.lines(), state.values.total), (vec!["old"], 0));
}

#[tokio::test]
async fn the_caller_and_a_finished_task_may_write_one_field() {
    let graph = StateGraph::new()
        .node("ask", asks)
        .node("title", async |_: Arc<Board>, ctx: Context| {
            let _: bool = ctx.interrupt("title?").await?;
            Ok::<_, NodeError>(Board::update().title("node's".to_owned()))
        })
        .edge(START, "ask")
        .edge(START, "title")
        .compile(Memory::new())
        .unwrap();
    let thread = graph.thread("t");
    let out = thread.invoke(Board::update()).await.unwrap();
    let title = out.interrupts.iter().find(|i| i.value == "title?").unwrap();
    let command = Command::new()
        .update(Board::update().title("caller's".to_owned()))
        .resume(&serde_json::json!({ &title.id: true }));
    thread.invoke(command).await.unwrap();
    let state = thread.state().await.unwrap().unwrap();
    assert_eq!(state.values.title.as_deref(), Some("node's"));
}

#[tokio::test]
async fn a_new_input_discards_what_waits() {
    let memory = Memory::new();
    let graph = one(&memory);
    let thread = graph.thread("t");
    thread.invoke(Board::update()).await.unwrap();
    let out = thread.invoke(log("new")).await.unwrap();
    assert_eq!(out.interrupts[0].value, "your name?");
    assert_eq!(out.lines(), ["new"]);
}

#[tokio::test]
async fn breakpoints_stop_and_are_passed() {
    let memory = Memory::new();
    let graph = StateGraph::new()
        .node("a", plain)
        .node("b", plain)
        .node("c", plain)
        .edge(START, "a")
        .edge("a", "b")
        .edge("b", "c")
        .edge("c", END)
        .interrupt_before(["a", "b"])
        .interrupt_after(["b"])
        .compile(memory.clone())
        .unwrap();
    let thread = graph.thread("t");
    let mut stops = Vec::new();
    let mut out = thread.invoke(Board::update()).await.unwrap();
    while !out.next.is_empty() {
        assert!(out.interrupts.is_empty());
        stops.push(format!("{:?} before {}", out.lines(), out.next[0]));
        out = thread.invoke(()).await.unwrap();
    }
    assert_eq!(
        stops,
        [
            r#"[] before a"#,
            r#"["a"] before b"#,
            r#"["a", "b"] before c"#
        ]
    );
    assert_eq!(out.lines(), ["a", "b", "c"]);
    // Going on with nothing to do gives the state as it is.
    assert_eq!(thread.invoke(()).await.unwrap().lines(), ["a", "b", "c"]);
    let options = RunOptions::new().interrupt_before(["c"]);
    let out = graph
        .thread("u")
        .with(options)
        .invoke(Board::update())
        .await
        .unwrap();
    assert_eq!(out.next[0].as_ref(), "a");
}

#[tokio::test]
async fn questions_are_streamed() {
    let memory = Memory::new();
    let graph = one(&memory);
    let mut stream = graph
        .thread("t")
        .stream(Board::update(), StreamModes::UPDATES);
    let event = stream.next().await.unwrap().unwrap();
    assert!(matches!(event.data, EventData::Interrupted(questions) if questions.len() == 1));
    assert!(stream.next().await.is_none());
    assert!(stream.output().unwrap().is_interrupted());
}

#[tokio::test]
async fn without_a_store_there_is_nothing_to_resume() {
    let graph = StateGraph::new()
        .node("ask", asks)
        .edge(START, "ask")
        .compile_stateless()
        .unwrap();
    assert_eq!(
        graph
            .invoke(Board::update())
            .await
            .unwrap()
            .interrupts
            .len(),
        1
    );
    assert_eq!(
        graph.invoke(()).await.unwrap_err().kind(),
        ErrorKind::NoCheckpointer
    );
    let thread = graph.thread("t");
    assert_eq!(
        thread.invoke(Board::update()).await.unwrap_err().kind(),
        ErrorKind::NoCheckpointer
    );
    let bad = one(&Memory::new())
        .thread("")
        .invoke(Board::update())
        .await
        .unwrap_err();
    assert_eq!(bad.kind(), ErrorKind::InvalidInput);
}

#[tokio::test]
async fn an_answer_that_a_task_failed_at_may_be_replaced() {
    let graph = one(&Memory::new());
    let thread = graph.thread("t");
    thread.invoke(Board::update()).await.unwrap();
    thread.resume("Ann").await.unwrap();
    let error = thread.resume("not a number").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Node);
    thread.invoke(()).await.unwrap_err();
    let out = thread.resume(&33).await.unwrap();
    assert_eq!(out.lines(), ["ask is 33 (Ann)", "after"]);
}
