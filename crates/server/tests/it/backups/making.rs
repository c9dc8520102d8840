//! Making, listing, proving, getting and deleting backups.

use everthread_server::{Rule, route_table};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::app::TestApp;
use crate::keyed::{call, key};

async fn backed() -> TestApp {
    let app = TestApp::backed().await;
    let thread = app.thread().await;
    app.say(&thread, "My dog is called Rex.").await;
    app
}

#[tokio::test]
async fn a_backup_is_made_proved_got_and_deleted() {
    let app = backed().await;
    let age = |health: &Value| -> Value {
        let parts = health["components"].as_array().unwrap();
        let part = parts.iter().find(|part| part["name"] == "backup").unwrap();
        part["facts"]["verified_age_s"].clone()
    };
    assert_eq!(app.get("/api/backups").await.ok(), json!({"backups": []}));
    assert_eq!(age(&app.get("/health").await.ok()), Value::Null);
    let none = app.get("/metrics").await.text;
    assert!(none.contains("everthread_backup_verified_age_seconds NaN\n"));
    let archive = app.back_up(json!({})).await;
    assert!(archive.ends_with(".everthread.zip"), "{archive}");
    let snapshot = app
        .back_up(json!({"kind": "snapshot", "prefix": "chatbot_backup_"}))
        .await;
    assert!(snapshot.starts_with("chatbot_backup_"), "{snapshot}");
    app.back_up(json!({"kind": "export", "user_id": "ann"}))
        .await;
    let listed = app.get("/api/backups").await.ok();
    let listed = listed["backups"].as_array().unwrap();
    assert_eq!(listed.len(), 3);
    let of = |name: &str| listed.iter().find(|one| one["name"] == name).unwrap();
    assert_eq!(of(&archive)["scope"]["kind"], "whole");
    assert_eq!(of(&archive)["verified_at"], Value::Null);
    assert_eq!(of(&archive)["counts"]["threads"], 1);
    assert!(of(&snapshot)["sha256"].as_str().unwrap().len() == 64);

    let path = format!("/api/backups/{archive}");
    let job = TestApp::begun(&app.post(&format!("{path}/verify"), json!({})).await);
    let job = app.past(&job, "running").await;
    assert_eq!(
        (&job["status"], &job["verified"]["threads"]),
        (&json!("done"), &json!(1))
    );
    assert!(app.get(&path).await.ok()["verified_at"].is_string());
    assert!(age(&app.get("/health").await.ok()).as_u64().unwrap() < 60);
    let told = app.get("/metrics").await.text;
    let line = told
        .lines()
        .find(|line| line.starts_with("everthread_backup_verified_age_seconds "));
    let seconds: f64 = line.unwrap().rsplit(' ').next().unwrap().parse().unwrap();
    assert!(seconds < 60.0);

    let kept = is_got_whole(&app, &archive).await;
    app.delete(&path).await.ok();
    assert!(!kept.exists());
    assert_eq!(app.get(&path).await.status, StatusCode::NOT_FOUND);
    assert_eq!(app.delete(&path).await.status, StatusCode::NOT_FOUND);
    let jobs = app.get("/api/jobs").await.ok();
    assert_eq!(jobs["jobs"].as_array().unwrap().len(), 4);
    assert_eq!(jobs["jobs"][0]["kind"], "verify", "the newest first");
    let over = format!("/api/jobs/{}", jobs["jobs"][0]["job_id"].as_str().unwrap());
    app.delete(&over).await.ok();
    assert_eq!(app.get(&over).await.status, StatusCode::NOT_FOUND);
}

/// Gets the file of a backup as it is; gives where it lies.
async fn is_got_whole(app: &TestApp, archive: &str) -> std::path::PathBuf {
    let path = format!("/api/backups/{archive}");
    let kept = app
        .dir
        .as_ref()
        .unwrap()
        .path()
        .join("backups")
        .join(archive);
    let bytes = std::fs::read(&kept).unwrap();
    let got = app
        .request(Method::GET, &format!("{path}/download"))
        .send()
        .await
        .unwrap();
    assert_eq!(got.status(), StatusCode::OK);
    let named = got.headers()["content-disposition"]
        .to_str()
        .unwrap()
        .to_owned();
    assert_eq!(named, format!("attachment; filename*=UTF-8''{archive}"));
    assert_eq!(got.headers()["content-length"], bytes.len().to_string());
    assert!(got.bytes().await.unwrap() == bytes);
    kept
}

