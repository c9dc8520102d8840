//! Archives: a ZIP with a manifest and one entry of JSON lines for each kind of row.
//!
//! `manifest.json` says what is in it, with a SHA-256 of each entry; `manifest.sha256` holds that of the manifest. The
//! entries come in a fixed order and lie close together, so that each byte of the file is either checked or known.

pub(crate) mod directory;
pub(crate) mod manifest;
mod merge;
mod read;
mod write;

pub(crate) use read::{manifest_of, parts, prove};
pub(crate) use write::{Spools, assemble};

/// The ending of a file's name.
pub(crate) const ENDING: &str = ".everthread.zip";

/// The entry that says what is in the archive.
pub(crate) const MANIFEST: &str = "manifest.json";

/// The entry that holds the manifest's checksum.
pub(crate) const MANIFEST_SUM: &str = "manifest.sha256";

/// What the comment of the ZIP begins with; the SHA-256 of all bytes before it follows, in so many digits.
const SUM_LABEL: &str = "sha256:";
const SUM_DIGITS: usize = 64;
