//! Making backups.

use std::fs;
use std::path::{Path, PathBuf};

use everthread_store::Store;
use everthread_store::portable::{RowStream, Scope};
use futures::StreamExt;
use tempfile::{NamedTempFile, TempPath};
use tokio::sync::mpsc;

use crate::archive::{self, Spools};
use crate::backup::{Form, checksum_path};
use crate::error::{BackupError, BackupErrorKind};
use crate::{DEFAULT_PREFIX, Progress, digest, export, name};

/// Rows between two looks at how far it has come.
const TOLD_EVERY: u64 = 1_000;

/// What is to be made.
#[derive(Debug, Clone)]
pub struct Create {
    /// The folder, which is created when it is not there.
    pub dir: PathBuf,
    /// What the name begins with (default [`DEFAULT_PREFIX`]).
    pub prefix: String,
    /// This file, which must not be there, rather than one in the folder that is named by the time.
    pub file: Option<PathBuf>,
    /// The form.
    pub form: Form,
    /// Of what; a snapshot is always of all.
    pub scope: Scope,
    /// The time, in milliseconds since 1970-01-01 UTC.
    pub now_ms: i64,
}

/// A backup that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    /// Where it is.
    pub path: PathBuf,
    /// Its form.
    pub form: Form,
    /// Its size in bytes.
    pub bytes: u64,
    /// Rows that it holds; `None` for a snapshot.
    pub rows: Option<u64>,
}

impl Create {
    /// An archive of everything, in this folder, now.
    #[must_use]
    pub fn archive(dir: impl Into<PathBuf>, now_ms: i64) -> Self {
        Self {
            dir: dir.into(),
            prefix: DEFAULT_PREFIX.to_owned(),
            file: None,
            form: Form::Archive,
            scope: Scope::Whole,
            now_ms,
        }
    }

    /// Whether it goes together.
    ///
    /// # Errors
    /// `Invalid` for a snapshot of anything but all, or a prefix that is none.
    pub fn check(&self) -> Result<(), BackupError> {
        name::check_prefix(&self.prefix)?;
        if self.form == Form::Snapshot && self.scope != Scope::Whole {
            return Err(BackupError::new(
                BackupErrorKind::Invalid,
                "a snapshot holds everything: make an archive of a user or a thread",
            ));
        }
        Ok(())
    }
}

/// Makes a backup of a store, while others go on writing. The file has its name only once it is whole and on the disk.
/// `progress` hears pages of a snapshot, else rows.
///
/// # Errors
/// `Invalid` for a snapshot of anything but all, or a prefix that is none; `Unavailable` when the folder cannot be
/// written; `Store` as the store says.
pub async fn create(
    store: &dyn Store,
    what: &Create,
    progress: Progress<'_>,
) -> Result<Created, BackupError> {
    what.check()?;
    let mut what = what.clone();
    match &what.file {
        Some(file) => what.dir = name::dir_of(file).to_owned(),
        None => fs::create_dir_all(&what.dir)
            .map_err(|error| BackupError::file("create the folder", &what.dir, error))?,
    }
    let what = &what;
    let (part, rows) = match what.form {
        Form::Snapshot => (snapshot(store, what, progress).await?, None),
        form => {
            let rows = store.read_rows(&what.scope).await?;
            let (part, count) = write_rows(form, what, rows, progress).await?;
            (part, Some(count))
        }
    };
    let bytes = fs::metadata(&part)
        .map_err(|error| BackupError::file("read", &part, error))?
        .len();
    let sum = match what.form {
        Form::Snapshot => Some(
            digest::of_file(&part, &mut |_, _| {})
                .map_err(|error| BackupError::file("read", &part, error))?,
        ),
        _ => None,
    };
    let path = match &what.file {
        Some(file) => name::settle_as(&part, file)?,
        None => {
            let ending = what.form.ending();
            name::settle(&part, &what.dir, &what.prefix, what.now_ms, ending)?
        }
    };
    // It has another name now.
    let _ = part.keep();
    if let Some(sum) = sum {
        write_checksum(&path, &sum)?;
    }
    Ok(Created {
        path,
        form: what.form,
        bytes,
        rows,
    })
}

/// A file beside those that are finished: it goes when it is dropped.
fn unfinished(dir: &Path) -> Result<NamedTempFile, BackupError> {
    tempfile::Builder::new()
        .prefix(".everthread-")
        .suffix(".part")
        .tempfile_in(dir)
        .map_err(|error| BackupError::file("write in", dir, error))
}

async fn snapshot(
    store: &dyn Store,
    what: &Create,
    progress: Progress<'_>,
) -> Result<TempPath, BackupError> {
    let path = unfinished(&what.dir)?.into_temp_path();
    // The name is taken; the store creates the file itself.
    fs::remove_file(&path).map_err(|error| BackupError::file("write", &path, error))?;
    store.snapshot(&path, progress).await?;
    Ok(path)
}

fn write_checksum(path: &Path, sum: &str) -> Result<(), BackupError> {
    use std::io::Write;
    let to = checksum_path(path);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let written = fs::File::create(&to).and_then(|mut file| {
        file.write_all(digest::line(sum, &name).as_bytes())?;
        file.sync_all()
    });
    written.map_err(|error| BackupError::file("write", &to, error))?;
    name::sync_dir(name::dir_of(path))
}

/// Writes rows to an unfinished file, on a thread that may block.
async fn write_rows(
    form: Form,
    what: &Create,
    rows: RowStream,
    progress: Progress<'_>,
) -> Result<(TempPath, u64), BackupError> {
    let (told, mut hears) = mpsc::unbounded_channel();
    let (what, runtime) = (what.clone(), tokio::runtime::Handle::current());
    let writing = tokio::task::spawn_blocking(move || {
        let mut rows = rows;
        let mut next = || runtime.block_on(rows.next()).transpose();
        let file = unfinished(&what.dir)?;
        // What nobody waits for any more is not finished.
        let tell = |rows: u64| match rows.is_multiple_of(TOLD_EVERY) {
            true => told.send(rows).map_err(|_| given_up()),
            false => Ok(()),
        };
        let count = if form == Form::Archive {
            let mut spools = Spools::within(&what.dir)?;
            while let Some(batch) = next()? {
                for row in &batch {
                    spools.row(row)?;
                    tell(spools.rows())?;
                }
            }
            let count = spools.rows();
            archive::assemble(spools, &what.scope, what.now_ms, file.as_file())?;
            count
        } else {
            let mut export = export::Writing::begin(file.as_file(), &what.scope, what.now_ms)?;
            while let Some(batch) = next()? {
                for row in &batch {
                    export.row(row)?;
                    tell(export.rows())?;
                }
            }
            let count = export.rows();
            let (file, _) = export.end()?;
            file.sync_all()
                .map_err(|error| BackupError::file("sync a file in", &what.dir, error))?;
            count
        };
        Ok((file.into_temp_path(), count))
    });
    while let Some(rows) = hears.recv().await {
        progress(rows, 0);
    }
    writing.await.unwrap_or_else(|error| {
        let what = "making the backup was broken off: try again";
        Err(BackupError::new(BackupErrorKind::Unavailable, what).with_source(error))
    })
}

fn given_up() -> BackupError {
    BackupError::new(
        BackupErrorKind::Unavailable,
        "making the backup was given up",
    )
}
