//! What reads files that somebody else may have written, each as a function over bytes. Whatever the bytes are, the
//! answer is an error or something that can be imported: no panic, no file but the one that is read.
//!
//! The same functions are run by the fuzzer and by the tests of `everthread-backup`, which mutate good files.

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use everthread_backup::langgraph::{Owner, Translate, translate};
use everthread_backup::{Backup, BackupError, Import, import};
use everthread_graph::contract::{StoreError, UserId};
use everthread_sqlite::{LangGraphFile, SqliteOptions, SqliteStore};
use everthread_store::Store;
use everthread_store::langgraph::{Checkpoints, Line, Put, StoredCheckpoint, StoredValue};
use sha2::{Digest, Sha256};

/// The kinds of rows, in the order of an archive.
const KINDS: [&str; 13] = [
    "records",
    "users",
    "sessions",
    "items",
    "threads",
    "branches",
    "heads",
    "runs",
    "checkpoints",
    "channel_changes",
    "pending_writes",
    "messages",
    "run_events",
];

/// What the manifest and the first line of an export say.
const FACTS: &str = r#""version":1,"software":"0.1.0","created_at":"2024-11-22T22:30:45Z","scope":{"kind":"whole"}"#;

/// A place to read in: a folder, an empty store, and what is needed to wait.
pub struct Bench {
    dir: tempfile::TempDir,
    runtime: tokio::runtime::Runtime,
    store: Arc<dyn Store>,
}

thread_local! {
    static BENCH: RefCell<Option<Bench>> = const { RefCell::new(None) };
}

/// Does something at this thread's bench.
pub fn at_bench<T>(work: impl FnOnce(&Bench) -> T) -> T {
    BENCH.with_borrow_mut(|bench| work(bench.get_or_insert_with(Bench::new)))
}

impl Bench {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let options = SqliteOptions::memory();
        let store = Arc::new(SqliteStore::open(options).expect("a store in memory"));
        let dir = tempfile::tempdir().expect("a folder");
        fs::create_dir(dir.path().join("in")).expect("a folder");
        Self {
            dir,
            runtime,
            store,
        }
    }

    /// Any file: what it is, and whether it can be imported.
    pub fn any_file(&self, bytes: &[u8]) -> Result<(), BackupError> {
        let path = self.file(bytes);
        let done = self.runtime.block_on(async {
            if let Some(file) = LangGraphFile::open(&path)? {
                return self.translated(Box::new(file)).await;
            }
            self.imported(&Backup::open(&path)?).await
        });
        self.swept(&path);
        done
    }

    /// Rows in an archive that is sound: each line says in its kind to which entry it goes, else it goes to the next.
    pub fn archive(&self, bytes: &[u8]) -> Result<(), BackupError> {
        self.any_file(&sound_archive(bytes))
    }

    /// Rows in an export that is sound.
    pub fn export(&self, bytes: &[u8]) -> Result<(), BackupError> {
        self.any_file(&sound_export(bytes))
    }

    /// The state of a checkpoint of LangGraph, and what was written there.
    pub fn checkpoint(&self, bytes: &[u8]) -> Result<(), BackupError> {
        let form = if bytes.first() == Some(&b'{') {
            "json"
        } else {
            "msgpack"
        };
        let value = StoredValue {
            form: Some(form.to_owned()),
            bytes: Some(bytes.to_vec()),
        };
        self.runtime.block_on(self.translated(Box::new(One(value))))
    }

    fn file(&self, bytes: &[u8]) -> PathBuf {
        let path = self.dir.path().join("in").join("file");
        fs::write(&path, bytes).expect("a file");
        path
    }

    async fn imported(&self, backup: &Backup) -> Result<(), BackupError> {
        let how = Import {
            dry_run: true,
            ..Import::default()
        };
        import(&*self.store, backup, how, &mut |_, _| {}).await?;
        // What is only tried is not held against the rules of a thread.
        import(&*self.store, backup, Import::default(), &mut |_, _| {}).await?;
        Ok(())
    }

    async fn translated(&self, file: Box<dyn Checkpoints>) -> Result<(), BackupError> {
        let how = Translate {
            owner: Owner {
                before: Some(":".to_owned()),
                rest: UserId::new("somebody").expect("an id"),
            },
            title: |text| Some(text.chars().take(20).collect()),
        };
        let scratch = self.dir.path().join("in");
        let translation = translate(file, &scratch, how, &mut |_, _| {}).await?;
        self.imported(translation.backup()).await
    }

    /// Nothing is left but the file that was read.
    fn swept(&self, path: &Path) {
        let left = |dir: &Path| fs::read_dir(dir).expect("the folder").count();
        let inside = path.parent().expect("a file lies in a folder");
        assert_eq!(
            (left(self.dir.path()), left(inside)),
            (1, 1),
            "a file was left behind"
        );
    }
}

