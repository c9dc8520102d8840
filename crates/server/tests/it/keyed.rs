//! Requests with the headers that a test chooses, and keys to put into them.

use everthread_graph::contract::UserId;
use everthread_server::identity::{Keys, NewKey, Role};
use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{Answer, TestApp, settings};

/// A key for a test: its text.
pub async fn key(app: &TestApp, role: Role, user: Option<&str>) -> String {
    let new = NewKey {
        name: "test".into(),
        role,
        user: user.map(|name| UserId::new(name).unwrap()),
        requests_per_minute: None,
    };
    let (text, _) = Keys::new(app.store.clone()).create(new).await.unwrap();
    text.reveal().to_owned()
}

/// A server that has keys: those of an admin, a service and the users ann and bob.
pub struct Keyed {
    pub app: TestApp,
    pub admin: String,
    pub service: String,
    pub ann: String,
    pub bob: String,
}

impl Keyed {
    pub async fn new() -> Self {
        let app = TestApp::with(settings()).await;
        Self {
            admin: key(&app, Role::Admin, None).await,
            service: key(&app, Role::Service, None).await,
            ann: key(&app, Role::User, Some("ann")).await,
            bob: key(&app, Role::User, Some("bob")).await,
            app,
        }
    }

    /// Sends a request with these headers and, unless it is null, this body.
    pub async fn call(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Value,
    ) -> Answer {
        call(&self.app, method, path, headers, body).await
    }

    /// The same with a key.
    pub async fn with(&self, key: &str, method: &str, path: &str, body: Value) -> Answer {
        self.call(method, path, &[("x-api-key", key)], body).await
    }

    /// A thread of ann's in which something was said.
    pub async fn talk_of_ann(&self, thread: &str) {
        let made = json!({"thread_id": thread});
        self.with(&self.ann, "POST", "/threads", made).await.ok();
        let said = json!({
            "assistant_id": "chat",
            "input": {"messages": [{"role": "user", "content": "the password is xylophone"}]},
        });
        let path = format!("/threads/{thread}/runs/wait");
        self.with(&self.ann, "POST", &path, said).await.ok();
    }
}

/// Sends a request with these headers and no others.
pub async fn call(
    app: &TestApp,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: Value,
) -> Answer {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let mut request = app.client.request(method, format!("{}{path}", app.base));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    if !body.is_null() {
        request = request.json(&body);
    }
    app.send(request).await
}
