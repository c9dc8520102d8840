//! What runs are called with: whole at rest, and refused by the name of what is wrong.

use std::sync::Arc;

use everthread_graph::contract::{Json, Multitask};
use everthread_graph::{
    AnyGoto, AnyInput, CancellationToken, Command, Context, ErrorKind, RunOptions, START,
    StateGraph, StreamModes,
};
use serde_json::json as value;

use super::{asking, json, key};
use crate::memory::Memory;
use crate::states::{Board, log};

#[test]
fn an_input_is_whole_at_rest() {
    let every = [
        AnyInput::Resume,
        AnyInput::Update(json(value!({"log": ["a"], "total": 1}))),
        AnyInput::Command {
            update: None,
            resume: None,
            goto: Vec::new(),
        },
        AnyInput::Command {
            update: Some(json(value!({"log": "b"}))),
            resume: Some(json(value!({"id": ["yes", null]}))),
            goto: vec![
                AnyGoto::node("a \"quoted\" name"),
                AnyGoto::send("b", json(value!({"n": 1}))),
            ],
        },
        AnyInput::Command {
            update: None,
            resume: Some(Json::parse("null").unwrap()),
            goto: Vec::new(),
        },
    ];
    let before = Json::parse(r#"{"log": ["a"]}"#).unwrap();
    let bare = AnyInput::from_json(&before).unwrap();
    assert_eq!(bare, AnyInput::Update(before));
    for input in every {
        let rest = Json::parse(input.to_json().as_str()).unwrap();
        assert_eq!(AnyInput::from_json(&rest).unwrap(), input);
    }
}

#[test]
fn a_wrong_input_at_rest_names_what_is_wrong() {
    for (rest, named) in [
        ("[]", "an input at rest"),
        (r#"{"update": {}, "command": {}}"#, "not both"),
        (r#"{"command": 1}"#, "`command`"),
        (r#"{"command": {"goto": "a"}}"#, "`command.goto`"),
        (
            r#"{"command": {"goto": [{"node": "a"}, {"arg": 1}]}}"#,
            "`command.goto[1].node`",
        ),
    ] {
        let error = AnyInput::from_json(&Json::parse(rest).unwrap()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains(named), "{rest}: {error}");
    }
}

#[test]
fn a_wrong_input_is_refused_before_there_is_a_run() {
    let graph = asking(&Memory::new());
    let goto = |node: &str| AnyInput::Command {
        update: None,
        resume: None,
        goto: vec![AnyGoto::node(node)],
    };
    for (input, named) in [
        (
            AnyInput::Update(json(value!({"total": "x"}))),
            "channel \"total\"",
        ),
        (
            AnyInput::Update(json(value!("hello"))),
            "object of channels",
        ),
        (
            AnyInput::Update(json(value!([["total", "x"]]))),
            "channel \"total\"",
        ),
        (AnyInput::Update(json(value!([{"total": 1}, 2]))), "part 1"),
        (goto("asks"), "did you mean \"ask\""),
    ] {
        let error = graph.check(&input).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        assert!(error.to_string().contains(named), "{error}");
    }
    let options = RunOptions::new().interrupt_after(["zz"]);
    let stream = graph.stream(&key(), AnyInput::Resume, StreamModes::NONE, options);
    assert_eq!(stream.unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[tokio::test]
async fn pairs_of_channel_and_value_are_written_in_order() {
    let graph = asking(&Memory::new());
    let input = AnyInput::Update(json(value!([["total", 2], {"total": 3}, ["log", ["x"]]])));
    let out = super::run(&graph, input).await;
    let values: serde_json::Value = out.values.json().unwrap().read().unwrap();
    assert_eq!(values["total"], 5);
    assert_eq!(values["log"], value!(["x", "a"]));
}

#[tokio::test]
async fn a_waiting_command_is_kept_whole_with_its_details() {
    let memory = Memory::new();
    let graph = StateGraph::new()
        .node("a", async |_: Arc<Board>, ctx: Context| {
            ctx.cancelled().await;
            log("a")
        })
        .node("b", async |_: Arc<Board>, _: Context| log("b"))
        .edge(START, "a")
        .edge("a", "b")
        .compile(memory.clone())
        .unwrap();
    let stop = CancellationToken::new();
    let first = graph
        .thread(key())
        .with(RunOptions::new().cancel(stop.clone()));
    let first = tokio::spawn(async move { first.invoke(Board::update()).await });
    memory.until(|memory| memory.is_active(&key())).await;
    let details = json(value!({"webhook": "…"}));
    let options = RunOptions::new()
        .multitask(Multitask::Enqueue)
        .details(details.clone());
    let second = graph.thread(key()).with(options);
    let command = Command::new().update(log("c")).goto("b");
    let second = tokio::spawn(async move { second.invoke(command).await });
    memory.until(|memory| memory.queued(&key()) == 1).await;
    let waiting = memory.waiting(&key()).remove(0);
    assert_eq!(
        AnyInput::from_json(&waiting.input).unwrap(),
        AnyInput::Command {
            update: Some(json(value!({"log": ["c"]}))),
            resume: None,
            goto: vec![AnyGoto::node("b")],
        }
    );
    assert_eq!(waiting.details, Some(details));
    stop.cancel();
    first.await.unwrap().unwrap_err();
    second.await.unwrap().unwrap();
}
