//! The log file: changed for a new one with the day or the hour, and when it has grown large.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tracing_appender::rolling::{RollingFileAppender, Rotation};

use crate::settings::{LogRotation, LogSettings};

/// A log file that does not grow for ever.
pub(super) struct LogFile {
    place: Place,
    file: RollingFileAppender,
    /// A file of so many bytes gets a number, and a new one begins.
    limit_bytes: u64,
    /// Bytes in the file, as far as it is known.
    size_bytes: u64,
}

/// Where the files are, and how they are called: `STEM.DATE.EXTENSION`, and `STEM.DATE.NUMBER.EXTENSION` once they are
/// full.
struct Place {
    folder: PathBuf,
    stem: String,
    extension: Option<String>,
    rotation: Rotation,
    keep: usize,
}

impl LogFile {
    /// Opens the file of today, or of this hour.
    pub(super) fn open(path: &Path, settings: &LogSettings) -> io::Result<Self> {
        let limit_bytes = match settings.max_mib {
            0 => u64::MAX,
            mib => mib << 20,
        };
        Self::limited(Place::of(path, settings), limit_bytes)
    }

    fn limited(place: Place, limit_bytes: u64) -> io::Result<Self> {
        let file = place.open()?;
        let size_bytes = place.current()?.map_or(0, |(_, size_bytes)| size_bytes);
        Ok(Self {
            place,
            file,
            limit_bytes,
            size_bytes,
        })
    }

    /// Gives a full file a number and begins a new one.
    fn turn(&mut self) -> io::Result<()> {
        let Some((path, size_bytes)) = self.place.current()? else {
            self.size_bytes = 0;
            return Ok(());
        };
        // With a new day a new file has begun without a word.
        self.size_bytes = size_bytes;
        if size_bytes < self.limit_bytes {
            return Ok(());
        }
        fs::rename(&path, self.place.numbered(&path))?;
        self.file = self.place.open()?;
        self.size_bytes = 0;
        Ok(())
    }
}

impl Write for LogFile {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.size_bytes >= self.limit_bytes && self.turn().is_err() {
            // A line in a large file is better than none.
            self.size_bytes = 0;
        }
        let written = self.file.write(line)?;
        self.size_bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Place {
    fn of(path: &Path, settings: &LogSettings) -> Self {
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let text = |part: &std::ffi::OsStr| part.to_string_lossy().into_owned();
        Self {
            folder: folder.to_owned(),
            stem: path.file_stem().map(text).unwrap_or_default(),
            extension: path.extension().map(text),
            rotation: match settings.rotate {
                LogRotation::Hourly => Rotation::HOURLY,
                LogRotation::Daily => Rotation::DAILY,
                LogRotation::Never => Rotation::NEVER,
            },
            keep: settings.keep.max(1),
        }
    }

    /// Opens the file that it is time for, and deletes the oldest ones.
    fn open(&self) -> io::Result<RollingFileAppender> {
        let mut builder = RollingFileAppender::builder()
            .rotation(self.rotation.clone())
            .max_log_files(self.keep)
            .filename_prefix(&self.stem);
        if let Some(extension) = &self.extension {
            builder = builder.filename_suffix(extension);
        }
        builder.build(&self.folder).map_err(io::Error::other)
    }

    /// What of a file's name is neither stem nor extension; `None` for the file of somebody else.
    fn middle<'a>(&self, name: &'a str) -> Option<&'a str> {
        let name = name.strip_prefix(&self.stem)?;
        match &self.extension {
            Some(extension) => name.strip_suffix(extension)?.strip_suffix('.'),
            None => Some(name),
        }
    }

    /// The file that is written now, and its size: the one without a number that was written last.
    fn current(&self) -> io::Result<Option<(PathBuf, u64)>> {
        let mut newest = None;
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let middle = name.to_str().and_then(|name| self.middle(name));
            let numbered = |middle: &str| {
                let last = middle.rsplit('.').next();
                last.is_some_and(|last| last.parse::<u32>().is_ok())
            };
            if middle.is_none_or(numbered) {
                continue;
            }
            let about = entry.metadata()?;
            let at = about.modified()?;
            if about.is_file() && newest.as_ref().is_none_or(|(last, _, _)| *last <= at) {
                newest = Some((at, entry.path(), about.len()));
            }
        }
        Ok(newest.map(|(_, path, size_bytes)| (path, size_bytes)))
    }

    /// The first name with a number that is free.
    fn numbered(&self, path: &Path) -> PathBuf {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let middle = self.middle(&name).unwrap_or_default();
        let end = self.extension.as_ref();
        let end = end.map_or_else(String::new, |extension| format!(".{extension}"));
        let named = |number| {
            let name = format!("{}{middle}.{number}{end}", self.stem);
            self.folder.join(name)
        };
        let free = (1..u32::MAX).map(named).find(|path| !path.exists());
        free.unwrap_or_else(|| named(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_file_gets_a_number_and_the_oldest_go() {
        for (rotate, name) in [
            (LogRotation::Never, "talk.log"),
            (LogRotation::Daily, "talk"),
        ] {
            let dir = tempfile::tempdir().unwrap();
            let settings = LogSettings {
                rotate,
                keep: 3,
                ..LogSettings::default()
            };
            let path = dir.path().join(name);
            let mut file = LogFile::limited(Place::of(&path, &settings), 100).unwrap();
            for _ in 0..12 {
                writeln!(file, "{}", "x".repeat(49)).unwrap();
            }
            drop(file);
            let sizes: Vec<u64> = fs::read_dir(&dir)
                .unwrap()
                .map(|entry| entry.unwrap().metadata().unwrap().len())
                .collect();
            assert_eq!(sizes, [100, 100, 100], "{name}");
            // What is there is counted when the program starts again.
            let mut file = LogFile::limited(Place::of(&path, &settings), 100).unwrap();
            writeln!(file, "{}", "y".repeat(49)).unwrap();
            let (_, size_bytes) = file.place.current().unwrap().unwrap();
            assert_eq!(size_bytes, 50);
        }
    }
}
