//! Damaged headers are errors, never crashes or floods of memory.

use super::Gguf;

fn open(bytes: &[u8]) -> Result<Gguf, String> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    Gguf::open(file.path()).map_err(|error| error.to_string())
}

/// A header with one metadata entry and one 32-number Q8_0 tensor, data included.
fn small() -> Vec<u8> {
    let mut bytes = b"GGUF".to_vec();
    bytes.extend(3_u32.to_le_bytes());
    bytes.extend(1_u64.to_le_bytes());
    bytes.extend(1_u64.to_le_bytes());
    bytes.extend(1_u64.to_le_bytes());
    bytes.push(b'k');
    bytes.extend(4_u32.to_le_bytes());
    bytes.extend(7_u32.to_le_bytes());
    bytes.extend(1_u64.to_le_bytes());
    bytes.push(b't');
    bytes.extend(1_u32.to_le_bytes());
    bytes.extend(32_u64.to_le_bytes());
    bytes.extend(8_u32.to_le_bytes());
    bytes.extend(0_u64.to_le_bytes());
    bytes.resize(bytes.len().next_multiple_of(32), 0);
    bytes.extend([0; 34]);
    bytes
}

#[test]
fn a_sound_header_is_read() {
    let gguf = open(&small()).unwrap();
    assert_eq!(gguf.count("k").unwrap(), 7);
    let tensor = &gguf.tensors()["t"];
    assert_eq!(
        (tensor.columns, tensor.rows, tensor.row_bytes()),
        (32, 1, 34)
    );
}

#[test]
fn every_truncation_is_an_error() {
    let whole = small();
    for end in 0..whole.len() {
        assert!(open(&whole[..end]).is_err(), "cut at {end}");
    }
}

#[test]
fn no_flipped_byte_crashes_the_reader() {
    let whole = small();
    for at in 0..whole.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut bytes = whole.clone();
            bytes[at] ^= flip;
            let _ = open(&bytes);
        }
    }
}
