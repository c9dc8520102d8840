//! The rules of the planner: text in, text out.

use std::fmt::Write as _;

use super::*;

/// A graph from lines like `__start__ -> a`, `a+b -> c`; nodes are all that is named, `defer d` defers one.
fn graph(text: &str) -> Topology {
    let mut names = BTreeSet::new();
    let mut deferred = Vec::new();
    let mut edges = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if let Some(name) = line.strip_prefix("defer ") {
            deferred.push(name);
            continue;
        }
        let (from, to) = line.split_once(" -> ").unwrap();
        let from: Vec<&str> = from.split('+').collect();
        names.extend(from.iter().copied().chain([to]));
        edges.push((from, to));
    }
    let names = names.into_iter().filter(|name| !name.starts_with("__"));
    let nodes = names.map(|name| (Arc::from(name), deferred.contains(&name)));
    let mut topology = Topology::new(nodes.collect::<Vec<_>>());
    for (from, to) in edges {
        let Some(to) = topology.find(to) else {
            continue;
        };
        if let [only] = from[..] {
            topology.add_edge(topology.find(only), to);
        } else {
            let sources = from.iter().map(|name| topology.find(name).unwrap());
            topology.add_join(sources.collect(), to);
        }
    }
    topology
}

fn target(topology: &Topology, text: &str) -> Target {
    match text.split_once('!') {
        Some((node, arg)) => Target::Push(topology.find(node).unwrap(), Json::trusted(arg)),
        None => topology.find(text).map_or(Target::End, Target::Node),
    }
}

/// Runs steps: each line names the tasks that finish, `a` or `a=>b,c!1` with where they go. Gives the plans.
fn plans(text: &str, steps: &str) -> String {
    let topology = graph(text);
    let mut plan = Plan::default().start(&topology, Vec::new());
    let mut shown = format!("start: {}\n", plan.to_json(&topology).unwrap());
    for line in steps.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let finished: Vec<_> = line
            .split_whitespace()
            .map(|task| {
                let (node, places) = task.split_once("=>").unwrap_or((task, ""));
                let places = places.split(',').filter(|place| !place.is_empty());
                Finished {
                    node: topology.find(node),
                    targets: places.map(|place| target(&topology, place)).collect(),
                }
            })
            .collect();
        plan = plan.advance(&topology, &finished);
        let json = plan.to_json(&topology).unwrap();
        assert_eq!(
            Plan::from_json(&topology, &json).unwrap(),
            plan,
            "a plan round-trips"
        );
        writeln!(shown, "{line}: {json}").unwrap();
    }
    shown
}

#[test]
fn nodes_run_by_name_each_once() {
    let graph = "__start__ -> b\n__start__ -> a\na -> z\nb -> z\nb -> c";
    insta::assert_snapshot!(plans(graph, "a b\nc z"), @r#"
    start: {"next":["a","b"],"writers":["__start__"]}
    a b: {"next":["c","z"],"writers":["a","b"]}
    c z: {"writers":["c","z"]}
    "#);
}

#[test]
fn sent_tasks_come_before_nodes_in_the_order_of_their_senders() {
    let graph = "__start__ -> a\n__start__ -> b\na -> c\nc -> __end__\nb -> __end__";
    insta::assert_snapshot!(plans(graph, "a=>c!2,b b=>c!1,c!2"), @r#"
    start: {"next":["a","b"],"writers":["__start__"]}
    a=>c!2,b b=>c!1,c!2: {"sends":[{"node":"c","arg":2},{"node":"c","arg":1},{"node":"c","arg":2}],"next":["b","c"],"writers":["a","b"]}
    "#);
}

#[test]
fn a_join_fires_when_all_sources_have_run_since_it_last_fired() {
    let graph = "__start__ -> a\na -> b\na+b -> c\nc -> a";
    insta::assert_snapshot!(plans(graph, "a\nb\nc\na\nb"), @r#"
    start: {"next":["a"],"writers":["__start__"]}
    a: {"next":["b"],"joins":{"a+b:c":["a"]},"writers":["a"]}
    b: {"next":["c"],"writers":["b"]}
    c: {"next":["a"],"writers":["c"]}
    a: {"next":["b"],"joins":{"a+b:c":["a"]},"writers":["a"]}
    b: {"next":["c"],"writers":["b"]}
    "#);
}

#[test]
fn deferred_nodes_wait_until_nothing_else_is_left() {
    let graph = "defer d\n__start__ -> a\n__start__ -> d\na -> b\nb -> d\nd -> __end__";
    insta::assert_snapshot!(plans(graph, "a\nb\nd"), @r#"
    start: {"next":["a"],"deferred":["d"],"writers":["__start__"]}
    a: {"next":["b"],"deferred":["d"],"writers":["a"]}
    b: {"next":["d"],"writers":["b"]}
    d: {"writers":["d"]}
    "#);
}

#[test]
fn commands_add_to_edges_and_end_adds_nothing() {
    let graph = "__start__ -> a\na -> b\n__start__ -> c\nc -> __end__\nb -> __end__";
    insta::assert_snapshot!(plans(graph, "a=>c c=>__end__"), @r#"
    start: {"next":["a","c"],"writers":["__start__"]}
    a=>c c=>__end__: {"next":["b","c"],"writers":["a","c"]}
    "#);
}

#[test]
fn a_new_input_discards_pending_tasks_and_keeps_joins() {
    let topology = graph("__start__ -> a\na -> b\na+b -> c");
    let plan = Plan::default().start(&topology, Vec::new());
    let plan = plan.advance(
        &topology,
        &[Finished {
            node: topology.find("a"),
            targets: Vec::new(),
        }],
    );
    let plan = plan.start(&topology, Vec::new());
    insta::assert_snapshot!(plan.to_json(&topology).unwrap(), @r#"{"next":["a"],"joins":{"a+b:c":["a"]},"writers":["__start__"]}"#);
}

#[test]
fn a_stored_plan_outlives_the_nodes_it_names() {
    let topology = graph("__start__ -> a\na -> __end__");
    let json = Json::trusted(
        r#"{"sends":[{"node":"gone","arg":1}],"next":["a","gone"],"joins":{"x+y:z":["x"]},"deferred":["gone"]}"#,
    );
    let plan = Plan::from_json(&topology, &json).unwrap();
    assert_eq!(plan.next.len(), 1);
    assert_eq!(plan.unknown, ["gone", "gone"]);
    assert!(plan.joins.is_empty() && plan.deferred.is_empty());
}
