//! Backups over HTTP, of a store in a real file.

mod making;
mod restoring;

use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::app::{LIMIT, TestApp};

impl TestApp {
    /// Begins a job; gives it as it was answered.
    #[track_caller]
    fn begun(answer: &crate::app::Answer) -> Value {
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
        let job = answer.json();
        let place = format!("/api/jobs/{}", job["job_id"].as_str().unwrap());
        assert_eq!(answer.header("location"), Some(place.as_str()));
        job
    }

    /// Waits until a job has left a status; while the store is replaced, asks again when it is told to.
    async fn past(&self, job: &Value, status: &str) -> Value {
        let path = format!("/api/jobs/{}", job["job_id"].as_str().unwrap());
        let since = Instant::now();
        loop {
            let answer = self.get(&path).await;
            if answer.status == StatusCode::SERVICE_UNAVAILABLE {
                assert_eq!(answer.json()["code"], "restoring");
                assert!(answer.header("retry-after").is_some());
            } else {
                let job = answer.ok();
                if job["status"] != status {
                    return job;
                }
            }
            assert!(since.elapsed() < LIMIT, "the job stays {status}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Makes a backup; gives its name.
    async fn back_up(&self, body: Value) -> String {
        let job = Self::begun(&self.post("/api/backups", body).await);
        let job = self.past(&job, "running").await;
        assert_eq!(job["status"], "done", "{job}");
        job["backup"].as_str().unwrap().to_owned()
    }

    /// Prepares a restore, which then waits.
    async fn prepare(&self, name: &str, body: Value) -> Value {
        let path = format!("/api/backups/{name}/restore");
        let job = Self::begun(&self.post(&path, body).await);
        let job = self.past(&job, "running").await;
        assert_eq!(job["status"], "waiting", "{job}");
        job
    }

    /// Confirms a job that waits, and waits for its end.
    async fn confirm(&self, job: &Value) -> Value {
        let path = format!("/api/jobs/{}/confirm", job["job_id"].as_str().unwrap());
        let body = json!({"confirm": job["confirm"]});
        Self::begun(&self.post(&path, body).await);
        self.past(job, "running").await
    }
}
