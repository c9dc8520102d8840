//! A SQLite VFS that does everything through the system's own and tells the [`Device`] beneath each file.
//!
//! Characteristics: sector size and `POWERSAFE_OVERWRITE` are those of the system's VFS, so that SQLite takes the
//! very steps that it takes in production (with `POWERSAFE_OVERWRITE` off it would pad the log, which is safer); what
//! that flag promises, and no more, is what the images keep: a torn 512-byte sector holds its old or its new bytes.
//! No atomic writes are reported, whatever the file system can do. There is no `xFetch`, so that every byte of
//! database, log and journal goes through `xWrite`.

#![expect(unsafe_code, reason = "SQLite calls a VFS through C function pointers")]

mod file;

use std::ffi::{CStr, OsStr, c_char, c_int};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Once;

use rusqlite::ffi;

use crate::device::Device;
use crate::log::What;
use file::{Handle, PowerFile};

/// The name under which the VFS is registered.
pub(crate) const NAME: &str = "everthread-power";
const C_NAME: &CStr = c"everthread-power";

/// Registers the VFS with this process's SQLite, once.
pub(crate) fn register() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: the default VFS lives as long as the process, and so does ours, which is leaked. All its functions
        // but `xOpen` and `xDelete` are the system's: none of these looks at the VFS that it is called with.
        unsafe {
            let system = ffi::sqlite3_vfs_find(std::ptr::null());
            assert!(!system.is_null(), "SQLite has a default VFS");
            let vfs = ffi::sqlite3_vfs {
                szOsFile: c_int::try_from(size_of::<PowerFile>()).unwrap() + (*system).szOsFile,
                pNext: std::ptr::null_mut(),
                zName: C_NAME.as_ptr(),
                pAppData: system.cast(),
                xOpen: Some(open),
                xDelete: Some(delete),
                ..*system
            };
            let code = ffi::sqlite3_vfs_register(Box::leak(Box::new(vfs)), 0);
            assert_eq!(code, ffi::SQLITE_OK);
        }
    });
}

/// Opens a file: one on a device gets our methods in front of the system's, any other the system's alone.
unsafe extern "C" fn open(
    vfs: *mut ffi::sqlite3_vfs,
    name: ffi::sqlite3_filename,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    // SAFETY: SQLite gives a VFS that we registered, a name that is null or ends in a zero, and room for `szOsFile`
    // bytes, which is ours and the system's file.
    unsafe {
        let system = (*vfs).pAppData.cast::<ffi::sqlite3_vfs>();
        let system_open = (*system).xOpen.expect("the system's VFS opens files");
        let Some((device, short)) = path_of(name).and_then(Device::beneath) else {
            return system_open(system, name, file, flags, out_flags);
        };
        let directory = device.hold_directory();
        let was_there = path_of(name).is_some_and(Path::exists);
        let inner = PowerFile::inner(file);
        let code = system_open(system, name, inner, flags, out_flags);
        if code == ffi::SQLITE_OK && !was_there {
            device.note(&short, What::Created);
        }
        drop(directory);
        // The system's VFS does the same: the first sync of such a file syncs the directory.
        let journals =
            ffi::SQLITE_OPEN_SUPER_JOURNAL | ffi::SQLITE_OPEN_MAIN_JOURNAL | ffi::SQLITE_OPEN_WAL;
        let syncs_dir = flags & ffi::SQLITE_OPEN_CREATE != 0 && flags & journals != 0;
        let handle = Handle::new(device, short, syncs_dir);
        PowerFile::set(file, (code == ffi::SQLITE_OK).then_some(handle));
        code
    }
}

/// Deletes a file.
unsafe extern "C" fn delete(
    vfs: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    sync_dir: c_int,
) -> c_int {
    // SAFETY: SQLite gives a VFS that we registered and a name that ends in a zero.
    unsafe {
        let system = (*vfs).pAppData.cast::<ffi::sqlite3_vfs>();
        let system_delete = (*system).xDelete.expect("the system's VFS deletes files");
        let Some((device, short)) = path_of(name).and_then(Device::beneath) else {
            return system_delete(system, name, sync_dir);
        };
        let _directory = device.hold_directory();
        let code = system_delete(system, name, sync_dir);
        if code == ffi::SQLITE_OK {
            let synced = sync_dir & 1 != 0 && !device.ignores_syncs();
            device.note(
                &short,
                if synced {
                    What::DeletedWithDir
                } else {
                    What::Deleted
                },
            );
        }
        code
    }
}

/// The path that SQLite names; `None` for a temporary file.
unsafe fn path_of<'a>(name: *const c_char) -> Option<&'a Path> {
    if name.is_null() {
        return None;
    }
    // SAFETY: a name that is not null ends in a zero and outlives the call that it was given to.
    let name = unsafe { CStr::from_ptr(name) };
    Some(Path::new(OsStr::from_bytes(name.to_bytes())))
}
