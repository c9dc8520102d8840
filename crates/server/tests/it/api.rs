//! Our own under `/api`, and the pages for people and programs that look after the server.

use std::time::Duration;

use serde_json::{Value, json};

use crate::app::TestApp;
use crate::keyed::{Keyed, call};

const NONE: Value = Value::Null;

#[tokio::test]
async fn a_user_sees_and_changes_the_own_profile() {
    let keyed = Keyed::new().await;
    let me = keyed
        .with(&keyed.ann, "GET", "/api/users/me", NONE)
        .await
        .ok();
    assert_eq!((&me["user_id"], &me["created_at"]), (&json!("ann"), &NONE));
    let change = json!({"name": "Ann", "preferences": {"tone": "formal", "interests": ["chess"]}});
    keyed
        .with(&keyed.ann, "PUT", "/api/users/me", change)
        .await
        .ok();
    let change = json!({"name": "Anna"});
    let me = keyed
        .with(&keyed.ann, "PUT", "/api/users/ann", change)
        .await
        .ok();
    assert_eq!(me["name"], "Anna");
    assert_eq!(
        me["preferences"]["tone"], "formal",
        "what is left out stays"
    );
    for wrong in [
        json!({"name": ""}),
        json!({"name": "a\u{7}"}),
        json!({"preferences": [1]}),
        json!({"held": true}),
        json!({"user_id": "bob", "name": "Bob"}),
    ] {
        let refused = keyed.with(&keyed.ann, "PUT", "/api/users/me", wrong).await;
        assert_eq!(refused.status, 422, "{}", refused.text);
    }
    let erase = keyed
        .with(&keyed.ann, "DELETE", "/api/users/me", NONE)
        .await;
    assert_eq!(erase.status, 403);
}

