//! An element's JSON without its top-level field `id`, and back.
//!
//! The id lies beside the body at rest, so that it can be found without reading bodies.

use serde::de::DeserializeOwned;
use serde::ser::{Impossible, Serialize, SerializeMap, SerializeStruct, Serializer};

type Error = serde_json::Error;

/// The value as a JSON object without its field `id`.
pub(super) fn without_id<T: Serialize>(value: &T) -> Result<String, Error> {
    let mut object = Object {
        text: Vec::with_capacity(256),
        skip: false,
    };
    value.serialize(&mut object)?;
    String::from_utf8(object.text).map_err(serde::ser::Error::custom)
}

/// The value of such an object and of the id.
pub(super) fn with_id<T: DeserializeOwned>(id: Option<&str>, body: &str) -> Result<T, Error> {
    let Some(id) = id else {
        return serde_json::from_str(body);
    };
    let Some(fields) = body.trim_start().strip_prefix('{') else {
        return Err(serde::de::Error::custom("the body is no JSON object"));
    };
    let comma = if fields.trim_start().starts_with('}') {
        ""
    } else {
        ","
    };
    let id = serde_json::to_string(id)?;
    serde_json::from_str(&format!("{{\"id\":{id}{comma}{fields}"))
}

/// Writes one object, leaving out `id`; everything below the top level is serde_json's.
struct Object {
    text: Vec<u8>,
    /// Whether the value to come belongs to `id`.
    skip: bool,
}

impl Object {
    fn separate(&mut self) {
        if self.text.last() != Some(&b'{') {
            self.text.push(b',');
        }
    }
}

fn no_object() -> Error {
    serde::ser::Error::custom("an element of a keyed list must be a JSON object")
}

impl SerializeMap for &mut Object {
    type Ok = ();
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        let key = serde_json::to_string(key)?;
        self.skip = key == "\"id\"";
        if !self.skip {
            self.separate();
            self.text.extend_from_slice(key.as_bytes());
            self.text.push(b':');
        }
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        if self.skip {
            return Ok(());
        }
        serde_json::to_writer(&mut self.text, value)
    }

    fn end(self) -> Result<(), Error> {
        self.text.push(b'}');
        Ok(())
    }
}

impl SerializeStruct for &mut Object {
    type Ok = ();
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        SerializeMap::serialize_entry(self, key, value)
    }

    fn end(self) -> Result<(), Error> {
        SerializeMap::end(self)
    }
}

macro_rules! refuse {
    ($($method:ident($($kind:ty),*) -> $ok:ty;)*) => {
        $(fn $method(self, $(_: $kind),*) -> Result<$ok, Error> {
            Err(no_object())
        })*
    };
}

type No = Impossible<(), Error>;

impl Serializer for &mut Object {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = No;
    type SerializeTuple = No;
    type SerializeTupleStruct = No;
    type SerializeTupleVariant = No;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = No;

    fn serialize_map(self, _: Option<usize>) -> Result<Self, Error> {
        self.text.push(b'{');
        Ok(self)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, Error> {
        self.text.push(b'{');
        Ok(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), Error> {
        Err(no_object())
    }

    refuse! {
        serialize_bool(bool) -> ();
        serialize_i8(i8) -> ();
        serialize_i16(i16) -> ();
        serialize_i32(i32) -> ();
        serialize_i64(i64) -> ();
        serialize_u8(u8) -> ();
        serialize_u16(u16) -> ();
        serialize_u32(u32) -> ();
        serialize_u64(u64) -> ();
        serialize_f32(f32) -> ();
        serialize_f64(f64) -> ();
        serialize_char(char) -> ();
        serialize_str(&str) -> ();
        serialize_bytes(&[u8]) -> ();
        serialize_none() -> ();
        serialize_unit() -> ();
        serialize_unit_struct(&'static str) -> ();
        serialize_unit_variant(&'static str, u32, &'static str) -> ();
        serialize_seq(Option<usize>) -> No;
        serialize_tuple(usize) -> No;
        serialize_tuple_struct(&'static str, usize) -> No;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> No;
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> No;
    }
}
