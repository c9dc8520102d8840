//! What a graph must fulfil before it runs.

use std::sync::Arc;

use everthread_graph::{Context, END, ErrorKind, NodeOptions, START, StateGraph};

use crate::states::{Board, BoardUpdate};

async fn node(_: Arc<Board>, _: Context) -> BoardUpdate {
    Board::update()
}

fn problem(graph: StateGraph<Board>) -> String {
    let error = graph.compile_stateless().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidGraph);
    error.to_string()
}

fn new() -> StateGraph<Board> {
    StateGraph::new().node("chat", node).edge(START, "chat")
}

#[test]
fn mistakes_are_named_with_hints() {
    let cases = [
        problem(StateGraph::new().node("chat", node)),
        problem(new().edge("chta", END)),
        problem(new().route("chat", |_: &Board| END, ["chat", "sumarize"])),
        problem(new().node("summarize", node)),
        problem(new().node("chat", node)),
        problem(new().node("a|b", node).edge("chat", "a|b")),
        problem(new().edge("chat", START)),
        problem(new().edge(END, "chat")),
        problem(new().interrupt_before(["caht"])),
        problem(new().options("caht", &NodeOptions::new())),
        problem(
            StateGraph::new()
                .options("chat", &NodeOptions::new())
                .node("chat", node)
                .edge(START, "chat"),
        ),
    ];
    insta::assert_snapshot!(cases.join("\n"), @r#"
    graph "graph" cannot be compiled: there is no edge from START; add .edge(START, "first node")
    graph "graph" cannot be compiled: the edge chta -> __end__ names the unknown node "chta"; did you mean "chat"?
    graph "graph" cannot be compiled: the route after "chat" names the unknown node "sumarize"
    graph "graph" cannot be compiled: node "summarize" cannot be reached from START; add an edge or a route to it, or name it in the destinations of the node whose command goes there
    graph "graph" cannot be compiled: there are two nodes named "chat"
    graph "graph" cannot be compiled: the node name "a|b" holds a reserved character (':', '|' or a control character)
    graph "graph" cannot be compiled: the edge chat -> __start__ leads to START, where only a run begins
    graph "graph" cannot be compiled: the edge __end__ -> chat begins at END, where nothing follows
    graph "graph" cannot be compiled: interrupt_before names the unknown node "caht"; did you mean "chat"?
    graph "graph" cannot be compiled: options names the unknown node "caht"; did you mean "chat"?
    graph "graph" cannot be compiled: options for "chat" were given before the node; give them after it
    "#);
}

#[test]
fn destinations_make_a_node_reachable() {
    let graph = StateGraph::new()
        .node_with("chat", node, NodeOptions::new().destinations(["tools"]))
        .node("tools", node)
        .edge(START, "chat");
    assert!(graph.compile_stateless().is_ok());
}
