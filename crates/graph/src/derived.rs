//! What `#[derive(State)]` calls. Not for use by hand.

use std::fmt::{self, Write as _};

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::contract::{Change, ChannelChange, Json};
use crate::error::{Error, ErrorKind};
use crate::state::{Reduced, Update};

/// The writes to a reducer channel in one update.
pub type Folds<T> = smallvec::SmallVec<[Reduced<T>; 1]>;

/// A JSON object in the making.
#[derive(Debug)]
pub struct Object(String);

impl Object {
    /// An object without fields.
    #[must_use]
    pub fn new() -> Self {
        Self(String::from("{"))
    }

    /// Adds a field whose value is this JSON text; nothing for `None`.
    ///
    /// # Errors
    /// `InvalidUpdate` when the value has no JSON form.
    pub fn field(
        &mut self,
        name: &str,
        text: serde_json::Result<Option<String>>,
    ) -> Result<(), Error> {
        let text = text.map_err(|error| no_json(name, error))?;
        if let Some(text) = text {
            let comma = if self.0.len() > 1 { "," } else { "" };
            // Writing to a string cannot fail; field names need no escapes.
            let _ = write!(self.0, "{comma}\"{name}\":{text}");
        }
        Ok(())
    }

    /// The object.
    #[must_use]
    pub fn end(mut self) -> Json {
        self.0.push('}');
        Json::trusted(&self.0)
    }
}

impl Default for Object {
    fn default() -> Self {
        Self::new()
    }
}

fn no_json(name: &str, error: serde_json::Error) -> Error {
    Error::new(
        ErrorKind::InvalidUpdate,
        format!("the value of channel {name:?} has no JSON form"),
    )
    .with_source(error)
}

/// Notes a channel's change.
///
/// # Errors
/// `InvalidUpdate` when the value has no JSON form.
pub fn push(
    changes: &mut Option<&mut Vec<ChannelChange>>,
    name: &'static str,
    change: serde_json::Result<Option<Change>>,
) -> Result<(), Error> {
    let change = change.map_err(|error| no_json(name, error))?;
    if let (Some(changes), Some(change)) = (changes, change) {
        changes.push(ChannelChange {
            channel: name.into(),
            change,
        });
    }
    Ok(())
}

/// Sets a field to what was loaded.
///
/// # Errors
/// `Corrupt`, naming the channel.
pub fn load<T>(
    field: &mut T,
    name: &'static str,
    value: serde_json::Result<Option<T>>,
) -> Result<bool, Error> {
    let value = value.map_err(|error| {
        Error::new(
            ErrorKind::Corrupt,
            format!(
                "what is stored for channel {name:?} does not have the form of its type: {error}"
            ),
        )
        .with_source(error)
    })?;
    let Some(value) = value else {
        return Ok(false);
    };
    *field = value;
    Ok(true)
}

/// A write that came from outside.
///
/// # Errors
/// `InvalidInput`, naming the channel.
pub fn input<T>(name: &str, write: serde_json::Result<T>) -> Result<T, Error> {
    write.map_err(|error| {
        Error::new(
            ErrorKind::InvalidInput,
            format!("the value for channel {name:?} does not have the right form: {error}"),
        )
        .with_source(error)
    })
}

/// The fields of a JSON object, in order, unread.
///
/// # Errors
/// `InvalidInput` when the JSON is no object.
pub fn fields(json: &Json) -> Result<Vec<(String, Box<RawValue>)>, Error> {
    json.read::<Fields>()
        .map(|fields| fields.0)
        .map_err(|error| {
            Error::new(
                ErrorKind::InvalidInput,
                format!("an update must be a JSON object of channels: {error}"),
            )
            .with_source(error)
        })
}

struct Fields(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Fields;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of channels")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Each)
    }
}

/// An update as debug output: its JSON.
///
/// # Errors
/// As the formatter.
pub fn debug<U: Update>(update: &U, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match update.to_json() {
        Ok(json) => f.write_str(json.as_str()),
        Err(error) => write!(f, "<{error}>"),
    }
}
