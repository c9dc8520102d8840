//! Weights of the local models: which there are, where they come from, and how they get into the models folder.
//!
//! Every file is pinned by size and SHA-256: it does not matter which road the bytes came by, a file is only put in
//! place when it is the right one, and only loaded while it still is.

mod catalog;
mod checked;
mod hub;
mod package;
mod part_file;
mod pull;

use std::env;
use std::path::{Path, PathBuf};

pub(crate) use catalog::{MINILM_NUMBERS, MINILM_VOCABULARY};
pub use catalog::{ModelKind, WeightFile, Weights, catalog, find};
pub use checked::Standing;
pub use pull::{Phase, Progress, PullSource, pull};

/// Weights, and whether they are here.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Which weights.
    pub weights: &'static Weights,
    /// Where the file with the numbers is, or would be.
    pub path: PathBuf,
    /// Whether files of the right sizes are there.
    pub installed: bool,
    /// What is known of their bytes.
    pub standing: Standing,
}

/// Every model of the built-in list, and whether it is in the models folder `dir`.
pub fn list(dir: &Path) -> Vec<Listed> {
    let listed = |weights: &'static Weights| Listed {
        weights,
        path: weights.path(dir),
        installed: weights.is_installed(dir),
        standing: weights.standing(dir),
    };
    catalog().iter().map(listed).collect()
}

/// The models folder: `EVERTHREAD_MODELS`, or `everthread/models` in `XDG_DATA_HOME`, or the same in
/// `~/.local/share`; without a home, `models` in the current folder.
pub fn default_dir() -> PathBuf {
    let set = |name| {
        env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    if let Some(dir) = set("EVERTHREAD_MODELS") {
        return dir;
    }
    let data = set("XDG_DATA_HOME").or_else(|| Some(set("HOME")?.join(".local/share")));
    data.map_or_else(
        || PathBuf::from("models"),
        |data| data.join("everthread/models"),
    )
}
