//! From MessagePack to JSON text, in one pass: what a value says it holds costs nothing before it is there.
//!
//! LangGraph writes Python objects as extensions. Their payload is MessagePack again: the module, the name and what the
//! object is made of, which is all that is taken of them. The codes: 0 one argument, 1 a list of them, 2 named ones, 3
//! an argument of a method, 4 and 5 the fields of a model, 6 a field of numbers, 7 the value of a channel.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rmp::Marker;
use rmp::decode::{RmpRead, read_marker};
use uuid::Uuid;

use super::loss::{Loss, Losses, Unreadable};

/// How deep values may be nested. A row of ours is nested a little deeper than its values.
pub(super) const MAX_DEPTH: usize = 100;

/// Values that one value may hold, nested ones included: far more than a conversation that LangGraph can handle.
pub(super) const MAX_VALUES: usize = 2_000_000;

/// The longest JSON text, in bytes. A row of ours may be a little longer.
pub(super) const MAX_TEXT: usize = 48 * 1024 * 1024;

/// What a control character takes in JSON, in bytes.
const ESCAPED: usize = 6;

/// Reads one value.
pub(super) fn to_json(bytes: &[u8], losses: &mut Losses) -> Result<String, Unreadable> {
    let mut writing = Writing {
        text: String::new(),
        values: 0,
        losses,
    };
    let mut input = bytes;
    writing.value(&mut input, 0)?;
    if !input.is_empty() {
        return Err("something follows its end".to_owned());
    }
    Ok(writing.text)
}

struct Writing<'l> {
    text: String,
    values: usize,
    losses: &'l mut Losses,
}

/// How the parts of an object are named in its payload.
enum Made {
    /// `[module, name, argument]`, of which the argument is kept.
    Argument,
    /// `[module, name, fields, …]` of a model.
    Model,
}

