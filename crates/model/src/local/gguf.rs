//! Reads the header of a GGUF file: metadata and where each tensor lies. Format: ggml's `docs/gguf.md`.
//!
//! Every length is checked against the file's size before memory is taken for it, so that a damaged file is
//! an error and not a crash. What the numbers mean is others' business.

mod reader;
mod value;

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader};
use std::path::Path;

use reader::Reader;
pub(super) use value::Value;

use super::blocks::BlockFormat;
use super::tensors::TensorInfo;

const MAGIC: u32 = u32::from_le_bytes(*b"GGUF");

/// Tensors start at multiples of this, unless the metadata says otherwise.
const DEFAULT_ALIGNMENT: u64 = 32;

/// Far above what any model has; a header that claims more is damaged.
const MAX_ENTRIES: u64 = 100_000;

/// The header of a GGUF file.
pub(super) struct Gguf {
    metadata: HashMap<String, Value>,
    tensors: HashMap<String, TensorInfo>,
}

impl Gguf {
    /// Reads the header of the file at `path`.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let size = file.metadata()?.len();
        let mut reader = Reader::new(BufReader::with_capacity(1 << 20, file), size);
        if reader.u32()? != MAGIC {
            return Err(damaged("not a GGUF file"));
        }
        let version = reader.u32()?;
        if !(2..=3).contains(&version) {
            return Err(damaged(&format!("GGUF version {version} is not supported")));
        }
        let tensor_count = reader.u64()?;
        let entry_count = reader.u64()?;
        if tensor_count > MAX_ENTRIES || entry_count > MAX_ENTRIES {
            return Err(damaged("the header's counts make no sense"));
        }
        let mut metadata = HashMap::new();
        for _ in 0..entry_count {
            let key = reader.text()?;
            metadata.insert(key, reader.value()?);
        }
        let mut tensors = HashMap::new();
        for _ in 0..tensor_count {
            let name = reader.text()?;
            tensors.insert(name, read_tensor_info(&mut reader)?);
        }
        let mut gguf = Self { metadata, tensors };
        gguf.place_tensors(reader.position(), size)?;
        Ok(gguf)
    }

    /// Turns offsets into the data section into positions in the file, and checks that all of it is there.
    fn place_tensors(&mut self, header_end: u64, size: u64) -> io::Result<()> {
        let alignment = self
            .metadata
            .get("general.alignment")
            .and_then(Value::as_u64)
            .filter(|&alignment| alignment > 0)
            .unwrap_or(DEFAULT_ALIGNMENT);
        let begin = header_end.next_multiple_of(alignment);
        for (name, tensor) in &mut self.tensors {
            tensor.offset = tensor.offset.saturating_add(begin);
            let bytes = (tensor.row_bytes() as u64).saturating_mul(tensor.rows as u64);
            if tensor.offset.saturating_add(bytes) > size {
                return Err(damaged(&format!("tensor `{name}` lies beyond the end")));
            }
        }
        Ok(())
    }

    /// The metadata entry `key`.
    pub(super) fn get(&self, key: &str) -> io::Result<&Value> {
        self.metadata
            .get(key)
            .ok_or_else(|| damaged(&format!("no `{key}` in the metadata")))
    }

    /// The metadata entry `key` as a count.
    pub(super) fn count(&self, key: &str) -> io::Result<usize> {
        self.get(key)?
            .as_u64()
            .and_then(|value| usize::try_from(value).ok())
            .ok_or_else(|| damaged(&format!("`{key}` is not a count")))
    }

    /// The metadata entry `key` as text.
    pub(super) fn text(&self, key: &str) -> io::Result<&str> {
        self.get(key)?
            .as_text()
            .ok_or_else(|| damaged(&format!("`{key}` is not text")))
    }

    /// The metadata entry `key` as a list of texts.
    pub(super) fn texts(&self, key: &str) -> io::Result<&[String]> {
        self.get(key)?
            .as_texts()
            .ok_or_else(|| damaged(&format!("`{key}` is not a list of texts")))
    }

    /// The tensors of the file, by name.
    pub(super) fn tensors(&self) -> &HashMap<String, TensorInfo> {
        &self.tensors
    }
}

fn read_tensor_info(reader: &mut Reader) -> io::Result<TensorInfo> {
    let dimensions = reader.u32()?;
    if !(1..=4).contains(&dimensions) {
        return Err(damaged("a tensor has no sensible shape"));
    }
    let columns = reader.u64()?;
    let mut rows = 1_u64;
    for _ in 1..dimensions {
        rows = rows.saturating_mul(reader.u64()?);
    }
    let format = BlockFormat::from_ggml(reader.u32()?)
        .ok_or_else(|| damaged("a tensor is stored in a format that is not supported"))?;
    let offset = reader.u64()?;
    let limit = u64::from(u32::MAX);
    if columns > limit || rows > limit || !columns.is_multiple_of(format.block_len() as u64) {
        return Err(damaged("a tensor has no sensible shape"));
    }
    Ok(TensorInfo {
        format,
        columns: columns as usize,
        rows: rows as usize,
        offset,
    })
}

/// An error that says in what way the file is damaged.
pub(super) fn damaged(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests;
