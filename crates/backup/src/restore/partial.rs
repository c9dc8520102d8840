//! One user or one thread, put back into a store that others go on using.

use everthread_store::Store;
use everthread_store::portable::OnConflict;

use super::{Restore, marks, named};
use crate::backup::Backup;
use crate::error::{BackupError, BackupErrorKind};
use crate::{Import, Imported, Progress, import};

/// Puts a user or a thread back as the backup has them; what the user has besides stays, and nobody else is touched.
/// With `dry_run`, only says what would happen.
///
/// # Errors
/// `Invalid` for a backup of everything; `Erased` when the user was erased since it was made; `Damaged`; `Store` as
/// the store says, `Busy` when a run is active.
pub async fn restore_part(
    store: &dyn Store,
    backup: &Backup,
    how: Restore,
    dry_run: bool,
    progress: Progress<'_>,
) -> Result<Imported, BackupError> {
    let scope = &backup.facts().scope;
    let Some(user) = named(scope) else {
        return Err(BackupError::new(
            BackupErrorKind::Invalid,
            "the backup holds a whole store: it is restored in the place of one",
        ));
    };
    let marks = marks::of(store).await?;
    if !how.with_erased && marks::is_erased(&marks, user, backup.facts().created_ms) {
        return Err(BackupError::new(
            BackupErrorKind::Erased,
            format!(
                "user {user} was erased after this backup was made: it is restored only with the flag --with-erased"
            ),
        ));
    }
    let rules = Import {
        on_conflict: OnConflict::Replace,
        dry_run,
        with_erased: how.with_erased,
    };
    let imported = import(store, backup, rules, progress).await?;
    tracing::info!(?scope, dry_run, "a part was restored");
    Ok(imported)
}
