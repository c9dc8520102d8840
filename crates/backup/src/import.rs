//! Taking rows into a store by a conflict policy, a thread or a user at a time.

use std::collections::BTreeMap;

use everthread_graph::contract::UserId;
use everthread_store::Store;
use everthread_store::portable::{Kind, OnConflict, Outcome, Part, WriteRows, Written};

use crate::Progress;
use crate::backup::Backup;
use crate::error::BackupError;
use crate::part_stream::PartStream;
use crate::restore::marks::{self, Marks};

/// How rows are taken into a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Import {
    /// What happens to what is there already.
    pub on_conflict: OnConflict,
    /// Nothing is written; the answer says what would have been.
    pub dry_run: bool,
    /// Users come back who were erased after the backup was made.
    pub with_erased: bool,
}

impl From<WriteRows> for Import {
    fn from(how: WriteRows) -> Self {
        Self {
            on_conflict: how.on_conflict,
            dry_run: how.dry_run,
            with_erased: false,
        }
    }
}

/// What an import did, or would do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Imported {
    /// Users who were not there.
    pub users_created: u64,
    /// Users whose profile took the place of the one that was there.
    pub users_replaced: u64,
    /// Users whose profile stayed as it was.
    pub users_kept: u64,
    /// Users who were erased since and stay so, with everything of theirs.
    pub users_left_erased: u64,
    /// Threads that were not there.
    pub threads_created: u64,
    /// Threads that took the place of the one that was there.
    pub threads_replaced: u64,
    /// Threads that stand beside the one that was there.
    pub threads_copied: u64,
    /// Threads that were left as they are.
    pub threads_kept: u64,
    /// Rows that were written.
    pub rows_written: u64,
    /// Rows that were left out.
    pub rows_skipped: u64,
}

impl Imported {
    fn add(&mut self, part: &Part, written: &Written) {
        self.rows_written += written.written;
        self.rows_skipped += written.skipped;
        let count = match (part, &written.outcome) {
            (Part::Records, _) => return,
            (Part::User(_), Outcome::Created) => &mut self.users_created,
            (Part::User(_), Outcome::Replaced) => &mut self.users_replaced,
            (Part::User(_), _) => &mut self.users_kept,
            (Part::Thread(_), Outcome::Created) => &mut self.threads_created,
            (Part::Thread(_), Outcome::Replaced) => &mut self.threads_replaced,
            (Part::Thread(_), Outcome::Copied(_)) => &mut self.threads_copied,
            (Part::Thread(_), Outcome::Kept) => &mut self.threads_kept,
        };
        *count += 1;
    }
}

/// Takes an archive or an export into a store: first all of it is held against its checksums, then each thread, each
/// user's own rows and the documents are written, each in a transaction of its own. `progress` hears threads and users
/// done, and in all where that is known. What was imported before an error stays; importing again goes on.
///
/// # Errors
/// `Damaged`, `Newer`, `Foreign` before anything is written; `Invalid` for a snapshot; `Store` as the store says.
pub async fn import(
    store: &dyn Store,
    backup: &Backup,
    how: impl Into<Import>,
    progress: Progress<'_>,
) -> Result<Imported, BackupError> {
    let how = how.into();
    prove(backup, false).await?;
    let all = total(&backup.facts().counts);
    let marks = match how.with_erased {
        true => Marks::new(),
        false => marks::of(store).await?,
    };
    let made_ms = backup.facts().created_ms;
    let erased = |user: &UserId| marks::is_erased(&marks, user, made_ms);
    let write = WriteRows {
        on_conflict: how.on_conflict,
        dry_run: how.dry_run,
    };
    let mut told = |done| progress(done, all);
    take(store, backup.parts()?, write, &erased, &mut told).await
}

/// Holds a backup against its checksums, on a thread that may block.
pub(crate) async fn prove(backup: &Backup, exact: bool) -> Result<(), BackupError> {
    let backup = backup.clone();
    crate::restore::blocking(move || backup.prove(exact, &mut |_, _| {})).await
}

/// Users and threads.
pub(crate) fn total(counts: &BTreeMap<Kind, u64>) -> u64 {
    [Kind::User, Kind::Thread]
        .iter()
        .filter_map(|kind| counts.get(kind))
        .sum()
}

/// Writes parts as they come.
pub(crate) async fn take(
    store: &dyn Store,
    mut parts: PartStream,
    how: WriteRows,
    erased: &(dyn Fn(&UserId) -> bool + Sync),
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<Imported, BackupError> {
    let mut imported = Imported::default();
    let mut done = 0;
    while let Some((part, rows)) = parts.next().await? {
        let stays_erased = match &part {
            Part::Records => false,
            Part::User(user) => erased(user),
            Part::Thread(key) => erased(&key.user),
        };
        if stays_erased {
            imported.users_left_erased += u64::from(matches!(part, Part::User(_)));
        } else {
            let written = store.write_rows(&part, rows, how).await?;
            imported.add(&part, &written);
        }
        if part != Part::Records {
            done += 1;
            progress(done);
        }
    }
    Ok(imported)
}
