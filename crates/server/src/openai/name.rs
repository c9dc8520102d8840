//! Which conversation a chat completion belongs to: OpenAI's protocol has no field for it, so clients say it in a
//! header, in `metadata` or in `user`.

use axum::http::HeaderMap;
use everthread_graph::contract::ThreadId;
use serde_json::{Map, Value};

use super::refusal::Refusal;

/// Our own header.
const OURS: &str = "x-everthread-conversation";
/// Open WebUI's, where its operator lets it forward such headers. It sends every message each time.
const OPEN_WEBUI: &str = "x-openwebui-chat-id";
/// What Open WebUI calls a chat that it does not keep itself.
const OPEN_WEBUI_TEMPORARY: &str = "local:";
/// Fields of `metadata`, the first that is there counts.
const FIELDS: [&str; 4] = ["conversation_id", "thread_id", "chat_id", "conversation"];

/// The conversation that a request names.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) thread: ThreadId,
    /// The client sends every message each time.
    pub(super) whole: bool,
}

/// The conversation that a request names; `None` for one that is not to be remembered.
///
/// # Errors
/// 400 for a name that no conversation can have.
pub(super) fn named(
    headers: &HeaderMap,
    metadata: Option<&Map<String, Value>>,
    user: Option<&str>,
) -> Result<Option<Named>, Refusal> {
    let header = |name: &str| -> Result<Option<String>, Refusal> {
        let Some(value) = headers.get(name) else {
            return Ok(None);
        };
        let text = std::str::from_utf8(value.as_bytes())
            .map_err(|_| Refusal::wrong("header", format!("{name}: it is not UTF-8")))?;
        Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty()))
    };
    if let Some(name) = header(OURS)? {
        return of(&name, "header", false).map(Some);
    }
    if let Some(name) = header(OPEN_WEBUI)? {
        if name.starts_with(OPEN_WEBUI_TEMPORARY) {
            return Ok(None);
        }
        return of(&name, "header", true).map(Some);
    }
    let in_metadata = FIELDS.iter().find_map(|field| {
        let value = metadata?.get(*field)?.as_str()?;
        (!value.is_empty()).then_some(value)
    });
    if let Some(name) = in_metadata {
        return of(name, "metadata", false).map(Some);
    }
    match user.filter(|user| !user.is_empty()) {
        Some(user) => of(user, "user", false).map(Some),
        None => Ok(None),
    }
}

fn of(name: &str, param: &'static str, whole: bool) -> Result<Named, Refusal> {
    let thread = ThreadId::new(name);
    let thread = thread.map_err(|error| {
        Refusal::wrong(param, format!("{name:?} names no conversation: {error}"))
    })?;
    Ok(Named { thread, whole })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(
        header: Option<(&'static str, &str)>,
        metadata: &Value,
        user: Option<&str>,
    ) -> Option<(String, bool)> {
        let mut headers = HeaderMap::new();
        if let Some((name, value)) = header {
            headers.insert(name, value.parse().expect("a header"));
        }
        let named = named(&headers, metadata.as_object(), user).expect("a name");
        named.map(|named| (named.thread.as_str().to_owned(), named.whole))
    }

    #[test]
    fn a_header_comes_before_metadata_and_these_before_the_user() {
        let metadata = || json!({"chat_id": "m"});
        let is = |name: &str, whole| Some((name.to_owned(), whole));
        assert_eq!(
            found(Some((OURS, "h")), &metadata(), Some("u")),
            is("h", false)
        );
        assert_eq!(
            found(Some((OPEN_WEBUI, "w")), &metadata(), None),
            is("w", true)
        );
        assert_eq!(
            found(Some((OPEN_WEBUI, "local:w")), &metadata(), None),
            None
        );
        assert_eq!(found(None, &metadata(), Some("u")), is("m", false));
        assert_eq!(found(None, &json!({}), Some("u")), is("u", false));
        assert_eq!(found(None, &json!({}), Some("")), None);
    }

    #[test]
    fn what_is_no_name_is_refused() {
        assert!(named(&HeaderMap::new(), None, Some("a\u{0}")).is_err());
    }
}
