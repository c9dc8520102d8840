//! Which events a client wants: by channel, by namespace, and how deep below it.

use serde::Deserialize;
use serde_json::Value;

use super::event::Head;
use crate::error::ApiError;

/// The channels, without those of named custom events.
const CHANNELS: [&str; 9] = [
    "values",
    "updates",
    "messages",
    "tools",
    "lifecycle",
    "input",
    "checkpoints",
    "tasks",
    "custom",
];
/// Most entries of one list of a filter.
const MAX_ENTRIES: usize = 1_000;

/// What a client wants to hear.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Filter {
    channels: Vec<String>,
    /// Prefixes; everything when empty.
    namespaces: Vec<Vec<String>>,
    /// How deep below a prefix; any depth when `None`.
    depth: Option<usize>,
}

/// A filter as clients send it.
#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    channels: Value,
    #[serde(default)]
    namespaces: Value,
    #[serde(default)]
    depth: Value,
    #[serde(default)]
    since: Value,
}

impl Filter {
    /// A filter, and the event after which the client goes on, if it names one.
    ///
    /// # Errors
    /// 400 in the reference's words for what is no filter.
    pub(crate) fn read(body: &Value) -> Result<(Self, Option<u64>), ApiError> {
        let none = Asked {
            channels: Value::Null,
            namespaces: Value::Null,
            depth: Value::Null,
            since: Value::Null,
        };
        let asked = Asked::deserialize(body).unwrap_or(none);
        let filter = Self {
            channels: channels(&asked.channels)?,
            namespaces: namespaces(&asked.namespaces)?,
            depth: number("depth", &asked.depth)?
                .map(|depth| usize::try_from(depth).unwrap_or(usize::MAX)),
        };
        Ok((filter, number("since", &asked.since)?))
    }

    /// Whether an event passes.
    pub(crate) fn wants(&self, head: &Head<'_>) -> bool {
        self.wants_channel(head) && self.wants_namespace(head.ns)
    }

    fn wants_channel(&self, head: &Head<'_>) -> bool {
        let has = |name: &str| self.channels.iter().any(|wanted| wanted == name);
        match (head.method, head.custom) {
            ("input.requested" | "input.answered", _) => has("input"),
            ("custom", Some(name)) => {
                let named = |wanted: &String| wanted.strip_prefix("custom:") == Some(name);
                has("custom") || self.channels.iter().any(named)
            }
            (method, _) => has(method),
        }
    }

    fn wants_namespace(&self, ns: &str) -> bool {
        if self.namespaces.is_empty() {
            return true;
        }
        let parts: Vec<&str> = ns.split('|').filter(|part| !part.is_empty()).collect();
        self.namespaces.iter().any(|prefix| {
            is_below(&parts, prefix)
                && self
                    .depth
                    .is_none_or(|depth| parts.len() - prefix.len() <= depth)
        })
    }
}

/// Whether a namespace begins with a prefix, whose parts may name a node alone.
fn is_below(parts: &[&str], prefix: &[String]) -> bool {
    let same = |(part, wanted): (&&str, &String)| {
        let node = part.split_once(':').map_or(*part, |(node, _)| node);
        *part == wanted || (!wanted.contains(':') && node == wanted)
    };
    prefix.len() <= parts.len() && parts.iter().zip(prefix).all(same)
}

fn channels(asked: &Value) -> Result<Vec<String>, ApiError> {
    let missing = || ApiError::bad_request("channels is required and must be a non-empty array");
    let asked = asked.as_array().filter(|asked| !asked.is_empty());
    let asked = asked.ok_or_else(missing)?;
    limited("channels", asked)?;
    let is_channel = |one: &&Value| {
        let name = one.as_str().unwrap_or_default();
        let custom = name.strip_prefix("custom:");
        CHANNELS.contains(&name) || custom.is_some_and(|name| !name.is_empty())
    };
    let wrong: Vec<String> = asked
        .iter()
        .filter(|one| !is_channel(one))
        .map(|one| one.as_str().map_or_else(|| one.to_string(), str::to_owned))
        .collect();
    if !wrong.is_empty() {
        return Err(ApiError::bad_request(format!(
            "channels contains unsupported entries: {}. Allowed: {}, or any `custom:<name>`.",
            wrong.join(", "),
            CHANNELS.join(", ")
        )));
    }
    let names = asked.iter().filter_map(Value::as_str);
    Ok(names.map(str::to_owned).collect())
}

