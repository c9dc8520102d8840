//! SHA-256, in passing.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::Progress;

/// Bytes that are read at once.
const PIECE: usize = 256 * 1024;

/// A hash as text: 64 hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The hash of some bytes.
pub(crate) fn of(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// The hash of a file.
pub(crate) fn of_file(path: &Path, progress: Progress<'_>) -> io::Result<String> {
    copy(&mut File::open(path)?, &mut io::sink(), progress)
}

/// The hash of a file's first bytes, so many of them.
pub(crate) fn of_start(file: &File, bytes: u64) -> io::Result<String> {
    let mut hash = Sha256::new();
    let mut piece = vec![0; PIECE];
    let mut at = 0;
    while at < bytes {
        let most = usize::try_from(bytes - at).map_or(PIECE, |left| left.min(PIECE));
        file.read_exact_at(&mut piece[..most], at)?;
        hash.update(&piece[..most]);
        at += most as u64;
    }
    Ok(hex(&hash.finalize()))
}

/// Copies a file and gives its hash.
pub(crate) fn copy(
    from: &mut File,
    to: &mut impl Write,
    progress: Progress<'_>,
) -> io::Result<String> {
    let all = from.metadata()?.len();
    let mut hash = Sha256::new();
    let mut piece = vec![0; PIECE];
    let mut done = 0;
    loop {
        let read = from.read(&mut piece)?;
        if read == 0 {
            return Ok(hex(&hash.finalize()));
        }
        hash.update(&piece[..read]);
        to.write_all(&piece[..read])?;
        done += read as u64;
        progress(done, all);
    }
}

/// The checksum file of one whose hash and name are these, as `sha256sum` writes and reads it.
pub(crate) fn line(hash: &str, name: &str) -> String {
    format!("{hash}  {name}\n")
}

/// The hash in a checksum file; `None` when it holds none.
pub(crate) fn read_line(text: &str) -> Option<&str> {
    let (hash, rest) = text.split_at_checked(64)?;
    let digits = hash
        .bytes()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    (digits && rest.starts_with("  ") && rest.ends_with('\n')).then_some(hash)
}
