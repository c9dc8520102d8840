//! Side jobs: interfaces ask the model for a title, tags or what might be asked next, through the same route and often
//! under the conversation's name. None of it was said by a person, so none of it is remembered.

use axum::http::HeaderMap;
use serde_json::{Map, Value};

/// The header by which a client says what a request is for. Any text does.
const HEADER: &str = "x-everthread-task";
/// The same in `metadata`, as Open WebUI calls it.
const FIELD: &str = "task";
/// How a request for a side job begins, and what else is in it.
const SIGNS: [(&str, &str); 7] = [
    // Open WebUI: title, tags, follow-ups, queries and images are made from the chat; its template for documents begins
    // in the same way and has no chat in it.
    ("### Task:", "<chat_history>"),
    ("### Task:", "### Chat History:"),
    ("### Task:", "autocompletion system"),
    // Open WebUI's emoji for a call.
    (
        "Your task is to reflect the speaker's likely facial expression",
        "",
    ),
    // LibreChat.
    (
        "Provide a concise, 5-word-or-less title for the conversation",
        "",
    ),
    // NextChat, at the end of the whole conversation.
    (
        "Please generate a four to five word title summarizing our conversation",
        "",
    ),
    (
        "Summarize the discussion briefly in 200 words or less to use as a prompt",
        "",
    ),
];

/// Whether a request is a side job, by what the client says or by its last message.
pub(super) fn is_side_job(
    headers: &HeaderMap,
    metadata: Option<&Map<String, Value>>,
    last: &str,
) -> bool {
    let said = headers.contains_key(HEADER)
        || metadata.is_some_and(|fields| fields.get(FIELD).is_some_and(|task| !task.is_null()));
    let last = last.trim_start();
    said || SIGNS
        .iter()
        .any(|(begin, has)| last.starts_with(begin) && last.contains(has))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn side_jobs_are_known_and_people_are_not_taken_for_them() {
        let is = |text: &str| is_side_job(&HeaderMap::new(), None, text);
        assert!(is(
            "### Task:\nGenerate a title.\n### Chat History:\n<chat_history>\nUSER: hi\n</chat_history>"
        ));
        assert!(is(
            "Provide a concise, 5-word-or-less title for the conversation, using title case"
        ));
        assert!(!is(
            "### Task:\nRespond to the user query using the provided context.\n<context>x</context>"
        ));
        assert!(!is("What is a good title?"));
        let metadata = json!({"task": "title_generation"});
        assert!(is_side_job(&HeaderMap::new(), metadata.as_object(), "hi"));
    }
}
