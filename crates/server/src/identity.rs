//! Who calls, and on whose data: identity alone decides it, nothing that a request says in its body.
//!
//! A caller shows an API key or a token of the configured issuer. A server that listens on loopback and has neither
//! serves its own machine, see [`local`].

mod caller;
mod credential;
mod jwks;
mod jwt;
mod key;
pub(crate) mod local;

pub use caller::{Caller, Principal, Role, UnknownRole};
pub use jwt::{JwtError, JwtKeys, JwtSettings};
pub use key::{KeyId, KeyText};
