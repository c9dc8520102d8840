//! Whether a file holds the right bytes: its hash is computed once, and what was checked is remembered beside the file
//! by its size and the time of its last change. A file that changed since is checked anew when it is next loaded.

use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use super::catalog::{WeightFile, Weights};
use super::part_file::sha256_of;

/// How the weights of a model stand in the models folder, as far as can be told without reading them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// The hash was right, and no file changed since.
    Verified,
    /// The size is right; the hash was not computed since a file changed. It is when the model is loaded.
    Unchecked,
    /// A file has another size than it should have.
    Damaged,
    /// A file is not there.
    Missing,
}

impl Weights {
    /// How the weights stand in the models folder `dir`: as the worst of their files does.
    pub fn standing(&self, dir: &Path) -> Standing {
        let files = self.files.iter();
        let worst = files.map(|file| file.standing(dir)).max();
        worst.unwrap_or(Standing::Missing)
    }

    /// Makes sure that the files in `dir` hold the right bytes. Reads only what changed since it was last checked.
    pub(crate) fn verify(&self, dir: &Path) -> io::Result<()> {
        self.files.iter().try_for_each(|file| file.verify(dir))
    }
}

impl WeightFile {
    fn standing(&self, dir: &Path) -> Standing {
        let path = dir.join(self.name);
        match fs::metadata(&path) {
            Ok(found) if !found.is_file() => Standing::Missing,
            Ok(found) if found.len() != self.size_bytes => Standing::Damaged,
            Ok(found) if self.is_remembered(&path, &found) => Standing::Verified,
            Ok(_) => Standing::Unchecked,
            Err(_) => Standing::Missing,
        }
    }

    fn verify(&self, dir: &Path) -> io::Result<()> {
        let path = dir.join(self.name);
        let found = fs::metadata(&path)?;
        if found.len() != self.size_bytes {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!(
                    "{} has {} bytes and should have {}",
                    self.name,
                    found.len(),
                    self.size_bytes
                ),
            ));
        }
        if self.is_remembered(&path, &found) {
            return Ok(());
        }
        let hash = sha256_of(&path, &mut |_| {})?;
        if hash != self.sha256 {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!(
                    "the hash of {} is {hash} and should be {}",
                    self.name, self.sha256
                ),
            ));
        }
        self.remember(&path, &found);
        Ok(())
    }

    /// Remembers that the file was right when it looked so. Where that cannot be written, it is checked again.
    pub(super) fn remember(&self, path: &Path, found: &Metadata) {
        if let Some(line) = self.line(found) {
            let _ = fs::write(note_of(path), line);
        }
    }

    fn is_remembered(&self, path: &Path, found: &Metadata) -> bool {
        let line = self.line(found);
        line.is_some() && fs::read_to_string(note_of(path)).ok() == line
    }

    fn line(&self, found: &Metadata) -> Option<String> {
        let changed = found.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
        Some(format!(
            "{} {} bytes, changed {} ns\n",
            self.sha256,
            found.len(),
            changed.as_nanos()
        ))
    }
}

fn note_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".checked");
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use sha2::{Digest, Sha256};

    use super::*;

    fn file(content: &[u8]) -> WeightFile {
        let hash = Sha256::digest(content);
        let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        WeightFile {
            name: "tiny.gguf",
            size_bytes: content.len() as u64,
            sha256: hash.leak(),
            hub_url: None,
            member: "",
        }
    }

    fn write(dir: &Path, content: &[u8], age_s: u64) {
        let path = dir.join("tiny.gguf");
        fs::write(&path, content).unwrap();
        let at = SystemTime::now() - Duration::from_secs(age_s);
        let file = fs::File::options().write(true).open(path).unwrap();
        file.set_modified(at).unwrap();
    }

    #[test]
    fn a_file_is_checked_when_it_changed_and_only_then() {
        let place = tempfile::tempdir().unwrap();
        let dir = place.path();
        let file = file(b"numbers");
        assert_eq!(file.standing(dir), Standing::Missing);
        assert_eq!(
            file.verify(dir).unwrap_err().kind(),
            io::ErrorKind::NotFound
        );
        write(dir, b"numbers", 30);
        assert_eq!(file.standing(dir), Standing::Unchecked);
        file.verify(dir).unwrap();
        assert_eq!(file.standing(dir), Standing::Verified);

        write(dir, b"numbfrs", 20);
        assert_eq!(file.standing(dir), Standing::Unchecked);
        let flipped = file.verify(dir).unwrap_err();
        assert_eq!(flipped.kind(), io::ErrorKind::InvalidData);
        assert!(flipped.to_string().contains("hash"), "{flipped}");

        write(dir, b"numb", 10);
        assert_eq!(file.standing(dir), Standing::Damaged);
        let cut = file.verify(dir).unwrap_err();
        assert!(cut.to_string().contains("4 bytes"), "{cut}");

        write(dir, b"numbers", 5);
        file.verify(dir).unwrap();
        assert_eq!(file.standing(dir), Standing::Verified);
    }

    #[test]
    fn a_file_that_was_checked_is_not_read_again() {
        let place = tempfile::tempdir().unwrap();
        let dir = place.path();
        let file = file(b"numbers");
        write(dir, b"numbfrs", 30);
        let path = dir.join(file.name);
        file.remember(&path, &fs::metadata(&path).unwrap());
        file.verify(dir).unwrap();
    }
}
