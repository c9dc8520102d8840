//! A directory as the log tells it, at one moment: what programs see, what is safe, and what hangs in between.
//!
//! Names and files are apart, as on a real disk: a file that is safe may still lack its name when the directory
//! was not synced, and a deleted one may come back.

mod inode;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use crate::log::{Event, What, decode};
use crate::rng::Rng;
use inode::Inode;

/// A directory on a disk.
#[derive(Debug)]
pub(crate) struct Disk {
    files: Vec<Inode>,
    /// Which file each name stands for, as programs see it.
    names: BTreeMap<String, usize>,
    /// The same as it is safe.
    safe_names: BTreeMap<String, usize>,
    /// Changes of names that are not safe yet, in order.
    changes: Vec<(String, Option<usize>)>,
    /// How many changes came before these.
    settled: usize,
    syncs: HashMap<u64, Sync>,
    /// Decides what failed syncs left behind.
    rng: Rng,
}

/// A sync under way: what it covers.
#[derive(Debug, Clone, Copy)]
struct Sync {
    file: usize,
    writes: usize,
    changes: usize,
}

impl Disk {
    pub(crate) fn new() -> Self {
        Self {
            files: Vec::new(),
            names: BTreeMap::new(),
            safe_names: BTreeMap::new(),
            changes: Vec::new(),
            settled: 0,
            syncs: HashMap::new(),
            rng: Rng::new(0),
        }
    }

    /// The directory after everything in a log.
    pub(crate) fn replay(log: &[u8]) -> Self {
        let mut disk = Self::new();
        for (_, event) in decode(log) {
            disk.apply(&event);
        }
        disk
    }

    /// What happened next.
    pub(crate) fn apply(&mut self, event: &Event<'_>) {
        let name = event.name;
        match event.what {
            What::Found { bytes } => {
                self.files.push(Inode::safe(bytes.to_vec()));
                let file = self.files.len() - 1;
                self.names.insert(name.to_owned(), file);
                self.safe_names.insert(name.to_owned(), file);
            }
            What::Created => {
                self.files.push(Inode::safe(Vec::new()));
                let file = self.files.len() - 1;
                self.names.insert(name.to_owned(), file);
                self.changes.push((name.to_owned(), Some(file)));
            }
            What::Written { offset, bytes } => {
                self.file(name)
                    .write(usize::try_from(offset).unwrap(), bytes);
            }
            What::Resized { size } => self.file(name).resize(usize::try_from(size).unwrap()),
            What::SyncBegan { token } => {
                let file = self.names[name];
                let sync = Sync {
                    file,
                    writes: self.files[file].position(),
                    changes: self.settled + self.changes.len(),
                };
                self.syncs.insert(token, sync);
            }
            What::SyncEnded { token } => {
                let sync = self.syncs.remove(&token).unwrap();
                self.files[sync.file].settle(sync.writes);
            }
            What::SyncEndedWithDir { token } => {
                let sync = self.syncs.remove(&token).unwrap();
                self.files[sync.file].settle(sync.writes);
                self.settle_names(sync.changes);
            }
            What::SyncFailed { token } => {
                let sync = self.syncs.remove(&token).unwrap();
                self.files[sync.file].abandon(sync.writes, &mut self.rng);
            }
            What::Deleted => self.delete(name),
            What::DeletedWithDir => {
                self.delete(name);
                self.settle_names(self.settled + self.changes.len());
            }
        }
    }

    fn file(&mut self, name: &str) -> &mut Inode {
        &mut self.files[self.names[name]]
    }

    fn delete(&mut self, name: &str) {
        self.names.remove(name);
        self.changes.push((name.to_owned(), None));
    }

    /// The directory is safe as it was after so many changes.
    fn settle_names(&mut self, upto: usize) {
        let count = upto.saturating_sub(self.settled);
        for (name, file) in self.changes.drain(..count) {
            match file {
                Some(file) => self.safe_names.insert(name, file),
                None => self.safe_names.remove(&name),
            };
        }
        self.settled += count;
    }

    /// The directory as programs see it now.
    pub(crate) fn seen(&self) -> BTreeMap<String, Vec<u8>> {
        let seen =
            |(name, file): (&String, &usize)| (name.clone(), self.files[*file].seen().to_vec());
        self.names.iter().map(seen).collect()
    }

    /// Whether everything that programs see is safe.
    pub(crate) fn is_safe(&self) -> bool {
        self.changes.is_empty() && self.names.values().all(|file| self.files[*file].is_safe())
    }

    /// The directory as it may be found after a power cut now: one of very many ways, chosen by `rng`.
    pub(crate) fn after_cut(&self, rng: &mut Rng) -> BTreeMap<String, Vec<u8>> {
        let changed = self.changes.iter().map(|(name, _)| name);
        let names: BTreeSet<&String> = self.safe_names.keys().chain(changed).collect();
        let mut found = BTreeMap::new();
        for name in names {
            // A name stands for what it safely stood for or for what any change since then made of it.
            let mut choices = vec![self.safe_names.get(name).copied()];
            let changes = self.changes.iter().filter(|(changed, _)| changed == name);
            choices.extend(changes.map(|(_, file)| *file));
            if let Some(file) = choices[rng.below(choices.len())] {
                found.insert(name.clone(), self.files[file].after_cut(rng));
            }
        }
        found
    }
}

/// Writes a directory's files, and sometimes what no power cut promises to clear: a stale shared memory file.
pub(crate) fn write_files(files: &BTreeMap<String, Vec<u8>>, dir: &Path, rng: &mut Rng) {
    for (name, bytes) in files {
        std::fs::write(dir.join(name), bytes).unwrap();
        if let Some(base) = name.strip_suffix("-wal")
            && rng.once_in(4)
        {
            std::fs::write(dir.join(format!("{base}-shm")), rng.bytes(32_768)).unwrap();
        }
    }
}

/// The files of a directory that a disk knows of: all but shared memory.
pub(crate) fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(dir).unwrap().map(Result::unwrap);
    entries
        .filter(|entry| entry.file_type().unwrap().is_file())
        .map(|entry| (entry.file_name().into_string().unwrap(), entry.path()))
        .filter(|(name, _)| !name.ends_with("-shm"))
        .map(|(name, path)| (name, std::fs::read(path).unwrap()))
        .collect()
}
