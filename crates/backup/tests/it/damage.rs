//! `verify` finds what happened to a backup, whatever it was.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::Path;

use everthread_backup::{Backup, Form, restore};
use everthread_store::conformance::Ids;
use everthread_store::portable::Scope;
use zip::write::SimpleFileOptions;

use crate::stage::{NOW_MS, Sqlite, Stage, fill, rows};

/// Numbers that look random and are the same each time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit as u64).unwrap()
    }
}

/// A flipped bit, a cut, something doubled, something lost.
fn harmed(good: &[u8], chance: &mut Chance) -> (String, Vec<u8>) {
    let mut bad = good.to_vec();
    let at = chance.below(good.len());
    let what = match chance.below(10) {
        0 => {
            bad.truncate(at);
            format!("cut at {at}")
        }
        1 => {
            let len = 1 + chance.below(100.min(good.len() - at));
            bad.drain(at..at + len);
            format!("lost {len} at {at}")
        }
        2 => {
            let len = 1 + chance.below(100.min(good.len() - at));
            let twice = bad[at..at + len].to_vec();
            bad.splice(at..at, twice);
            format!("doubled {len} at {at}")
        }
        _ => {
            let bit = chance.below(8);
            bad[at] ^= 1 << bit;
            format!("bit {bit} at {at}")
        }
    };
    (what, bad)
}

async fn finds(form: Form, times: usize) {
    let (stage, ids) = (Stage::new(), Ids::new());
    let store = stage.store("chat.db").await;
    fill(&*store, &ids).await;
    let made = stage.backup(&*store, form, Scope::Whole).await;
    stage.verify(&made.path).await.unwrap();
    let good = fs::read(&made.path).unwrap();
    let mut chance = Chance(0x9E37_79B9_7F4A_7C15);
    for _ in 0..times {
        let (what, bad) = harmed(&good, &mut chance);
        fs::write(&made.path, &bad).unwrap();
        let found = stage.verify(&made.path).await;
        assert!(found.is_err(), "{what} of {} was not found", good.len());
    }
    fs::write(&made.path, &good).unwrap();
    stage.verify(&made.path).await.unwrap();
}

fn times(some: usize) -> usize {
    if std::env::var_os("EVERTHREAD_LONG").is_some() {
        some * 10
    } else {
        some
    }
}

#[tokio::test]
async fn damages_of_an_archive_are_found() {
    finds(Form::Archive, times(500)).await;
}

#[tokio::test]
async fn damages_of_an_export_are_found() {
    finds(Form::Export, times(400)).await;
}

#[tokio::test]
async fn damages_of_a_snapshot_are_found() {
    finds(Form::Snapshot, times(100)).await;
}

type Entries = BTreeMap<String, String>;

/// Packs entries again as another program would, with the manifest first.
fn pack(path: &Path, entries: &Entries) {
    let mut zip = zip::ZipWriter::new(File::create(path).unwrap());
    let first = ["manifest.json", "manifest.sha256"];
    let rest = entries
        .keys()
        .map(String::as_str)
        .filter(|name| !first.contains(name));
    for name in first.into_iter().chain(rest) {
        zip.start_file(name, SimpleFileOptions::default()).unwrap();
        zip.write_all(entries[name].as_bytes()).unwrap();
    }
    zip.finish().unwrap();
}

fn unpack(path: &Path) -> Entries {
    let mut zip = zip::ZipArchive::new(File::open(path).unwrap()).unwrap();
    (0..zip.len())
        .map(|at| {
            let mut entry = zip.by_index(at).unwrap();
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            (entry.name().unwrap().into_owned(), text)
        })
        .collect()
}

