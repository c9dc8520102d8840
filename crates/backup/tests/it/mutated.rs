//! Good files of each kind with bytes changed, lost and doubled: an error or something that can be imported, never a
//! panic, and nothing left behind.

use std::fs;

use everthread_backup::{BackupError, Form};
use everthread_store::conformance::Ids;
use everthread_store::portable::Scope;

use crate::readers::{Bench, at_bench};
use crate::stage::{Stage, fill};

/// Changed inputs in all: as many as the project promises in its long form.
fn rounds() -> usize {
    match std::env::var_os("EVERTHREAD_LONG") {
        Some(_) => 100_000,
        None => 2_000,
    }
}

type Reader = fn(&Bench, &[u8]) -> Result<(), BackupError>;

/// Numbers that look random, always the same.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 8).unwrap() % end.max(1)
    }

    /// A copy with some bytes changed, a piece lost or doubled, or the end cut off.
    fn changed(&mut self, good: &[u8]) -> Vec<u8> {
        let mut bad = good.to_vec();
        for _ in 0..1 + self.below(8) {
            let at = self.below(bad.len());
            let piece = at..(at + 1 + self.below(24)).min(bad.len());
            match self.below(8) {
                0 => drop(bad.drain(piece)),
                1 => {
                    let twice = bad[piece].to_vec();
                    bad.splice(at..at, twice);
                }
                2 => bad.truncate(at),
                3 => {
                    let byte = b"\0\"{}[],:0129-\xFF\x80\xC1\n"[self.below(17)];
                    bad[piece].fill(byte);
                }
                _ => {
                    if let Some(byte) = bad.get_mut(at) {
                        *byte = u8::try_from(self.below(256)).unwrap();
                    }
                }
            }
            if bad.is_empty() {
                break;
            }
        }
        bad
    }
}

/// Good inputs and what reads them.
async fn good() -> Vec<(&'static str, Reader, Vec<u8>)> {
    let (stage, ids) = (Stage::new(), Ids::new());
    let store = stage.store("chat.db").await;
    fill(&*store, &ids).await;
    let mut good: Vec<(&'static str, Reader, Vec<u8>)> = Vec::new();
    for form in [Form::Archive, Form::Export] {
        let made = stage.backup(&*store, form, Scope::Whole).await;
        good.push((
            form.as_str(),
            Bench::any_file,
            fs::read(&made.path).unwrap(),
        ));
        if form == Form::Export {
            let text = fs::read_to_string(&made.path).unwrap();
            let lines = text.lines().filter(|line| line.starts_with("{\"kind\""));
            let rows: Vec<_> = lines.map(|line| line.trim_end_matches(',')).collect();
            let rows = rows.join("\n").into_bytes();
            good.push(("rows of an archive", Bench::archive, rows.clone()));
            good.push(("rows of an export", Bench::export, rows));
        }
    }
    store.close().await.unwrap();
    for name in ["v1_pending", "v3", "v4"] {
        let path = crate::langgraph::sample(name);
        if name != "v3" {
            good.push((name, Bench::any_file, fs::read(&path).unwrap()));
        }
        let connection = rusqlite::Connection::open(&path).unwrap();
        let newest = "SELECT checkpoint FROM checkpoints ORDER BY length(checkpoint) DESC LIMIT 1";
        let body = connection.query_row(newest, [], |row| row.get(0)).unwrap();
        good.push(("a checkpoint", Bench::checkpoint, body));
    }
    good.push((
        "a checkpoint as JSON",
        Bench::checkpoint,
        br#"{"v": 1, "ts": "2024-11-22T22:30:45+00:00", "channel_values": {"summary": "s", "messages": [{"lc": 1,
            "type": "constructor", "id": ["langchain", "schema", "messages", "HumanMessage"],
            "kwargs": {"content": "hi", "type": "human", "id": "h"}}, ["ai", "ho"]]}}"#
            .to_vec(),
    ));
    good
}

#[test]
fn mutated_inputs_are_refused_or_read() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let good = runtime.block_on(good());
    let mut chance = Chance(0x0123_4567_89AB_CDEF);
    let each = rounds().div_ceil(good.len());
    for (what, read, bytes) in &good {
        let sound = at_bench(|bench| read(bench, bytes));
        assert!(sound.is_ok(), "{what}: {sound:?}");
        for round in 0..each {
            let bad = chance.changed(bytes);
            let answer = std::panic::catch_unwind(|| at_bench(|bench| read(bench, &bad)));
            match answer {
                Ok(Ok(())) => {}
                Ok(Err(error)) => assert!(error.to_string().len() < 1_000, "{what}: {error}"),
                Err(_) => {
                    let kept = std::env::temp_dir().join("everthread-mutated");
                    fs::write(&kept, &bad).unwrap();
                    panic!(
                        "round {round} of {what}: the input is in {}",
                        kept.display()
                    );
                }
            }
        }
    }
}
