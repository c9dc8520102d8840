//! The JSON form of an overwrite, shared by the channels that take one.

use serde::Deserialize;
use serde_json::value::RawValue;

/// The text inside `{"__overwrite__": …}`; `None` when the JSON is anything else.
pub(crate) fn overwrite_of(json: &str) -> Option<&str> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Form<'a> {
        #[serde(borrow)]
        __overwrite__: &'a RawValue,
    }
    if !json.contains("__overwrite__") {
        return None;
    }
    let form: Form<'_> = serde_json::from_str(json).ok()?;
    Some(form.__overwrite__.get())
}
