//! Erasing a user: everything of theirs, and the keys that would show it.

use everthread_graph::contract::UserId;
use everthread_store::retention::Policies;
use everthread_store::{Erased, Store, StoreError, StoreErrorKind};

use crate::identity::Keys;

/// What an erasure removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErasedUser {
    /// What the store held of the user.
    pub data: Erased,
    /// Keys of the user: they are revoked, and tell no more whose they were.
    pub keys: u64,
}

/// Erases a user, then takes their keys from them. Where it stops between the two, the same call again does what is
/// left: a user of whom only keys are there is no unknown user.
///
/// # Errors
/// `NotFound` when there is nothing of the user; those of [`Store::erase_user`].
pub async fn erase_user(
    store: &dyn Store,
    keys: &Keys,
    user: &UserId,
) -> Result<ErasedUser, StoreError> {
    let erased = store.erase_user(user).await;
    if erased.is_ok() {
        // It names the user, and the user is gone.
        Policies::set(store, user, None).await?;
    }
    match erased {
        Ok(data) => Ok(ErasedUser {
            data,
            keys: keys.forget_user(user).await?,
        }),
        Err(error) if error.kind() == StoreErrorKind::NotFound => {
            match keys.forget_user(user).await? {
                0 => Err(error),
                keys => Ok(ErasedUser {
                    data: Erased::default(),
                    keys,
                }),
            }
        }
        Err(error) => Err(error),
    }
}
