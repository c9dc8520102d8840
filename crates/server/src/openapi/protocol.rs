//! Threads, states, assistants and the store, as LangGraph's clients know them.

use super::doc::Doc;
use super::shapes::{Assistant, Item, Items, Namespaces, Pruned, Thread, ThreadState, Updated};
use crate::wire::{
    AssistantCreate, AssistantPatch, AssistantSearch, CheckpointLookup, HistoryRequest, ItemDelete,
    ItemPut, ItemSearch, LatestBody, NamespaceSearch, StateUpdate, ThreadCount, ThreadCreate,
    ThreadPatchBody, ThreadPrune, ThreadSearch, VersionSearch,
};

pub(super) fn docs() -> Vec<Doc> {
    let mut docs = threads();
    docs.extend(states());
    docs.extend(assistants());
    docs.extend(graphs());
    docs.extend(store());
    docs
}

fn threads() -> Vec<Doc> {
    let doc = |method, path, summary| Doc::new(method, path, "threads", summary);
    vec![
        doc("POST", "/threads", "Create a thread")
            .reads::<ThreadCreate>()
            .gives::<Thread>(),
        doc("POST", "/threads/search", "Search threads")
            .reads::<ThreadSearch>()
            .gives_many::<Thread>(),
        doc("POST", "/threads/count", "Count threads")
            .reads::<ThreadCount>()
            .gives_any("A number."),
        doc(
            "POST",
            "/threads/prune",
            "Delete threads, or all but their newest checkpoints",
        )
        .reads::<ThreadPrune>()
        .gives::<Pruned>(),
        doc("GET", "/threads/{thread_id}", "Get a thread")
            .query("include", "array", "`ttl` for the thread's end.")
            .gives::<Thread>(),
        doc(
            "PATCH",
            "/threads/{thread_id}",
            "Change a thread's metadata or end",
        )
        .reads::<ThreadPatchBody>()
        .gives::<Thread>(),
        doc(
            "DELETE",
            "/threads/{thread_id}",
            "Delete a thread and everything of it",
        )
        .nothing(204),
        doc(
            "POST",
            "/threads/{thread_id}/copy",
            "Copy a thread with all its checkpoints",
        )
        .gives::<Thread>(),
    ]
}

fn states() -> Vec<Doc> {
    let doc = |method, path, summary| Doc::new(method, path, "threads", summary);
    let expanded = "Whether the states of subgraphs are told too.";
    vec![
        doc("GET", "/threads/{thread_id}/state", "The state at the head")
            .query("subgraphs", "boolean", expanded)
            .gives::<ThreadState>(),
        doc(
            "POST",
            "/threads/{thread_id}/state",
            "Write to the state as a node would",
        )
        .reads::<StateUpdate>()
        .gives::<Updated>(),
        doc(
            "POST",
            "/threads/{thread_id}/state/checkpoint",
            "The state at a checkpoint",
        )
        .reads::<CheckpointLookup>()
        .gives::<ThreadState>(),
        doc(
            "GET",
            "/threads/{thread_id}/state/{checkpoint_id}",
            "The state at a checkpoint",
        )
        .query("subgraphs", "boolean", expanded)
        .gives::<ThreadState>(),
        doc(
            "POST",
            "/threads/{thread_id}/history",
            "States, the newest first",
        )
        .reads::<HistoryRequest>()
        .gives_many::<ThreadState>(),
        doc(
            "GET",
            "/threads/{thread_id}/history",
            "States, the newest first",
        )
        .query("limit", "integer", "At most so many.")
        .query("before", "string", "Only those before this checkpoint.")
        .gives_many::<ThreadState>(),
    ]
}

fn assistant(method: &'static str, path: &'static str, summary: &'static str) -> Doc {
    Doc::new(method, path, "assistants", summary)
}

fn assistants() -> Vec<Doc> {
    let doc = assistant;
    vec![
        doc("POST", "/assistants", "Make an assistant of a graph")
            .reads::<AssistantCreate>()
            .gives::<Assistant>(),
        doc("POST", "/assistants/search", "Search assistants")
            .reads::<AssistantSearch>()
            .gives_many::<Assistant>(),
        doc("POST", "/assistants/count", "Count assistants")
            .reads::<AssistantSearch>()
            .gives_any("A number."),
        doc("GET", "/assistants/{assistant_id}", "Get an assistant").gives::<Assistant>(),
        doc(
            "PATCH",
            "/assistants/{assistant_id}",
            "Change an assistant: a new version of it",
        )
        .reads::<AssistantPatch>()
        .gives::<Assistant>(),
        doc(
            "DELETE",
            "/assistants/{assistant_id}",
            "Delete an assistant",
        )
        .nothing(204),
        doc(
            "POST",
            "/assistants/{assistant_id}/versions",
            "The versions of an assistant",
        )
        .reads::<VersionSearch>()
        .gives_many::<Assistant>(),
        doc(
            "POST",
            "/assistants/{assistant_id}/latest",
            "Go back to a version",
        )
        .reads::<LatestBody>()
        .gives::<Assistant>(),
    ]
}

/// What the graph of an assistant is.
fn graphs() -> Vec<Doc> {
    let doc = assistant;
    vec![
        doc(
            "GET",
            "/assistants/{assistant_id}/graph",
            "The drawing of its graph",
        )
        .query(
            "xray",
            "string",
            "Whether, or how deep, subgraphs are drawn too.",
        )
        .gives_any("Nodes and edges."),
        doc(
            "GET",
            "/assistants/{assistant_id}/schemas",
            "The schemas of its graph",
        )
        .gives_any("JSON Schemas of input, output, state and context."),
        doc(
            "GET",
            "/assistants/{assistant_id}/subgraphs",
            "The graphs inside its graph",
        )
        .query(
            "recurse",
            "boolean",
            "Whether those inside them are told too.",
        )
        .gives_any("Schemas by name."),
        doc(
            "GET",
            "/assistants/{assistant_id}/subgraphs/{namespace}",
            "The graphs inside its graph, below a name",
        )
        .query(
            "recurse",
            "boolean",
            "Whether those inside them are told too.",
        )
        .gives_any("Schemas by name."),
    ]
}

fn store() -> Vec<Doc> {
    let doc = |method, path, summary| Doc::new(method, path, "store", summary);
    vec![
        doc("PUT", "/store/items", "Remember a value")
            .reads::<ItemPut>()
            .nothing(204),
        doc(
            "GET",
            "/store/items",
            "Get a value; null where there is none",
        )
        .query(
            "namespace",
            "string",
            "The namespace, its parts joined by dots.",
        )
        .query("key", "string", "The key.")
        .query(
            "refresh_ttl",
            "boolean",
            "Whether it lives from now on as long as it was given.",
        )
        .gives::<Item>(),
        doc("DELETE", "/store/items", "Forget a value")
            .reads::<ItemDelete>()
            .nothing(204),
        doc("POST", "/store/items/search", "Search values")
            .reads::<ItemSearch>()
            .gives::<Items>(),
        doc("POST", "/store/namespaces", "List namespaces")
            .reads::<NamespaceSearch>()
            .gives::<Namespaces>(),
    ]
}