/// A database with one thread of two checkpoints that hold the same.
struct One(StoredValue);

impl Checkpoints for One {
    fn lines(&self) -> Result<Vec<Line>, StoreError> {
        Ok(vec![Line {
            thread: "alice:work".to_owned(),
            namespace: String::new(),
            checkpoints: 2,
        }])
    }

    fn ids(&self, _: &Line) -> Result<Vec<(String, Option<String>)>, StoreError> {
        Ok(vec![
            ("1".to_owned(), None),
            ("2".to_owned(), Some("1".to_owned())),
        ])
    }

    fn checkpoint(&self, _: &Line, id: &str) -> Result<StoredCheckpoint, StoreError> {
        let metadata = (id == "2").then(|| self.0.bytes.clone()).flatten();
        Ok(StoredCheckpoint {
            body: self.0.clone(),
            metadata,
        })
    }

    fn writes(&self, _: &Line, _: &str) -> Result<Vec<Put>, StoreError> {
        Ok(vec![Put {
            channel: "messages".to_owned(),
            value: self.0.clone(),
        }])
    }

    fn memories(&self) -> Result<u64, StoreError> {
        Ok(0)
    }
}

fn hex(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The lines of each kind.
fn by_kind(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut kinds = vec![Vec::new(); KINDS.len()];
    for (at, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        if line.is_empty() {
            continue;
        }
        let text = String::from_utf8_lossy(line);
        let named = KINDS
            .iter()
            .position(|kind| text.contains(&format!("\"kind\":\"{kind}\"")));
        let lines = &mut kinds[named.unwrap_or(at % KINDS.len())];
        lines.extend_from_slice(line);
        lines.push(b'\n');
    }
    kinds
}

fn sound_archive(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let kinds = by_kind(bytes);
    let entries: Vec<String> = KINDS
        .iter()
        .zip(&kinds)
        .map(|(kind, lines)| {
            let rows = lines.iter().filter(|byte| **byte == b'\n').count();
            let (size, hash) = (lines.len(), hex(lines));
            format!(r#"{{"name":"{kind}.jsonl","rows":{rows},"bytes":{size},"sha256":"{hash}"}}"#)
        })
        .collect();
    let entries = entries.join(",");
    let manifest = format!(r#"{{"format":"everthread-archive",{FACTS},"entries":[{entries}]}}"#);
    let sum = format!("{}  manifest.json\n", hex(manifest.as_bytes()));
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let plain = zip::write::SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Stored)
        .last_modified_time(zip::DateTime::default());
    let mut add = |name: &str, bytes: &[u8]| {
        zip.start_file(name, plain).expect("an entry");
        zip.write_all(bytes).expect("an entry");
    };
    add("manifest.json", manifest.as_bytes());
    add("manifest.sha256", sum.as_bytes());
    for (kind, lines) in KINDS.iter().zip(&kinds) {
        add(&format!("{kind}.jsonl"), lines);
    }
    zip.finish().expect("a ZIP in memory").into_inner()
}

fn sound_export(bytes: &[u8]) -> Vec<u8> {
    let mut text = format!("{{\"format\":\"everthread-export\",{FACTS},\"rows\":[\n").into_bytes();
    let mut counts = [0_u64; KINDS.len()];
    let lines = bytes
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty());
    let mut first = true;
    for line in lines {
        if !first {
            text.extend_from_slice(b",\n");
        }
        first = false;
        let shown = String::from_utf8_lossy(line);
        if let Some(at) = KINDS
            .iter()
            .position(|kind| shown.contains(&format!("\"kind\":\"{kind}\"")))
        {
            counts[at] += 1;
        }
        text.extend_from_slice(line);
    }
    if !first {
        text.push(b'\n');
    }
    let counts: Vec<String> = KINDS
        .iter()
        .zip(counts)
        .map(|(kind, count)| format!("\"{kind}\":{count}"))
        .collect();
    text.extend_from_slice(format!("],\"counts\":{{{}}},\n", counts.join(",")).as_bytes());
    let sum = hex(&text);
    text.extend_from_slice(format!("\"sha256\":\"{sum}\"}}\n").as_bytes());
    text
}
