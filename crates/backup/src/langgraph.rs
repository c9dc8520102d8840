//! Conversations that LangGraph kept: a checkpoint database becomes an archive, which is imported like any other.
//!
//! A checkpoint of LangGraph holds the whole state. Here it becomes a checkpoint with what changed since its parent, so
//! each message is kept once. Ids and times follow from the file alone: whoever translates it again gets the same
//! archive, and importing twice changes nothing. Python objects are read as the data that they are made of; no code of
//! the file is run.
//!
//! How rows lie in the file is left to whoever reads it ([`Checkpoints`]).

mod checkpoint;
mod coerce;
mod form;
mod history;
mod ids;
mod ledger;
mod list;
mod loss;
mod message;
mod msgpack;
mod owner;
mod pending;
mod report;
mod survey;

use std::path::Path;

use everthread_store::langgraph::Checkpoints;
use everthread_store::portable::{Kind, Part, Row, Scope};
use tempfile::TempPath;

use crate::archive::{self, Spools};
use crate::backup::Backup;
use crate::error::BackupError;
use crate::{Progress, restore};
use history::History;
use report::Leaving;
use survey::Survey;

pub use owner::{NamedBy, Owner};
pub use report::{Left, LeftOut, Translated};

/// What a translation must be told.
#[derive(Debug, Clone)]
pub struct Translate {
    /// Whose the conversations are.
    pub owner: Owner,
    /// The title of a conversation by what a person says first in it; `None` leaves it without one.
    pub title: fn(&str) -> Option<String>,
}

/// A checkpoint database as an archive, which goes when this is dropped.
#[derive(Debug)]
pub struct Translation {
    backup: Backup,
    report: Translated,
    _file: TempPath,
}

impl Translation {
    /// The archive.
    #[must_use]
    pub fn backup(&self) -> &Backup {
        &self.backup
    }

    /// What is in it, and what is not.
    #[must_use]
    pub fn report(&self) -> &Translated {
        &self.report
    }
}

/// Translates a checkpoint database into an archive in this folder. `progress` hears conversations done, and in all.
///
/// # Errors
/// `Store` when the file cannot be read; `Unavailable` when the folder cannot be written. A value that cannot be read
/// is no error: the report names it.
pub async fn translate(
    file: Box<dyn Checkpoints>,
    dir: &Path,
    how: Translate,
    progress: Progress<'_>,
) -> Result<Translation, BackupError> {
    let dir = dir.to_owned();
    let (told, mut hears) = tokio::sync::mpsc::unbounded_channel();
    let working = tokio::spawn(restore::blocking(move || {
        let mut tell = |done, all| {
            // Whoever waits no longer hears nothing.
            let _ = told.send((done, all));
        };
        written(&*file, &dir, &how, &mut tell)
    }));
    while let Some((done, all)) = hears.recv().await {
        progress(done, all);
    }
    working.await.unwrap_or_else(|error| {
        let what = "the translation was broken off: try again";
        let kind = crate::BackupErrorKind::Unavailable;
        Err(BackupError::new(kind, what).with_source(error))
    })
}

fn written(
    file: &dyn Checkpoints,
    dir: &Path,
    how: &Translate,
    tell: &mut dyn FnMut(u64, u64),
) -> Result<Translation, BackupError> {
    let mut left = Leaving::default();
    let survey = Survey::of(file, how, &mut left)?;
    let mut spools = Spools::within(dir)?;
    let all = survey.conversations.len() as u64;
    let mut messages = 0;
    let mut users = survey.profiles.iter().peekable();
    for (done, conversation) in survey.conversations.iter().enumerate() {
        while let Some((user, profile)) = users.next_if(|(user, _)| **user <= conversation.key.user)
        {
            spools.row(&Row::User(profile.row(user)))?;
        }
        spools.belongs_to(Part::Thread(conversation.key.clone()));
        messages += History::write(file, conversation, how, &mut spools, &mut left)?;
        tell(done as u64 + 1, all);
    }
    left.memories(file.memories()?);
    let part = tempfile::Builder::new()
        .prefix(".everthread-")
        .suffix(".part")
        .tempfile_in(dir)
        .map_err(|error| BackupError::file("write in", dir, error))?;
    archive::assemble(spools, &Scope::Whole, survey.newest_ms, part.as_file())?;
    let path = part.into_temp_path();
    let backup = Backup::open(&*path)?;
    let counts = &backup.facts().counts;
    let report = Translated {
        conversations: counts.get(&Kind::Thread).copied().unwrap_or(0),
        checkpoints: counts.get(&Kind::Checkpoint).copied().unwrap_or(0),
        messages,
        owners: survey.owners,
        left: left.into_list(),
    };
    Ok(Translation {
        backup,
        report,
        _file: path,
    })
}
