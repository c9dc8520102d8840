//! Files that want to do harm: each is refused, clearly, and leaves nothing behind.

use std::fs::{self, File};
use std::io::{Cursor, Write};

use everthread_backup::{BackupErrorKind, Form};
use everthread_store::conformance::Ids;
use everthread_store::portable::Scope;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::stage::{Stage, fill};

const PLAIN: SimpleFileOptions = SimpleFileOptions::DEFAULT;

fn zip_of(entries: &[(&str, &[u8], SimpleFileOptions)]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes, options) in entries {
        zip.start_file(*name, *options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

async fn refused(stage: &Stage, what: &str, bytes: &[u8]) -> BackupErrorKind {
    let dir = stage.path("in");
    fs::create_dir_all(&dir).unwrap();
    let path = dir.join("a.everthread.zip");
    fs::write(&path, bytes).unwrap();
    let error = stage.verify(&path).await.expect_err(what);
    assert!(error.to_string().len() < 400, "{what}: {error}");
    let left: Vec<_> = fs::read_dir(stage.dir()).unwrap().collect();
    assert_eq!(left.len(), 1, "{what} left something behind: {left:?}");
    assert_eq!(fs::read_dir(&dir).unwrap().count(), 1, "{what}");
    error.kind()
}

#[tokio::test]
async fn names_lead_nowhere() {
    let stage = Stage::new();
    for name in [
        "../../etc/passwd",
        "/etc/passwd",
        "C:\\windows\\system32",
        "..\\evil",
        "manifest.json/../../x",
        "users.jsonl\u{0}",
        "m\u{E4}nifest.json",
        "",
    ] {
        let bytes = zip_of(&[(name, b"x", PLAIN)]);
        assert_eq!(
            refused(&stage, name, &bytes).await,
            BackupErrorKind::Foreign,
            "{name:?}"
        );
        let bytes = zip_of(&[("manifest.json", b"{}", PLAIN), (name, b"x", PLAIN)]);
        assert_eq!(
            refused(&stage, name, &bytes).await,
            BackupErrorKind::Foreign,
            "{name:?}"
        );
    }
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.add_symlink("manifest.json", "/etc/passwd", PLAIN)
        .unwrap();
    zip.add_symlink("users.jsonl", "/etc/passwd", PLAIN)
        .unwrap();
    let bytes = zip.finish().unwrap().into_inner();
    assert_eq!(
        refused(&stage, "links", &bytes).await,
        BackupErrorKind::Damaged
    );
}

#[tokio::test]
async fn other_files_are_told_from_backups() {
    let stage = Stage::new();
    for (what, bytes) in [
        ("nothing", &b""[..]),
        ("text", b"hello"),
        ("a picture", b"\x89PNG\r\n\x1a\n"),
        ("UTF-16", b"\xFF\xFE{\0\"\0"),
        (
            "a byte order mark",
            b"\xEF\xBB\xBF{\"format\":\"everthread-export\"}",
        ),
        ("other JSON", b"{\"a\": 1}\n"),
    ] {
        assert_eq!(
            refused(&stage, what, bytes).await,
            BackupErrorKind::Foreign,
            "{what}"
        );
    }
    for (what, bytes) in [
        ("half a ZIP", &b"PK\x03\x04"[..]),
        (
            "an end without a beginning",
            b"PK\x05\x06\0\0\0\0\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\0\0",
        ),
        (
            "an export of nothing",
            b"{\"format\":\"everthread-export\",\"version\":1,\"rows\":[\n",
        ),
        ("no UTF-8", b"{\xFF\n"),
    ] {
        assert_eq!(
            refused(&stage, what, bytes).await,
            BackupErrorKind::Damaged,
            "{what}"
        );
    }
    let newer = b"{\"format\":\"everthread-export\",\"version\":2,\"rows\":[\n";
    assert_eq!(
        refused(&stage, "newer", newer).await,
        BackupErrorKind::Newer
    );
}

/// A directory of ten million entries, of which each is empty.
#[tokio::test]
async fn millions_of_entries_are_not_looked_at() {
    let stage = Stage::new();
    let entry = zip_of(&[("a", b"", PLAIN)]);
    let directory = entry
        .windows(4)
        .position(|four| four == b"PK\x01\x02")
        .unwrap();
    let listed = &entry[directory..entry.len() - 22];
    let count: u64 = if std::env::var_os("EVERTHREAD_LONG").is_some() {
        10_000_000
    } else {
        1_000_000
    };
    let mut bytes = entry[..directory].to_vec();
    for _ in 0..count {
        bytes.extend_from_slice(listed);
    }
    let size = count * listed.len() as u64;
    let wide_at = bytes.len() as u64;
    // The end in wide numbers, where it is, and the end.
    bytes.extend_from_slice(b"PK\x06\x06");
    bytes.extend_from_slice(&44_u64.to_le_bytes());
    bytes.extend_from_slice(&[45, 0, 45, 0]);
    bytes.extend_from_slice(&[0; 8]);
    for number in [count, count, size, directory as u64] {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    bytes.extend_from_slice(b"PK\x06\x07\0\0\0\0");
    bytes.extend_from_slice(&wide_at.to_le_bytes());
    bytes.extend_from_slice(&[1, 0, 0, 0]);
    bytes.extend_from_slice(b"PK\x05\x06\0\0\0\0");
    bytes.extend_from_slice(&[0xFF; 12]);
    bytes.extend_from_slice(&[0; 2]);
    let kind = refused(&stage, "millions", &bytes).await;
    assert_eq!(kind, BackupErrorKind::Foreign);
}

/// Entries that say they are small and are not, or that share their data.
#[tokio::test]
async fn bombs_do_not_go_off() {
    let (stage, ids) = (Stage::new(), Ids::new());
    let other = Stage::new();
    let store = other.store("chat.db").await;
    fill(&*store, &ids).await;
    let made = other.backup(&*store, Form::Archive, Scope::Whole).await;
    let mut read = zip::ZipArchive::new(File::open(&made.path).unwrap()).unwrap();
    let zeros = vec![0; 64 << 20];
    let packed = PLAIN.compression_method(CompressionMethod::Deflated);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for at in 0..read.len() {
        let entry = read.by_index(at).unwrap();
        if entry.name().unwrap() == "messages.jsonl" {
            zip.start_file("messages.jsonl", packed).unwrap();
            for _ in 0..8 {
                zip.write_all(&zeros).unwrap();
            }
        } else {
            zip.raw_copy_file(entry).unwrap();
        }
    }
    let bytes = zip.finish().unwrap().into_inner();
    assert!(
        bytes.len() < 1 << 20,
        "half a gigabyte in {} bytes",
        bytes.len()
    );
    let kind = refused(&stage, "a bomb", &bytes).await;
    assert_eq!(kind, BackupErrorKind::Damaged);
    overlaps(&stage, &fs::read(&made.path).unwrap()).await;
}

/// Two entries of the directory that lead to the same data.
async fn overlaps(stage: &Stage, good: &[u8]) {
    let ends: Vec<usize> = (0..good.len() - 4)
        .filter(|at| &good[*at..at + 4] == b"PK\x01\x02")
        .collect();
    let mut bad = good.to_vec();
    let (one, two) = (ends[2], ends[3]);
    let place = bad[one + 42..one + 46].to_vec();
    bad[two + 42..two + 46].copy_from_slice(&place);
    let sizes = bad[one + 16..one + 28].to_vec();
    bad[two + 16..two + 28].copy_from_slice(&sizes);
    let kind = refused(stage, "overlaps", &bad).await;
    assert_eq!(kind, BackupErrorKind::Foreign);
}

/// Puts another text of the same length in every place of a text.
fn patched(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for at in 0..=bytes.len() - from.len() {
        if bytes[at..].starts_with(from) {
            bytes[at..at + to.len()].copy_from_slice(to);
        }
    }
    bytes
}

/// A good archive, with one entry more if that has a name.
async fn archive(more: Option<&str>) -> Vec<u8> {
    let (other, ids) = (Stage::new(), Ids::new());
    let store = other.store("chat.db").await;
    fill(&*store, &ids).await;
    let made = other.backup(&*store, Form::Archive, Scope::Whole).await;
    let mut read = zip::ZipArchive::new(File::open(&made.path).unwrap()).unwrap();
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for at in 0..read.len() {
        zip.raw_copy_file(read.by_index(at).unwrap()).unwrap();
    }
    if let Some(name) = more {
        zip.start_file(name, PLAIN).unwrap();
        zip.write_all(b"{}\n").unwrap();
    }
    zip.finish().unwrap().into_inner()
}

#[tokio::test]
async fn names_come_once_and_are_written_one_way() {
    let stage = Stage::new();
    for (name, twice) in [
        ("messages.jsonX", "messages.jsonl"),
        ("manifest.jsoX", "manifest.json"),
        ("manifest.sha25X", "manifest.sha256"),
    ] {
        let bytes = patched(
            &archive(Some(name)).await,
            name.as_bytes(),
            twice.as_bytes(),
        );
        let kind = refused(&stage, twice, &bytes).await;
        assert_eq!(kind, BackupErrorKind::Damaged, "{twice} twice");
    }
    for (what, name) in [
        ("other case", "MESSAGES.JSONL"),
        ("a long form of a letter", "me\u{17F}sages.jsonl"),
        ("a folder before it", "./messages.jsonl"),
        ("a folder", "messages/"),
        ("an archive in it", "more.everthread.zip"),
    ] {
        let bytes = archive(Some(name)).await;
        let kind = refused(&stage, what, &bytes).await;
        assert_eq!(kind, BackupErrorKind::Foreign, "{what}");
    }
    // Letters of another code page: no UTF-8.
    let bytes = patched(
        &archive(Some("messageX.jsonl")).await,
        b"messageX",
        b"message\xE9",
    );
    let kind = refused(&stage, "another code page", &bytes).await;
    assert_eq!(kind, BackupErrorKind::Foreign);
}

/// Entries that are packed or locked in a way that no archive of ours is.
#[tokio::test]
async fn other_packings_are_refused() {
    let stage = Stage::new();
    let good = archive(None).await;
    let listed = good
        .windows(4)
        .position(|four| four == b"PK\x01\x02")
        .unwrap();
    for (what, offset, value) in [
        ("encrypted", 8, 1),
        ("another method", 10, 12),
        ("no method", 10, 99),
    ] {
        let mut bad = good.clone();
        bad[listed + offset] = value;
        let error = refused(&stage, what, &bad).await;
        assert!(
            matches!(error, BackupErrorKind::Damaged | BackupErrorKind::Foreign),
            "{what}: {error:?}"
        );
    }
}
