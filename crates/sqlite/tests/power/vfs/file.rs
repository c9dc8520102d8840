//! The methods of one open file.

use std::ffi::{c_int, c_void};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::ffi::{self, sqlite3_file, sqlite3_int64};

use crate::device::Device;
use crate::log::What;

/// What SQLite holds for one open file. The system's own file follows it in memory.
#[repr(C)]
pub(super) struct PowerFile {
    base: sqlite3_file,
    handle: *mut Handle,
}

/// What we know of one open file.
pub(super) struct Handle {
    device: Arc<Device>,
    name: String,
    syncs_dir: AtomicBool,
}

impl Handle {
    pub(super) fn new(device: Arc<Device>, name: String, syncs_dir: bool) -> Self {
        Self {
            device,
            name,
            syncs_dir: AtomicBool::new(syncs_dir),
        }
    }

    fn note(&self, what: What<'_>) {
        self.device.note(&self.name, what);
    }
}

impl PowerFile {
    /// The system's file behind ours.
    pub(super) unsafe fn inner(file: *mut sqlite3_file) -> *mut sqlite3_file {
        // SAFETY: `szOsFile` covers both, and the size of this type is a multiple of a pointer's.
        unsafe { file.byte_add(size_of::<Self>()) }
    }

    /// Makes the file ours; with no handle it stays one that could not be opened.
    pub(super) unsafe fn set(file: *mut sqlite3_file, handle: Option<Handle>) {
        // SAFETY: SQLite gave room for a `PowerFile` at this address.
        unsafe {
            let methods = handle
                .as_ref()
                .map_or(std::ptr::null(), |_| &raw const METHODS);
            let handle = handle.map_or(std::ptr::null_mut(), |it| Box::into_raw(Box::new(it)));
            file.cast::<Self>().write(Self {
                base: sqlite3_file { pMethods: methods },
                handle,
            });
        }
    }

    unsafe fn handle<'a>(file: *mut sqlite3_file) -> &'a Handle {
        // SAFETY: only files with a handle have our methods; it is freed by `close` alone.
        unsafe { &*(*file.cast::<Self>()).handle }
    }
}

/// Calls the system's method on the system's file.
macro_rules! system {
    ($file:expr, $method:ident $(, $arg:expr)*) => {
        // SAFETY: the system's file was opened, so it has methods; those of version 2 are all there on Unix.
        unsafe {
            let inner = PowerFile::inner($file);
            ((*(*inner).pMethods).$method.expect("a method of version 2"))(inner $(, $arg)*)
        }
    };
}

/// Defines methods that only forward.
macro_rules! forwarded {
    ($($name:ident $method:ident ($($arg:ident: $type:ty),*) -> $result:ty;)*) => {
        $(unsafe extern "C" fn $name(file: *mut sqlite3_file $(, $arg: $type)*) -> $result {
            system!(file, $method $(, $arg)*)
        })*
    };
}

forwarded! {
    read xRead(to: *mut c_void, len: c_int, offset: sqlite3_int64) -> c_int;
    file_size xFileSize(size: *mut sqlite3_int64) -> c_int;
    lock xLock(level: c_int) -> c_int;
    unlock xUnlock(level: c_int) -> c_int;
    check_reserved_lock xCheckReservedLock(result: *mut c_int) -> c_int;
    file_control xFileControl(op: c_int, arg: *mut c_void) -> c_int;
    sector_size xSectorSize() -> c_int;
    shm_lock xShmLock(offset: c_int, n: c_int, flags: c_int) -> c_int;
    shm_barrier xShmBarrier() -> ();
    shm_unmap xShmUnmap(delete: c_int) -> c_int;
}

static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: None,
    xUnfetch: None,
};

unsafe extern "C" fn close(file: *mut sqlite3_file) -> c_int {
    let code = system!(file, xClose);
    // SAFETY: `set` made the handle from a box, and SQLite closes a file once.
    unsafe { drop(Box::from_raw((*file.cast::<PowerFile>()).handle)) };
    code
}

unsafe extern "C" fn write(
    file: *mut sqlite3_file,
    from: *const c_void,
    len: c_int,
    offset: sqlite3_int64,
) -> c_int {
    // SAFETY: the file is one of ours.
    let handle = unsafe { PowerFile::handle(file) };
    if !takes_room(file, handle, offset + sqlite3_int64::from(len)) {
        return ffi::SQLITE_FULL;
    }
    let code = system!(file, xWrite, from, len, offset);
    if code == ffi::SQLITE_OK {
        // SAFETY: SQLite gives `len` bytes.
        let bytes =
            unsafe { std::slice::from_raw_parts(from.cast(), usize::try_from(len).unwrap()) };
        handle.note(What::Written {
            offset: u64::try_from(offset).unwrap(),
            bytes,
        });
    }
    code
}

/// Whether the disk has room for the file to reach `end`.
fn takes_room(file: *mut sqlite3_file, handle: &Handle, end: sqlite3_int64) -> bool {
    let mut size = 0;
    let code = system!(file, xFileSize, &raw mut size);
    code == ffi::SQLITE_OK && (end <= size || handle.device.take_room(end - size))
}

unsafe extern "C" fn truncate(file: *mut sqlite3_file, size: sqlite3_int64) -> c_int {
    // SAFETY: the file is one of ours.
    let handle = unsafe { PowerFile::handle(file) };
    let code = system!(file, xTruncate, size);
    if code == ffi::SQLITE_OK {
        let size = u64::try_from(size).unwrap();
        handle.note(What::Resized { size });
    }
    code
}

unsafe extern "C" fn sync(file: *mut sqlite3_file, flags: c_int) -> c_int {
    // SAFETY: the file is one of ours.
    let handle = unsafe { PowerFile::handle(file) };
    if handle.device.ignores_syncs() {
        return ffi::SQLITE_OK;
    }
    let token = handle.device.token();
    handle.note(What::SyncBegan { token });
    if !handle.device.sync_delay().is_zero() {
        std::thread::sleep(handle.device.sync_delay());
    }
    if handle.device.fails_sync(&handle.name) {
        handle.note(What::SyncFailed { token });
        return ffi::SQLITE_IOERR_FSYNC;
    }
    let code = system!(file, xSync, flags);
    if code == ffi::SQLITE_OK {
        let with_dir = handle.syncs_dir.swap(false, Ordering::SeqCst);
        handle.note(if with_dir {
            What::SyncEndedWithDir { token }
        } else {
            What::SyncEnded { token }
        });
    }
    code
}

unsafe extern "C" fn device_characteristics(file: *mut sqlite3_file) -> c_int {
    let honest = ffi::SQLITE_IOCAP_POWERSAFE_OVERWRITE | ffi::SQLITE_IOCAP_SUBPAGE_READ;
    system!(file, xDeviceCharacteristics) & honest
}

unsafe extern "C" fn shm_map(
    file: *mut sqlite3_file,
    page: c_int,
    page_bytes: c_int,
    extend: c_int,
    out: *mut *mut c_void,
) -> c_int {
    // SAFETY: the file is one of ours.
    let handle = unsafe { PowerFile::handle(file) };
    let end = i64::from(page + 1) * i64::from(page_bytes);
    if extend != 0 && !handle.device.take_shm_room(end) {
        return ffi::SQLITE_IOERR_SHMSIZE;
    }
    system!(file, xShmMap, page, page_bytes, extend, out)
}
