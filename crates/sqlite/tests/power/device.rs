//! The simulated disk beneath a directory: it notes down what happens there and can be told to fail.
//!
//! The VFS asks it; tests set it up. Directories without a device are left alone.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use crate::disk::{Disk, files};
use crate::log::{Event, What, encode, whole_len};

static DEVICES: Mutex<Vec<Arc<Device>>> = Mutex::new(Vec::new());

/// How a device behaves from the start.
#[derive(Debug, Clone, Default)]
pub(crate) struct DeviceOptions {
    /// Where to note events; nowhere when `None`.
    pub(crate) log: Option<PathBuf>,
    /// Syncs do nothing and claim success, which is what `synchronous=OFF` comes to.
    pub(crate) ignore_syncs: bool,
    /// How long a sync takes on top of the real one.
    pub(crate) sync_delay: Duration,
    /// Every so manieth sync of a write-ahead log fails; 0 for none.
    pub(crate) fail_wal_sync_every: u32,
}

/// One simulated disk.
#[derive(Debug)]
pub(crate) struct Device {
    dir: PathBuf,
    log: Option<File>,
    options: DeviceOptions,
    directory: Mutex<()>,
    tokens: AtomicU64,
    free_bytes: AtomicI64,
    shm_bytes: AtomicI64,
    wal_syncs: AtomicU32,
    failing: Mutex<Option<String>>,
}

impl Device {
    /// Puts a directory on a simulated disk, for files that are opened through the VFS from now on. What lies in the
    /// directory counts as safe.
    pub(crate) fn attach(dir: &Path, options: DeviceOptions) -> Arc<Self> {
        let known = options
            .log
            .as_ref()
            .and_then(|path| std::fs::read(path).ok());
        let log = options.log.as_ref().map(|path| {
            let mut options = OpenOptions::new();
            let log = options.create(true).append(true).open(path).unwrap();
            // A process that is killed may leave a part of its last record.
            let whole = known.as_deref().map_or(0, whole_len);
            log.set_len(whole as u64).unwrap();
            log
        });
        let device = Arc::new(Self {
            dir: dir.canonicalize().unwrap(),
            log,
            options,
            directory: Mutex::new(()),
            // Several processes may note in one log, one after the other.
            tokens: AtomicU64::new(u64::from(std::process::id()) << 32),
            free_bytes: AtomicI64::new(i64::MAX),
            shm_bytes: AtomicI64::new(0),
            wal_syncs: AtomicU32::new(0),
            failing: Mutex::new(None),
        });
        device.take_stock(known.as_deref());
        DEVICES.lock().unwrap().push(Arc::clone(&device));
        device
    }

    /// Notes what there is: as safe at first, and as just done where a process before this one, which noted in the
    /// same log, was killed before it noted the last that it did.
    fn take_stock(&self, known: Option<&[u8]>) {
        let found = files(&self.dir);
        let Some(known) = known.map(|log| Disk::replay(log).seen()) else {
            for (name, bytes) in &found {
                self.note(name, What::Found { bytes });
            }
            return;
        };
        for name in known.keys().filter(|name| !found.contains_key(*name)) {
            self.note(name, What::Deleted);
        }
        for (name, bytes) in &found {
            let was = known.get(name);
            if was.is_none() {
                self.note(name, What::Created);
            }
            if was != Some(bytes) {
                self.note(
                    name,
                    What::Resized {
                        size: bytes.len() as u64,
                    },
                );
                self.note(name, What::Written { offset: 0, bytes });
            }
        }
    }

    /// The device beneath a file, and the file's name there.
    pub(crate) fn beneath(path: &Path) -> Option<(Arc<Self>, String)> {
        let devices = DEVICES.lock().unwrap();
        let device = devices
            .iter()
            .find(|device| path.parent() == Some(&device.dir))?;
        let name = path.file_name()?.to_str()?.to_owned();
        Some((Arc::clone(device), name))
    }

    /// Held while a file is created or deleted, so that the log has these in their true order.
    pub(crate) fn hold_directory(&self) -> MutexGuard<'_, ()> {
        self.directory.lock().unwrap()
    }

    pub(crate) fn note(&self, name: &str, what: What<'_>) {
        if let Some(mut log) = self.log.as_ref() {
            let record = encode(&Event { name, what });
            let written = log.write(&record).unwrap();
            assert_eq!(written, record.len(), "a record must go into one write");
        }
    }

    /// A name for one sync.
    pub(crate) fn token(&self) -> u64 {
        self.tokens.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn ignores_syncs(&self) -> bool {
        self.options.ignore_syncs
    }

    pub(crate) fn sync_delay(&self) -> Duration {
        self.options.sync_delay
    }

    /// The disk has room for so many more bytes.
    pub(crate) fn set_free_bytes(&self, bytes: i64) {
        self.free_bytes.store(bytes, Ordering::SeqCst);
    }

    /// Takes room for a file that grows; `false` when the disk is full.
    pub(crate) fn take_room(&self, growth: i64) -> bool {
        if self.free_bytes.load(Ordering::SeqCst) == i64::MAX {
            return true;
        }
        let took = |free: i64| (growth <= free).then(|| free - growth);
        self.free_bytes
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, took)
            .is_ok()
    }

    /// Takes room for the shared memory file of a database up to this size.
    pub(crate) fn take_shm_room(&self, size: i64) -> bool {
        let known = self.shm_bytes.load(Ordering::SeqCst);
        let room = size <= known || self.take_room(size - known);
        if room {
            self.shm_bytes.fetch_max(size, Ordering::SeqCst);
        }
        room
    }

    /// The next sync of a file whose name ends like this fails.
    pub(crate) fn fail_next_sync(&self, suffix: &str) {
        *self.failing.lock().unwrap() = Some(suffix.to_owned());
    }

    /// Whether a failure that was asked for has not happened yet.
    pub(crate) fn is_failure_pending(&self) -> bool {
        self.failing.lock().unwrap().is_some()
    }

    /// Whether this sync is to fail.
    pub(crate) fn fails_sync(&self, name: &str) -> bool {
        let mut failing = self.failing.lock().unwrap();
        if failing
            .as_ref()
            .is_some_and(|suffix| name.ends_with(suffix))
        {
            *failing = None;
            return true;
        }
        let every = self.options.fail_wal_sync_every;
        every > 0
            && name.ends_with("-wal")
            && (self.wal_syncs.fetch_add(1, Ordering::SeqCst) + 1).is_multiple_of(every)
    }
}
