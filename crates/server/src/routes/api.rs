//! `/api`: what Everthread has of its own: users, search, storage, keys, backups.

mod backups;
mod export;
mod history;
mod jobs;
mod keys;
mod profile;
mod search;
mod storage;
mod users;
pub(crate) mod wire;

use everthread_graph::contract::UserId;

pub(crate) use backups::{
    BackupBody, BackupList, ImportBody, NewBackupBody, PruneBody, PrunedBody, RestoreBody,
};
pub(crate) use history::{ConversationList, SessionList};
pub(crate) use jobs::{ConfirmBody, JobBody, JobList};
pub(crate) use keys::{KeyList, MadeKeyBody, NewKeyBody};
pub(crate) use search::HitList;
pub(crate) use users::UserList;

use super::Routes;
use crate::error::ApiError;
use crate::identity::Principal;

/// The user of the caller, in a path.
const ME: &str = "me";

pub(super) fn routes(routes: Routes) -> Routes {
    let routes = users::routes(routes);
    let routes = profile::routes(routes);
    let routes = history::routes(routes);
    let routes = export::routes(routes);
    let routes = search::routes(routes);
    let routes = storage::routes(routes);
    let routes = keys::routes(routes);
    let routes = backups::routes(routes);
    jobs::routes(routes)
}

/// The user that a path names: `me`, the caller's own, or any for who manages users. Another's is absent.
///
/// # Errors
/// `not_found`; `user_required` for `me` of a caller who is nobody; 422 for what is no user id.
fn target(principal: &Principal, name: &str) -> Result<UserId, ApiError> {
    if name == ME {
        return Ok(principal.clone().caller()?.user);
    }
    let user = UserId::new(name)
        .map_err(|error| ApiError::invalid(format!("Invalid user ID: {error}")))?;
    if principal.may_see(&user) {
        Ok(user)
    } else {
        Err(no_user())
    }
}

fn no_user() -> ApiError {
    ApiError::not_found("User")
}
