//! A SQLite VFS that writes the log in few pieces.
//!
//! SQLite writes each frame of its write-ahead log in two pieces, some twenty a turn, and each costs a call of the system. With
//! `synchronous = FULL` nobody looks at what was written before the log is synced: only then are its frames entered in the
//! index by which other connections find them. So what is written one after the other waits here, in memory, until the sync
//! writes it as one piece. Whatever else is asked of the file sees it written before.
//!
//! Without a sync after each transaction this would be wrong; [`over`] is for connections with `synchronous = FULL` only.
//! Every other file, and every other method, is the VFS's beneath.

#![expect(unsafe_code, reason = "SQLite calls a VFS through C function pointers")]

mod log_file;

use std::collections::HashMap;
use std::ffi::{CString, c_int};
use std::sync::{Mutex, PoisonError};

use rusqlite::ffi;

use log_file::LogFile;

/// Our VFS, which begins as SQLite's own description of one.
#[repr(C)]
struct Vfs {
    base: ffi::sqlite3_vfs,
    beneath: *mut ffi::sqlite3_vfs,
}

/// The name of the VFS that writes the log in few pieces and does everything else through this one (`None` for the system's).
/// `None` when there is no such VFS.
pub(crate) fn over(beneath: Option<&str>) -> Option<String> {
    static REGISTERED: Mutex<Option<HashMap<String, String>>> = Mutex::new(None);
    let key = beneath.unwrap_or_default();
    let mut registered = REGISTERED.lock().unwrap_or_else(PoisonError::into_inner);
    let registered = registered.get_or_insert_with(HashMap::new);
    if let Some(name) = registered.get(key) {
        return Some(name.clone());
    }
    let name = match beneath {
        None => "everthread".to_owned(),
        Some(beneath) => format!("everthread-{beneath}"),
    };
    register(beneath, &name)?;
    registered.insert(key.to_owned(), name.clone());
    Some(name)
}

fn register(beneath: Option<&str>, name: &str) -> Option<()> {
    let beneath = beneath.map(CString::new).transpose().ok()?;
    let name = CString::new(name).ok()?;
    // SAFETY: a VFS that SQLite knows lives until it is unregistered, which nobody does; ours and its name are leaked. All
    // functions but `xOpen` are those of the VFS beneath, which finds its own data in `pAppData`.
    unsafe {
        let found = ffi::sqlite3_vfs_find(
            beneath
                .as_deref()
                .map_or(std::ptr::null(), |name| name.as_ptr()),
        );
        if found.is_null() {
            return None;
        }
        let vfs = Vfs {
            base: ffi::sqlite3_vfs {
                szOsFile: LogFile::size_over((*found).szOsFile)?,
                pNext: std::ptr::null_mut(),
                zName: name.into_raw(),
                xOpen: Some(open),
                ..*found
            },
            beneath: found,
        };
        let vfs: *mut Vfs = Box::leak(Box::new(vfs));
        (ffi::sqlite3_vfs_register(vfs.cast(), 0) == ffi::SQLITE_OK).then_some(())
    }
}

/// Opens a file: the log gets our methods in front of those beneath, any other file has those alone.
unsafe extern "C" fn open(
    vfs: *mut ffi::sqlite3_vfs,
    name: ffi::sqlite3_filename,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    // SAFETY: SQLite gives the VFS that we registered, which is the first field of ours, and room for `szOsFile` bytes.
    unsafe {
        let beneath = (*vfs.cast::<Vfs>()).beneath;
        let Some(open_beneath) = (*beneath).xOpen else {
            return ffi::SQLITE_CANTOPEN;
        };
        if flags & ffi::SQLITE_OPEN_WAL == 0 {
            return open_beneath(beneath, name, file, flags, out_flags);
        }
        (*file).pMethods = std::ptr::null();
        let inner = LogFile::inner(file);
        (*inner).pMethods = std::ptr::null();
        let code = open_beneath(beneath, name, inner, flags, out_flags);
        if code == ffi::SQLITE_OK {
            LogFile::begin(file);
        } else if let Some(methods) = (*inner).pMethods.as_ref()
            && let Some(close) = methods.xClose
        {
            // What opened half is SQLite's to close, and it will not see this file.
            close(inner);
        }
        code
    }
}