impl Writing<'_> {
    fn value(&mut self, input: &mut &[u8], depth: usize) -> Result<(), Unreadable> {
        self.values += 1;
        if depth > MAX_DEPTH {
            return Err("it is nested too deep".to_owned());
        }
        if self.values > MAX_VALUES {
            return Err(too_large());
        }
        self.refuse_beyond(0)?;
        let marker = read_marker(input).map_err(|_| cut_off())?;
        match marker {
            Marker::Null => self.text.push_str("null"),
            Marker::True => self.text.push_str("true"),
            Marker::False => self.text.push_str("false"),
            Marker::FixPos(number) => self.number(number),
            Marker::FixNeg(number) => self.number(number),
            Marker::U8 => self.number(data(input.read_data_u8())?),
            Marker::U16 => self.number(data(input.read_data_u16())?),
            Marker::U32 => self.number(data(input.read_data_u32())?),
            Marker::U64 => self.number(data(input.read_data_u64())?),
            Marker::I8 => self.number(data(input.read_data_i8())?),
            Marker::I16 => self.number(data(input.read_data_i16())?),
            Marker::I32 => self.number(data(input.read_data_i32())?),
            Marker::I64 => self.number(data(input.read_data_i64())?),
            Marker::F32 => self.float(f64::from(data(input.read_data_f32())?)),
            Marker::F64 => self.float(data(input.read_data_f64())?),
            Marker::FixStr(_) | Marker::Str8 | Marker::Str16 | Marker::Str32 => {
                let text = text(marker, input)?;
                let escaped = text.bytes().filter(u8::is_ascii_control).count();
                self.refuse_beyond(text.len() + escaped * (ESCAPED - 1))?;
                self.string(&text);
            }
            Marker::Bin8 | Marker::Bin16 | Marker::Bin32 => {
                let length = length(marker, input)?;
                let bytes = taken(input, length)?;
                self.refuse_beyond(bytes.len() / 3 * 4)?;
                self.bytes(bytes);
            }
            Marker::FixArray(_) | Marker::Array16 | Marker::Array32 => {
                let length = length(marker, input)?;
                self.array(input, length, depth)?;
            }
            Marker::FixMap(_) | Marker::Map16 | Marker::Map32 => {
                let length = length(marker, input)?;
                self.map(input, length, depth)?;
            }
            Marker::Reserved => return Err("it holds a byte that means nothing".to_owned()),
            marker => {
                let length = length(marker, input)?;
                let code = data(input.read_data_i8())?;
                let payload = taken(input, length)?;
                self.extension(code, payload, depth + 1)?;
            }
        }
        Ok(())
    }

    /// Whether there is room for so many bytes more.
    fn refuse_beyond(&self, more: usize) -> Result<(), Unreadable> {
        if self.text.len().saturating_add(more) > MAX_TEXT {
            return Err(too_large());
        }
        Ok(())
    }

    fn number(&mut self, number: impl std::fmt::Display) {
        self.text += &number.to_string();
    }

    fn float(&mut self, number: f64) {
        match serde_json::Number::from_f64(number) {
            Some(number) => self.number(number),
            None => {
                self.losses.note(Loss::Number);
                self.text.push_str("null");
            }
        }
    }

    fn string(&mut self, text: &str) {
        self.text += &serde_json::Value::from(text).to_string();
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.losses.note(Loss::Bytes);
        self.text.push('"');
        STANDARD.encode_string(bytes, &mut self.text);
        self.text.push('"');
    }

    fn array(&mut self, input: &mut &[u8], length: usize, depth: usize) -> Result<(), Unreadable> {
        self.text.push('[');
        for at in 0..length {
            if at > 0 {
                self.text.push(',');
            }
            self.value(input, depth + 1)?;
        }
        self.text.push(']');
        Ok(())
    }

    fn map(&mut self, input: &mut &[u8], length: usize, depth: usize) -> Result<(), Unreadable> {
        self.text.push('{');
        for at in 0..length {
            if at > 0 {
                self.text.push(',');
            }
            let begin = self.text.len();
            self.value(input, depth + 1)?;
            if !self.text[begin..].starts_with('"') {
                self.losses.note(Loss::Key);
                let key = self.text.split_off(begin);
                self.string(&key);
            }
            self.text.push(':');
            self.value(input, depth + 1)?;
        }
        self.text.push('}');
        Ok(())
    }

    fn extension(&mut self, code: i8, payload: &[u8], depth: usize) -> Result<(), Unreadable> {
        match code {
            0..=3 => self.object(payload, &Made::Argument, depth),
            4 | 5 => self.object(payload, &Made::Model, depth),
            6 => {
                self.losses.object("numpy", "ndarray");
                let mut input = payload;
                self.value(&mut input, depth)
            }
            7 => {
                let mut input = payload;
                self.value(&mut input, depth)
            }
            code => Err(format!("it holds an extension {code} that is not known")),
        }
    }

    fn object(&mut self, payload: &[u8], made: &Made, depth: usize) -> Result<(), Unreadable> {
        let mut input = payload;
        let marker = read_marker(&mut input).map_err(|_| cut_off())?;
        let is_list = matches!(
            marker,
            Marker::FixArray(_) | Marker::Array16 | Marker::Array32
        );
        if !is_list || length(marker, &mut input)? < 3 {
            return Err("it holds an object that names no class".to_owned());
        }
        let mut name = || {
            let marker = read_marker(&mut input).map_err(|_| cut_off())?;
            text(marker, &mut input)
        };
        let (module, name) = (name()?, name()?);
        match (&*module, &*name, made) {
            ("uuid", "UUID", _) => return self.uuid(input, depth),
            // A list in all but the name.
            ("builtins" | "collections", "set" | "frozenset" | "deque", _) => {}
            ("datetime" | "decimal" | "zoneinfo" | "pathlib", ..) => {}
            (module, _, Made::Model) if module.starts_with("langchain_core.messages") => {}
            // By which LangGraph steers: no part of the state.
            (module, ..) if module.starts_with("langgraph.") => {}
            (module, name, _) => self.losses.object(module, name),
        }
        self.value(&mut input, depth)
    }

    /// A UUID lies as its 32 digits.
    fn uuid(&mut self, mut input: &[u8], depth: usize) -> Result<(), Unreadable> {
        let begin = self.text.len();
        self.value(&mut input, depth)?;
        let digits = self.text[begin..].trim_matches('"');
        if let Ok(uuid) = Uuid::try_parse(digits) {
            self.text.truncate(begin);
            self.string(&uuid.to_string());
        }
        Ok(())
    }
}

pub(super) fn too_large() -> Unreadable {
    "it is too large".to_owned()
}

fn cut_off() -> Unreadable {
    "it is cut off".to_owned()
}

fn data<T, E>(read: Result<T, E>) -> Result<T, Unreadable> {
    read.map_err(|_| cut_off())
}

/// The length that a marker announces.
fn length(marker: Marker, input: &mut &[u8]) -> Result<usize, Unreadable> {
    let length = match marker {
        Marker::FixStr(length) | Marker::FixArray(length) | Marker::FixMap(length) => {
            u32::from(length)
        }
        Marker::FixExt1 => 1,
        Marker::FixExt2 => 2,
        Marker::FixExt4 => 4,
        Marker::FixExt8 => 8,
        Marker::FixExt16 => 16,
        Marker::Str8 | Marker::Bin8 | Marker::Ext8 => data(input.read_data_u8())?.into(),
        Marker::Str16 | Marker::Bin16 | Marker::Ext16 | Marker::Array16 | Marker::Map16 => {
            data(input.read_data_u16())?.into()
        }
        _ => data(input.read_data_u32())?,
    };
    usize::try_from(length).map_err(|_| too_large())
}

