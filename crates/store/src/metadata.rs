//! Metadata of threads: what contains what, and what becomes of two.

use everthread_graph::contract::{Json, StoreError, StoreErrorKind};
use serde_json::{Map, Value};

/// Whether one value contains another: each field of an object, each element of an array in one of its elements, any
/// other value when it is the same. This is the containment of PostgreSQL's `@>`.
#[must_use]
pub fn contains(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => part
            .iter()
            .all(|(name, part)| whole.get(name).is_some_and(|whole| contains(whole, part))),
        (Value::Array(whole), Value::Array(part)) => part
            .iter()
            .all(|part| whole.iter().any(|whole| contains(whole, part))),
        (Value::Number(whole), Value::Number(part)) => {
            whole == part || whole.as_f64() == part.as_f64()
        }
        _ => whole == part,
    }
}

/// Fields put over those that were there, which keep their places.
///
/// # Errors
/// `Invalid` when what is put is no object; `Corrupt` when what was there is none.
pub fn merged(before: Option<&Json>, fields: &Json) -> Result<Json, StoreError> {
    let mut whole: Map<String, Value> = match before {
        Some(before) => before.read().map_err(|error| {
            StoreError::new(
                StoreErrorKind::Corrupt,
                "the thread's metadata are no JSON object: set them as a whole",
            )
            .with_source(error)
        })?,
        None => Map::new(),
    };
    let fields: Map<String, Value> = fields.read().map_err(|error| {
        StoreError::new(
            StoreErrorKind::Invalid,
            "what is merged into metadata must be a JSON object",
        )
        .with_source(error)
    })?;
    whole.extend(fields);
    Ok(Json::of(&whole).expect("a map of JSON values has a JSON form"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn parts_are_contained_at_every_level() {
        let whole =
            json!({"graph": "chat", "tags": ["a", {"b": 1, "c": 2}], "n": {"x": 1.0, "y": null}});
        for part in [
            json!({}),
            json!({"graph": "chat"}),
            json!({"tags": []}),
            json!({"tags": [{"b": 1}]}),
            json!({"tags": [{"c": 2}, "a"], "n": {"x": 1}}),
            json!({"n": {"y": null}}),
        ] {
            assert!(contains(&whole, &part), "{part}");
        }
        for part in [
            json!({"graph": "chat2"}),
            json!({"missing": null}),
            json!({"tags": "a"}),
            json!({"tags": ["b"]}),
            json!({"n": {"x": true}}),
            json!([]),
        ] {
            assert!(!contains(&whole, &part), "{part}");
        }
    }

    #[test]
    fn merging_replaces_fields_and_keeps_the_others() {
        let text = |text: &str| Json::parse(text).unwrap();
        let before = text(r#"{"b":1,"a":{"x":1,"y":2}}"#);
        let after = merged(Some(&before), &text(r#"{"a":{"z":3},"c":null}"#)).unwrap();
        assert_eq!(after.as_str(), r#"{"b":1,"a":{"z":3},"c":null}"#);
        assert_eq!(
            merged(None, &text("{\"a\":1}")).unwrap().as_str(),
            "{\"a\":1}"
        );
        let refused = merged(None, &text("[1]")).unwrap_err();
        assert_eq!(refused.kind(), StoreErrorKind::Invalid);
        let damaged = merged(Some(&text("1")), &text("{}")).unwrap_err();
        assert_eq!(damaged.kind(), StoreErrorKind::Corrupt);
    }
}
