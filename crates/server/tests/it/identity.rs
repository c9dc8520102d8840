//! Keys, roles, local mode: who calls decides what is seen.

use std::time::{Duration, Instant};

use everthread_graph::contract::UserId;
use everthread_server::identity::{KeyText, Keys, NewKey, Role};
use serde_json::{Value, json};

use crate::app::TestApp;
use crate::keyed::{Keyed, call};

const NONE: Value = Value::Null;

fn code(answer: &crate::app::Answer) -> (u16, String) {
    let code = answer.json()["code"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    (answer.status.as_u16(), code)
}

#[tokio::test]
async fn with_keys_nobody_comes_in_without_one() {
    let keyed = Keyed::new().await;
    let unknown = KeyText::generate();
    for headers in [
        &[][..],
        &[("x-api-key", "evt_nonsense")],
        &[("x-api-key", unknown.reveal())],
        &[("x-api-key", "lsv2_of_another_service")],
        &[("authorization", "Bearer a.b.c")],
        &[("x-everthread-user", "ann")],
    ] {
        let answer = keyed
            .call("POST", "/threads/search", headers, json!({}))
            .await;
        assert_eq!(code(&answer), (401, "unauthorized".into()), "{headers:?}");
    }
    assert_eq!(keyed.call("GET", "/livez", &[], NONE).await.status, 200);
}

#[tokio::test]
async fn a_key_counts_in_both_headers_and_belongs_to_its_user() {
    let keyed = Keyed::new().await;
    keyed.talk_of_ann("hers").await;
    let borne = format!("Bearer {}", keyed.ann);
    for shown in [("x-api-key", keyed.ann.as_str()), ("authorization", &borne)] {
        keyed
            .call("GET", "/threads/hers", &[shown], NONE)
            .await
            .ok();
    }
    let as_bob = [
        ("x-api-key", keyed.ann.as_str()),
        ("x-everthread-user", "bob"),
    ];
    let refused = keyed.call("GET", "/threads/hers", &as_bob, NONE).await;
    assert_eq!(code(&refused), (403, "forbidden".into()));
    let as_ann = [
        ("x-api-key", keyed.ann.as_str()),
        ("x-everthread-user", "ann"),
    ];
    keyed.call("GET", "/threads/hers", &as_ann, NONE).await.ok();
}

#[tokio::test]
async fn a_service_names_the_user_with_each_request() {
    let keyed = Keyed::new().await;
    keyed.talk_of_ann("hers").await;
    let nobody = keyed
        .with(&keyed.service, "GET", "/threads/hers", NONE)
        .await;
    assert_eq!(code(&nobody), (400, "user_required".into()));
    for (user, status) in [("ann", 200), ("bob", 404)] {
        let headers = [
            ("x-api-key", keyed.service.as_str()),
            ("x-everthread-user", user),
        ];
        let answer = keyed.call("GET", "/threads/hers", &headers, NONE).await;
        assert_eq!(answer.status, status, "{user}");
    }
    keyed
        .with(&keyed.service, "GET", "/api/users", NONE)
        .await
        .ok();
    let keys = keyed.with(&keyed.service, "GET", "/api/keys", NONE).await;
    assert_eq!(code(&keys), (403, "forbidden".into()));
    let users = keyed.with(&keyed.ann, "GET", "/api/users", NONE).await;
    assert_eq!(code(&users), (403, "forbidden".into()));
}

#[tokio::test]
async fn nothing_in_a_body_chooses_a_user() {
    let keyed = Keyed::new().await;
    keyed.talk_of_ann("hers").await;
    let body = json!({
        "thread_id": "hers", "user": "ann", "user_id": "ann", "if_exists": "do_nothing",
        "metadata": {"user_id": "ann", "owner": "ann"},
    });
    let made = keyed.with(&keyed.bob, "POST", "/threads", body).await.ok();
    assert!(made["values"].is_null(), "{made}");
    let said = json!({
        "assistant_id": "chat",
        "input": {"messages": [{"role": "user", "content": "hello"}], "user_id": "ann"},
        "config": {"configurable": {"user_id": "ann", "langgraph_auth_user_id": "ann"}},
    });
    keyed
        .with(&keyed.bob, "POST", "/threads/hers/runs/wait", said)
        .await
        .ok();
    let hers = keyed
        .with(&keyed.ann, "GET", "/threads/hers", NONE)
        .await
        .ok();
    assert_eq!(hers["values"]["messages"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_revoked_key_is_refused_within_a_second() {
    let keyed = Keyed::new().await;
    let id = KeyText::parse(&keyed.bob).unwrap().id();
    keyed
        .with(&keyed.bob, "POST", "/threads/count", json!({}))
        .await
        .ok();
    // Another process revokes it: this server hears of it from the store.
    Keys::new(keyed.app.store.clone())
        .revoke(&id)
        .await
        .unwrap();
    let since = Instant::now();
    loop {
        let answer = keyed
            .with(&keyed.bob, "POST", "/threads/count", json!({}))
            .await;
        if answer.status == 401 {
            break;
        }
        assert!(since.elapsed() < Duration::from_secs(1), "{answer:?}");
        tokio::task::yield_now().await;
    }
    let listed = keyed
        .with(&keyed.admin, "GET", "/api/keys", NONE)
        .await
        .ok();
    let row = listed["keys"].as_array().unwrap().iter();
    let row = row
        .clone()
        .find(|key| key["key_id"] == id.as_str())
        .unwrap();
    assert!(row["revoked_at"].is_string() && row["used_at"].is_string());
}

#[tokio::test]
async fn keys_are_made_shown_once_and_revoked_over_http() {
    let keyed = Keyed::new().await;
    let new = json!({"name": "phone", "role": "user", "user": "carl"});
    let made = keyed.with(&keyed.admin, "POST", "/api/keys", new).await;
    assert_eq!(made.status, 201);
    let made = made.json();
    let text = made["key"].as_str().unwrap();
    keyed
        .with(text, "POST", "/threads", json!({"thread_id": "c"}))
        .await
        .ok();
    let listed = keyed.with(&keyed.admin, "GET", "/api/keys", NONE).await;
    assert!(listed.text.contains("phone") && !listed.text.contains("evt_"));
    let path = format!("/api/keys/{}", made["key_id"].as_str().unwrap());
    keyed.with(&keyed.admin, "DELETE", &path, NONE).await.ok();
    let refused = keyed.with(text, "GET", "/threads/c", NONE).await;
    assert_eq!(refused.status, 401, "revoked here, it is refused at once");
    let none = keyed
        .with(&keyed.admin, "DELETE", "/api/keys/key_none", NONE)
        .await;
    assert_eq!(code(&none), (404, "not_found".into()));
    for wrong in [
        json!({"role": "user"}),
        json!({"role": "admin", "user": "ann"}),
        json!({"role": "emperor"}),
        json!({"role": "user", "user": "a\u{7}"}),
        json!({"role": "service", "requests_per_minute": 0}),
        json!({"role": "service", "colour": "red"}),
    ] {
        let refused = keyed.with(&keyed.admin, "POST", "/api/keys", wrong).await;
        assert_eq!(refused.status, 422, "{}", refused.text);
    }
}

#[tokio::test]
async fn keys_are_stored_hashed() {
    let keyed = Keyed::new().await;
    let records = keyed
        .app
        .store
        .records("key", Default::default())
        .await
        .unwrap();
    assert_eq!(records.len(), 4);
    for record in records {
        let body = record.body.as_str();
        for key in [&keyed.admin, &keyed.service, &keyed.ann, &keyed.bob] {
            assert!(
                !body.contains(key.as_str()) && !body.contains(&key[4..]),
                "{body}"
            );
        }
    }
}

#[tokio::test]
async fn without_keys_this_machine_is_served_and_no_website() {
    let app = TestApp::new().await;
    let port = app.base.rsplit(':').next().unwrap().to_owned();
    let search = |headers: Vec<(String, String)>| {
        let app = &app;
        async move {
            let headers: Vec<(&str, &str)> = headers
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .collect();
            call(app, "POST", "/threads/search", &headers, json!({})).await
        }
    };
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    for fine in [
        vec![],
        vec![pair("host", &format!("localhost:{port}"))],
        vec![pair("origin", "http://localhost:3000")],
        vec![pair("origin", "http://127.0.0.1")],
        vec![pair("x-api-key", "lsv2_of_another_service")],
    ] {
        assert_eq!(search(fine.clone()).await.status, 200, "{fine:?}");
    }
    for foreign in [
        vec![pair("host", "evil.example")],
        vec![pair("host", &format!("evil.example:{port}"))],
        vec![pair("origin", "https://evil.example")],
        vec![pair("origin", "null")],
        vec![pair("x-forwarded-for", "10.0.0.1")],
    ] {
        let refused = search(foreign.clone()).await;
        assert_eq!(code(&refused), (403, "not_local".into()), "{foreign:?}");
    }
    let preflight = [
        ("origin", "https://evil.example"),
        ("access-control-request-method", "POST"),
    ];
    let refused = call(&app, "OPTIONS", "/threads", &preflight, NONE).await;
    assert_eq!(refused.status, 403);
    assert_eq!(refused.header("access-control-allow-origin"), None);
}

#[tokio::test]
async fn local_mode_ends_with_the_first_key() {
    let app = TestApp::new().await;
    let me = call(&app, "GET", "/api/users/me", &[], NONE).await.ok();
    assert_eq!(me["user_id"], "local");
    let new = json!({"name": "first", "role": "admin"});
    let made = call(&app, "POST", "/api/keys", &[], new).await;
    assert_eq!(made.status, 201);
    let refused = call(&app, "GET", "/api/users/me", &[], NONE).await;
    assert_eq!(refused.status, 401);
    let key = made.json()["key"].as_str().unwrap().to_owned();
    let shown = [("x-api-key", key.as_str()), ("host", "chat.example")];
    call(&app, "GET", "/api/keys", &shown, NONE).await.ok();
}

#[tokio::test]
async fn a_server_without_keys_does_not_listen_beyond_loopback() {
    let app = TestApp::new().await;
    let serve = || async {
        let listener = tokio::net::TcpListener::bind("0.0.0.0:0").await.unwrap();
        everthread_server::Server::new(app.store.clone())
            .serve(listener, std::future::ready(()))
            .await
    };
    let refused = serve().await.unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::PermissionDenied);
    assert!(
        refused.to_string().contains("everthread keys create"),
        "{refused}"
    );
    crate::keyed::key(&app, Role::Admin, None).await;
    serve().await.unwrap();
}

#[tokio::test]
async fn too_many_requests_are_told_when_to_come_back() {
    let keyed = Keyed::new().await;
    let new = NewKey {
        name: "slow".into(),
        role: Role::User,
        user: Some(UserId::new("dora").unwrap()),
        requests_per_minute: Some(3),
    };
    let keys = Keys::new(keyed.app.store.clone());
    let (slow, _) = keys.create(new).await.unwrap();
    let begin =
        json!({"assistant_id": "chat", "input": {"messages": []}, "if_not_exists": "create"});
    let mut refused = None;
    for turn in 0..4 {
        let path = format!("/threads/t{turn}/runs/wait");
        let answer = keyed
            .with(slow.reveal(), "POST", &path, begin.clone())
            .await;
        if answer.status == 429 {
            refused = Some((turn, answer));
        }
    }
    let (turn, refused) = refused.expect("the fourth request is too much");
    assert_eq!(turn, 3);
    assert_eq!(refused.json()["code"], "rate_limited");
    let seconds: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&seconds));
    let dora = UserId::new("dora").unwrap();
    let threads = keyed
        .app
        .store
        .threads(&dora, Default::default())
        .await
        .unwrap();
    assert!(
        threads.iter().all(|thread| thread.id.as_str() != "t3"),
        "nothing was begun"
    );
}
