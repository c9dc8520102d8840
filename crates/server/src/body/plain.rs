//! JSON read for people of any language: an object is an object, and errors name JSON's types rather than Rust's.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Visitor};
use serde::forward_to_deserialize_any;

/// What serde's words mean in JSON.
const WORDS: [(&str, &str); 12] = [
    ("usize", "a whole number from 0"),
    ("u64", "a whole number from 0"),
    ("u32", "a whole number from 0"),
    ("i64", "a whole number"),
    ("f64", "a number"),
    ("f32", "a number"),
    ("a sequence", "an array"),
    ("a map", "an object"),
    ("any valid JSON value", "a value"),
    ("invalid type: sequence", "invalid type: array"),
    ("invalid type: map", "invalid type: object"),
    ("invalid type: unit", "invalid type: null"),
];

/// Reads a document whole.
///
/// # Errors
/// When it is not JSON or of another shape; an array is none of an object, as serde would have it.
pub(super) fn read<'de, T: Deserialize<'de>>(text: &'de str) -> Result<T, serde_json::Error> {
    let mut json = serde_json::Deserializer::from_str(text);
    let read = T::deserialize(Document(&mut json))?;
    json.end()?;
    Ok(read)
}

/// An error in JSON's words.
pub(super) fn words(error: &impl fmt::Display) -> String {
    let mut text = error.to_string();
    // `struct ThreadCreate with 5 elements` is what a client calls an object.
    while let Some(at) = text.find("struct ") {
        let rest = &text[at + "struct ".len()..];
        let name = rest
            .find(|c: char| !c.is_ascii_alphanumeric())
            .unwrap_or(rest.len());
        text.replace_range(at..at + "struct ".len() + name, "an object");
    }
    for (rust, json) in WORDS {
        text = text.replace(&format!("expected {rust}"), &format!("expected {json}"));
        if rust.starts_with("invalid") {
            text = text.replace(rust, json);
        }
    }
    text
}

/// A document, whose own type is read by its name.
struct Document<'a, D>(&'a mut D);

impl<'de, 'a, D> Deserializer<'de> for Document<'a, D>
where
    &'a mut D: Deserializer<'de>,
{
    type Error = <&'a mut D as Deserializer<'de>>::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        self.0.deserialize_any(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        self.0.deserialize_map(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        self.0.deserialize_option(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        self.0.deserialize_newtype_struct(name, visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        self.0.deserialize_enum(name, variants, visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map identifier ignored_any
    }
}