fn namespaces(asked: &Value) -> Result<Vec<Vec<String>>, ApiError> {
    if asked.is_null() {
        return Ok(Vec::new());
    }
    let read: Result<Vec<Vec<String>>, _> = Deserialize::deserialize(asked);
    let read =
        read.map_err(|_| ApiError::bad_request("namespaces must be an array of arrays of text"))?;
    limited("namespaces", &read)?;
    Ok(read)
}

fn limited<T>(name: &str, entries: &[T]) -> Result<(), ApiError> {
    if entries.len() > MAX_ENTRIES {
        return Err(ApiError::bad_request(format!(
            "{name} has more than {MAX_ENTRIES} entries"
        )));
    }
    Ok(())
}

fn number(name: &str, asked: &Value) -> Result<Option<u64>, ApiError> {
    match asked {
        Value::Null => Ok(None),
        asked => asked
            .as_u64()
            .map(Some)
            .ok_or_else(|| ApiError::bad_request(format!("{name} must be a whole number from 0"))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn filter(body: &Value) -> Filter {
        Filter::read(body).expect("a filter").0
    }

    #[test]
    fn channels_choose_events() {
        let wants = |channel: &str, head: &str| {
            filter(&json!({"channels": [channel]})).wants(&Head::parse(head))
        };
        assert!(wants("input", "input.requested|"));
        assert!(wants(
            "values",
            "values@01a20562-3c56-7011-8b0d-e8c29b5a6b01/1|child:1"
        ));
        assert!(wants("custom", "custom:a|"));
        assert!(wants("custom:a", "custom:a|"));
        assert!(!wants("custom:a", "custom:b|"));
        assert!(!wants("custom:a", "custom|"));
        assert!(!wants("values", "lifecycle|"));
    }

    #[test]
    fn namespaces_choose_by_prefix_and_depth() {
        let wants = |namespaces: Value, depth: Value, ns: &str| {
            let body = json!({"channels": ["values"], "namespaces": namespaces, "depth": depth});
            filter(&body).wants(&Head::new("values", ns))
        };
        let any = Value::Null;
        assert!(wants(json!([[]]), json!(0), ""));
        assert!(!wants(json!([[]]), json!(0), "child:1"));
        assert!(wants(json!([[]]), json!(1), "child:1"));
        assert!(wants(json!([["child"]]), any.clone(), "child:1|agent:2"));
        assert!(wants(json!([["child:1"]]), any.clone(), "child:1"));
        assert!(!wants(json!([["child:2"]]), any.clone(), "child:1"));
        assert!(!wants(json!([["child"]]), any.clone(), ""));
        assert!(wants(json!([]), any, "child:1"));
    }

    #[test]
    fn what_is_no_filter_is_refused_in_the_words_of_the_reference() {
        for body in [
            json!({}),
            json!([]),
            json!({"channels": "values"}),
            json!({"channels": []}),
        ] {
            let error = Filter::read(&body).expect_err("no filter");
            assert_eq!(
                error.detail(),
                "channels is required and must be a non-empty array"
            );
            assert_eq!(error.status().as_u16(), 400);
        }
        for (body, said) in [
            (
                json!({"channels": ["bogus", 7, "custom:"]}),
                "bogus, 7, custom:",
            ),
            (
                json!({"channels": ["values"], "namespaces": ["x"]}),
                "namespaces",
            ),
            (json!({"channels": ["values"], "depth": -1}), "depth"),
            (json!({"channels": ["values"], "since": "x"}), "since"),
        ] {
            let error = Filter::read(&body).expect_err("no filter");
            assert!(error.detail().contains(said), "{}", error.detail());
        }
        let (_, since) = Filter::read(&json!({"channels": ["values"], "since": 7})).expect("one");
        assert_eq!(since, Some(7));
    }
}
