//! Who was erased: marks of the store that is there, held against the users of one that is to take its place.

use std::collections::HashMap;

use everthread_graph::contract::UserId;
use everthread_store::portable::{ERASED, Mark, OnConflict, Part, Row, WriteRows};
use everthread_store::{ListRecords, ListUsers, Record, Store, UserPatch};
use futures::{StreamExt, stream};

use crate::error::BackupError;

/// Rows that are asked for at once.
const PAGE: usize = 1_000;

/// When whom of a store was erased, by the hash of their id.
pub(crate) type Marks = HashMap<String, i64>;

/// The marks of a store.
pub(crate) async fn of(store: &dyn Store) -> Result<Marks, BackupError> {
    let records = records(store).await?;
    let marks = records.iter().filter_map(Mark::read);
    Ok(marks.map(|mark| (mark.id, mark.at_ms)).collect())
}

async fn records(store: &dyn Store) -> Result<Vec<Record>, BackupError> {
    let mut all = Vec::new();
    loop {
        let query = ListRecords {
            offset: all.len(),
            limit: PAGE,
        };
        let some = store.records(ERASED, query).await?;
        let is_last = some.len() < PAGE;
        all.extend(some);
        if is_last {
            return Ok(all);
        }
    }
}

/// Whether this user was erased after a backup was made at this time.
pub(crate) fn is_erased(marks: &Marks, user: &UserId, made_ms: i64) -> bool {
    marks
        .get(&Mark::of(user, 0).id)
        .is_some_and(|at_ms| *at_ms >= made_ms)
}

/// The marks that a backup does not hold: whoever they are of was erased after it was made. A user whose mark it holds
/// had come back by then.
pub(super) fn since(mut marks: Marks, held: &Marks) -> Marks {
    marks.retain(|id, at_ms| held.get(id).is_none_or(|held_ms| held_ms < at_ms));
    marks
}

/// Erases those who were erased since; gives how many.
pub(super) async fn apply(new: &dyn Store, marks: &Marks) -> Result<u64, BackupError> {
    if marks.is_empty() {
        return Ok(0);
    }
    let mut gone = Vec::new();
    let mut offset = 0;
    loop {
        let query = ListUsers {
            offset,
            limit: PAGE,
        };
        let users = new.users(query).await?;
        offset += users.len();
        let is_last = users.len() < PAGE;
        gone.extend(
            users
                .into_iter()
                .filter(|user| marks.contains_key(&Mark::of(&user.id, 0).id)),
        );
        if is_last {
            break;
        }
    }
    for user in &gone {
        if user.held {
            let free = UserPatch {
                held: Some(false),
                ..UserPatch::default()
            };
            new.put_user(&user.id, free).await?;
        }
        new.erase_user(&user.id).await?;
    }
    Ok(gone.len() as u64)
}

/// Takes the marks over, so that the next restore knows them too.
pub(super) async fn carry_over(old: &dyn Store, new: &dyn Store) -> Result<(), BackupError> {
    let mut records = records(old).await?;
    records.sort_by(|a, b| a.id.cmp(&b.id));
    if records.is_empty() {
        return Ok(());
    }
    let rows: Vec<Row> = records.into_iter().map(Row::Record).collect();
    let batches: Vec<_> = rows.chunks(PAGE).map(|some| Ok(some.to_vec())).collect();
    let how = WriteRows {
        on_conflict: OnConflict::Replace,
        dry_run: false,
    };
    new.write_rows(&Part::Records, stream::iter(batches).boxed(), how)
        .await?;
    Ok(())
}
