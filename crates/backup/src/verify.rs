//! Whether a backup can be restored: it is restored to a scratch store, which is read through and compared.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use everthread_store::portable::{Scope, WriteRows};
use everthread_store::{CheckReport, Store};
use futures::StreamExt;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::archive::{self, Spools};
use crate::backup::{Backup, Form};
use crate::error::{BackupError, BackupErrorKind};
use crate::restore::blocking;
use crate::{Opener, Progress, digest, import, name};

/// The ending of the note that a backup was verified.
const NOTE: &str = ".verified";

/// A backup that was restored to a scratch store and compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// What the scratch store holds.
    pub users: u64,
    /// What the scratch store holds.
    pub threads: u64,
    /// Messages on all branches.
    pub messages: u64,
    /// Checkpoints that were restored one by one.
    pub checkpoints: u64,
    /// What could not be proved, in sentences; empty when all was.
    pub notes: Vec<String>,
}

/// What the note beside a backup says.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Note {
    verified_at: String,
    software: String,
    bytes: u64,
    changed_ms: i64,
}

/// Restores a backup to a scratch store in this folder, reads all of that, and compares it with what the backup says;
/// notes beside the backup that it did. `progress` hears steps of the whole. Nothing else is touched.
///
/// # Errors
/// `Damaged` when anything of it is not as it was written; `Foreign`, `Newer`; `Unavailable`.
pub async fn verify(
    path: &Path,
    scratch: &Path,
    opener: &dyn Opener,
    now_ms: i64,
    progress: Progress<'_>,
) -> Result<Verified, BackupError> {
    let _ = fs::remove_file(note_path(path));
    let backup = Backup::open(path)?;
    import::prove(&backup, true).await?;
    let dir = tempfile::Builder::new()
        .prefix(".everthread-verify-")
        .tempdir_in(scratch)
        .map_err(|error| BackupError::file("write in", scratch, error))?;
    let file = dir.path().join("scratch.db");
    let mut notes = Vec::new();
    let store = match backup.form() {
        Form::Snapshot => {
            if backup.checksum()?.is_none() {
                notes.push(
                    "its checksum file is missing: a change within a message would not be seen"
                        .to_owned(),
                );
            }
            copy_of(&backup, &file, opener, progress).await?
        }
        _ => filled(&backup, &file, opener, progress).await?,
    };
    let report = sound(&*store, progress).await;
    let stats = store.stats().await;
    let closed = store.close().await;
    let (report, stats) = (report?, stats?);
    closed?;
    note(path, now_ms)?;
    Ok(Verified {
        users: stats.users,
        threads: stats.threads,
        messages: report.messages,
        checkpoints: report.checkpoints,
        notes,
    })
}

async fn sound(store: &dyn Store, progress: Progress<'_>) -> Result<CheckReport, BackupError> {
    let report = store.check(progress).await?;
    match report.problems.first() {
        None => Ok(report),
        Some(problem) => Err(BackupError::damaged(format!(
            "{} is not sound: {}",
            problem.place, problem.what
        ))),
    }
}

/// A copy of a snapshot, opened.
pub(crate) async fn copy_of(
    backup: &Backup,
    to: &Path,
    opener: &dyn Opener,
    progress: Progress<'_>,
) -> Result<Arc<dyn Store>, BackupError> {
    let said = backup.checksum()?;
    let found = {
        let failed = |error| BackupError::file("copy", backup.path(), error);
        let mut from = fs::File::open(backup.path()).map_err(failed)?;
        let mut to = fs::File::create(to).map_err(failed)?;
        digest::copy(&mut from, &mut to, progress).map_err(failed)?
    };
    if let Some(said) = said {
        backup.same(&said, &found)?;
    }
    opener.open(to).await.map_err(as_damage)
}

/// A store that refuses to open what a backup holds.
fn as_damage(error: everthread_store::StoreError) -> BackupError {
    use everthread_store::StoreErrorKind::{Corrupt, Invalid};
    match error.kind() {
        Corrupt => BackupError::damaged(error),
        Invalid => BackupError::new(BackupErrorKind::Foreign, error.to_string()).with_source(error),
        _ => error.into(),
    }
}

/// A new store with the rows of an archive or an export, and no others.
pub(crate) async fn filled(
    backup: &Backup,
    at: &Path,
    opener: &dyn Opener,
    progress: Progress<'_>,
) -> Result<Arc<dyn Store>, BackupError> {
    let store = opener.open(at).await?;
    let all = import::total(&backup.facts().counts);
    let filled = async {
        let how = WriteRows::default();
        let mut told = |done| progress(done, all);
        let taken = import::take(&*store, backup.parts()?, how, &|_| false, &mut told);
        let imported = taken.await.map_err(|error| match error.kind() {
            BackupErrorKind::Store(everthread_store::StoreErrorKind::Invalid) => {
                BackupError::damaged(error)
            }
            _ => error,
        })?;
        if imported.rows_skipped > 0 {
            return Err(BackupError::damaged("it holds something twice"));
        }
        compare(&*store, backup).await
    };
    match filled.await {
        Ok(()) => Ok(store),
        Err(error) => {
            let _ = store.close().await;
            Err(error)
        }
    }
}

