//! JSON text that is put into an answer as it is, without being read into values first.

/// A JSON object with one more field at its end; what is no object is given back as it is.
pub(crate) fn insert_field(object: &str, name: &str, value: &str) -> String {
    let Some(body) = object.trim_end().strip_suffix('}') else {
        return object.to_owned();
    };
    let comma = if body.trim_end().ends_with('{') {
        ""
    } else {
        ","
    };
    let name = serde_json::Value::from(name);
    format!("{body}{comma}{name}:{value}}}")
}

/// JSON on one line: line ends stand between its tokens only, where a space says the same.
pub(crate) fn one_line(json: &str) -> String {
    json.replace(['\n', '\r'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_added_to_full_and_empty_objects() {
        assert_eq!(insert_field("{}", "a", "[1]"), r#"{"a":[1]}"#);
        assert_eq!(insert_field("{\"b\":2} ", "a", "1"), r#"{"b":2,"a":1}"#);
        assert_eq!(insert_field("null", "a", "1"), "null");
    }
}
