//! The log as a file: what was written and waits, and the file beneath.

use std::ffi::{c_int, c_void};

use rusqlite::ffi;

/// What waits in memory at most: a longer transaction is written in several pieces. (SQLite's VFS for Unix cuts a write at
/// 128 KiB, and takes one of exactly that for a full disk.)
const MAX_WAITING: usize = 96 * 1024;

/// Lies where SQLite keeps a file of ours; the file beneath follows it in the same memory.
#[repr(C)]
pub(super) struct LogFile {
    base: ffi::sqlite3_file,
    waiting: *mut Waiting,
}

/// A stretch of the file that was given and not yet written.
#[derive(Debug, Default)]
struct Waiting {
    offset: i64,
    bytes: Vec<u8>,
}

impl Waiting {
    fn end(&self) -> i64 {
        // A stretch is shorter than MAX_WAITING and one page.
        self.offset + self.bytes.len() as i64
    }

    fn takes(&self, offset: i64, amount: usize) -> bool {
        !self.bytes.is_empty() && offset == self.end() && self.bytes.len() + amount <= MAX_WAITING
    }
}

impl LogFile {
    /// Bytes for a file over one of so many; `None` when that is beyond a C int.
    pub(super) fn size_over(inner: c_int) -> Option<c_int> {
        c_int::try_from(size_of::<Self>()).ok()?.checked_add(inner)
    }

    /// The file beneath.
    ///
    /// # Safety
    /// `file` has room for a `LogFile` and a file of the VFS beneath.
    pub(super) unsafe fn inner(file: *mut ffi::sqlite3_file) -> *mut ffi::sqlite3_file {
        // SAFETY: the caller says that the room is there.
        unsafe { file.cast::<Self>().add(1).cast() }
    }

    /// Makes it a file, over one that is open.
    ///
    /// # Safety
    /// As for [`LogFile::inner`]; the file beneath is open.
    pub(super) unsafe fn begin(file: *mut ffi::sqlite3_file) {
        let own = Self {
            base: ffi::sqlite3_file { pMethods: &METHODS },
            waiting: Box::into_raw(Box::default()),
        };
        // SAFETY: the caller says that the room is there; nothing in it needs to be dropped.
        unsafe { file.cast::<Self>().write(own) };
    }
}

/// The waiting stretch, and the file beneath with its methods.
///
/// # Safety
/// `file` was made by [`LogFile::begin`] and is not closed; SQLite uses a file from one thread at a time.
unsafe fn parts<'a>(
    file: *mut ffi::sqlite3_file,
) -> (
    &'a mut Waiting,
    *mut ffi::sqlite3_file,
    &'a ffi::sqlite3_io_methods,
) {
    // SAFETY: as the caller says; an open file has methods.
    unsafe {
        let inner = LogFile::inner(file);
        (
            &mut *(*file.cast::<LogFile>()).waiting,
            inner,
            &*(*inner).pMethods,
        )
    }
}

/// Writes what waits.
///
/// # Safety
/// As for [`parts`].
unsafe fn flush(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: as the caller says.
    unsafe {
        let (waiting, inner, methods) = parts(file);
        if waiting.bytes.is_empty() {
            return ffi::SQLITE_OK;
        }
        let (Some(write), Ok(amount)) = (methods.xWrite, c_int::try_from(waiting.bytes.len()))
        else {
            return ffi::SQLITE_IOERR_WRITE;
        };
        let code = write(inner, waiting.bytes.as_ptr().cast(), amount, waiting.offset);
        if code == ffi::SQLITE_OK {
            waiting.bytes.clear();
        }
        code
    }
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: SQLite closes a file once, and does not use it afterwards.
    unsafe {
        let flushed = flush(file);
        let (_, inner, methods) = parts(file);
        let closed = methods.xClose.map_or(ffi::SQLITE_OK, |close| close(inner));
        let own = file.cast::<LogFile>();
        drop(Box::from_raw((*own).waiting));
        (*own).base.pMethods = std::ptr::null();
        if flushed == ffi::SQLITE_OK {
            closed
        } else {
            flushed
        }
    }
}

