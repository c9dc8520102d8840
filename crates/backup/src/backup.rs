//! A backup that is there: what it is, told by what it holds rather than by its name.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use everthread_store::portable::{Kind, Scope};

use crate::error::{BackupError, BackupErrorKind};
use crate::part_stream::PartStream;
use crate::{Progress, archive, digest, export, name};

/// The ending of a snapshot's name.
pub(crate) const SNAPSHOT_ENDING: &str = ".db";

/// What a file of SQLite begins with.
const SQLITE: &[u8] = b"SQLite format 3\0";

/// The form of a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Form {
    /// The file of a store, with its checksum in a file beside it.
    Snapshot,
    /// A ZIP of rows.
    Archive,
    /// Rows as one JSON document.
    Export,
}

/// A backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    path: PathBuf,
    form: Form,
    facts: Facts,
}

/// What a backup says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Of what.
    pub scope: Scope,
    /// When it was made, in milliseconds since 1970-01-01 UTC.
    pub created_ms: i64,
    /// The version that made it; `None` for a snapshot.
    pub software: Option<String>,
    /// How many rows of each kind; empty where that is not known without reading all of it.
    pub counts: BTreeMap<Kind, u64>,
    /// Its size.
    pub bytes: u64,
}

impl Form {
    const ALL: [Self; 3] = [Self::Snapshot, Self::Archive, Self::Export];

    /// The name in commands, requests and lists.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Snapshot => "snapshot",
            Self::Archive => "archive",
            Self::Export => "export",
        }
    }

    /// The form of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|form| form.as_str() == name)
    }

    /// What names of such files end with.
    #[must_use]
    pub fn ending(self) -> &'static str {
        match self {
            Self::Snapshot => SNAPSHOT_ENDING,
            Self::Archive => archive::ENDING,
            Self::Export => export::ENDING,
        }
    }
}

/// The form of a file, by its first bytes.
fn form_of(path: &Path) -> Result<Form, BackupError> {
    let mut file = File::open(path).map_err(|error| BackupError::file("read", path, error))?;
    if file.metadata().is_ok_and(|file| !file.is_file()) {
        return Err(BackupError::new(
            BackupErrorKind::Foreign,
            format!("{} is no file", path.display()),
        ));
    }
    let mut first = [0; 16];
    let mut len = 0;
    while len < first.len() {
        match file.read(&mut first[len..]) {
            Ok(0) => break,
            Ok(read) => len += read,
            Err(error) => return Err(BackupError::file("read", path, error)),
        }
    }
    let first = &first[..len];
    if first == SQLITE {
        return Ok(Form::Snapshot);
    }
    if first.starts_with(b"PK") {
        return Ok(Form::Archive);
    }
    if first.starts_with(b"{") {
        return Ok(Form::Export);
    }
    Err(BackupError::new(
        BackupErrorKind::Foreign,
        format!(
            "{} is no backup of Everthread: it is neither a snapshot nor an archive nor an export",
            path.display()
        ),
    ))
}

impl Backup {
    /// Looks at a file: what it is, and what it says of itself. Whether that is true, [`verify`](crate::verify()) says.
    ///
    /// # Errors
    /// `NotFound`, `Foreign`, `Newer`; `Damaged` where that is seen at once.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, BackupError> {
        let path = path.into();
        let form = form_of(&path)?;
        let file =
            std::fs::metadata(&path).map_err(|error| BackupError::file("read", &path, error))?;
        let (scope, created_ms, software, counts) = match form {
            Form::Snapshot => {
                let named = path.file_name().and_then(|name| name.to_str());
                let changed = file.modified().ok().and_then(|at| {
                    let since = at.duration_since(std::time::UNIX_EPOCH).ok()?;
                    i64::try_from(since.as_millis()).ok()
                });
                let at = named.and_then(name::time_in).or(changed);
                (Scope::Whole, at.unwrap_or(0), None, BTreeMap::new())
            }
            Form::Archive => {
                let manifest = archive::manifest_of(&path)?;
                let counts = manifest.counts();
                (
                    manifest.scope,
                    manifest.created_ms,
                    Some(manifest.software),
                    counts,
                )
            }
            Form::Export => {
                let said = export::head_of(&path)?;
                (
                    said.scope,
                    said.created_ms,
                    Some(said.software),
                    said.counts,
                )
            }
        };
        Ok(Self {
            path,
            form,
            facts: Facts {
                scope,
                created_ms,
                software,
                counts,
                bytes: file.len(),
            },
        })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its form.
    #[must_use]
    pub fn form(&self) -> Form {
        self.form
    }

    /// What it says of itself.
    #[must_use]
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Reads all of it and holds it against its checksums. `exact`: also where what it holds is not touched by the
    /// change. A snapshot without its checksum file passes, since nothing can be said.
    pub(crate) fn prove(&self, exact: bool, progress: Progress<'_>) -> Result<(), BackupError> {
        match self.form {
            Form::Archive => archive::prove(&self.path, exact, progress).map(|_| ()),
            Form::Export => export::prove(&self.path, progress).map(|_| ()),
            Form::Snapshot => match self.checksum()? {
                Some(said) => {
                    let found = digest::of_file(&self.path, progress)
                        .map_err(|error| BackupError::file("read", &self.path, error))?;
                    self.same(&said, &found)
                }
                None => Ok(()),
            },
        }
    }

    /// The SHA-256 in the checksum file of a snapshot, in hexadecimal; `None` when there is no such file. Whether it is
    /// that of the snapshot, [`verify`](crate::verify()) says.
    ///
    /// # Errors
    /// `Damaged` when the file holds none; `Unavailable`.
    pub fn checksum(&self) -> Result<Option<String>, BackupError> {
        let path = checksum_path(&self.path);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(BackupError::file("read", &path, error)),
        };
        let mut text = String::new();
        let read = file.take(4_096).read_to_string(&mut text);
        let hash = read.ok().and_then(|_| digest::read_line(&text));
        match hash {
            Some(hash) => Ok(Some(hash.to_owned())),
            None => Err(BackupError::damaged("its checksum file holds no checksum")),
        }
    }

    /// Refuses a snapshot whose hash is another than its checksum file says.
    pub(crate) fn same(&self, said: &str, found: &str) -> Result<(), BackupError> {
        if said == found {
            return Ok(());
        }
        Err(BackupError::damaged(
            "it does not have the checksum that it was made with",
        ))
    }

    /// The rows of an archive or an export that was proved.
    pub(crate) fn parts(&self) -> Result<PartStream, BackupError> {
        match self.form {
            Form::Archive => archive::parts(&self.path),
            Form::Export => Ok(export::parts(&self.path)),
            Form::Snapshot => Err(BackupError::new(
                BackupErrorKind::Invalid,
                "a snapshot is a store of its own: restore it, or open it and make an archive",
            )),
        }
    }
}

/// The checksum file of a snapshot.
pub(crate) fn checksum_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".sha256");
    PathBuf::from(name)
}
