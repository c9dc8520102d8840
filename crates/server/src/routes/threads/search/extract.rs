//! `extract`: parts of a thread under names of the client's own.

use serde_json::{Map, Value};

/// The parts that paths like `values.messages[-1].content` lead to; `null` where one leads nowhere.
pub(super) fn extract(thread: &Value, paths: &Map<String, Value>) -> Value {
    let found = paths.iter().map(|(name, path)| {
        let part = path.as_str().and_then(|path| part(thread, path));
        (name.clone(), part.cloned().unwrap_or_default())
    });
    Value::Object(found.collect())
}

fn part<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(value, |value, step| {
        let (name, indexes) = step
            .split_once('[')
            .map_or((step, ""), |(name, rest)| (name, rest));
        let mut value = if name.is_empty() {
            value
        } else {
            value.get(name)?
        };
        for index in indexes.split('[').filter(|index| !index.is_empty()) {
            let index: i64 = index.strip_suffix(']')?.parse().ok()?;
            let all = value.as_array()?;
            let at = if index < 0 {
                all.len()
                    .checked_sub(usize::try_from(index.unsigned_abs()).ok()?)?
            } else {
                usize::try_from(index).ok()?
            };
            value = all.get(at)?;
        }
        Some(value)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_lead_into_objects_and_lists_from_both_ends() {
        let thread = json!({"values": {"messages": [{"content": "a"}, {"content": "b"}]}});
        let paths = json!({
            "last": "values.messages[-1].content",
            "first": "values.messages[0].content",
            "none": "values.messages[7].content",
            "wrong": "values.messages[x]",
        });
        let found = extract(&thread, paths.as_object().expect("an object"));
        assert_eq!(
            found,
            json!({"last": "b", "first": "a", "none": null, "wrong": null})
        );
    }
}
