//! The rules of the house: layers point down, files are small and say what they are for.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The layer of each crate, as `docs/ARCHITECTURE.md` has it. A crate may use those of lower layers, and of
/// its own layer where the table says so.
const LAYERS: &[(&str, u8, &[&str])] = &[
    ("everthread-macros", 1, &[]),
    ("everthread-graph", 1, &["everthread-macros"]),
    ("everthread-model", 1, &[]),
    ("everthread-store", 2, &[]),
    ("everthread-sqlite", 3, &[]),
    ("everthread-postgres", 3, &[]),
    ("everthread-backup", 4, &[]),
    ("everthread-chat", 4, &[]),
    ("everthread-server", 5, &[]),
    ("everthread", 6, &[]),
];

/// What a crate must not use although its layer would allow it.
const NEVER: &[(&str, &[&str])] = &[
    ("everthread-store", &["rusqlite", "tokio-postgres"]),
    (
        "everthread-sqlite",
        &["everthread-model", "everthread-chat"],
    ),
    (
        "everthread-backup",
        &[
            "everthread-sqlite",
            "everthread-postgres",
            "everthread-chat",
            "rusqlite",
            "axum",
        ],
    ),
    (
        "everthread-chat",
        &[
            "everthread-sqlite",
            "everthread-postgres",
            "rusqlite",
            "axum",
        ],
    ),
    (
        "everthread-postgres",
        &["everthread-model", "everthread-chat", "rusqlite"],
    ),
    (
        "everthread-graph",
        &["everthread-model", "rusqlite", "axum"],
    ),
    ("everthread-model", &["rusqlite", "axum"]),
    (
        "everthread-server",
        &[
            "everthread-sqlite",
            "everthread-postgres",
            "everthread-chat",
            "everthread-model",
            "rusqlite",
            "tokio-postgres",
        ],
    ),
];

const LONGEST_FILE_LINES: usize = 600;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("the crate lies two folders below the workspace")
        .to_owned()
}

fn sources() -> Vec<(PathBuf, String)> {
    fn collect(dir: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(dir).expect("a readable folder") {
            let path = entry.expect("a readable entry").path();
            if path.is_dir() {
                collect(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    collect(&root().join("crates"), &mut found);
    found
        .into_iter()
        .map(|path| (path.clone(), fs::read_to_string(&path).expect("UTF-8")))
        .collect()
}

/// The dependencies of each crate of the workspace that end up in a build, tests left out.
fn dependencies() -> BTreeMap<String, Vec<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let packages = metadata["packages"].as_array().expect("packages");
    packages
        .iter()
        .map(|package| {
            let used = package["dependencies"].as_array().expect("dependencies");
            let used = used.iter().filter(|d| d["kind"].is_null());
            (
                text(&package["name"]),
                used.map(|d| text(&d["name"])).collect(),
            )
        })
        .collect()
}

#[test]
fn layers_point_down() {
    let layer: BTreeMap<&str, u8> = LAYERS
        .iter()
        .map(|&(name, layer, _)| (name, layer))
        .collect();
    let mut wrong = Vec::new();
    for (name, used) in dependencies() {
        let Some(&(_, own, beside)) = LAYERS.iter().find(|(known, ..)| *known == name) else {
            wrong.push(format!("{name} is in no layer: add it to the table"));
            continue;
        };
        for other in &used {
            let lower = layer.get(other.as_str()).is_none_or(|&other| other < own);
            if !lower && !beside.contains(&other.as_str()) {
                wrong.push(format!("{name} (layer {own}) must not use {other}"));
            }
            let never = NEVER
                .iter()
                .any(|(n, list)| *n == name && list.contains(&other.as_str()));
            if never {
                wrong.push(format!("{name} must never use {other}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_layer_of_the_table_is_in_the_architecture() {
    let text =
        fs::read_to_string(root().join("docs/ARCHITECTURE.md")).expect("docs/ARCHITECTURE.md");
    for (name, layer, _) in LAYERS {
        let row = text
            .lines()
            .any(|line| line.starts_with(&format!("| {layer} | `{name}`")));
        assert!(
            row,
            "docs/ARCHITECTURE.md has no row `| {layer} | `{name}``"
        );
    }
}

#[test]
fn every_file_says_what_it_is_for() {
    let silent: Vec<PathBuf> = sources()
        .into_iter()
        .filter(|(_, text)| !text.starts_with("//!"))
        .map(|(path, _)| path)
        .collect();
    assert!(
        silent.is_empty(),
        "these files do not begin with `//!`: {silent:#?}"
    );
}

#[test]
fn files_stay_small() {
    let is_test = |path: &Path| {
        path.ends_with("tests.rs") || path.components().any(|part| part.as_os_str() == "tests")
    };
    let mut sizes: Vec<(usize, PathBuf)> = sources()
        .into_iter()
        .filter(|(path, _)| !is_test(path))
        .map(|(path, text)| {
            let code = text
                .split("\n#[cfg(test)]\nmod tests {")
                .next()
                .unwrap_or(&text);
            (code.lines().count(), path)
        })
        .collect();
    sizes.sort();
    let (longest, path) = sizes.last().expect("there are sources");
    assert!(
        *longest <= LONGEST_FILE_LINES,
        "{} has {longest} lines",
        path.display()
    );
    let at = |share: usize| sizes[sizes.len() * share / 100].0;
    assert!(at(50) <= 150, "the median file has {} lines", at(50));
    assert!(
        at(90) <= 400,
        "a tenth of the files have {} lines or more",
        at(90)
    );
}
