//! Drawings as text.

use crate::command::{END, START};
use crate::node::NodeOptions;
use crate::{CompiledGraph, State, StateGraph};

#[derive(State)]
struct Empty {
    n: u32,
}

fn inner() -> CompiledGraph<Empty> {
    StateGraph::<Empty>::new()
        .node("think", async |_, _| Empty::update())
        .node("ask (user)", async |_, _| Empty::update())
        .edge(START, "think")
        .route(
            "think",
            |state| if state.n > 0 { END } else { "ask (user)" },
            [END, "ask (user)"],
        )
        .compile_stateless()
        .unwrap()
}

fn chat() -> CompiledGraph<Empty> {
    StateGraph::<Empty>::new()
        .node("chat", async |_, _| Empty::update())
        .node("summarize", async |_, _| Empty::update())
        .edge(START, "chat")
        .route(
            "chat",
            |_| "continue",
            [("summarize", "summarize"), ("continue", END)],
        )
        .edge("summarize", END)
        .compile_stateless()
        .unwrap()
}

fn nested() -> CompiledGraph<Empty> {
    StateGraph::<Empty>::new()
        .node("a", async |_, _| Empty::update())
        .subgraph_shared("inner", &inner())
        .node_with(
            "late",
            async |_, _| Empty::update(),
            NodeOptions::new().defer(),
        )
        .edge(START, "a")
        .edge(["a", "inner"], "late")
        .edge("a", "inner")
        .compile_stateless()
        .unwrap()
}

#[test]
fn a_chat_is_drawn_as_langgraph_draws_it() {
    insta::assert_snapshot!(chat().draw().mermaid(), @r"
    ---
    config:
      flowchart:
        curve: linear
    ---
    graph TD;
    	__start__([<p>__start__</p>]):::first
    	chat(chat)
    	summarize(summarize)
    	__end__([<p>__end__</p>]):::last
    	__start__ --> chat;
    	chat -.-> summarize;
    	chat -. &nbsp;continue&nbsp; .-> __end__;
    	summarize --> __end__;
    	classDef default fill:#f2f0ff,line-height:1.2
    	classDef first fill-opacity:0
    	classDef last fill:#bfb6fc
    ");
}

#[test]
fn graphs_inside_are_boxes() {
    insta::assert_snapshot!(nested().draw().mermaid(), @r"
    ---
    config:
      flowchart:
        curve: linear
    ---
    graph TD;
    	__start__([<p>__start__</p>]):::first
    	a(a)
    	subgraph inner
    		inner\3aask\20\28user\29(ask #40;user#41;)
    		inner\3athink(think)
    	end
    	late(late<hr/><small><em>defer = True</em></small>)
    	__end__([<p>__end__</p>]):::last
    	__start__ --> a;
    	a --> late;
    	a --> inner\3athink;
    	inner\3aask\20\28user\29 --> late;
    	inner\3athink -.-> late;
    	late --> __end__;
    	inner\3athink -.-> inner\3aask\20\28user\29;
    	classDef default fill:#f2f0ff,line-height:1.2
    	classDef first fill-opacity:0
    	classDef last fill:#bfb6fc
    ");
}

#[cfg(feature = "draw")]
#[test]
fn images_are_made_of_both() {
    for (name, graph) in [("chat", chat()), ("nested", nested())] {
        let svg = graph.draw().svg();
        assert!(
            svg.starts_with("<svg") && svg.contains("think") == (name == "nested"),
            "{svg}"
        );
        let png = graph.draw().png().unwrap();
        assert_eq!(png[..8], *b"\x89PNG\r\n\x1a\n");
        if let Ok(folder) = std::env::var("EVERTHREAD_KEEP_DRAWINGS") {
            std::fs::write(format!("{folder}/{name}.png"), png).unwrap();
            std::fs::write(format!("{folder}/{name}.svg"), svg).unwrap();
        }
    }
}
