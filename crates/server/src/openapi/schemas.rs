//! The schemas of the types, each once, under its name.

use serde_json::{Map, Value, json};
use utoipa::ToSchema;

/// Schemas by name.
#[derive(Debug, Default)]
pub(super) struct Schemas(Map<String, Value>);

/// How a type's schema is had.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    add: fn(&mut Schemas) -> Value,
    many: bool,
}

impl Shape {
    /// One of these.
    pub(super) fn of<T: ToSchema>() -> Self {
        Self {
            add: Schemas::add::<T>,
            many: false,
        }
    }

    /// A list of these.
    pub(super) fn many<T: ToSchema>() -> Self {
        Self {
            many: true,
            ..Self::of::<T>()
        }
    }

    pub(super) fn schema(self, schemas: &mut Schemas) -> Value {
        let one = (self.add)(schemas);
        if self.many {
            json!({"type": "array", "items": one})
        } else {
            one
        }
    }
}

impl Schemas {
    /// Puts a type's schema, and those that it refers to, into the list; gives a reference to it.
    fn add<T: ToSchema>(&mut self) -> Value {
        let name = T::name().into_owned();
        if !self.0.contains_key(&name) {
            let mut below = Vec::new();
            T::schemas(&mut below);
            for (name, schema) in below {
                self.insert(&name, serde_json::to_value(schema).unwrap_or_default());
            }
            self.insert(&name, serde_json::to_value(T::schema()).unwrap_or_default());
        }
        json!({"$ref": format!("#/components/schemas/{name}")})
    }

    pub(super) fn insert(&mut self, name: &str, schema: Value) {
        self.0.insert(name.to_owned(), schema);
    }

    /// All of them, in the order of their names.
    pub(super) fn all(self) -> Value {
        let mut all: Vec<(String, Value)> = self.0.into_iter().collect();
        all.sort_by(|one, other| one.0.cmp(&other.0));
        Value::Object(all.into_iter().collect())
    }
}
