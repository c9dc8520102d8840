//! Reads GGUF's primitive values, little-endian, never past the end and never more than there is.

use std::fs::File;
use std::io::{self, BufReader, Read};

use super::{Value, damaged};

pub(super) struct Reader {
    input: BufReader<File>,
    position: u64,
    size: u64,
}

impl Reader {
    pub(super) fn new(input: BufReader<File>, size: u64) -> Self {
        Self {
            input,
            position: 0,
            size,
        }
    }

    /// Bytes read so far.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    fn bytes<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.input
            .read_exact(&mut bytes)
            .map_err(|_| damaged("the header ends too early"))?;
        self.position += N as u64;
        Ok(bytes)
    }

    pub(super) fn u32(&mut self) -> io::Result<u32> {
        self.bytes().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> io::Result<u64> {
        self.bytes().map(u64::from_le_bytes)
    }

    /// A length, of things that take at least `unit` bytes each.
    fn length(&mut self, unit: u64) -> io::Result<usize> {
        let length = self.u64()?;
        let left = self.size.saturating_sub(self.position);
        if length.saturating_mul(unit) > left {
            return Err(damaged("a length points beyond the end"));
        }
        Ok(length as usize)
    }

    pub(super) fn text(&mut self) -> io::Result<String> {
        let length = self.length(1)?;
        let mut bytes = vec![0; length];
        self.input.read_exact(&mut bytes)?;
        self.position += length as u64;
        Ok(match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        })
    }

    pub(super) fn value(&mut self) -> io::Result<Value> {
        let kind = self.u32()?;
        if kind == 9 {
            return self.array();
        }
        self.scalar(kind)
    }

    fn scalar(&mut self, kind: u32) -> io::Result<Value> {
        Ok(match kind {
            0 => Value::Integer(u8::from_le_bytes(self.bytes()?).into()),
            1 => Value::Integer(i8::from_le_bytes(self.bytes()?).into()),
            2 => Value::Integer(u16::from_le_bytes(self.bytes()?).into()),
            3 => Value::Integer(i16::from_le_bytes(self.bytes()?).into()),
            4 => Value::Integer(u32::from_le_bytes(self.bytes()?).into()),
            5 => Value::Integer(i32::from_le_bytes(self.bytes()?).into()),
            6 => Value::Float(f32::from_le_bytes(self.bytes()?).into()),
            7 => Value::Bool(self.bytes::<1>()?[0] != 0),
            8 => Value::Text(self.text()?),
            10 => Value::Integer(u64::from_le_bytes(self.bytes()?).into()),
            11 => Value::Integer(i64::from_le_bytes(self.bytes()?).into()),
            12 => Value::Float(f64::from_le_bytes(self.bytes()?)),
            _ => return Err(damaged("a metadata value has an unknown type")),
        })
    }

    fn array(&mut self) -> io::Result<Value> {
        let kind = self.u32()?;
        if kind == 8 {
            let length = self.length(8)?;
            let texts = (0..length)
                .map(|_| self.text())
                .collect::<io::Result<_>>()?;
            return Ok(Value::Texts(texts));
        }
        let length = self.length(1)?;
        let mut numbers = Vec::new();
        for _ in 0..length {
            numbers.push(match self.scalar(kind)? {
                Value::Integer(value) => value as f64,
                Value::Float(value) => value,
                Value::Bool(value) => f64::from(u8::from(value)),
                _ => return Err(damaged("a metadata array has an unknown type")),
            });
        }
        Ok(Value::Numbers(numbers))
    }
}