fn sha256(text: &str) -> String {
    use sha2::Digest;
    let hash = sha2::Sha256::digest(text);
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Makes the manifest agree with the entries again, as one who lies would.
fn agree(entries: &mut Entries) {
    let mut manifest: serde_json::Value = serde_json::from_str(&entries["manifest.json"]).unwrap();
    for entry in manifest["entries"].as_array_mut().unwrap() {
        let text = &entries[entry["name"].as_str().unwrap()];
        entry["rows"] = text.lines().count().into();
        entry["bytes"] = text.len().into();
        entry["sha256"] = sha256(text).into();
    }
    let text = manifest.to_string();
    seal(entries, text);
}

fn seal(entries: &mut Entries, manifest: String) {
    let sum = format!("{}  manifest.json\n", sha256(&manifest));
    entries.insert("manifest.json".to_owned(), manifest);
    entries.insert("manifest.sha256".to_owned(), sum);
}

/// A change of entries by one who then makes all checksums right again: what contradicts itself is found all the same.
#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
async fn lies_are_found_and_change_nothing() {
    let (stage, ids) = (Stage::new(), Ids::new());
    let store = stage.store("chat.db").await;
    fill(&*store, &ids).await;
    let made = stage.backup(&*store, Form::Archive, Scope::Whole).await;
    let before = rows(&*store, &Scope::Whole).await;
    store.close().await.unwrap();
    let good = unpack(&made.path);
    let lose = |name: &str, line: usize| {
        let name = name.to_owned();
        move |entries: &mut Entries| {
            let mut lines: Vec<&str> = good_lines(&entries[&name]);
            lines.remove(line);
            let text = lines.iter().map(|line| format!("{line}\n")).collect();
            entries.insert(name.clone(), text);
        }
    };
    let double = |name: &str| {
        let name = name.to_owned();
        move |entries: &mut Entries| {
            let mut text = entries[&name].clone();
            let first = text.lines().next().unwrap().to_owned();
            text.insert_str(0, &format!("{first}\n"));
            entries.insert(name.clone(), text);
        }
    };
    type Lie = (&'static str, Box<dyn Fn(&mut Entries)>);
    let lies: Vec<Lie> = vec![
        ("a lost message", Box::new(lose("messages.jsonl", 1))),
        ("a lost checkpoint", Box::new(lose("checkpoints.jsonl", 1))),
        ("a lost change", Box::new(lose("channel_changes.jsonl", 0))),
        ("a lost thread", Box::new(lose("threads.jsonl", 0))),
        ("a lost user", Box::new(lose("users.jsonl", 0))),
        ("a doubled message", Box::new(double("messages.jsonl"))),
        ("a doubled item", Box::new(double("items.jsonl"))),
        ("a doubled user", Box::new(double("users.jsonl"))),
        ("a doubled document", Box::new(double("records.jsonl"))),
        (
            "an unknown field",
            Box::new(|entries| {
                let text = entries["users.jsonl"].replacen("\"held\"", "\"help\"", 1);
                let text = text.replacen("\"active_ms\"", "\"x\":1,\"active_ms\"", 1);
                entries.insert("users.jsonl".to_owned(), text);
            }),
        ),
        (
            "deep JSON",
            Box::new(|entries| {
                let deep = "[".repeat(100_000) + &"]".repeat(100_000);
                let text = entries["items.jsonl"].replace("\"blue\"", &deep);
                entries.insert("items.jsonl".to_owned(), text);
            }),
        ),
    ];
    for (what, lie) in lies {
        let mut entries = good.clone();
        lie(&mut entries);
        agree(&mut entries);
        pack(&made.path, &entries);
        assert!(
            stage.verify(&made.path).await.is_err(),
            "{what} was not found"
        );
        restores_nothing(&stage, &made.path, what).await;
    }
    for (from, to) in [
        ("\"rows\": 2", "\"rows\": 3"),
        ("\"kind\": \"whole\"", "\"kind\": \"all\""),
        ("\"version\": 1", "\"version\": 2"),
        ("everthread-archive", "another-archive"),
        ("users.jsonl", "loosers.jsonl"),
    ] {
        let mut entries = good.clone();
        let manifest = entries["manifest.json"].replacen(from, to, 1);
        assert_ne!(manifest, entries["manifest.json"], "{from}");
        seal(&mut entries, manifest);
        pack(&made.path, &entries);
        assert!(
            stage.verify(&made.path).await.is_err(),
            "{to} was not found"
        );
        restores_nothing(&stage, &made.path, to).await;
    }
    let store = stage.store("chat.db").await;
    assert!(rows(&*store, &Scope::Whole).await == before);
}

fn good_lines(text: &str) -> Vec<&str> {
    text.lines().collect()
}

async fn restores_nothing(stage: &Stage, path: &Path, what: &str) {
    let how = restore::Restore {
        with_erased: false,
        now_ms: NOW_MS,
    };
    let prepared = match Backup::open(path) {
        Ok(backup) => {
            let target = stage.path("chat.db");
            restore::prepare(&backup, &target, &Sqlite, how, &mut |_, _| {})
                .await
                .map(|_| ())
        }
        Err(error) => Err(error),
    };
    assert!(prepared.is_err(), "{what} would have been restored");
    let left: Vec<String> = fs::read_dir(stage.dir())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with(".everthread"))
        .collect();
    assert_eq!(left, Vec::<String>::new(), "{what}");
}
