//! Graphs whose type is forgotten: everything in and out is JSON.

mod edits;
mod inputs;
mod nested;

use std::sync::Arc;

use everthread_graph::contract::{At, HistoryQuery, Json, ThreadKey};
use everthread_graph::{
    AnyGraph, AnyInput, AnyOutput, Context, END, NodeError, RunOptions, START, StateGraph,
    StreamModes,
};
use serde::Deserialize;

use crate::memory::Memory;
use crate::states::{Board, BoardUpdate, log};

fn json(value: impl Into<serde_json::Value>) -> Json {
    Json::of(&value.into()).unwrap()
}

fn key() -> ThreadKey {
    ThreadKey {
        user: "ann".parse().unwrap(),
        thread: "t".parse().unwrap(),
    }
}

async fn name(_: Arc<Board>, ctx: Context) -> BoardUpdate {
    log(ctx.node())
}

async fn ask(_: Arc<Board>, ctx: Context) -> Result<BoardUpdate, NodeError> {
    let answer: String = ctx.interrupt("go on?").await?;
    Ok(log(&answer))
}

/// `a`, then a question, then `z`.
fn asking(memory: &Arc<Memory>) -> Arc<dyn AnyGraph> {
    let graph = StateGraph::new()
        .name("asking")
        .node("a", name)
        .node("ask", ask)
        .node("z", name)
        .edge(START, "a")
        .edge("a", "ask")
        .edge("ask", "z")
        .edge("z", END)
        .compile(memory.clone())
        .unwrap();
    Arc::new(graph)
}

async fn run(graph: &Arc<dyn AnyGraph>, input: AnyInput) -> AnyOutput {
    run_with(graph, input, RunOptions::new()).await
}

async fn run_with(graph: &Arc<dyn AnyGraph>, input: AnyInput, options: RunOptions) -> AnyOutput {
    let stream = graph.stream(&key(), input, StreamModes::NONE, options);
    stream.unwrap().finish().await.unwrap()
}

fn lines(values: &Json) -> Vec<String> {
    #[derive(Deserialize)]
    struct Lines {
        log: Vec<String>,
    }
    values.read::<Lines>().unwrap().log
}

fn answer(value: serde_json::Value) -> AnyInput {
    AnyInput::Command {
        update: None,
        resume: Some(json(value)),
        goto: Vec::new(),
    }
}

fn all() -> HistoryQuery {
    HistoryQuery {
        ns: None,
        before: None,
        limit: 100,
    }
}

#[tokio::test]
async fn a_thread_runs_asks_and_goes_on() {
    let graph = asking(&Memory::new());
    assert!(graph.state(&key(), At::Head, true).await.unwrap().is_none());
    let input = AnyInput::Update(json(serde_json::json!({"log": ["in"]})));
    let out = run(&graph, input).await;
    assert!(out.is_interrupted());
    assert_eq!(lines(&out.values.json().unwrap()), ["in", "a"]);
    let state = graph.state(&key(), At::Head, false).await.unwrap().unwrap();
    assert_eq!(&*state.next[0], "ask");
    assert_eq!(state.tasks[0].task.interrupts, out.interrupts);
    assert_eq!(Some(state.checkpoint.id), out.checkpoint);

    // An answer may come by the question's id.
    let id = out.interrupts[0].id.clone();
    let out = run(&graph, answer(serde_json::json!({ id: "yes" }))).await;
    assert_eq!(lines(&out.values.json().unwrap()), ["in", "a", "yes", "z"]);
    let history = graph.history(&key(), all()).await.unwrap();
    let seen: Vec<_> = history
        .iter()
        .map(|state| (state.checkpoint.step, lines(&state.values).len()))
        .collect();
    assert_eq!(seen, [(2, 4), (1, 3), (0, 2), (-1, 1)]);
    assert_eq!(
        history[2].tasks[0].task.result.as_ref().map(Json::as_str),
        None,
        "what a task wrote is in the next checkpoint"
    );
}

#[tokio::test]
async fn a_star_stops_at_every_node() {
    let graph = asking(&Memory::new());
    let before = RunOptions::new().interrupt_before(["*"]);
    let empty = AnyInput::Update(json(serde_json::json!({})));
    let out = run_with(&graph, empty, before.clone()).await;
    assert_eq!(&*out.next[0], "a");
    let out = run_with(&graph, AnyInput::Resume, before).await;
    assert_eq!(&*out.next[0], "ask");
    let out = run(&graph, AnyInput::Resume).await;
    assert_eq!(out.interrupts.len(), 1);
    let after = RunOptions::new().interrupt_after(["*"]);
    let out = run_with(&graph, answer("yes".into()), after).await;
    assert_eq!(&*out.next[0], "z");
}

#[tokio::test]
async fn nodes_read_the_runs_context() {
    #[derive(Deserialize)]
    struct Wanted {
        tone: String,
    }
    let graph = StateGraph::new()
        .node("a", async |_: Arc<Board>, ctx: Context| {
            let wanted: Option<Wanted> = ctx.run_context()?;
            Ok::<_, NodeError>(log(&wanted.map_or("none".to_owned(), |wanted| wanted.tone)))
        })
        .edge(START, "a")
        .compile(Memory::new())
        .unwrap();
    let graph: Arc<dyn AnyGraph> = Arc::new(graph);
    let empty = || AnyInput::Update(json(serde_json::json!({})));
    let with = |context| RunOptions::new().context(json(context));
    run(&graph, empty()).await;
    let out = run_with(&graph, empty(), with(serde_json::json!({"tone": "dry"}))).await;
    assert_eq!(lines(&out.values.json().unwrap()), ["none", "dry"]);
    let wrong = with(serde_json::json!({"tone": 3}));
    let stream = graph.stream(&key(), empty(), StreamModes::NONE, wrong);
    let error = stream.unwrap().finish().await.unwrap_err().to_string();
    assert!(error.contains("context"), "{error}");
}

#[test]
fn schemas_say_what_goes_in() {
    let graph = asking(&Memory::new());
    let schemas = graph.schemas();
    let input: serde_json::Value = schemas.input.read().unwrap();
    assert_eq!(input["title"], "asking_input");
    let channels = &input["properties"];
    assert_eq!(
        channels["notes"],
        serde_json::json!({"title": "notes", "type": "array", "items": {"type": "object"}})
    );
    assert_eq!(
        channels["log"],
        serde_json::json!({
            "title": "log", "description": "What was done.",
            "type": "array", "items": {"type": "string"}
        })
    );
    assert_eq!(channels["total"]["type"], "integer");
    let output: serde_json::Value = schemas.output.read().unwrap();
    assert_eq!(output["properties"].get("scratch"), None);
    let context: serde_json::Value = schemas.context.read().unwrap();
    assert_eq!(context["type"], "object");
    let said = Json::parse(r#"{"type":"object","properties":{"tone":{"type":"string"}}}"#).unwrap();
    let graph = StateGraph::new()
        .node("a", name)
        .edge(START, "a")
        .context_schema(said.clone())
        .compile_stateless()
        .unwrap();
    assert_eq!(AnyGraph::schemas(&graph).context, said);
}
