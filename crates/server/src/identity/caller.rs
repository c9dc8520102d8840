//! The caller of a request.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use everthread_graph::contract::UserId;

use crate::app::App;
use crate::error::ApiError;

/// The header by which a caller with the role `service` or `admin` names a user.
const USER_HEADER: &str = "x-everthread-user";
/// The user of a server without keys.
const LOCAL_USER: &str = "local";

/// Who calls, and on whose data.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Whose data is seen and changed.
    pub user: UserId,
    /// What the caller may do.
    pub role: Role,
}

/// What a caller may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Its own user's data.
    User,
    /// The data of the user that it names.
    Service,
    /// Everything.
    Admin,
}

impl FromRequestParts<App> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, ApiError> {
        let named = parts.headers.get(USER_HEADER).map(|value| value.to_str());
        let named = named
            .transpose()
            .map_err(|_| ApiError::invalid("the user header is no text"))?;
        let user = UserId::new(named.unwrap_or(LOCAL_USER))
            .map_err(|error| ApiError::invalid(error.to_string()))?;
        Ok(Self {
            user,
            role: Role::Admin,
        })
    }
}
