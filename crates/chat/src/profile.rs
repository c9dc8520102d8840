//! Who is spoken to, and how that shapes what is written for them.

use everthread_graph::contract::Json;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What the system text says of a preference that it knows; `{}` stands for the value.
const ANSWERS: &[(&str, &str)] = &[
    ("interests", "The user is interested in: {}."),
    ("tone", "Tone of your answers: {}."),
    ("language", "Language of your answers: {}."),
    ("length", "Length of your answers: {}."),
];

/// What a summariser is told.
const SUMMARIES: &[(&str, &str)] = &[
    ("tone", "Tone of the summary: {}."),
    ("language", "Language of the summary: {}."),
    ("length", "Length of the summary: {}."),
    ("interests", "The user cares most about: {}."),
];

/// Who is spoken to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Profile {
    /// What to call them.
    pub name: Option<String>,
    /// `interests`, `tone`, `language`, `length` and what else the deployment knows.
    pub preferences: Map<String, Value>,
}

/// A profile as a run's input brings it: `{"name": "Ann", "preferences": {"tone": "dry"}}`.
///
/// `username` stands for `name`. Other fields are preferences, as in `{"username": "Ann", "interests": ["chess"]}`;
/// a `user_id` is passed over, because who somebody is does not follow from what they send.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct UserProfile {
    /// What to call the user from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Preferences that are added to those known, each in the place of one of the same name; `null` takes one away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preferences: Option<Map<String, Value>>,
    /// More preferences.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

impl Profile {
    /// A profile from what a store knows of a user; preferences that are no JSON object are left out.
    #[must_use]
    pub fn new(name: Option<String>, preferences: Option<&Json>) -> Self {
        let preferences = preferences.and_then(|json| json.read().ok());
        Self {
            name,
            preferences: preferences.unwrap_or_default(),
        }
    }

    /// The profile with what an input brings.
    #[must_use]
    pub fn with(mut self, given: &UserProfile) -> Self {
        let username = given.more.get("username").and_then(Value::as_str);
        if let Some(name) = given.name.as_deref().or(username) {
            self.name = Some(name.to_owned());
        }
        let more = given.more.iter();
        let more = more.filter(|(key, _)| !["username", "user_id"].contains(&key.as_str()));
        for (key, value) in more.chain(given.preferences.iter().flatten()) {
            match value {
                Value::Null => self.preferences.shift_remove(key),
                value => self.preferences.insert(key.clone(), value.clone()),
            };
        }
        self
    }

    /// What the system text says of the user and of how to answer them; empty when nothing is known.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut lines = Vec::new();
        if let Some(name) = &self.name {
            lines.push(format!("The user's name is {name}."));
        }
        lines.extend(self.said(ANSWERS));
        for (key, value) in &self.preferences {
            if !ANSWERS.iter().any(|(known, _)| known == key) {
                lines.push(format!("The user's {key}: {}.", plain(value)));
            }
        }
        lines.join("\n")
    }

    /// How to write a summary for this user: tone, language, length and interests; empty when nothing is set.
    #[must_use]
    pub fn style(&self) -> String {
        self.said(SUMMARIES).collect::<Vec<_>>().join(" ")
    }

    fn said(&self, phrases: &'static [(&str, &str)]) -> impl Iterator<Item = String> {
        phrases.iter().filter_map(|(key, phrase)| {
            let value = plain(self.preferences.get(*key)?);
            (!value.is_empty()).then(|| phrase.replace("{}", &value))
        })
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.trim().trim_end_matches('.').to_owned(),
        Value::Array(values) => values.iter().map(plain).collect::<Vec<_>>().join(", "),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_profile_reads_as_sentences() {
        let preferences = Json::parse(
            r#"{"pet":"a cat","interests":["Python","chess"],"tone":"dry.","length":"","level":3}"#,
        );
        let profile = Profile::new(Some("Anna".into()), preferences.ok().as_ref());
        assert_eq!(
            profile.to_text(),
            "The user's name is Anna.\nThe user is interested in: Python, chess.\nTone of your answers: dry.\n\
             The user's pet: a cat.\nThe user's level: 3."
        );
        assert_eq!(
            profile.style(),
            "Tone of the summary: dry. The user cares most about: Python, chess."
        );
        assert_eq!(plain(&json!({"a": 1})), r#"{"a":1}"#);
        assert_eq!(Profile::default().to_text(), "");
    }

    #[test]
    fn an_input_changes_what_it_names() {
        let known = Profile {
            name: Some("A".into()),
            preferences: Map::from_iter([
                ("tone".into(), json!("dry")),
                ("length".into(), json!("short")),
            ]),
        };
        let given = |value: Value| serde_json::from_value::<UserProfile>(value).expect("a profile");
        let with = known.clone().with(&given(json!({
            "user_id": "somebody else", "username": "Ann", "interests": ["chess"],
            "preferences": {"tone": "warm", "length": null}
        })));
        assert_eq!(with.name.as_deref(), Some("Ann"));
        let preferences = Value::Object(with.preferences);
        assert_eq!(preferences, json!({"tone": "warm", "interests": ["chess"]}));
        assert_eq!(known.clone().with(&given(json!({}))), known);
        assert!(serde_json::from_value::<UserProfile>(json!({"name": 3})).is_err());
    }
}