fn taken<'i>(input: &mut &'i [u8], length: usize) -> Result<&'i [u8], Unreadable> {
    let (taken, rest) = input.split_at_checked(length).ok_or_else(cut_off)?;
    *input = rest;
    Ok(taken)
}

/// Text; what is no UTF-8 in it is replaced.
fn text<'i>(marker: Marker, input: &mut &'i [u8]) -> Result<std::borrow::Cow<'i, str>, Unreadable> {
    match marker {
        Marker::FixStr(_) | Marker::Str8 | Marker::Str16 | Marker::Str32 => {
            let length = length(marker, input)?;
            Ok(String::from_utf8_lossy(taken(input, length)?))
        }
        _ => Err("it holds an object that names no class".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> (Result<String, Unreadable>, Vec<Loss>) {
        let mut losses = Losses::default();
        let text = to_json(bytes, &mut losses);
        (text, losses.take().into_iter().collect())
    }

    /// An extension of this code with this payload.
    fn extension(code: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0xc7, u8::try_from(payload.len()).unwrap(), code];
        bytes.extend_from_slice(payload);
        bytes
    }

    fn text(text: &str) -> Vec<u8> {
        let mut bytes = vec![0xd9, u8::try_from(text.len()).unwrap()];
        bytes.extend_from_slice(text.as_bytes());
        bytes
    }

    #[test]
    fn plain_values_are_what_they_are() {
        let bytes = [
            &[0x98, 0xc0, 0xc3, 0x05, 0xff, 0xcf][..],
            &u64::MAX.to_be_bytes(),
            &[0xcb],
            &1.5_f64.to_be_bytes(),
            &[0xa2, b'a', b'"', 0x81, 0xa1, b'k', 0x90],
        ]
        .concat();
        let (read, losses) = read(&bytes);
        let wanted = r#"[null,true,5,-1,18446744073709551615,1.5,"a\"",{"k":[]}]"#;
        assert_eq!(read.unwrap(), wanted);
        assert_eq!(losses, []);
    }

    #[test]
    fn what_json_has_no_place_for_is_named() {
        let bytes = [
            &[0x93, 0xcb][..],
            &f64::NAN.to_be_bytes(),
            &[0xc4, 2, 0, 0xff, 0x81, 0x92, 1, 2, 0xc2],
        ]
        .concat();
        let (read, losses) = read(&bytes);
        assert_eq!(read.unwrap(), r#"[null,"AP8=",{"[1,2]":false}]"#);
        assert_eq!(losses, [Loss::Bytes, Loss::Number, Loss::Key]);
    }

    #[test]
    fn objects_are_their_parts() {
        let object = |module: &str, name: &str, rest: &[u8]| {
            [&[0x93][..], &text(module), &text(name), rest].concat()
        };
        let message = object(
            "langchain_core.messages.human",
            "HumanMessage",
            &[0x81, 0xa1, b'a', 1],
        );
        let (one, losses) = read(&extension(5, &message));
        assert_eq!(one.unwrap(), r#"{"a":1}"#);
        assert_eq!(losses, []);
        let id = object("uuid", "UUID", &text(&"0".repeat(32)));
        let (one, _) = read(&extension(0, &id));
        assert_eq!(one.unwrap(), r#""00000000-0000-0000-0000-000000000000""#);
        let (one, losses) = read(&extension(2, &object("evil", "System", &[0x80])));
        assert_eq!(one.unwrap(), "{}");
        assert_eq!(losses, [Loss::Object("evil.System".to_owned())]);
        assert_eq!(read(&extension(7, &[0x91, 3])).0.unwrap(), "[3]");
        assert!(read(&extension(9, &[0xc0])).0.is_err());
        assert!(read(&extension(5, &[0x92, 1, 2])).0.is_err());
    }

    #[test]
    fn what_is_said_to_be_large_costs_nothing() {
        for bytes in [
            &[0xdd, 0xff, 0xff, 0xff, 0xff][..],
            &[0xdf, 0xff, 0xff, 0xff, 0xff, 0xa1, b'a'],
            &[0xdb, 0xff, 0xff, 0xff, 0xff, b'a'],
            &[0xc9, 0xff, 0xff, 0xff, 0xff, 5],
            &[0xc1],
            &[],
            &[0xc0, 0xc0],
        ] {
            assert!(read(bytes).0.is_err(), "{bytes:?}");
        }
        let deep = [&[0x91; 100_000][..], &[0xc0]].concat();
        assert_eq!(read(&deep).0.unwrap_err(), "it is nested too deep");
        let mut wide = vec![0xdd];
        wide.extend_from_slice(&3_000_000_u32.to_be_bytes());
        wide.resize(3_000_005, 0xc0);
        assert_eq!(read(&wide).0.unwrap_err(), "it is too large");
    }
}