/// Reads the store as the backup was read, and compares.
async fn compare(store: &dyn Store, backup: &Backup) -> Result<(), BackupError> {
    let mut rows = store.read_rows(&backup.facts().scope).await?;
    let path = backup.path().to_owned();
    let form = backup.form();
    let scope = backup.facts().scope.clone();
    let created_ms = backup.facts().created_ms;
    let runtime = tokio::runtime::Handle::current();
    blocking(move || {
        let mut next = || runtime.block_on(rows.next()).transpose();
        let is_same = if form == Form::Archive {
            let mut spools = Spools::of_hashes()?;
            while let Some(batch) = next()? {
                for row in &batch {
                    spools.row(row)?;
                }
            }
            spools.entries() == archive::manifest_of(&path)?.entries
        } else {
            same_export(&path, &scope, created_ms, &mut next)?
        };
        if is_same {
            return Ok(());
        }
        Err(BackupError::damaged(
            "what was restored from it differs from what it holds",
        ))
    })
    .await
}

type Next<'a> = &'a mut dyn FnMut() -> Result<
    Option<Vec<everthread_store::portable::Row>>,
    everthread_store::StoreError,
>;

/// Whether the store's rows make the same export, but for its first line.
fn same_export(
    path: &Path,
    scope: &Scope,
    created_ms: i64,
    next: Next<'_>,
) -> Result<bool, BackupError> {
    let mut again = crate::export::Writing::begin(RowHash::default(), scope, created_ms)?;
    while let Some(batch) = next()? {
        for row in &batch {
            again.row(row)?;
        }
    }
    let (found, _) = again.end()?;
    let mut said = RowHash::default();
    let mut file = fs::File::open(path).map_err(|error| BackupError::file("read", path, error))?;
    std::io::copy(&mut file, &mut said).map_err(|error| BackupError::file("read", path, error))?;
    Ok(said.finish() == found.finish())
}

/// Hashes what comes between the first line and the last.
#[derive(Default)]
struct RowHash {
    hash: sha2::Sha256,
    line: Vec<u8>,
    lines: u64,
}

impl std::io::Write for RowHash {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                self.lines += 1;
                let is_last = self.line.starts_with(b"\"sha256\"");
                if self.lines > 1 && !is_last {
                    sha2::Digest::update(&mut self.hash, &self.line);
                }
                self.line.clear();
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl RowHash {
    fn finish(self) -> String {
        digest::hex(&sha2::Digest::finalize(self.hash))
    }
}

fn note_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(NOTE);
    PathBuf::from(name)
}

fn changed_ms(path: &Path) -> Option<(u64, i64)> {
    let file = fs::metadata(path).ok()?;
    let since = file
        .modified()
        .ok()?
        .duration_since(std::time::UNIX_EPOCH)
        .ok()?;
    Some((file.len(), i64::try_from(since.as_millis()).ok()?))
}

fn note(path: &Path, now_ms: i64) -> Result<(), BackupError> {
    let Some((bytes, changed_ms)) = changed_ms(path) else {
        return Ok(());
    };
    let note = Note {
        verified_at: archive::manifest::rfc3339(now_ms),
        software: env!("CARGO_PKG_VERSION").to_owned(),
        bytes,
        changed_ms,
    };
    let text = serde_json::to_string(&note).expect("names and numbers have a JSON form");
    let to = note_path(path);
    fs::write(&to, text + "\n").map_err(|error| BackupError::file("write", &to, error))
}

/// When a backup was verified, in milliseconds since 1970-01-01 UTC; `None` when it was not, or has changed since.
pub(crate) fn verified_ms(path: &Path) -> Option<i64> {
    let text = fs::read_to_string(note_path(path)).ok()?;
    let note: Note = serde_json::from_str(&text).ok()?;
    let same = changed_ms(path)? == (note.bytes, note.changed_ms);
    let at: Timestamp = note.verified_at.parse().ok()?;
    same.then(|| at.as_millisecond())
}

/// Removes what stands beside a backup.
pub(crate) fn forget(path: &Path) {
    let _ = fs::remove_file(note_path(path));
    let _ = fs::remove_file(crate::backup::checksum_path(path));
    let _ = name::sync_dir(name::dir_of(path));
}

/// When the newest verified backup in a folder was made, in milliseconds since 1970-01-01 UTC; `None` when none was
/// verified.
#[must_use]
pub fn newest_verified(dir: &Path) -> Option<i64> {
    let listed = crate::list(dir).ok()?;
    let verified = listed.into_iter().filter(|one| one.verified_ms.is_some());
    verified
        .filter_map(|one| one.backup.ok().map(|backup| backup.facts().created_ms))
        .max()
}
