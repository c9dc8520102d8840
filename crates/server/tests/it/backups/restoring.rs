//! Restoring into a running server: what is served afterwards, what happens on the way, and what a failure leaves.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use everthread_backup::Opener;
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::agent::Holds;
use crate::app::{Files, LIMIT, TestApp, said, settings, texts};

/// What a conversation says.
async fn told(app: &TestApp, thread: &str) -> Vec<String> {
    texts(&app.state(thread).await["values"])
}

#[tokio::test]
async fn a_running_server_takes_up_a_backup_of_everything() {
    for kind in ["archive", "snapshot", "export"] {
        let app = TestApp::backed().await;
        let thread = app.thread().await;
        app.say(&thread, "one").await;
        let name = app.back_up(json!({"kind": kind})).await;
        app.say(&thread, "two").await;
        let later = app.thread().await;
        app.say(&later, "later").await;
        let job = app.prepare(&name, json!({})).await;
        assert_eq!(
            job["changes"]["before"],
            json!({"users": 1, "threads": 2, "messages": 6})
        );
        assert_eq!(
            job["changes"]["after"],
            json!({"users": 1, "threads": 1, "messages": 2})
        );
        assert_eq!(
            told(&app, &thread).await.len(),
            4,
            "nothing has changed yet"
        );
        let path = format!("/api/jobs/{}/confirm", job["job_id"].as_str().unwrap());
        let wrong = app.post(&path, json!({"confirm": "yes"})).await;
        assert_eq!(wrong.status, 422, "{}", wrong.text);
        let second = app
            .post(&format!("/api/backups/{name}/restore"), json!({}))
            .await;
        assert_eq!(second.status, 409, "{}", second.text);
        let job = app.confirm(&job).await;
        assert_eq!(job["status"], "done", "{job}");
        assert!(job["confirm"].is_null());
        assert_eq!(told(&app, &thread).await, ["one", "echo: one"], "{kind}");
        let gone = app.get(&format!("/threads/{later}/state")).await;
        assert_eq!(gone.status, StatusCode::NOT_FOUND);
        // The same server goes on, and what was there before is kept.
        app.say(&thread, "three").await;
        assert_eq!(told(&app, &thread).await.len(), 4);
        let kept = job["safety_copy"].as_str().unwrap();
        assert!(kept.contains("chat.db.before-restore_"), "{kept}");
        let kept = Files.open(kept.as_ref()).await.unwrap();
        assert_eq!(kept.stats().await.unwrap().messages, 6);
        kept.close().await.unwrap();
        let again = app.post(&path, json!({"confirm": "yes"})).await;
        assert_eq!(again.status, 409, "it does not wait any more");
        app.stop().await;
    }
}

/// Whoever is erased while a restore waits to be confirmed stays erased.
#[tokio::test]
async fn who_is_erased_meanwhile_stays_erased() {
    let app = TestApp::backed().await;
    let bob = app.as_user("bob");
    let (hers, his) = (app.thread().await, bob.thread().await);
    app.say(&hers, "hers").await;
    bob.say(&his, "his").await;
    let name = app.back_up(json!({})).await;
    let job = app.prepare(&name, json!({})).await;
    let erased = bob.delete("/api/users/bob").await;
    assert_eq!(erased.status, StatusCode::OK, "{}", erased.text);
    let job = app.confirm(&job).await;
    assert_eq!(job["status"], "done", "{job}");
    let gone = bob.get(&format!("/threads/{his}/state")).await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
    assert_eq!(told(&app, &hers).await.len(), 2);
    let job = app.prepare(&name, json!({"with_erased": true})).await;
    assert_eq!(app.confirm(&job).await["status"], "done");
    assert_eq!(told(&bob, &his).await.len(), 2);
}

/// While runs end, requests are told to come again, and the process is alive. A restore that fails leaves the store
/// that was there, with the run that had to be left.
#[tokio::test]
async fn a_restore_that_fails_leaves_everything_as_it_was() {
    let settings = everthread_server::Settings {
        shutdown: Duration::from_secs(2),
        ..settings()
    };
    let app = TestApp::backed_with(settings, Holds::default()).await;
    let thread = app.thread().await;
    app.say(&thread, "one").await;
    let name = app.back_up(json!({})).await;
    let held = app.thread().await;
    let run = app.begin(&held, said("hold a")).await;
    app.holds.reached("a").await;
    let job = app.prepare(&name, json!({})).await;
    app.broken.store(1, Ordering::SeqCst);
    let path = format!("/api/jobs/{}/confirm", job["job_id"].as_str().unwrap());
    let confirmed = app.post(&path, json!({"confirm": job["confirm"]})).await;
    assert_eq!(confirmed.status, StatusCode::ACCEPTED, "{}", confirmed.text);
    let since = Instant::now();
    loop {
        let answer = app.post("/threads", json!({})).await;
        if answer.status == StatusCode::SERVICE_UNAVAILABLE {
            assert_eq!(answer.json()["code"], "restoring");
            assert!(answer.header("retry-after").is_some());
            break;
        }
        answer.ok();
        assert!(since.elapsed() < LIMIT, "it never drains");
    }
    let alive = app
        .send(
            app.client
                .request(Method::GET, format!("{}/livez", app.base)),
        )
        .await;
    assert_eq!(alive.ok()["status"], "alive");
    let job = app.past(&job, "running").await;
    assert_eq!(
        (&job["status"], &job["error"]["code"]),
        (&json!("failed"), &json!("backup_unusable"))
    );
    assert_eq!(told(&app, &thread).await.len(), 2);
    // The run that was left is taken up again.
    app.holds.free("a");
    let joined = app
        .get(&format!("/threads/{held}/runs/{run}/join"))
        .await
        .ok();
    assert_eq!(texts(&joined), ["hold a", "echo: hold a"]);
    let dir = std::fs::read_dir(app.dir.as_ref().unwrap().path()).unwrap();
    let names: Vec<String> = dir
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(
        names.iter().all(|name| !name.contains("restore")),
        "{names:?}"
    );
}

