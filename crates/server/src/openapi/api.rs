//! What is Everthread's own.

use super::doc::Doc;
use crate::health::{Alive, Health};
use crate::routes::api::wire::{ErasedBody, KeyBody, ProfileBody, StorageBody, UserBody};
use crate::routes::api::{
    BackupBody, BackupList, ConfirmBody, ConversationList, HitList, ImportBody, JobBody, JobList,
    KeyList, MadeKeyBody, NewBackupBody, NewKeyBody, PruneBody, PrunedBody, RestoreBody,
    SessionList, UserList,
};

pub(super) fn docs() -> Vec<Doc> {
    let mut docs = users();
    docs.extend(operation());
    docs.extend(backups());
    docs.extend(jobs());
    docs.extend(system());
    docs
}

fn users() -> Vec<Doc> {
    let doc = |method, path, summary| Doc::new(method, path, "users", summary);
    vec![
        doc("GET", "/api/users", "List users, the latest activity first")
            .paged()
            .gives::<UserList>(),
        doc(
            "GET",
            "/api/users/{user}",
            "Get a profile; `me` is the caller",
        )
        .gives::<UserBody>(),
        doc("PUT", "/api/users/{user}", "Create or change a profile")
            .reads::<ProfileBody>()
            .gives::<UserBody>(),
        doc(
            "DELETE",
            "/api/users/{user}",
            "Erase a user and everything of theirs",
        )
        .gives::<ErasedBody>(),
        doc(
            "POST",
            "/api/users/{user}/hold",
            "Keep a user from being erased",
        )
        .gives::<UserBody>(),
        doc("POST", "/api/users/{user}/unhold", "End a hold").gives::<UserBody>(),
        doc(
            "GET",
            "/api/users/{user}/threads",
            "A user's conversations, the last change first",
        )
        .paged()
        .query("archived", "boolean", "Archived ones too.")
        .gives::<ConversationList>(),
        doc(
            "GET",
            "/api/users/{user}/sessions",
            "A user's sessions, the last first",
        )
        .query("limit", "integer", "At most so many.")
        .gives::<SessionList>(),
        doc(
            "GET",
            "/api/users/{user}/export",
            "All that is kept of a user",
        )
        .gives_any("One JSON document."),
        doc(
            "GET",
            "/api/search",
            "Search all that was said in a user's conversations",
        )
        .query(
            "q",
            "string",
            "Words that must all occur; `word*` matches beginnings.",
        )
        .query("thread_id", "string", "In this thread only.")
        .paged()
        .gives::<HitList>(),
    ]
}

fn operation() -> Vec<Doc> {
    let doc = |method, path, summary| Doc::new(method, path, "operation", summary);
    vec![
        doc("GET", "/api/storage", "Sizes and counts of the storage").gives::<StorageBody>(),
        doc("GET", "/api/keys", "List keys, revoked ones too").gives::<KeyList>(),
        doc("POST", "/api/keys", "Make a key; it is shown this once")
            .reads::<NewKeyBody>()
            .status(201)
            .gives::<MadeKeyBody>(),
        doc("DELETE", "/api/keys/{key_id}", "Revoke a key").gives::<KeyBody>(),
        doc("GET", "/health", "How every part of the server stands").gives::<Health>(),
        doc("GET", "/metrics", "Counters for Prometheus").text("application/openmetrics-text"),
        doc("GET", "/livez", "Whether the process runs").gives::<Alive>(),
        doc("GET", "/readyz", "Whether the storage answers").gives::<Alive>(),
    ]
}

fn backups() -> Vec<Doc> {
    let doc = |method, path, summary| Doc::new(method, path, "backups", summary);
    vec![
        doc("GET", "/api/backups", "List backups, the newest first").gives::<BackupList>(),
        doc("POST", "/api/backups", "Make a backup; it is a job")
            .reads::<NewBackupBody>()
            .status(202)
            .gives::<JobBody>(),
        doc(
            "POST",
            "/api/backups/prune",
            "Delete old backups of everything",
        )
        .reads::<PruneBody>()
        .gives::<PrunedBody>(),
        doc("GET", "/api/backups/{name}", "Get what a backup says of itself")
            .gives::<BackupBody>(),
        doc("DELETE", "/api/backups/{name}", "Delete a backup").gives::<BackupBody>(),
        doc(
            "GET",
            "/api/backups/{name}/download",
            "Get the file of a backup",
        )
        .text("application/octet-stream"),
        doc(
            "POST",
            "/api/backups/{name}/verify",
            "Restore a backup to scratch and compare; it is a job",
        )
        .status(202)
        .gives::<JobBody>(),
        doc(
            "POST",
            "/api/backups/{name}/restore",
            "Prepare a restore; it is a job, which says what would change and waits to be confirmed",
        )
        .reads::<RestoreBody>()
        .status(202)
        .gives::<JobBody>(),
        doc(
            "POST",
            "/api/backups/{name}/import",
            "Take an archive or an export into the storage; it is a job",
        )
        .reads::<ImportBody>()
        .status(202)
        .gives::<JobBody>(),
    ]
}

fn jobs() -> Vec<Doc> {
    let doc = |method, path, summary| Doc::new(method, path, "backups", summary);
    vec![
        doc("GET", "/api/jobs", "List jobs, the newest first").gives::<JobList>(),
        doc("GET", "/api/jobs/{job_id}", "Get how a job stands").gives::<JobBody>(),
        doc(
            "DELETE",
            "/api/jobs/{job_id}",
            "Break a job off; forget one that is over",
        )
        .gives::<JobBody>(),
        doc(
            "POST",
            "/api/jobs/{job_id}/confirm",
            "Let a restore go on that waits",
        )
        .reads::<ConfirmBody>()
        .status(202)
        .gives::<JobBody>(),
    ]
}

fn system() -> Vec<Doc> {
    let doc = |method, path, summary| Doc::new(method, path, "system", summary);
    vec![
        doc("GET", "/ok", "Whether the server is there"),
        doc("GET", "/info", "What the server is and can do"),
        doc("GET", "/openapi.json", "This document"),
        doc("GET", "/", "The status page").text("text/html"),
    ]
}
