//! `select`: only the fields that a client asks for, `values.messages` as well as `values`.

use serde_json::{Map, Value};

/// The selected fields of an object, in their order there; everything when nothing is selected.
pub(crate) fn select<'a>(object: Value, fields: impl IntoIterator<Item = &'a str>) -> Value {
    let fields: Vec<&str> = fields.into_iter().collect();
    match object {
        Value::Object(map) if !fields.is_empty() => Value::Object(pick(map, &fields)),
        other => other,
    }
}

fn pick(map: Map<String, Value>, fields: &[&str]) -> Map<String, Value> {
    let mut picked = Map::new();
    for (name, value) in map {
        if fields.contains(&name.as_str()) {
            picked.insert(name, value);
            continue;
        }
        let inner: Vec<&str> = fields
            .iter()
            .filter_map(|field| {
                let (first, rest) = field.split_once('.')?;
                (first == name).then_some(rest)
            })
            .collect();
        if let (false, Value::Object(fields)) = (inner.is_empty(), value) {
            picked.insert(name, Value::Object(pick(fields, &inner)));
        }
    }
    picked
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_and_fields_of_fields_are_picked() {
        let state = json!({"values": {"messages": [1], "log": []}, "next": [], "tasks": []});
        let picked = select(state.clone(), ["values.messages", "next"]);
        assert_eq!(picked, json!({"values": {"messages": [1]}, "next": []}));
        assert_eq!(select(state.clone(), []), state);
    }
}
