//! How a thread is named by callers.

use crate::contract::{IdError, ThreadId, ThreadKey, UserId};
use crate::error::{Error, ErrorKind};

/// The user of threads that name none.
const LOCAL_USER: &str = "local";

/// A thread by its id (of the user `local`) or by its key. What is no id is reported when the thread is used.
#[derive(Debug, Clone)]
pub struct ThreadRef(Result<ThreadKey, IdError>);

impl ThreadRef {
    pub(super) fn of_user(self, user: &str) -> Self {
        Self(self.0.and_then(|key| {
            Ok(ThreadKey {
                user: UserId::new(user)?,
                thread: key.thread,
            })
        }))
    }

    pub(super) fn key(&self) -> Result<ThreadKey, Error> {
        self.0.clone().map_err(|error| {
            let context = format!("this is no id of a thread or a user: {error}");
            Error::new(ErrorKind::InvalidInput, context).with_source(error)
        })
    }
}

impl From<ThreadKey> for ThreadRef {
    fn from(key: ThreadKey) -> Self {
        Self(Ok(key))
    }
}

impl From<&ThreadKey> for ThreadRef {
    fn from(key: &ThreadKey) -> Self {
        Self(Ok(key.clone()))
    }
}

impl From<ThreadId> for ThreadRef {
    fn from(thread: ThreadId) -> Self {
        Self(UserId::new(LOCAL_USER).map(|user| ThreadKey { user, thread }))
    }
}

impl From<&str> for ThreadRef {
    fn from(thread: &str) -> Self {
        match ThreadId::new(thread) {
            Ok(thread) => thread.into(),
            Err(error) => Self(Err(error)),
        }
    }
}

impl From<String> for ThreadRef {
    fn from(thread: String) -> Self {
        thread.as_str().into()
    }
}

impl From<&String> for ThreadRef {
    fn from(thread: &String) -> Self {
        thread.as_str().into()
    }
}
