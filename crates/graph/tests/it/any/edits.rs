//! Changing threads without running them.

use std::sync::Arc;

use everthread_graph::contract::{At, Source};
use everthread_graph::{
    AnyEdit, AnyGoto, AnyGraph, AnyInput, AnyState, END, ErrorKind, START, StateGraph,
};
use serde_json::json as value;

use super::{all, asking, json, key, lines, name, run};
use crate::memory::Memory;

async fn head(graph: &Arc<dyn AnyGraph>) -> AnyState {
    graph.state(&key(), At::Head, false).await.unwrap().unwrap()
}

fn wrote(line: &str) -> AnyEdit {
    AnyEdit::new(json(value!({"log": [line]})))
}

fn next(state: &AnyState) -> Vec<&str> {
    state.next.iter().map(|node| &**node).collect()
}

#[tokio::test]
async fn several_edits_are_one_checkpoint_each() {
    let graph = asking(&Memory::new());
    let edits = vec![
        wrote("in").as_node("__input__"),
        wrote("a").as_node("a"),
        wrote("yes").as_node("ask"),
    ];
    let last = graph.update_state(&key(), At::Head, edits).await.unwrap();
    let history = graph.history(&key(), all()).await.unwrap();
    let seen: Vec<_> = history
        .iter()
        .map(|state| (state.checkpoint.source, next(state), lines(&state.values)))
        .collect();
    assert_eq!(
        seen,
        [
            (
                Source::Update,
                vec!["z"],
                vec!["in".into(), "a".into(), "yes".into()]
            ),
            (Source::Update, vec!["ask"], vec!["in".into(), "a".into()]),
            (Source::Input, vec!["a"], vec!["in".into()]),
        ]
    );
    assert_eq!(history[0].checkpoint.id, last);
    let out = run(&graph, AnyInput::Resume).await;
    assert_eq!(lines(&out.values.json().unwrap()).last().unwrap(), "z");
}

#[tokio::test]
async fn an_edit_of_an_old_checkpoint_begins_a_branch() {
    let graph = asking(&Memory::new());
    run(&graph, AnyInput::Update(json(value!({"log": ["in"]})))).await;
    let history = graph.history(&key(), all()).await.unwrap();
    let first = history.last().unwrap().checkpoint.id;
    let edits = vec![wrote("other").as_node("a")];
    let branch = graph
        .update_state(&key(), At::Id(first), edits)
        .await
        .unwrap();
    let state = head(&graph).await;
    assert_eq!(state.checkpoint.id, branch);
    assert_eq!(state.checkpoint.parent, Some(first));
    assert_eq!(
        (lines(&state.values), next(&state)),
        (vec!["in".into(), "other".into()], vec!["ask"])
    );
    let copied = graph.fork(&key(), first).await.unwrap();
    let state = head(&graph).await;
    assert_eq!(
        (state.checkpoint.id, state.checkpoint.source),
        (copied, Source::Fork)
    );
    assert_eq!(next(&state), ["a"]);
}

#[tokio::test]
async fn an_edit_without_values_copies_or_ends() {
    let graph = asking(&Memory::new());
    run(&graph, AnyInput::Update(json(value!({"log": ["in"]})))).await;
    for (as_node, source, left) in [
        (None, Source::Update, vec!["ask"]),
        (Some("__copy__"), Source::Fork, vec!["ask"]),
        (Some("ask"), Source::Update, vec!["z"]),
        (Some(START), Source::Update, vec!["a"]),
        (Some(END), Source::Update, vec![]),
    ] {
        let edit = AnyEdit {
            as_node: as_node.map(str::to_owned),
            ..AnyEdit::default()
        };
        graph
            .update_state(&key(), At::Head, vec![edit])
            .await
            .unwrap();
        let state = head(&graph).await;
        assert_eq!(
            (state.checkpoint.source, next(&state)),
            (source, left),
            "{as_node:?}"
        );
        assert_eq!(lines(&state.values), ["in", "a"]);
    }
}

#[tokio::test]
async fn nodes_that_ran_side_by_side_are_written_in_one_step() {
    let graph = StateGraph::new()
        .node("a", name)
        .node("b", name)
        .node("join", name)
        .node("other", name)
        .edge(START, "a")
        .edge(START, "b")
        .edge(["a", "b"], "join")
        .edge(START, "other")
        .compile(Memory::new())
        .unwrap();
    let graph: Arc<dyn AnyGraph> = Arc::new(graph);
    let both = AnyEdit {
        goto: vec![AnyGoto::send("other", json(value!(1)))],
        beside: vec![wrote("b").as_node("b")],
        ..wrote("a").as_node("a")
    };
    graph
        .update_state(&key(), At::Head, vec![both])
        .await
        .unwrap();
    let state = head(&graph).await;
    assert_eq!(lines(&state.values), ["a", "b"]);
    assert_eq!(next(&state), ["other", "join"]);
    assert_eq!(state.tasks[0].task.arg, Some(json(value!(1))));
}

#[tokio::test]
async fn a_wrong_edit_writes_nothing() {
    let memory = Memory::new();
    let graph = asking(&memory);
    for (wrong, named) in [
        (vec![], "no update"),
        (vec![wrote("x").as_node("nobody")], "nobody"),
        (vec![wrote("x").as_node("__copy__")], "__copy__"),
        (
            vec![
                wrote("x").as_node("a"),
                AnyEdit::new(json(value!({"total": []}))),
            ],
            "total",
        ),
        (
            vec![AnyEdit {
                beside: vec![wrote("y").as_node(END)],
                ..wrote("x").as_node("a")
            }],
            "alone",
        ),
    ] {
        let error = graph
            .update_state(&key(), At::Head, wrong)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        assert!(error.to_string().contains(named), "{error}");
    }
    assert_eq!(memory.commits(), 0);
}