#[tokio::test]
async fn what_does_not_go_together_is_refused() {
    let app = backed().await;
    for wrong in [
        json!({"kind": "snapshot", "user_id": "ann"}),
        json!({"thread_id": "main"}),
        json!({"prefix": "../x"}),
        json!({"kind": "tape"}),
        json!({"file": "/etc/passwd"}),
        json!({"user_id": ""}),
    ] {
        let refused = app.post("/api/backups", wrong.clone()).await;
        assert_eq!(refused.status, 422, "{wrong}: {}", refused.text);
    }
    let job = app.post("/api/backups", json!({"user_id": "nobody"})).await;
    let job = app.past(&TestApp::begun(&job), "running").await;
    assert_eq!(
        (&job["status"], &job["error"]["code"]),
        (&json!("failed"), &json!("not_found"))
    );
    // What is there and is no backup, or is one no more, is told so and changes nothing.
    let dir = app.dir.as_ref().unwrap().path().join("backups");
    std::fs::write(dir.join("other.db"), "hello").unwrap();
    let name = app.back_up(json!({})).await;
    let bytes = std::fs::read(dir.join(&name)).unwrap();
    let mut flipped = bytes.clone();
    flipped[bytes.len() / 2] ^= 1;
    std::fs::write(dir.join("flipped.everthread.zip"), flipped).unwrap();
    let listed = app.get("/api/backups").await.ok();
    let listed = listed["backups"].as_array().unwrap().clone();
    let other = listed.iter().find(|one| one["name"] == "other.db").unwrap();
    assert!(other["error"].is_string() && other["kind"].is_null());
    let refused = app.post("/api/backups/other.db/restore", json!({})).await;
    assert_eq!(
        (refused.status.as_u16(), &refused.json()["code"]),
        (409, &json!("backup_unusable"))
    );
    for does in ["verify", "restore", "import"] {
        let path = format!("/api/backups/flipped.everthread.zip/{does}");
        let answer = app.post(&path, json!({})).await;
        if answer.status == StatusCode::ACCEPTED {
            let job = app.past(&answer.json(), "running").await;
            assert_eq!(job["error"]["code"], "backup_unusable", "{does}: {job}");
        } else {
            assert_eq!(answer.json()["code"], "backup_unusable", "{does}");
        }
    }
    let none = TestApp::new().await.get("/api/backups").await;
    assert_eq!(
        (none.status.as_u16(), &none.json()["code"]),
        (404, &json!("no_backups"))
    );
}

/// A name leads nowhere but into the folder, on every route that has one.
#[tokio::test]
async fn names_do_not_leave_the_folder() {
    let app = backed().await;
    app.back_up(json!({})).await;
    let dir = app.dir.as_ref().unwrap().path().join("backups");
    std::os::unix::fs::symlink("../chat.db", dir.join("link.db")).unwrap();
    let absolute = app.dir.as_ref().unwrap().path().join("chat.db");
    let absolute = absolute.to_str().unwrap().replace('/', "%2F");
    for name in [
        "..%2Fchat.db",
        ".%2Fchat.db",
        "link.db",
        "%2E%2E%2Fchat.db",
        "chat.db%00",
        &absolute,
        ".db",
    ] {
        for route in route_table() {
            if !route.path.contains("/api/backups/{name}") {
                continue;
            }
            let path = route.path.replace("{name}", name);
            let answer = app
                .send(app.request(route.method.clone(), &path).body("{}"))
                .await;
            assert_eq!(
                answer.status,
                StatusCode::NOT_FOUND,
                "{} {path}",
                route.method
            );
        }
    }
    assert!(app.dir.as_ref().unwrap().path().join("chat.db").exists());
}

#[tokio::test]
async fn old_backups_are_pruned() {
    let app = backed().await;
    for prefix in ["everthread_", "everthread_", "mine_"] {
        app.back_up(json!({"prefix": prefix})).await;
    }
    let kept = app.post("/api/backups/prune", json!({})).await.ok();
    assert_eq!(kept["deleted"], json!([]), "without rules all stay");
    let rules = json!({"keep_last": 1, "keep_daily": 0, "dry_run": true});
    let would = app.post("/api/backups/prune", rules).await.ok();
    assert_eq!(would["deleted"].as_array().unwrap().len(), 1);
    let gone = app
        .post("/api/backups/prune", json!({"keep_last": 1}))
        .await
        .ok();
    assert_eq!(gone["deleted"], would["deleted"]);
    let listed = app.get("/api/backups").await.ok();
    assert_eq!(listed["backups"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn backups_are_for_admins() {
    let app = backed().await;
    let name = app.back_up(json!({})).await;
    let admin = key(&app, everthread_server::identity::Role::Admin, None).await;
    let service = key(&app, everthread_server::identity::Role::Service, None).await;
    let ann = key(&app, everthread_server::identity::Role::User, Some("ann")).await;
    let since = std::time::Instant::now();
    // Until a moment ago there were no keys, and everybody on this machine was an admin.
    while call(&app, "GET", "/api/backups", &[], Value::Null)
        .await
        .status
        != 401
    {
        assert!(since.elapsed() < crate::app::LIMIT);
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let mut routes = 0;
    for route in route_table() {
        if !route.path.starts_with("/api/backups") && !route.path.starts_with("/api/jobs") {
            continue;
        }
        routes += 1;
        assert_eq!(route.rule, Rule::Admin, "{}", route.path);
        let path = route
            .path
            .replace("{name}", &name)
            .replace("{job_id}", "none");
        for (headers, status) in [
            (vec![("x-api-key", service.as_str())], 403),
            (vec![("x-api-key", ann.as_str())], 403),
            (vec![], 401),
        ] {
            let refused = call(&app, route.method.as_str(), &path, &headers, Value::Null).await;
            assert_eq!(
                refused.status, status,
                "{} {path}: {}",
                route.method, refused.text
            );
        }
    }
    assert!(routes >= 13);
    let path = format!("/api/backups/{name}");
    let headers = [("x-api-key", admin.as_str())];
    call(&app, "GET", &path, &headers, Value::Null).await.ok();
}