unsafe extern "C" fn read(
    file: *mut ffi::sqlite3_file,
    to: *mut c_void,
    amount: c_int,
    offset: i64,
) -> c_int {
    // SAFETY: SQLite gives a file of ours and room for as many bytes.
    unsafe {
        let (waiting, inner, methods) = parts(file);
        let apart = waiting.bytes.is_empty()
            || offset + i64::from(amount) <= waiting.offset
            || offset >= waiting.end();
        if !apart {
            let code = flush(file);
            if code != ffi::SQLITE_OK {
                return code;
            }
        }
        methods.xRead.map_or(ffi::SQLITE_IOERR_READ, |read| {
            read(inner, to, amount, offset)
        })
    }
}

unsafe extern "C" fn write(
    file: *mut ffi::sqlite3_file,
    from: *const c_void,
    amount: c_int,
    offset: i64,
) -> c_int {
    // SAFETY: SQLite gives a file of ours and as many bytes.
    unsafe {
        let Ok(len) = usize::try_from(amount) else {
            return ffi::SQLITE_IOERR_WRITE;
        };
        if !parts(file).0.takes(offset, len) {
            let code = flush(file);
            if code != ffi::SQLITE_OK {
                return code;
            }
        }
        let (waiting, ..) = parts(file);
        if waiting.bytes.is_empty() {
            waiting.offset = offset;
        }
        waiting
            .bytes
            .extend_from_slice(std::slice::from_raw_parts(from.cast(), len));
        ffi::SQLITE_OK
    }
}

/// Declares methods that are those of the file beneath, once all is written.
macro_rules! after_flush {
    ($($name:ident = $method:ident ($($argument:ident: $kind:ty),*);)*) => {$(
        unsafe extern "C" fn $name(file: *mut ffi::sqlite3_file, $($argument: $kind),*) -> c_int {
            // SAFETY: SQLite gives a file of ours; what else it gives is for the file beneath.
            unsafe {
                let code = flush(file);
                if code != ffi::SQLITE_OK {
                    return code;
                }
                let (_, inner, methods) = parts(file);
                methods.$method.map_or(ffi::SQLITE_OK, |method| method(inner, $($argument),*))
            }
        }
    )*};
}

after_flush! {
    truncate = xTruncate(size: i64);
    sync = xSync(flags: c_int);
    file_size = xFileSize(size: *mut i64);
    lock = xLock(kind: c_int);
    unlock = xUnlock(kind: c_int);
    check_reserved_lock = xCheckReservedLock(held: *mut c_int);
}

unsafe extern "C" fn file_control(
    file: *mut ffi::sqlite3_file,
    what: c_int,
    argument: *mut c_void,
) -> c_int {
    // SAFETY: as above.
    unsafe {
        let code = flush(file);
        if code != ffi::SQLITE_OK {
            return code;
        }
        let (_, inner, methods) = parts(file);
        methods
            .xFileControl
            .map_or(ffi::SQLITE_NOTFOUND, |control| {
                control(inner, what, argument)
            })
    }
}

unsafe extern "C" fn sector_size(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: as above.
    unsafe {
        let (_, inner, methods) = parts(file);
        methods.xSectorSize.map_or(0, |size| size(inner))
    }
}

unsafe extern "C" fn characteristics(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: as above.
    unsafe {
        let (_, inner, methods) = parts(file);
        methods
            .xDeviceCharacteristics
            .map_or(0, |characteristics| characteristics(inner))
    }
}

/// Version 1: a log is neither shared memory nor mapped.
static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    iVersion: 1,
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
    xDeviceCharacteristics: Some(characteristics),
    xShmMap: None,
    xShmLock: None,
    xShmBarrier: None,
    xShmUnmap: None,
    xFetch: None,
    xUnfetch: None,
};
