//! Lines of text that somebody else may have written: of a length that memory can hold, in UTF-8.

use std::io::{self, BufRead, BufReader, Read};

use crate::error::{BackupError, BackupErrorKind};

/// The longest line, in bytes. No row is longer.
pub(crate) const MAX_LINE: usize = 64 * 1024 * 1024;

/// How deep JSON may be nested: what is deeper, no program of ours could read back.
const MAX_DEPTH: usize = 128;

/// Reads line by line.
pub(crate) struct Lines<R> {
    reader: BufReader<R>,
    line: Vec<u8>,
    what: String,
}

impl<R: Read> Lines<R> {
    /// Lines of what is called so in errors.
    pub(crate) fn of(reader: R, what: impl Into<String>) -> Self {
        Self {
            reader: BufReader::with_capacity(64 * 1024, reader),
            line: Vec::new(),
            what: what.into(),
        }
    }

    /// The next line without its end; `None` after the last.
    pub(crate) fn next(&mut self) -> Result<Option<&str>, BackupError> {
        self.line.clear();
        let limit = MAX_LINE as u64 + 1;
        let read = (&mut self.reader)
            .take(limit)
            .read_until(b'\n', &mut self.line)
            .map_err(|error| broken(&self.what, error))?;
        if read == 0 {
            return Ok(None);
        }
        if self.line.pop() != Some(b'\n') {
            let what = if read as u64 == limit {
                "has a line that is too long"
            } else {
                "is cut off"
            };
            return Err(BackupError::damaged(format!("{} {what}", self.what)));
        }
        match std::str::from_utf8(&self.line) {
            Ok(line) => Ok(Some(line)),
            Err(_) => Err(BackupError::damaged(format!("{} is no UTF-8", self.what))),
        }
    }
}

/// What a reader's error means: a file that cannot be read, or data that cannot be unpacked.
pub(crate) fn broken(what: &str, error: io::Error) -> BackupError {
    match error.kind() {
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::UnexpectedEof => {
            BackupError::damaged(format!("{what} cannot be unpacked ({error})"))
        }
        _ => BackupError::new(
            BackupErrorKind::Unavailable,
            format!("{what} cannot be read: look at the disk"),
        )
        .with_source(error),
    }
}

/// Whether JSON text is nested no deeper than our programs read.
pub(crate) fn is_shallow(json: &str) -> bool {
    let mut depth = 0_usize;
    let mut in_text = false;
    let mut escaped = false;
    for byte in json.bytes() {
        if in_text {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_text = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_text = true,
            b'[' | b'{' => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return false;
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    true
}
