//! The caller of a request, as handlers get it.

use std::fmt;
use std::str::FromStr;

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use everthread_graph::contract::UserId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::KeyId;
use crate::app::App;
use crate::error::ApiError;
use crate::limits::Subject;

/// What a caller may do.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Its own user's data.
    User,
    /// The data of the user that it names in `X-Everthread-User`, and the list of users.
    Service,
    /// Everything, keys included.
    Admin,
}

/// A caller on the data of one user: what handlers of user data take.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Whose data is seen and changed.
    pub user: UserId,
    /// What the caller may do.
    pub role: Role,
    /// The key that was shown; `None` for a token or in local mode.
    pub key: Option<KeyId>,
}

/// A caller who may not have named a user: what handlers of the deployment's data take.
#[derive(Debug, Clone)]
pub struct Principal {
    /// On whose data; `None` for a service or an admin that named nobody.
    pub user: Option<UserId>,
    /// Whether the user was named in `X-Everthread-User`: the call is then about nobody else.
    pub named: bool,
    /// What the caller may do.
    pub role: Role,
    /// The key that was shown; `None` for a token or in local mode.
    pub key: Option<KeyId>,
    /// By whom it is counted; `None` in local mode.
    pub(crate) counted: Option<Subject>,
}

impl Principal {
    /// Whether this caller manages users at all, rather than being one or acting as one.
    #[must_use]
    pub fn manages(&self) -> bool {
        self.role >= Role::Service && !self.named
    }

    /// Whether this caller may see this user's data: its own, or anybody's where it manages users.
    #[must_use]
    pub fn may_see(&self, user: &UserId) -> bool {
        self.manages() || self.user.as_ref() == Some(user)
    }

    /// The caller on one user's data.
    ///
    /// # Errors
    /// `user_required` when no user was named.
    pub fn caller(self) -> Result<Caller, ApiError> {
        let Some(user) = self.user else {
            return Err(ApiError::new(
                StatusCode::BAD_REQUEST,
                "user_required",
                format!(
                    "this key has the role {}: name the user in the header X-Everthread-User",
                    self.role
                ),
            ));
        };
        Ok(Caller {
            user,
            role: self.role,
            key: self.key,
        })
    }
}

impl FromRequestParts<App> for Principal {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, ApiError> {
        let known = parts.extensions.get::<Self>().cloned();
        // Only public routes are reached without an identity, and they ask for none.
        known.ok_or_else(|| ApiError::unauthorized("who calls?"))
    }
}

impl FromRequestParts<App> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        Principal::from_request_parts(parts, app).await?.caller()
    }
}

/// A text that names no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no role: the roles are user, service and admin")]
pub struct UnknownRole(String);

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        match text {
            "user" => Ok(Self::User),
            "service" => Ok(Self::Service),
            "admin" => Ok(Self::Admin),
            _ => Err(UnknownRole(text.to_owned())),
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::User => "user",
            Self::Service => "service",
            Self::Admin => "admin",
        })
    }
}
