//! Webhooks.

use axum::Router;
use axum::routing::post;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::app::{TestApp, said, settings, texts, with};

/// A server that tells what it was told.
async fn listener() -> (String, mpsc::UnboundedReceiver<Value>) {
    let (heard, hears) = mpsc::unbounded_channel();
    let hook = post(move |axum::Json(body): axum::Json<Value>| {
        let _ = heard.send(body);
        async {}
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/hook", hook)).await });
    (url, hears)
}

#[tokio::test]
async fn a_webhook_hears_how_a_run_ended() {
    let app = TestApp::new().await;
    let (url, mut hears) = listener().await;
    let thread = app.thread().await;
    for (text, status) in [("hook", "success"), ("boom", "error")] {
        let body = with(said(text), json!({"webhook": url}));
        app.post(&format!("/threads/{thread}/runs/wait"), body)
            .await
            .ok();
        let heard = hears.recv().await.expect("a call");
        assert_eq!(heard["status"], status);
        assert_eq!(heard["thread_id"], json!(thread));
        for field in [
            "run_id",
            "assistant_id",
            "created_at",
            "run_started_at",
            "run_ended_at",
            "webhook_sent_at",
        ] {
            assert!(heard[field].is_string(), "{field}: {heard}");
        }
        if status == "success" {
            assert_eq!(texts(&heard["values"]), ["hook", "echo: hook"]);
        } else {
            assert!(heard["error"]["message"].is_string());
        }
    }
}

#[tokio::test]
async fn nobody_inside_the_network_is_reached() {
    let settings = everthread_server::Settings {
        private_webhooks: false,
        ..settings()
    };
    let app = TestApp::with(settings).await;
    let (url, _hears) = listener().await;
    let thread = app.thread().await;
    let body = with(said("hook"), json!({"webhook": url}));
    let refused = app
        .post(&format!("/threads/{thread}/runs/wait"), body)
        .await;
    assert_eq!(refused.status.as_u16(), 422);
    let detail = refused.json()["detail"].to_string();
    assert!(
        detail.contains("Webhook host blocked: loopback"),
        "{detail}"
    );
}
