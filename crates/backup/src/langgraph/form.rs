//! A stored value as JSON text, by the name of how it is written.

use everthread_store::langgraph::StoredValue;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::loss::{Loss, Losses, Unreadable};
use super::msgpack::{self, MAX_TEXT, MAX_VALUES, too_large};
use crate::line::is_shallow;

/// The JSON of a value; `None` for a channel that is empty.
pub(super) fn to_json(
    value: &StoredValue,
    losses: &mut Losses,
) -> Result<Option<String>, Unreadable> {
    let form = value.form.as_deref().unwrap_or("json");
    let Some(bytes) = value.bytes.as_deref() else {
        return Err("it is not there, or is too large".to_owned());
    };
    match form {
        "null" => Ok(Some("null".to_owned())),
        "empty" => Ok(None),
        "msgpack" => msgpack::to_json(bytes, losses).map(Some),
        "json" => from_text(bytes, losses).map(Some),
        "bytes" | "bytearray" => {
            losses.note(Loss::Bytes);
            let text = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, bytes);
            Ok(Some(Value::from(text).to_string()))
        }
        "pickle" => Err("it is a Python pickle, which only running its code could read".to_owned()),
        form if form.contains('+') => {
            Err("it is encrypted: write it once more without encryption, then import it".to_owned())
        }
        form => {
            let form: String = form
                .chars()
                .filter(|one| !one.is_control())
                .take(40)
                .collect();
            Err(format!("it is written as {form:?}, which is not known"))
        }
    }
}

/// JSON as the first serializers wrote it: objects of Python in it become what they are made of.
pub(super) fn from_text(bytes: &[u8], losses: &mut Losses) -> Result<String, Unreadable> {
    let text = std::str::from_utf8(bytes).map_err(|_| "it is no UTF-8".to_owned())?;
    if !is_shallow(text) {
        return Err("it is nested too deep".to_owned());
    }
    let parts = text.bytes().filter(|byte| b",[{".contains(byte)).count();
    if parts > MAX_VALUES || text.len() > MAX_TEXT {
        return Err(too_large());
    }
    let no_json = |_| "it is no JSON".to_owned();
    if !text.contains("\"lc\"") {
        // Read and written again only where it has line breaks between its words.
        let raw: &RawValue = serde_json::from_str(text).map_err(no_json)?;
        if !raw.get().contains(['\n', '\r']) {
            return Ok(raw.get().to_owned());
        }
    }
    let mut value: Value = serde_json::from_str(text).map_err(no_json)?;
    take_apart(&mut value, losses);
    let text = value.to_string();
    if text.len() > MAX_TEXT {
        return Err(too_large());
    }
    Ok(text)
}

/// Puts the arguments of each constructor in the place of the object.
fn take_apart(value: &mut Value, losses: &mut Losses) {
    match value {
        Value::Array(values) => values
            .iter_mut()
            .for_each(|value| take_apart(value, losses)),
        Value::Object(fields) => {
            fields
                .values_mut()
                .for_each(|value| take_apart(value, losses));
            if let Some(made) = arguments(fields, losses) {
                *value = made;
            }
        }
        _ => {}
    }
}

fn arguments(fields: &mut Map<String, Value>, losses: &mut Losses) -> Option<Value> {
    let version = fields.get("lc")?.as_u64()?;
    if fields.get("type")? != "constructor" || !(1..=2).contains(&version) {
        return None;
    }
    let path = fields.get("id")?.as_array()?;
    let path: Vec<&str> = path.iter().filter_map(Value::as_str).collect();
    let (class, module) = path.split_last()?;
    // An alias of how classes lay in the first versions: the fields say which message it is.
    if !module.contains(&"messages") && !matches!(module, ["uuid"] | ["builtins"] | ["datetime"]) {
        losses.object(&module.join("."), class);
    }
    let arguments = match fields.get_mut("args").map(Value::take) {
        Some(Value::Array(mut arguments)) if arguments.len() == 1 => arguments.pop(),
        Some(Value::Array(arguments)) if !arguments.is_empty() => Some(Value::Array(arguments)),
        _ => None,
    };
    let named = fields.get_mut("kwargs").map(Value::take);
    Some(arguments.or(named).unwrap_or(Value::Null))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(form: &str, bytes: &[u8]) -> Result<Option<String>, Unreadable> {
        let value = StoredValue {
            form: Some(form.to_owned()),
            bytes: Some(bytes.to_vec()),
        };
        to_json(&value, &mut Losses::default())
    }

    #[test]
    fn each_form_is_read_or_says_why_not() {
        assert_eq!(read("null", b"").unwrap().unwrap(), "null");
        assert_eq!(read("empty", b"").unwrap(), None);
        assert_eq!(read("msgpack", &[0x05]).unwrap().unwrap(), "5");
        assert_eq!(read("bytes", b"\0\xff").unwrap().unwrap(), "\"AP8=\"");
        assert_eq!(read("json", b"{\"a\": 1}").unwrap().unwrap(), "{\"a\": 1}");
        assert_eq!(
            read("json", b"{\n\"a\":\n1}").unwrap().unwrap(),
            "{\"a\":1}"
        );
        for (form, bytes) in [
            ("pickle", &b"\x80\x04."[..]),
            ("msgpack+aes", b"0"),
            ("null+aes", b"0"),
            ("json", b"{\"a\": NaN}"),
            ("json", b"\xff"),
            ("toml", b"a = 1"),
        ] {
            assert!(read(form, bytes).is_err(), "{form}");
        }
        assert!(read("json", "[".repeat(100_000).as_bytes()).is_err());
    }

    #[test]
    fn constructors_are_their_arguments() {
        let first = br#"[{"lc": 1, "type": "constructor", "id": ["langchain", "schema", "messages", "HumanMessage"],
            "kwargs": {"content": "hi", "type": "human", "id": "h", "of": {"lc": 2, "type": "constructor",
            "id": ["uuid", "UUID"], "method": [null], "args": ["7"], "kwargs": {}}}}]"#;
        assert_eq!(
            read("json", first).unwrap().unwrap(),
            r#"[{"content":"hi","type":"human","id":"h","of":"7"}]"#
        );
        let other = br#"{"lc": 1, "type": "not_implemented", "id": ["a"]}"#;
        assert_eq!(
            read("json", other).unwrap().unwrap(),
            r#"{"lc":1,"type":"not_implemented","id":["a"]}"#
        );
    }
}
