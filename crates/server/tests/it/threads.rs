//! `/threads`.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::app::{TestApp, said, texts, with};

#[tokio::test]
async fn a_thread_is_made_talked_on_and_read() {
    let app = TestApp::new().await;
    let made = app
        .post("/threads", json!({"metadata": {"topic": "x"}}))
        .await
        .ok();
    assert_eq!(made["status"], "idle");
    assert_eq!(made["values"], json!(null));
    let thread = made["thread_id"].as_str().expect("an id");
    let values = app.say(thread, "hi").await;
    assert_eq!(texts(&values), ["hi", "echo: hi"]);
    assert_eq!(values["log"], json!(["agent", "gate"]));
    let read = app.get(&format!("/threads/{thread}")).await.ok();
    assert_eq!(read["metadata"]["graph_id"], "agent");
    assert_eq!(read["metadata"]["topic"], "x");
    assert_eq!(read["values"], values);
    let state = app.state(thread).await;
    assert_eq!(state["values"], values);
    assert_eq!(state["next"], json!([]));
}

#[tokio::test]
async fn an_id_may_be_any_printable_text_and_is_taken_once() {
    let app = TestApp::new().await;
    let id = "Straße 7/ü?#%";
    let path = "/threads/Stra%C3%9Fe%207%2F%C3%BC%3F%23%25";
    let body = json!({"thread_id": id});
    app.post("/threads", body.clone()).await.ok();
    let again = app.post("/threads", body.clone()).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    assert_eq!(again.json()["code"], "exists");
    let lenient = with(body, json!({"if_exists": "do_nothing"}));
    assert_eq!(app.post("/threads", lenient).await.ok()["thread_id"], id);
    assert_eq!(app.get(path).await.ok()["thread_id"], id);
    let run = app.post(&format!("{path}/runs/wait"), said("hi")).await;
    run.ok();
    let place = run.header("content-location").expect("a place");
    assert!(place.starts_with(&format!("{path}/runs/")), "{place}");
    let too_long = json!({"thread_id": "x".repeat(256)});
    let refused = app.post("/threads", too_long).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn another_users_thread_is_absent() {
    let app = TestApp::new().await;
    app.post(
        "/threads",
        json!({"thread_id": "t", "metadata": {"of": "ann"}}),
    )
    .await
    .ok();
    app.say("t", "secret").await;
    let bob = app.as_user("bob");
    assert_eq!(bob.get("/threads/t").await.status, StatusCode::NOT_FOUND);
    assert_eq!(bob.delete("/threads/t").await.status, StatusCode::NOT_FOUND);
    let mine = bob.post("/threads", json!({"thread_id": "t"})).await.ok();
    assert_eq!(mine["values"], Value::Null);
    assert_eq!(mine["metadata"], json!({}));
    assert_eq!(bob.post("/threads/count", json!({})).await.ok(), 1);
    assert_eq!(app.get("/threads/t").await.ok()["metadata"]["of"], "ann");
}

#[tokio::test]
async fn metadata_are_merged_and_minimal_answers_are_empty() {
    let app = TestApp::new().await;
    app.post("/threads", json!({"thread_id": "t", "metadata": {"a": 1}}))
        .await
        .ok();
    let patched = app
        .patch("/threads/t", json!({"metadata": {"b": 2}}))
        .await
        .ok();
    assert_eq!(patched["metadata"], json!({"a": 1, "b": 2}));
    let request = app
        .request(Method::PATCH, "/threads/t")
        .header("Prefer", "return=minimal");
    let minimal = app.send(request.json(&json!({"metadata": {"a": 3}}))).await;
    assert_eq!(minimal.status, StatusCode::NO_CONTENT);
    assert_eq!(
        app.get("/threads/t").await.ok()["metadata"],
        json!({"a": 3, "b": 2})
    );
    let absent = app.patch("/threads/none", json!({"metadata": {}})).await;
    assert_eq!(absent.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn threads_are_found_counted_and_paged() {
    let app = TestApp::new().await;
    for n in 0..5 {
        let body = json!({"thread_id": format!("t{n}"), "metadata": {"n": n, "even": n % 2 == 0}});
        app.post("/threads", body).await.ok();
    }
    app.say("t3", "hi").await;
    let page = app
        .post(
            "/threads/search",
            json!({"limit": 2, "sort_by": "thread_id", "sort_order": "asc"}),
        )
        .await;
    assert_eq!(page.header("x-pagination-total"), Some("5"));
    assert_eq!(page.header("x-pagination-next"), Some("2"));
    let ids = |found: &Value| -> Vec<String> {
        let found = found.as_array().expect("threads");
        found
            .iter()
            .map(|one| one["thread_id"].as_str().expect("an id").to_owned())
            .collect()
    };
    assert_eq!(ids(&page.ok()), ["t0", "t1"]);
    let last = app
        .post("/threads/search", json!({"offset": 4, "limit": 2}))
        .await;
    assert_eq!(last.header("x-pagination-next"), None);
    let even = json!({"metadata": {"even": true}});
    assert_eq!(app.post("/threads/count", even).await.ok(), 3);
    let by_values = json!({"values": {"log": ["gate"]}, "select": ["thread_id", "values"]});
    let found = app.post("/threads/search", by_values).await.ok();
    assert_eq!(ids(&found), ["t3"]);
    assert_eq!(found[0].as_object().expect("fields").len(), 2);
    let extract = json!({"ids": ["t3"], "extract": {"last": "values.messages[-1].content"}});
    let found = app.post("/threads/search", extract).await.ok();
    assert_eq!(found[0]["extracted"], json!({"last": "echo: hi"}));
    let too_many = app.post("/threads/search", json!({"limit": 5000})).await;
    assert_eq!(too_many.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn a_copy_says_the_same_and_goes_its_own_way() {
    let app = TestApp::new().await;
    let thread = app.thread().await;
    app.say(&thread, "one").await;
    let copy = app
        .post(&format!("/threads/{thread}/copy"), json!({}))
        .await
        .ok();
    let copy = copy["thread_id"].as_str().expect("an id");
    assert_ne!(copy, thread);
    assert_eq!(
        app.state(copy).await["values"],
        app.state(&thread).await["values"]
    );
    app.say(copy, "two").await;
    assert_eq!(
        texts(&app.state(&thread).await["values"]),
        ["one", "echo: one"]
    );
    let unknown = app.post("/threads/none/copy", json!({})).await;
    assert_eq!(unknown.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn pruning_deletes_threads_or_their_older_checkpoints() {
    let app = TestApp::new().await;
    let (kept, gone) = (app.thread().await, app.thread().await);
    app.say(&kept, "one").await;
    app.say(&kept, "two").await;
    let body = json!({"thread_ids": [kept, "none"], "strategy": "keep_latest"});
    assert_eq!(
        app.post("/threads/prune", body).await.ok(),
        json!({"pruned_count": 1})
    );
    let history = app
        .post(&format!("/threads/{kept}/history"), json!({"limit": 100}))
        .await
        .ok();
    assert_eq!(history.as_array().map(Vec::len), Some(1));
    assert_eq!(texts(&app.state(&kept).await["values"]).len(), 4);
    let body = json!({"thread_ids": [gone]});
    assert_eq!(
        app.post("/threads/prune", body).await.ok(),
        json!({"pruned_count": 1})
    );
    assert_eq!(
        app.get(&format!("/threads/{gone}")).await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn a_busy_thread_is_deleted_with_its_run() {
    let app = TestApp::new().await;
    let thread = app.thread().await;
    app.begin(&thread, said("hold a")).await;
    app.holds.reached("a").await;
    assert_eq!(
        app.get(&format!("/threads/{thread}")).await.ok()["status"],
        "busy"
    );
    let deleted = app.delete(&format!("/threads/{thread}")).await;
    assert_eq!(deleted.status, StatusCode::NO_CONTENT);
    assert_eq!(
        app.get(&format!("/threads/{thread}")).await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn a_thread_may_begin_with_steps() {
    let app = TestApp::new().await;
    let seed = json!([{"updates": [{"values": {"messages": [{"role": "user", "content": "seed"}]},
        "command": null, "as_node": "__start__"}]}]);
    let body =
        json!({"thread_id": "t", "metadata": {"graph_id": "agent"}, "supersteps": seed.clone()});
    let made = app.post("/threads", body).await.ok();
    assert_eq!(texts(&made["values"]), ["seed"]);
    assert_eq!(made["status"], "interrupted");
    assert_eq!(app.state("t").await["next"], json!(["agent"]));
    let without = json!({"thread_id": "u", "supersteps": seed});
    assert_eq!(
        app.post("/threads", without).await.status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    assert_eq!(app.get("/threads/u").await.status, StatusCode::NOT_FOUND);
}
