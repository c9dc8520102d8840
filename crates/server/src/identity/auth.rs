//! Who a request comes from, by what it shows.

use std::net::IpAddr;
use std::sync::Arc;

use axum::http::{HeaderMap, StatusCode, Uri};
use everthread_graph::contract::UserId;
use everthread_store::{Store, StoreError};

use super::credential::{Credential, named_user};
use super::jwt::Jwt;
use super::{JwtError, JwtSettings, Key, Keys, Principal, Role, local};
use crate::error::ApiError;
use crate::limits::{Limits, Subject};

/// The user of a server without keys, unless a request names another.
const LOCAL_USER: &str = "local";

/// A server that would serve anybody: it listens beyond loopback and knows neither keys nor tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "listening on {0} would open every conversation to the network: create a key first with `everthread keys create`, \
     set up tokens under [identity], or listen on 127.0.0.1"
)]
pub struct Exposed(pub IpAddr);

/// Tells callers apart.
#[derive(Debug)]
pub struct Auth {
    keys: Keys,
    jwt: Option<Jwt>,
    is_loopback: bool,
}

impl Auth {
    /// With the keys in this store, and tokens if they are set up. `address` is where the server listens.
    ///
    /// # Errors
    /// [`JwtError::Settings`].
    pub fn new(
        store: Arc<dyn Store>,
        jwt: Option<JwtSettings>,
        address: IpAddr,
    ) -> Result<Self, JwtError> {
        Ok(Self {
            keys: Keys::new(store),
            jwt: jwt.map(Jwt::new).transpose()?,
            is_loopback: address.is_loopback(),
        })
    }

    /// The keys.
    #[must_use]
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Whether callers may come without showing anything: on loopback, while there are neither keys nor tokens.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn is_local(&self) -> Result<bool, StoreError> {
        Ok(self.is_loopback && self.jwt.is_none() && !self.keys.any().await?)
    }

    /// In local mode, refuses what does not come from this machine.
    ///
    /// # Errors
    /// `not_local`; those of the store.
    pub(crate) async fn check_place(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), ApiError> {
        if self.is_local().await? {
            local::check(uri, headers)?;
        }
        Ok(())
    }

    /// Who the request comes from. Whoever shows nothing that counts is counted by address.
    ///
    /// # Errors
    /// `unauthorized`, `forbidden`, `rate_limited`, `tokens_unavailable`; those of the store.
    pub(crate) async fn identify(
        &self,
        headers: &HeaderMap,
        from: IpAddr,
        limits: &Limits,
    ) -> Result<Principal, ApiError> {
        let named = named_user(headers)?;
        let principal = match Credential::of(headers) {
            Credential::Key(text) => {
                if !self.keys.was_known(&text) {
                    limits.check_address(from)?;
                }
                let found = self.keys.find(&text).await?;
                let key = found
                    .ok_or_else(|| ApiError::unauthorized("this key is unknown or was revoked"))?;
                limits.check_key(&key)?;
                of_key(&key, named)?
            }
            Credential::Bearer(token) if self.jwt.is_some() => {
                self.of_token(&token, named, from, limits).await?
            }
            Credential::Nothing | Credential::Bearer(_) if self.is_local().await? => {
                of_local(named)?
            }
            Credential::Malformed | Credential::Nothing | Credential::Bearer(_) => {
                limits.check_address(from)?;
                return Err(ApiError::unauthorized(
                    "show a key in X-Api-Key or Authorization: Bearer",
                ));
            }
        };
        Ok(principal)
    }

    async fn of_token(
        &self,
        token: &str,
        named: Option<UserId>,
        from: IpAddr,
        limits: &Limits,
    ) -> Result<Principal, ApiError> {
        let jwt = self
            .jwt
            .as_ref()
            .expect("asked only where tokens are set up");
        let bearer = match jwt.check(token).await {
            Ok(bearer) => bearer,
            Err(error @ JwtError::Refused(_)) => {
                limits.check_address(from)?;
                return Err(ApiError::unauthorized(error.to_string()));
            }
            Err(error) => {
                return Err(ApiError::unavailable(
                    "tokens_unavailable",
                    error.to_string(),
                ));
            }
        };
        limits.check_user(&bearer.user, bearer.role)?;
        let counted = Subject::User(bearer.user.clone());
        let own = (bearer.role != Role::Service).then_some(bearer.user);
        let mut principal = principal(bearer.role, own, named)?;
        principal.counted = Some(counted);
        Ok(principal)
    }
}

fn of_key(key: &Key, named: Option<UserId>) -> Result<Principal, ApiError> {
    let mut principal = principal(key.role, key.user.clone(), named)?;
    principal.key = Some(key.id.clone());
    principal.counted = Some(Subject::Key(key.id.clone()));
    Ok(principal)
}

fn of_local(named: Option<UserId>) -> Result<Principal, ApiError> {
    let local = UserId::new(LOCAL_USER).map_err(|error| ApiError::invalid(error.to_string()))?;
    principal(Role::Admin, Some(local), named)
}

/// Whoever has the role `user` is that user; others are the one that they name.
fn principal(
    role: Role,
    own: Option<UserId>,
    named: Option<UserId>,
) -> Result<Principal, ApiError> {
    if role == Role::User {
        if named.is_some() && named != own {
            let detail = "X-Everthread-User names another user: only keys with the role service or admin may do that";
            return Err(ApiError::new(StatusCode::FORBIDDEN, "forbidden", detail));
        }
        return Ok(Principal {
            user: own,
            named: false,
            role,
            key: None,
            counted: None,
        });
    }
    Ok(Principal {
        named: named.is_some(),
        user: named.or(own),
        role,
        key: None,
        counted: None,
    })
}
