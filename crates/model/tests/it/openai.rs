//! The client of OpenAI-compatible servers: replies, and every way in which they fail.

use std::time::Duration;

use everthread_model::{
    ChatModel, ChatRequest, Delta, Finish, Message, ModelError, ModelErrorKind, OpenAiConfig,
    OpenAiModel, Reply, Silent,
};
use serde_json::json;

use crate::stand_in::{Answer, StandIn, events, response};

const KEY: &str = "sk-test-secret";

fn model(server: &StandIn) -> OpenAiModel {
    let config = OpenAiConfig {
        base_url: server.url.clone(),
        api_key: Some(KEY.to_owned()),
        ..OpenAiConfig::default()
    };
    OpenAiModel::new("m", config).unwrap()
}

fn request() -> ChatRequest {
    ChatRequest::new([Message::human("hi")])
}

/// Asks once; gives what was heard and how it ended.
async fn ask(model: &OpenAiModel) -> (String, Result<Reply, ModelError>) {
    let mut heard = String::new();
    let mut sink = |delta: Delta<'_>| {
        if let Delta::Text(text) = delta {
            heard.push_str(text);
        }
    };
    let result = model.generate(request(), &mut sink).await;
    (heard, result)
}

async fn fail(answer: Answer) -> (String, ModelError) {
    let server = StandIn::start(vec![answer]);
    let (heard, result) = ask(&model(&server)).await;
    (heard, result.unwrap_err())
}

#[tokio::test]
async fn a_streamed_reply_is_heard_and_whole() {
    let server = StandIn::start(vec![Answer::Close(events(&[
        r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":""}]}"#,
        r#"{"choices":[{"index":0,"delta":{"content":"Hé"},"finish_reason":null}],"model":"m-2"}"#,
        r#"{"choices":[{"index":0,"delta":{"content":"llo"}}]}"#,
        r#"{"choices":[{"index":0,"delta":{},"finish_reason":"eos_of_some_kind"}]}"#,
        r#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5,"prompt_tokens_details":{"cached_tokens":1}}}"#,
        "[DONE]",
    ]))]);
    let (heard, result) = ask(&model(&server)).await;
    let reply = result.unwrap();
    assert_eq!(
        (heard.as_str(), reply.message.text().as_ref()),
        ("Héllo", "Héllo")
    );
    assert_eq!(reply.finish, Finish::Other);
    assert_eq!(reply.message.response_metadata["model_name"], "m-2");
    assert_eq!(
        reply.message.response_metadata["finish_reason"],
        "eos_of_some_kind"
    );
    assert_eq!(
        reply.message.usage_metadata.unwrap(),
        json!({"input_tokens": 3, "output_tokens": 2, "total_tokens": 5, "input_token_details": {"cache_read": 1}})
    );
    let request = server.requests.recv().unwrap();
    assert!(
        request.starts_with("POST /v1/chat/completions "),
        "{request}"
    );
    assert!(
        request.contains(KEY) && request.contains(r#""temperature":0.0"#),
        "{request}"
    );
}

#[tokio::test]
async fn tool_calls_are_put_together() {
    let server = StandIn::start(vec![Answer::Close(events(&[
        r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"c1","function":{"name":"weather","arguments":"{\"ci"}}]}}]}"#,
        r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"ty\":\"Oslo\"}"}}]}}]}"#,
        r#"{"choices":[{"delta":{"tool_calls":[{"index":1,"id":"c2","function":{"name":"f","arguments":"{broken"}}]},"finish_reason":"tool_calls"}]}"#,
        "[DONE]",
    ]))]);
    let reply = ask(&model(&server)).await.1.unwrap();
    assert_eq!(reply.finish, Finish::ToolCalls);
    assert_eq!(reply.message.tool_calls[0].args, json!({"city": "Oslo"}));
    assert_eq!(
        reply.message.extra["invalid_tool_calls"][0]["args"],
        "{broken"
    );
}