#[tokio::test]
async fn conversations_come_newest_first_in_pages() {
    let keyed = Keyed::new().await;
    for thread in ["one", "two", "three"] {
        keyed.talk_of_ann(thread).await;
    }
    let path = "/api/users/me/threads?limit=2";
    let page = keyed.with(&keyed.ann, "GET", path, NONE).await.ok();
    let ids = |page: &Value| -> Vec<String> {
        let threads = page["threads"].as_array().unwrap().iter();
        threads
            .map(|thread| thread["thread_id"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(ids(&page), ["three", "two"]);
    assert_eq!(
        (&page["total"], &page["next_offset"]),
        (&json!(3), &json!(2))
    );
    let path = "/api/users/me/threads?limit=2&offset=2";
    let page = keyed.with(&keyed.ann, "GET", path, NONE).await.ok();
    assert_eq!(ids(&page), ["one"]);
    assert_eq!(page["next_offset"], NONE);
    assert_eq!(page["threads"][0]["messages"], 2);
}

#[tokio::test]
async fn search_finds_and_marks_words() {
    let keyed = Keyed::new().await;
    keyed.talk_of_ann("hers").await;
    let found = keyed
        .with(&keyed.ann, "GET", "/api/search?q=xylo*", NONE)
        .await
        .ok();
    let hit = &found["hits"].as_array().unwrap()[0];
    assert_eq!(hit["thread_id"], "hers");
    let parts = hit["parts"].as_array().unwrap();
    let marked = parts.iter().find(|part| part["found"] == true).unwrap();
    assert_eq!(marked["text"], "xylophone");
    let none = keyed.with(&keyed.ann, "GET", "/api/search", NONE).await;
    assert_eq!(none.status, 422);
}

#[tokio::test]
async fn a_user_is_exported_held_and_erased() {
    let keyed = Keyed::new().await;
    keyed.talk_of_ann("hers").await;
    let item = json!({"namespace": ["facts"], "key": "dog", "value": {"name": "Rex"}});
    keyed.with(&keyed.ann, "PUT", "/store/items", item).await;
    let export = keyed
        .with(&keyed.ann, "GET", "/api/users/me/export", NONE)
        .await
        .ok();
    assert_eq!(export["format"], "everthread-user");
    let thread = &export["threads"][0];
    for (list, rows) in [("messages", 2), ("branches", 1), ("heads", 1), ("runs", 1)] {
        assert_eq!(thread[list].as_array().unwrap().len(), rows, "{list}");
    }
    assert_eq!(thread["messages"][1]["at_head"], true);
    assert!(!thread["checkpoints"].as_array().unwrap().is_empty());
    assert_eq!(export["items"][0]["value"]["name"], "Rex");
    assert_eq!(export["keys"][0]["user"], "ann");
    assert!(!export.to_string().contains(&keyed.ann), "the key is told");
    keyed
        .with(&keyed.admin, "POST", "/api/users/ann/hold", NONE)
        .await
        .ok();
    let held = keyed
        .with(&keyed.admin, "DELETE", "/api/users/ann", NONE)
        .await;
    assert_eq!(
        (held.status.as_u16(), &held.json()["code"]),
        (409, &json!("held"))
    );
    keyed
        .with(&keyed.admin, "POST", "/api/users/ann/unhold", NONE)
        .await
        .ok();
    let gone = keyed
        .with(&keyed.admin, "DELETE", "/api/users/ann", NONE)
        .await
        .ok();
    assert_eq!(
        (&gone["threads"], &gone["messages"], &gone["items"]),
        (&json!(1), &json!(2), &json!(1))
    );
    assert_eq!(gone["keys"], 1);
    let keys = keyed.with(&keyed.admin, "GET", "/api/keys", NONE).await;
    assert!(!keys.ok().to_string().contains("\"ann\""));
    let late = keyed.with(&keyed.ann, "POST", "/threads", json!({})).await;
    assert_eq!(late.status, 401, "the key is revoked");
    let users = keyed
        .with(&keyed.service, "GET", "/api/users", NONE)
        .await
        .ok();
    assert_eq!(users["users"], json!([]));
    let again = keyed
        .with(&keyed.admin, "DELETE", "/api/users/ann", NONE)
        .await;
    assert_eq!(again.status, 404);
}

#[tokio::test]
async fn health_tells_every_part() {
    let app = TestApp::backed().await;
    let health = call(&app, "GET", "/health", &[], NONE).await.ok();
    assert_eq!(health["status"], "ok");
    let parts = health["components"].as_array().unwrap();
    let part = |name: &str| {
        let found = parts.iter().find(|part| part["name"] == name);
        found.unwrap_or_else(|| panic!("{name} is not in {health}"))
    };
    assert!(
        part("storage")["facts"]["engine"]
            .as_str()
            .unwrap()
            .starts_with("SQLite 3.")
    );
    assert_eq!(part("queue")["facts"]["waiting_runs"], 0);
    assert_eq!(part("backup")["facts"]["verified_age_s"], NONE);
    app.store.close().await.unwrap();
    let health = call(&app, "GET", "/health", &[], NONE).await;
    let ready = call(&app, "GET", "/readyz", &[], NONE).await;
    let alive = call(&app, "GET", "/livez", &[], NONE).await;
    assert_eq!(alive.status, 200);
    // A store in memory that was closed may still be read; one that cannot must be told.
    assert_eq!(health.status == 503, ready.status == 503, "{}", health.text);
}

#[tokio::test]
async fn the_page_needs_nothing_from_elsewhere() {
    let app = TestApp::new().await;
    let page = call(&app, "GET", "/", &[], NONE).await;
    assert_eq!(page.status, 200);
    for (title, program) in everthread_server::SNIPPETS {
        assert!(page.text.contains(&format!("<h2>{title}</h2>")));
        let first = program.lines().next().unwrap();
        assert!(page.text.contains(first), "{title}");
    }
    let programs = everthread_server::SNIPPETS.len();
    assert_eq!(page.text.matches(app.base.as_str()).count(), programs);
    assert!(!page.text.contains(":8123") && !page.text.contains("need a key"));
    assert!(
        !page.text.contains("{{"),
        "something was left out: {}",
        page.text
    );
    for from_elsewhere in ["src=\"http", "href=\"http", "url(http", "@import"] {
        assert!(!page.text.contains(from_elsewhere), "{from_elsewhere}");
    }
    assert!(
        page.header("content-security-policy")
            .unwrap()
            .contains("default-src 'none'")
    );
}

#[tokio::test]
async fn the_description_of_the_server_is_served() {
    let app = TestApp::new().await;
    let document = call(&app, "GET", "/openapi.json", &[], NONE).await.ok();
    assert_eq!(document["openapi"], "3.1.0");
    assert!(document["paths"]["/threads/{thread_id}/runs/stream"]["post"].is_object());
}

#[tokio::test]
async fn a_session_tells_which_client_made_how_many_turns() {
    let keyed = Keyed::new().await;
    for thread in ["one", "two"] {
        keyed.talk_of_ann(thread).await;
    }
    let path = "/api/users/me/sessions";
    // Sessions are written a moment after the turns that they count.
    let mut looks = tokio::time::interval(Duration::from_millis(50));
    let written = async {
        loop {
            looks.tick().await;
            let found = keyed.with(&keyed.ann, "GET", path, NONE).await.ok();
            if found["sessions"][0]["turns"] == 2 {
                break found["sessions"].clone();
            }
        }
    };
    let sessions = tokio::time::timeout(Duration::from_secs(30), written)
        .await
        .expect("the session was never written");
    assert_eq!(sessions.as_array().map(Vec::len), Some(1));
    assert_eq!(sessions[0]["thread_id"], "two");
}

#[tokio::test]
async fn the_page_names_the_host_that_was_asked_and_says_where_a_key_goes() {
    let keyed = Keyed::new().await;
    let proxied = [("host", "chat.example.org"), ("x-forwarded-proto", "https")];
    let page = keyed.call("GET", "/", &proxied, NONE).await;
    assert_eq!(page.status, 200);
    assert!(
        page.text.contains("https://chat.example.org"),
        "{}",
        page.text
    );
    assert!(page.text.contains("X-Api-Key") && page.text.contains("need a key"));
    let odd = keyed.call("GET", "/", &[("host", "a\"b;c")], NONE).await;
    assert!(!odd.text.contains("a\"b;c"), "{}", odd.text);
}
