//! Who calls, and on whose data: identity alone decides it, nothing that a request says in its body.
//!
//! A caller shows an API key or a token of the configured issuer. A server that listens on loopback and has neither
//! serves its own machine only. The rule of each route is held before its handler runs.

mod auth;
mod caller;
mod credential;
pub(crate) mod guard;
mod jwks;
mod jwt;
mod key;
mod keys;
mod local;

pub use auth::{Auth, Exposed};
pub use caller::{Caller, Principal, Role, UnknownRole};
pub use jwt::{JwtError, JwtKeys, JwtSettings};
pub use key::{KeyId, KeyText};
pub use keys::{Key, Keys, NewKey};
