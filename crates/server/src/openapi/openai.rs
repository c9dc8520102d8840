//! OpenAI's protocol, and the Model Context Protocol.

use super::doc::Doc;
use crate::openai::wire::{
    ChatCompletionCreate, ConversationCreate, ConversationUpdate, ItemsCreate, ResponseCreate,
};

pub(super) fn docs() -> Vec<Doc> {
    let mut docs = of_models();
    docs.extend(of_responses());
    docs.extend(of_conversations());
    docs.extend(of_items());
    docs.push(
        Doc::new("POST", "/mcp", "mcp", "Speak the Model Context Protocol")
            .gives_any("An answer in JSON-RPC."),
    );
    docs
}

fn doc(method: &'static str, path: &'static str, summary: &'static str) -> Doc {
    Doc::new(method, path, "openai", summary)
}

/// A part of a list.
fn paged(doc: Doc) -> Doc {
    doc.query("after", "string", "The id to go on after.")
        .query("limit", "integer", "At most so many, from 1 to 100; 20.")
        .query("order", "string", "`desc` (the newest first) or `asc`.")
        .gives_any("`{\"object\": \"list\", \"data\", \"first_id\", \"last_id\", \"has_more\"}`.")
}

fn of_models() -> Vec<Doc> {
    vec![
        doc("GET", "/v1/models", "List models").gives_any("`{\"object\": \"list\", \"data\"}`."),
        doc("GET", "/v1/models/{model}", "Get a model").gives_any("A model."),
        doc("POST", "/v1/chat/completions", "Answer a chat completion")
            .reads::<ChatCompletionCreate>()
            .gives_any("A chat completion; with `stream` events of its chunks."),
    ]
}

fn of_responses() -> Vec<Doc> {
    const RESPONSE: &str = "A response.";
    vec![
        doc("POST", "/v1/responses", "Make a response")
            .reads::<ResponseCreate>()
            .gives_any("A response; with `stream` its events."),
        doc("GET", "/v1/responses/{response_id}", "Get a response")
            .query("stream", "boolean", "Whether its events are told.")
            .query(
                "starting_after",
                "integer",
                "Only events after this number.",
            )
            .gives_any("A response; with `stream` its events."),
        doc("DELETE", "/v1/responses/{response_id}", "Delete a response")
            .gives_any("That it is deleted."),
        paged(doc(
            "GET",
            "/v1/responses/{response_id}/input_items",
            "List what a response was given",
        )),
        doc(
            "POST",
            "/v1/responses/{response_id}/cancel",
            "Cancel a response in the background",
        )
        .gives_any(RESPONSE),
    ]
}

fn of_conversations() -> Vec<Doc> {
    const CONVERSATION: &str = "A conversation.";
    vec![
        doc("POST", "/v1/conversations", "Make a conversation")
            .reads::<ConversationCreate>()
            .gives_any(CONVERSATION),
        paged(doc("GET", "/v1/conversations", "List conversations")),
        doc(
            "GET",
            "/v1/conversations/{conversation_id}",
            "Get a conversation",
        )
        .gives_any(CONVERSATION),
        doc(
            "POST",
            "/v1/conversations/{conversation_id}",
            "Change a conversation's metadata",
        )
        .reads::<ConversationUpdate>()
        .gives_any(CONVERSATION),
        doc(
            "DELETE",
            "/v1/conversations/{conversation_id}",
            "Delete a conversation",
        )
        .gives_any("That it is deleted."),
    ]
}

fn of_items() -> Vec<Doc> {
    const ITEMS: &str = "/v1/conversations/{conversation_id}/items";
    const ITEM: &str = "/v1/conversations/{conversation_id}/items/{item_id}";
    vec![
        doc("POST", ITEMS, "Add items to a conversation")
            .reads::<ItemsCreate>()
            .gives_any("The items."),
        paged(doc("GET", ITEMS, "List the items of a conversation")),
        doc("GET", ITEM, "Get an item").gives_any("An item."),
        doc("DELETE", ITEM, "Remove an item from a conversation").gives_any("The conversation."),
    ]
}
