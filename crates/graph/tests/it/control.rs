//! Where runs go: parallel steps, joins, sent tasks, commands, deferred nodes, limits.

use std::sync::Arc;

use everthread_graph::{
    Command, Context, END, ErrorKind, NodeError, NodeOptions, Overwrite, RunOptions, START, SendTo,
    StateGraph,
};

use crate::memory::Memory;
use crate::states::{Board, BoardUpdate, log};

async fn name(_: Arc<Board>, ctx: Context) -> BoardUpdate {
    log(ctx.node())
}

fn named(names: &[&str]) -> StateGraph<Board> {
    names
        .iter()
        .fold(StateGraph::new(), |graph, node| graph.node(node, name))
}

#[tokio::test]
async fn branches_run_on_one_snapshot_and_join() {
    let graph = named(&["a", "b", "c", "join"])
        .node("look", async |state: Arc<Board>, _: Context| {
            log(&format!("look saw {}", state.log.len()))
        })
        .edge(START, "a")
        .edge("a", "c")
        .edge("a", "b")
        .edge("a", "look")
        .edge(["b", "c", "look"], "join")
        .edge("join", END)
        .compile_stateless()
        .unwrap();
    let out = graph.invoke(Board::update()).await.unwrap();
    assert_eq!(out.lines(), ["a", "b", "c", "look saw 1", "join"]);
}

#[tokio::test]
async fn two_writes_of_a_plain_channel_are_an_error_with_a_hint() {
    let title = async |_: Arc<Board>, ctx: Context| Board::update().title(ctx.node().to_owned());
    let graph = StateGraph::new()
        .node("a", title)
        .node("b", title)
        .edge(START, "a")
        .edge(START, "b")
        .compile_stateless()
        .unwrap();
    let error = graph.invoke(Board::update()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidUpdate);
    assert!(
        error.to_string().contains("\"title\"") && error.to_string().contains("reducer"),
        "{error}"
    );
}

#[tokio::test]
async fn reducers_fold_and_overwrites_win() {
    let add = |n: u64| move |_: Arc<Board>, _: Context| async move { Board::update().total(n) };
    let graph = StateGraph::new()
        .node("a", add(1))
        .node("b", async |_: Arc<Board>, _: Context| {
            Board::update().total(Overwrite(100))
        })
        .node("c", add(2))
        .node("d", add(5))
        .edge(START, "a")
        .edge(START, "b")
        .edge(START, "c")
        .edge("c", "d")
        .compile_stateless()
        .unwrap();
    let out = graph.invoke(Board::update().total(7)).await.unwrap();
    // The overwrite drops what is written beside it; the next step folds again.
    assert_eq!(out.total, 105);
}

#[tokio::test]
async fn sent_tasks_carry_arguments() {
    let graph = named(&["gather"])
        .node("joke", async |_: Arc<Board>, ctx: Context| {
            let subject: String = ctx.arg()?;
            Ok::<_, NodeError>(log(&format!("a joke on {subject}")))
        })
        .route(
            START,
            |_: &Board| {
                ["cats", "dogs"]
                    .map(|subject| SendTo::new("joke", subject))
                    .into_iter()
                    .collect::<Result<Vec<_>, _>>()
            },
            ["joke"],
        )
        .edge("joke", "gather")
        .compile(Memory::new())
        .unwrap();
    let out = graph.thread("t").invoke(Board::update()).await.unwrap();
    assert_eq!(out.lines(), ["a joke on cats", "a joke on dogs", "gather"]);
}

#[tokio::test]
async fn a_command_updates_and_goes() {
    let graph = named(&["b", "c"])
        .node_with(
            "a",
            async |_: Arc<Board>, _: Context| vec![Command::new().update(log("a")).goto("c")],
            NodeOptions::new().destinations(["c"]),
        )
        .edge(START, "a")
        .edge("a", "b")
        .compile_stateless()
        .unwrap();
    let out = graph.invoke(Board::update()).await.unwrap();
    assert_eq!(out.lines(), ["a", "b", "c"]);
    let out = graph
        .invoke(Command::new().update(log("in")).goto("c"))
        .await
        .unwrap();
    assert_eq!(out.lines(), ["in", "c"]);
}

#[tokio::test]
async fn a_command_to_nowhere_is_an_error() {
    let graph = StateGraph::new()
        .node("a", async |_: Arc<Board>, _: Context| {
            Command::<Board>::new().goto("summarise")
        })
        .node("summarize", name)
        .edge(START, "a")
        .edge("a", "summarize")
        .compile_stateless()
        .unwrap();
    let error = graph.invoke(Board::update()).await.unwrap_err().to_string();
    assert!(error.contains("did you mean \"summarize\""), "{error}");
}

#[tokio::test]
async fn a_route_sees_its_own_nodes_writes_only() {
    let seen = |state: &Board| if state.log.len() == 1 { "ok" } else { "wrong" };
    let graph = named(&["a", "b", "ok", "wrong"])
        .edge(START, "a")
        .edge(START, "b")
        .route("a", seen, ["ok", "wrong"])
        .route("b", seen, ["ok", "wrong"])
        .compile_stateless()
        .unwrap();
    assert_eq!(
        graph.invoke(Board::update()).await.unwrap().lines(),
        ["a", "b", "ok"]
    );
}

#[tokio::test]
async fn a_deferred_node_runs_last() {
    let graph = named(&["a", "b"])
        .node_with("last", name, NodeOptions::new().defer())
        .edge(START, "a")
        .edge(START, "last")
        .edge("a", "b")
        .compile(Memory::new())
        .unwrap();
    let out = graph.thread("t").invoke(Board::update()).await.unwrap();
    assert_eq!(out.lines(), ["a", "b", "last"]);
}

#[tokio::test]
async fn ephemeral_values_last_one_step_and_untracked_ones_a_run() {
    let memory = Memory::new();
    let look = async |state: Arc<Board>, _: Context| {
        log(&format!("{:?} {}", state.hint.as_deref(), state.scratch))
    };
    let graph = StateGraph::new()
        .node("a", look)
        .node("b", look)
        .edge(START, "a")
        .edge("a", "b")
        .compile(memory)
        .unwrap();
    let thread = graph.thread("t");
    let out = thread
        .invoke(Board::update().hint("h".to_owned()).scratch(3))
        .await
        .unwrap();
    assert_eq!(out.lines(), ["Some(\"h\") 3", "None 3"]);
    let out = thread.invoke(Board::update()).await.unwrap();
    assert_eq!(out.lines()[2..], ["None 0", "None 0"]);
}

#[tokio::test]
async fn a_loop_ends_at_the_limit_and_its_checkpoints_stay() {
    let memory = Memory::new();
    let graph = named(&["a"])
        .edge(START, "a")
        .edge("a", "a")
        .compile(memory.clone())
        .unwrap();
    let thread = graph.thread("t").with(RunOptions::new().recursion_limit(3));
    let error = thread.invoke(Board::update()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RecursionLimit);
    assert!(error.to_string().contains("recursion limit"), "{error}");
    assert_eq!(memory.outcomes(&thread.key().unwrap()), ["error"]);
    let state = thread.state().await.unwrap().unwrap();
    assert_eq!((state.values.log.len(), &*state.next[0]), (3, "a"));
}
