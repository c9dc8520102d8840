//! Who holds a run: an operating-system lock for each open store, which the system lets go of when the process ends,
//! however it ends.
//!
//! The lock is a file in `<database>-owners/`, named by the owner's id; its content means nothing. Where the lock of
//! an owner can be taken, or its file is gone, the owner is gone.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use everthread_graph::contract::{StoreError, StoreErrorKind};
use uuid::Uuid;

use crate::options::Location;

/// This store's own lock, and a look at those of others.
#[derive(Debug)]
pub(crate) struct Owner {
    name: Arc<str>,
    dir: Option<PathBuf>,
    lock: Mutex<Option<File>>,
}

impl Owner {
    /// Takes a lock of its own, and removes what processes that are gone left behind. The file must be there.
    pub(crate) fn take(location: &Location) -> Result<Self, StoreError> {
        let Location::File(path) = location else {
            return Ok(Self {
                name: Uuid::now_v7().to_string().into(),
                dir: None,
                lock: Mutex::new(None),
            });
        };
        // Whichever way leads to the file, its owners meet in one place.
        let path = path.canonicalize().map_err(|error| {
            StoreError::new(
                StoreErrorKind::Unavailable,
                format!("cannot find {} any more", path.display()),
            )
            .with_source(error)
        })?;
        let dir = dir_of(&path);
        let failed = |error: io::Error| {
            StoreError::new(
                StoreErrorKind::Unavailable,
                format!(
                    "cannot write in {}, where open stores leave their locks: check its permissions and free space",
                    dir.display()
                ),
            )
            .with_source(error)
        };
        match fs::create_dir(&dir) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(failed(error));
            }
            _ => {}
        }
        sweep(&dir);
        let (name, lock) = lock_new(&dir).map_err(failed)?;
        Ok(Self {
            name: name.into(),
            dir: Some(dir),
            lock: Mutex::new(Some(lock)),
        })
    }

    /// Takes no lock, and only looks at those of others: for a store that is only read, which holds no run.
    pub(crate) fn onlooker(location: &Location) -> Self {
        let dir = match location {
            Location::File(path) => path.canonicalize().ok().map(|path| dir_of(&path)),
            Location::Memory => None,
        };
        Self {
            name: Uuid::now_v7().to_string().into(),
            dir,
            lock: Mutex::new(None),
        }
    }

    /// The name under which runs say whose they are.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The same, to be kept.
    pub(crate) fn shared_name(&self) -> Arc<str> {
        Arc::clone(&self.name)
    }

    /// Whether the store of this name is still open somewhere. Removes the lock file of one that is not.
    pub(crate) fn is_alive(&self, name: &str) -> bool {
        if name == &*self.name {
            return true;
        }
        match &self.dir {
            // A name is only ever one that this program made; anything else must not lead out of the folder.
            Some(dir) if Uuid::parse_str(name).is_ok() => is_held(&dir.join(name)),
            _ => false,
        }
    }

    /// Lets go of the lock: runs that are still active become orphans.
    pub(crate) fn release(&self) {
        let mut lock = self
            .lock
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        if let (Some(file), Some(dir)) = (lock.take(), &self.dir) {
            let _ = fs::remove_file(dir.join(&*self.name));
            drop(file);
            // Succeeds for the last one only.
            let _ = fs::remove_dir(dir);
        }
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.release();
    }
}

fn dir_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-owners");
    PathBuf::from(name)
}

/// A locked file of a new name. Another store may sweep the file away between its creation and its lock, or the
/// last one may remove the folder: then there is another try.
fn lock_new(dir: &Path) -> io::Result<(String, File)> {
    const TRIES: usize = 16;
    let mut last = io::Error::other("no lock file stayed in place");
    for _ in 0..TRIES {
        let name = Uuid::now_v7().to_string();
        let path = dir.join(&name);
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(file) => {
                if file.try_lock().is_ok() && path.exists() {
                    return Ok((name, file));
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let _ = fs::create_dir(dir);
                last = error;
            }
            Err(error) => return Err(error),
        }
    }
    Err(last)
}

/// Whether somebody holds the lock of this file; a file that nobody holds is removed.
fn is_held(path: &Path) -> bool {
    let file = match OpenOptions::new().write(true).open(path) {
        Ok(file) => file,
        // Too many open files or a missing permission prove nothing.
        Err(error) => return error.kind() != io::ErrorKind::NotFound,
    };
    match file.try_lock() {
        Ok(()) => {
            let _ = fs::remove_file(path);
            false
        }
        Err(TryLockError::WouldBlock) => true,
        // A file system without locks: better a run that waits than two that write.
        Err(TryLockError::Error(_)) => true,
    }
}

/// Whether any process has the store in this file open.
pub(crate) fn is_open(path: &Path) -> bool {
    let Ok(path) = path.canonicalize() else {
        return false;
    };
    let Ok(entries) = fs::read_dir(dir_of(&path)) else {
        return false;
    };
    entries.flatten().any(|entry| {
        let name = entry.file_name();
        let ours = name
            .to_str()
            .is_some_and(|name| Uuid::parse_str(name).is_ok());
        ours && is_held(&entry.path())
    })
}

fn sweep(dir: &Path) {
    let Ok(entries) = fs::read_dir(dir) else {
        return;
    };
    for entry in entries.flatten() {
        let ours = entry
            .file_name()
            .to_str()
            .is_some_and(|name| Uuid::parse_str(name).is_ok());
        if ours {
            is_held(&entry.path());
        }
    }
}
