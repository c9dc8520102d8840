//! Graphs inside nodes: where they are, and what they have come to.

use std::sync::Arc;

use everthread_graph::contract::{At, HistoryQuery, Namespace};
use everthread_graph::{AnyGraph, AnyInput, Context, NodeError, START, State, StateGraph};
use serde_json::json as value;

use super::{all, answer, json, key, lines, name, run};
use crate::memory::Memory;
use crate::states::{Board, log};

#[derive(State)]
struct Inner {
    question: String,
    answer: Option<String>,
}

fn nested(memory: &Arc<Memory>) -> Arc<dyn AnyGraph> {
    // Graphs inside need no home of their own.
    let inner = StateGraph::<Inner>::new()
        .node("think", async |_, _| Inner::update())
        .node("ask", async |state: Arc<Inner>, ctx: Context| {
            let answer: String = ctx.interrupt(&state.question).await?;
            Ok::<_, NodeError>(Inner::update().answer(answer))
        })
        .edge(START, "think")
        .edge("think", "ask")
        .compile_stateless()
        .unwrap();
    let middle = StateGraph::new()
        .node("before", name)
        .subgraph(
            "inner",
            &inner,
            |_: &Board| Inner::update().question("sure?".to_owned()),
            |inner: &Inner| log(inner.answer.as_deref().unwrap_or("none")),
        )
        .edge(START, "before")
        .edge("before", "inner")
        .compile_stateless()
        .unwrap();
    let graph = StateGraph::new()
        .node("first", name)
        .subgraph_shared("middle", &middle)
        .edge(START, "first")
        .edge("first", "middle")
        .compile(memory.clone())
        .unwrap();
    Arc::new(graph)
}

#[tokio::test]
async fn a_waiting_task_shows_the_graph_inside_or_where_it_is() {
    let graph = nested(&Memory::new());
    run(&graph, AnyInput::Update(json(value!({})))).await;
    let state = graph.state(&key(), At::Head, false).await.unwrap().unwrap();
    let inside = state.tasks[0].inside.as_ref().unwrap();
    assert!(inside.ns.as_str().starts_with("middle:"));
    assert!(inside.state.is_none());

    let whole = graph.state(&key(), At::Head, true).await.unwrap().unwrap();
    let middle = whole.tasks[0].inside.as_ref().unwrap();
    let middle = middle.state.as_ref().unwrap();
    assert_eq!(lines(&middle.values), ["first", "before"]);
    let inner = middle.tasks[0].inside.as_ref().unwrap();
    let state = inner.state.as_ref().unwrap();
    assert_eq!(
        state.values.as_str(),
        r#"{"question":"sure?","answer":null}"#
    );
    assert_eq!(&*state.next[0], "ask");
    assert_eq!(state.interrupts, whole.interrupts);

    // By its namespace it is the same.
    let again = graph.state_in(&key(), &inner.ns, At::Head, false).await;
    assert_eq!(again.unwrap().unwrap().checkpoint, state.checkpoint);
    let query = HistoryQuery {
        ns: Some(inner.ns.clone()),
        ..all()
    };
    assert_eq!(graph.history(&key(), query).await.unwrap().len(), 2);
    let nowhere = Namespace::from_text("nobody:1");
    assert!(
        graph
            .state_in(&key(), &nowhere, At::Head, false)
            .await
            .unwrap()
            .is_none()
    );

    let out = run(&graph, answer("yes".into())).await;
    assert_eq!(
        lines(&out.values.json().unwrap()),
        ["first", "before", "yes"]
    );
}

#[test]
fn graphs_inside_are_listed_and_drawn_by_their_paths() {
    let graph = nested(&Memory::new());
    let subgraphs = graph.subgraphs();
    let paths: Vec<_> = subgraphs.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths, ["middle", "middle|inner"]);
    assert!(subgraphs[1].1.state.as_str().contains("question"));
    let picture = graph.picture();
    let names = |levels| {
        let picture = picture.expanded(levels);
        let nodes = picture.nodes().iter().map(|node| node.name.clone());
        let edges = picture
            .edges()
            .iter()
            .map(|edge| format!("{}>{}", edge.from, edge.to));
        (
            nodes.collect::<Vec<_>>().join(" "),
            edges.collect::<Vec<_>>().join(" "),
        )
    };
    assert_eq!(
        names(0),
        (
            "first middle".to_owned(),
            "__start__>first first>middle middle>__end__".to_owned()
        )
    );
    assert_eq!(
        names(1),
        (
            "first middle:before middle:inner".to_owned(),
            "__start__>first first>middle:before middle:inner>__end__ middle:before>middle:inner"
                .to_owned()
        )
    );
    assert_eq!(
        names(9).0,
        "first middle:before middle:inner:ask middle:inner:think"
    );
}
