//! What is Everthread's own.

use super::doc::Doc;
use crate::health::{Alive, Health};
use crate::routes::api::wire::{ErasedBody, KeyBody, ProfileBody, StorageBody, UserBody};
use crate::routes::api::{
    ConversationList, HitList, KeyList, MadeKeyBody, NewKeyBody, SessionList, UserList,
};

pub(super) fn docs() -> Vec<Doc> {
    let mut docs = users();
    docs.extend(operation());
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

fn system() -> Vec<Doc> {
    let doc = |method, path, summary| Doc::new(method, path, "system", summary);
    vec![
        doc("GET", "/ok", "Whether the server is there"),
        doc("GET", "/info", "What the server is and can do"),
        doc("GET", "/openapi.json", "This document"),
        doc("GET", "/", "The status page").text("text/html"),
    ]
}
