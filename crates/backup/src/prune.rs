//! Which backups stay.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use everthread_store::portable::Scope;

use crate::error::BackupError;
use crate::list::{Listed, delete, list};
use crate::name;

/// Milliseconds of a day.
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// Which backups stay; all others go. With both 0, all stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeepRules {
    /// The newest so many.
    pub last: usize,
    /// Of each of the last so many days that have any (in UTC), the newest.
    pub daily: usize,
}

/// Which of these go: their times in milliseconds, newest first, and whether they were verified. The newest that was
/// verified always stays: it is the only one of which is known that it can be restored.
#[must_use]
pub fn select(backups: &[(i64, bool)], rules: KeepRules) -> Vec<bool> {
    let mut days = BTreeSet::new();
    let mut proved = false;
    let keeps_all = rules.last == 0 && rules.daily == 0;
    let goes = |(at, &(made_ms, verified)): (usize, &(i64, bool))| {
        let is_first_of_day = days.insert(made_ms.div_euclid(DAY_MS));
        let is_newest_proved = verified && !proved;
        proved |= verified;
        let stays = keeps_all
            || at < rules.last
            || (is_first_of_day && days.len() <= rules.daily)
            || is_newest_proved;
        !stays
    };
    backups.iter().enumerate().map(goes).collect()
}

/// Deletes backups of the whole store that the rules do not keep, of those whose name begins like this and holds a
/// time; gives which went. Backups of single users and threads, exports and files that cannot be read stay.
///
/// # Errors
/// `NotFound` when there is no such folder; `Unavailable`.
pub fn prune(
    dir: &Path,
    prefix: &str,
    rules: KeepRules,
    dry_run: bool,
) -> Result<Vec<PathBuf>, BackupError> {
    let ours = |one: &Listed| {
        let whole = one.backup.as_ref().is_ok_and(|backup| {
            backup.facts().scope == Scope::Whole && backup.form() != crate::Form::Export
        });
        whole && one.name.starts_with(prefix) && name::time_in(&one.name).is_some()
    };
    let listed: Vec<Listed> = list(dir)?.into_iter().filter(ours).collect();
    let times: Vec<(i64, bool)> = listed
        .iter()
        .map(|one| {
            let made = one
                .backup
                .as_ref()
                .map_or(0, |backup| backup.facts().created_ms);
            (made, one.verified_ms.is_some())
        })
        .collect();
    let mut gone = Vec::new();
    for (one, goes) in listed.into_iter().zip(select(&times, rules)) {
        if !goes {
            continue;
        }
        if !dry_run {
            delete(&one)?;
        }
        gone.push(one.path);
    }
    Ok(gone)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_MS: i64 = 60 * 60 * 1_000;

    fn kept(made: &[(i64, bool)], last: usize, daily: usize) -> Vec<usize> {
        let goes = select(made, KeepRules { last, daily });
        (0..made.len()).filter(|at| !goes[*at]).collect()
    }

    #[test]
    fn the_last_and_one_a_day_stay() {
        // Every six hours, newest first: four a day.
        let made: Vec<(i64, bool)> = (0..12)
            .map(|at| (10 * DAY_MS - 1 - at * 6 * HOUR_MS, false))
            .collect();
        assert_eq!(kept(&made, 2, 0), [0, 1]);
        assert_eq!(kept(&made, 0, 2), [0, 4]);
        assert_eq!(kept(&made, 3, 3), [0, 1, 2, 4, 8]);
        assert_eq!(kept(&made, 0, 0).len(), 12, "no rule keeps all");
        assert_eq!(kept(&made, 99, 0).len(), 12);
        assert!(kept(&[], 1, 1).is_empty());
    }

    #[test]
    fn the_newest_that_was_verified_stays() {
        let made = [(40, false), (30, false), (20, true), (10, true)];
        assert_eq!(kept(&made, 1, 0), [0, 2]);
    }
}