#[tokio::test]
async fn a_store_that_another_process_has_open_is_not_replaced() {
    let app = TestApp::backed().await;
    let thread = app.thread().await;
    app.say(&thread, "one").await;
    let name = app.back_up(json!({})).await;
    app.say(&thread, "two").await;
    let file = app.dir.as_ref().unwrap().path().join("chat.db");
    let other = Files.open(&file).await.unwrap();
    let job = app.prepare(&name, json!({})).await;
    let job = app.confirm(&job).await;
    assert_eq!(
        (&job["status"], &job["error"]["code"]),
        (&json!("failed"), &json!("store_in_use"))
    );
    assert_eq!(told(&app, &thread).await.len(), 4);
    other.close().await.unwrap();
    let job = app.prepare(&name, json!({})).await;
    assert_eq!(app.confirm(&job).await["status"], "done");
    assert_eq!(told(&app, &thread).await.len(), 2);
}

#[tokio::test]
async fn a_restore_that_nobody_wants_any_more_is_broken_off() {
    let mut app = TestApp::backed().await;
    let thread = app.thread().await;
    app.say(&thread, "one").await;
    let name = app.back_up(json!({})).await;
    let job = app.prepare(&name, json!({})).await;
    let path = format!("/api/jobs/{}", job["job_id"].as_str().unwrap());
    assert_eq!(app.delete(&path).await.ok()["status"], "cancelled");
    let late = app
        .post(
            &format!("{path}/confirm"),
            json!({"confirm": job["confirm"]}),
        )
        .await;
    assert_eq!(late.status, 409, "{}", late.text);
    let names = |dir: &std::path::Path| {
        std::fs::read_dir(dir)
            .unwrap()
            .filter(|entry| {
                entry
                    .as_ref()
                    .unwrap()
                    .file_name()
                    .to_string_lossy()
                    .contains("restore")
            })
            .count()
    };
    let path = app.dir.as_ref().unwrap().path().to_owned();
    assert_eq!(names(&path), 0, "what was built is gone");
    app.prepare(&name, json!({})).await;
    assert_eq!(names(&path), 1);
    // One that waits goes with the server.
    let dir = app.dir.take().unwrap();
    app.stop().await;
    assert_eq!(names(dir.path()), 0);
}

/// One user comes back while another goes on, and nobody waits.
#[tokio::test]
async fn one_user_is_restored_and_nobody_else_is_touched() {
    let app = TestApp::backed().await;
    let bob = app.as_user("bob");
    let (hers, his) = (app.thread().await, bob.thread().await);
    app.say(&hers, "one").await;
    bob.say(&his, "his").await;
    let name = app.back_up(json!({"user_id": "ann"})).await;
    app.say(&hers, "two").await;
    bob.say(&his, "more").await;
    let gone = app.thread().await;
    app.say(&gone, "stays").await;
    let job = app.prepare(&name, json!({})).await;
    assert_eq!(job["imported"]["threads_replaced"], 1);
    assert!(job["changes"].is_null());
    assert_eq!(told(&app, &hers).await.len(), 4);
    let speaking = tokio::spawn({
        let (bob, his) = (app.as_user("bob"), his.clone());
        async move {
            for text in ["a", "b", "c", "d"] {
                bob.say(&his, text).await;
            }
        }
    });
    let job = app.confirm(&job).await;
    assert_eq!(job["status"], "done", "{job}");
    speaking.await.unwrap();
    assert_eq!(told(&app, &hers).await, ["one", "echo: one"]);
    assert_eq!(
        told(&app, &gone).await.len(),
        2,
        "what she has besides stays"
    );
    assert_eq!(told(&bob, &his).await.len(), 12);
    app.say(&hers, "three").await;
    assert_eq!(told(&app, &hers).await.len(), 4);
    // An import follows its policy and asks nobody.
    let path = format!("/api/backups/{name}/import");
    for (body, of, threads) in [
        (json!({}), "threads_kept", 1),
        (json!({"on_conflict": "copy"}), "threads_copied", 1),
        (
            json!({"on_conflict": "replace", "dry_run": true}),
            "threads_replaced",
            1,
        ),
    ] {
        let job = TestApp::begun(&app.post(&path, body.clone()).await);
        let job = app.past(&job, "running").await;
        assert_eq!(job["imported"][of], threads, "{body}: {job}");
    }
    assert_eq!(told(&app, &hers).await.len(), 4, "a dry run writes nothing");
    let wrong = app.post(&path, json!({"on_conflict": "shout"})).await;
    assert_eq!(wrong.status, 422);
}