#[tokio::test]
async fn a_server_that_does_not_stream_is_understood() {
    let body =
        r#"{"model":"m","choices":[{"message":{"content":"Hello"},"finish_reason":"length"}]}"#;
    let server = StandIn::start(vec![Answer::Close(response(
        "200 OK",
        "content-type: application/json\r\n",
        body,
    ))]);
    let (heard, result) = ask(&model(&server)).await;
    assert_eq!(
        (heard.as_str(), result.unwrap().finish),
        ("Hello", Finish::Length)
    );
}

#[tokio::test]
async fn refusals_are_told_apart() {
    let cases = [
        (
            "401 Unauthorized",
            r#"{"error":{"message":"bad key sk-test-secret"}}"#,
            ModelErrorKind::Unauthorized,
        ),
        (
            "404 Not Found",
            r#"{"error":{"message":"no such model"}}"#,
            ModelErrorKind::UnknownModel,
        ),
        (
            "400 Bad Request",
            r#"{"error":{"message":"no"}}"#,
            ModelErrorKind::InvalidRequest,
        ),
        (
            "400 Bad Request",
            r#"{"error":{"message":"too long","code":"context_length_exceeded"}}"#,
            ModelErrorKind::ContextTooLong {
                needed: 0,
                window: 128_000,
            },
        ),
        (
            "429 Too Many Requests",
            r#"{"error":{"code":"insufficient_quota"}}"#,
            ModelErrorKind::Unauthorized,
        ),
        (
            "500 Internal Server Error",
            "<html>oops</html>",
            ModelErrorKind::Unavailable,
        ),
        ("503 Service Unavailable", "", ModelErrorKind::Unavailable),
    ];
    for (status, body, kind) in cases {
        let (_, error) = fail(Answer::Close(response(status, "", body))).await;
        assert_eq!(error.kind(), kind, "{status}");
        assert!(error.to_string().contains(&status[..3]), "{error}");
        assert!(!format!("{error} {error:?}").contains(KEY), "{error:?}");
    }
}

#[tokio::test]
async fn a_busy_server_says_when_to_come_back() {
    for (header, wait) in [
        ("retry-after: 7\r\n", 7.0),
        ("retry-after-ms: 1500\r\nretry-after: 9\r\n", 1.5),
    ] {
        let (_, error) = fail(Answer::Close(response("429 Too Many Requests", header, ""))).await;
        assert_eq!(error.kind(), ModelErrorKind::RateLimited);
        assert_eq!(error.retry_after(), Some(Duration::from_secs_f64(wait)));
    }
}

#[tokio::test]
async fn a_reply_that_is_cut_is_no_reply() {
    let chunk = r#"{"choices":[{"delta":{"content":"Hel"}}]}"#;
    let (heard, error) = fail(Answer::Close(events(&[chunk]))).await;
    assert_eq!(
        (heard.as_str(), error.kind()),
        ("Hel", ModelErrorKind::Interrupted)
    );
    let (_, error) = fail(Answer::Close(events(&[]))).await;
    assert_eq!(error.kind(), ModelErrorKind::Unavailable);
    let (heard, error) = fail(Answer::Close(events(&[
        chunk,
        r#"{"error":{"message":"out of memory"}}"#,
    ])))
    .await;
    assert_eq!(
        (heard.as_str(), error.kind()),
        ("Hel", ModelErrorKind::Interrupted)
    );
    let (_, error) = fail(Answer::Close(events(&["no json"]))).await;
    assert_eq!(error.kind(), ModelErrorKind::BadReply);
    let (_, error) = fail(Answer::Close(response("200 OK", "", "<html>hello</html>"))).await;
    assert_eq!(error.kind(), ModelErrorKind::BadReply);
    let told = error.to_string();
    assert!(
        told.contains("OPENAI_BASE_URL") && !told.contains("weights"),
        "{told}"
    );
}

