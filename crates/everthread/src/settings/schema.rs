//! The settings as a list, found in their types: what the environment may set and what the document tells.

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

use super::file::File;

/// One setting.
#[derive(Debug, Clone)]
pub(super) struct Setting {
    /// The table it stands in; empty for the top of the file.
    pub(super) table: String,
    /// Its name in the table.
    pub(super) name: String,
    /// What kind of value it takes.
    pub(super) kind: Kind,
    /// The comment on its field.
    #[cfg_attr(not(test), expect(dead_code, reason = "told by the document"))]
    pub(super) about: String,
    /// Its default, as JSON.
    #[cfg_attr(not(test), expect(dead_code, reason = "told by the document"))]
    pub(super) default: Value,
}

/// What kind of value a setting takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Any text.
    Text,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// `true` or `false`.
    Truth,
    /// A list of texts.
    Texts,
}

/// A table of settings and its comment.
#[derive(Debug, Clone)]
pub(super) struct Table {
    pub(super) name: String,
    #[cfg_attr(not(test), expect(dead_code, reason = "told by the document"))]
    pub(super) about: String,
    pub(super) settings: Vec<Setting>,
}

impl Setting {
    /// The variable that sets it.
    pub(super) fn variable(&self) -> String {
        let path = match self.table.as_str() {
            "" => self.name.clone(),
            table => format!("{table}_{}", self.name),
        };
        format!("EVERTHREAD_{}", path.to_uppercase())
    }
}

/// Every table, the top of the file first.
pub(super) fn tables() -> Vec<Table> {
    let settings =
        SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let schema = settings.into_generator().into_root_schema_for::<File>();
    let schema = schema.as_object().expect("a struct's schema is an object");
    let mut top = Table {
        name: String::new(),
        about: about(schema),
        settings: Vec::new(),
    };
    let mut tables = Vec::new();
    for (name, property) in properties(schema) {
        if property.contains_key("properties") {
            let settings = properties(property).map(|(of, property)| setting(name, of, property));
            tables.push(Table {
                name: name.clone(),
                about: about(property),
                settings: settings.collect(),
            });
        } else {
            top.settings.push(setting("", name, property));
        }
    }
    tables.insert(0, top);
    tables
}

fn properties(schema: &Map<String, Value>) -> impl Iterator<Item = (&String, &Map<String, Value>)> {
    let properties = schema["properties"].as_object().expect("properties");
    properties
        .iter()
        .map(|(name, property)| (name, property.as_object().expect("a schema")))
}

fn setting(table: &str, name: &str, schema: &Map<String, Value>) -> Setting {
    Setting {
        table: table.to_owned(),
        name: name.to_owned(),
        kind: kind(schema),
        about: about(schema),
        default: schema.get("default").cloned().unwrap_or(Value::Null),
    }
}

fn about(schema: &Map<String, Value>) -> String {
    let text = schema.get("description").and_then(Value::as_str);
    // A comment's lines are broken for the source, not for the reader.
    text.unwrap_or_default().replace('\n', " ")
}

fn kind(schema: &Map<String, Value>) -> Kind {
    let kinds: Vec<&str> = match schema.get("type") {
        Some(Value::String(kind)) => vec![kind],
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    if kinds.contains(&"boolean") {
        Kind::Truth
    } else if kinds.contains(&"integer") {
        Kind::Integer
    } else if kinds.contains(&"number") {
        Kind::Number
    } else if kinds.contains(&"array") {
        Kind::Texts
    } else {
        Kind::Text
    }
}
