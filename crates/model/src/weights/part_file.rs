//! A file that is being put together, and hashes.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// Bytes that are moved at a time.
const BUFFER_BYTES: usize = 1 << 20;

/// A file that is not whole yet. It survives the process, so that the next one can go on with it.
pub(super) struct PartFile {
    path: PathBuf,
}

impl PartFile {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes that are there; 0 if there is no file.
    pub(super) fn len(&self) -> u64 {
        fs::metadata(&self.path).map_or(0, |meta| meta.len())
    }

    /// Makes the file empty.
    pub(super) fn restart(&mut self) -> io::Result<()> {
        File::create(&self.path).map(|_| ())
    }

    /// Removes the file.
    pub(super) fn remove(&mut self) -> io::Result<()> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Appends what `input` has, as long as the file gets no larger than `limit`; one byte more is an error.
    /// `report` hears the file's size.
    pub(super) fn append(
        &mut self,
        input: &mut dyn Read,
        limit: u64,
        report: &mut dyn FnMut(u64),
    ) -> io::Result<()> {
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.path)?;
        let mut size = file.metadata()?.len();
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            let count = input.read(&mut buffer)?;
            if count == 0 {
                return file.flush();
            }
            size += count as u64;
            if size > limit {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "more bytes than expected",
                ));
            }
            file.write_all(&buffer[..count])?;
            report(size);
        }
    }

    /// Makes sure that the bytes are on the disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }
}

/// The SHA-256 of a file, in lower-case hexadecimal; `report` hears the bytes read.
pub(super) fn sha256_of(path: &Path, report: &mut dyn FnMut(u64)) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut done = 0;
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            let bytes = hash.finalize();
            return Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect());
        }
        hash.update(&buffer[..count]);
        done += count as u64;
        report(done);
    }
}