#[tokio::test]
async fn an_empty_reply_is_no_reply() {
    let stop = r#"{"choices":[{"delta":{"content":""},"finish_reason":"length"}]}"#;
    let json = "content-type: application/json\r\n";
    for empty in [
        events(&["[DONE]"]),
        events(&[stop, "[DONE]"]),
        response("200 OK", json, r#"{"choices":[]}"#),
        response("200 OK", json, r#"{"ok":true}"#),
    ] {
        let (heard, error) = fail(Answer::Close(empty)).await;
        assert_eq!(
            (heard.as_str(), error.kind()),
            ("", ModelErrorKind::BadReply)
        );
        assert!(error.to_string().contains("an empty one"), "{error}");
    }
}

#[tokio::test]
async fn a_whole_reply_without_a_reason_to_finish_is_one() {
    let body = r#"{"choices":[{"message":{"content":"plain"}}]}"#;
    let json = "content-type: application/json\r\n";
    let server = StandIn::start(vec![Answer::Close(response("200 OK", json, body))]);
    let (heard, result) = ask(&model(&server)).await;
    assert_eq!(
        (heard.as_str(), result.unwrap().finish),
        ("plain", Finish::Stop)
    );
}

#[tokio::test]
async fn silence_is_not_waited_out() {
    let chunk = r#"{"choices":[{"delta":{"content":"Hel"}}]}"#;
    let server = StandIn::start(vec![
        Answer::Hold(events(&[chunk])),
        Answer::Hold(String::new()),
    ]);
    let config = OpenAiConfig {
        base_url: server.url.clone(),
        idle_timeout: Duration::from_millis(50),
        ..OpenAiConfig::default()
    };
    let mid_reply = OpenAiModel::new("m", config.clone()).unwrap();
    let (heard, result) = ask(&mid_reply).await;
    assert_eq!(
        (heard.as_str(), result.unwrap_err().kind()),
        ("Hel", ModelErrorKind::Interrupted)
    );
    let first_token_timeout = Duration::from_millis(50);
    let at_first = OpenAiModel::new(
        "m",
        OpenAiConfig {
            first_token_timeout,
            ..config
        },
    )
    .unwrap();
    assert_eq!(
        ask(&at_first).await.1.unwrap_err().kind(),
        ModelErrorKind::Timeout
    );
}

#[tokio::test]
async fn whoever_stops_listening_closes_the_connection() {
    let chunk = r#"{"choices":[{"delta":{"content":"Hel"}}]}"#;
    let server = StandIn::start(vec![Answer::Hold(events(&[chunk]))]);
    let model = model(&server);
    let (heard_in, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let mut sink = move |_: Delta<'_>| heard_in.send(()).unwrap();
    let reply = model.generate(request(), &mut sink);
    tokio::select! {
        _ = reply => panic!("there is no reply"),
        _ = heard.recv() => {}
    }
    let gone = tokio::task::spawn_blocking(move || server.gone.recv());
    gone.await.unwrap().unwrap();
}

#[tokio::test]
async fn nobody_there_is_said_clearly() {
    // Nobody listens on the first of the ports that only the system may use.
    let config = OpenAiConfig {
        base_url: "http://127.0.0.1:1/v1".to_owned(),
        ..OpenAiConfig::default()
    };
    let error = OpenAiModel::new("m", config)
        .unwrap()
        .generate(request(), &mut Silent)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ModelErrorKind::Unavailable);
    assert!(
        error.to_string().contains("127.0.0.1 cannot be reached"),
        "{error}"
    );
    assert!(error.is_retryable());
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused() {
    for base_url in ["", "nonsense", "ftp://host/v1"] {
        let config = OpenAiConfig {
            base_url: base_url.to_owned(),
            ..OpenAiConfig::default()
        };
        let error = OpenAiModel::new("m", config).unwrap_err();
        assert_eq!(error.kind(), ModelErrorKind::InvalidRequest);
    }
    let official = OpenAiModel::new("m", OpenAiConfig::default()).unwrap();
    let error = official.generate(request(), &mut Silent).await.unwrap_err();
    assert_eq!(error.kind(), ModelErrorKind::Unauthorized);
    let config = OpenAiConfig {
        api_key: Some(KEY.to_owned()),
        ..OpenAiConfig::default()
    };
    assert!(!format!("{:?}", OpenAiModel::new("m", config).unwrap()).contains(KEY));
}
