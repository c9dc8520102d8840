//! Reads the header of a safetensors file: where each tensor lies.
//!
//! The header is checked by the format's own library; the numbers stay in the file until they are asked for.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo as Entry};

use super::blocks::BlockFormat;
use super::gguf::damaged;
use super::tensors::TensorInfo;

/// Far above what any model has; a header that claims more is damaged.
const MAX_HEADER_BYTES: u64 = 16 << 20;

/// Bytes before the header: its length.
const LENGTH_BYTES: u64 = 8;

/// The tensors of the file at `path`, by name; those that do not hold real numbers are left out.
pub(super) fn read_header(path: &Path) -> io::Result<HashMap<String, TensorInfo>> {
    let mut file = File::open(path)?;
    let size = file.metadata()?.len();
    let mut length = [0; LENGTH_BYTES as usize];
    file.read_exact(&mut length)?;
    let length = u64::from_le_bytes(length);
    if length > MAX_HEADER_BYTES || length > size - LENGTH_BYTES {
        return Err(damaged("the header's length makes no sense"));
    }
    let mut header = vec![0; length as usize];
    file.read_exact(&mut header)?;
    let header: Metadata = serde_json::from_slice(&header)
        .map_err(|error| damaged(&format!("the header cannot be read: {error}")))?;
    let begin = LENGTH_BYTES + length;
    if begin + header.data_len() as u64 != size {
        return Err(damaged("the file is not as long as its header says"));
    }
    let tensors = header.tensors().into_iter();
    Ok(tensors
        .filter_map(|(name, entry)| Some((name, place(entry, begin)?)))
        .collect())
}

fn place(entry: &Entry, begin: u64) -> Option<TensorInfo> {
    let format = match entry.dtype {
        Dtype::F32 => BlockFormat::F32,
        Dtype::F16 => BlockFormat::F16,
        _ => return None,
    };
    let (&columns, rows) = entry.shape.split_last()?;
    Some(TensorInfo {
        format,
        columns,
        rows: rows.iter().product(),
        offset: begin + entry.data_offsets.0 as u64,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> io::Result<HashMap<String, TensorInfo>> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        read_header(file.path())
    }

    /// A matrix of two rows and three columns, and a whole number.
    fn small() -> Vec<u8> {
        let header = br#"{"m":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},
            "n":{"dtype":"I64","shape":[1],"data_offsets":[24,32]}}"#;
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header);
        bytes.resize(bytes.len() + 32, 0);
        bytes
    }

    #[test]
    fn a_sound_header_is_read() {
        let tensors = read(&small()).unwrap();
        assert_eq!(tensors.len(), 1);
        let m = &tensors["m"];
        assert_eq!((m.columns, m.rows, m.row_bytes()), (3, 2, 12));
        assert_eq!(m.offset, small().len() as u64 - 32);
    }

    #[test]
    fn every_truncation_is_an_error_and_no_flipped_byte_crashes_the_reader() {
        let whole = small();
        for end in 0..whole.len() {
            assert!(read(&whole[..end]).is_err(), "cut at {end}");
        }
        for at in 0..whole.len() - 32 {
            for flip in [0x01, 0x80, 0xff] {
                let mut bytes = whole.clone();
                bytes[at] ^= flip;
                let _ = read(&bytes);
            }
        }
    }
}
