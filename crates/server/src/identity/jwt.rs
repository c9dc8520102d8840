//! Tokens of an identity provider: JSON Web Tokens (RFC 7519), checked against one issuer.

use std::error::Error;
use std::fmt;

use everthread_graph::contract::UserId;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::{Map, Value};

use super::Role;
use super::jwks::Jwks;

/// The signatures that a key set may be used for. Never HMAC: a public key must not pass for a shared secret.
const ASYMMETRIC: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];
/// Shortest secret that is accepted, in bytes: that of the hash (RFC 7518, 3.2).
const MIN_SECRET_BYTES: usize = 32;

/// Which tokens are believed.
#[derive(Clone)]
pub struct JwtSettings {
    /// The `iss` of a token. Required with a key set that is found through the issuer.
    pub issuer: Option<String>,
    /// The `aud` of a token: who it was made for, which must be this server.
    pub audience: String,
    /// How its signature is checked.
    pub keys: JwtKeys,
    /// The claim with the role, as text or a list; a token without it has the role `user`. Default `role`.
    pub role_claim: String,
    /// Clocks may differ by so many seconds; default 60.
    pub leeway_s: u64,
}

/// How the signature of a token is checked.
#[derive(Clone)]
pub enum JwtKeys {
    /// HS256 with this secret of 32 bytes or more.
    Secret(String),
    /// The key set at this URL; `None` to ask the issuer where it is (OpenID Connect Discovery).
    Jwks(Option<String>),
}

/// Why a token is not believed, or tokens cannot be checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JwtError {
    /// The token is none, is out of date, or not from the issuer: what was wrong.
    Refused(String),
    /// The key set cannot be had just now.
    Unavailable(String),
    /// The settings cannot work.
    Settings(&'static str),
}

/// What a believed token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bearer {
    pub(crate) user: UserId,
    pub(crate) role: Role,
}

/// Checks tokens.
#[derive(Debug)]
pub(crate) struct Jwt {
    settings: JwtSettings,
    keys: Checker,
}

enum Checker {
    Secret(DecodingKey),
    Jwks(Jwks),
}

impl Jwt {
    /// # Errors
    /// [`JwtError::Settings`] says what cannot work.
    pub(crate) fn new(settings: JwtSettings) -> Result<Self, JwtError> {
        let wrong = |why| Err(JwtError::Settings(why));
        if settings.audience.is_empty() {
            return wrong("tokens need an audience: the name of this server at the issuer");
        }
        let keys = match (&settings.keys, &settings.issuer) {
            (JwtKeys::Secret(secret), _) if secret.len() < MIN_SECRET_BYTES => {
                return wrong("the secret for tokens needs 32 bytes or more");
            }
            (JwtKeys::Secret(secret), _) => {
                Checker::Secret(DecodingKey::from_secret(secret.as_bytes()))
            }
            (JwtKeys::Jwks(Some(url)), _) => Checker::Jwks(Jwks::at(url.clone())),
            (JwtKeys::Jwks(None), Some(issuer)) => Checker::Jwks(Jwks::of_issuer(issuer)),
            (JwtKeys::Jwks(None), None) => {
                return wrong("tokens need an issuer, the URL of a key set or a secret");
            }
        };
        Ok(Self { settings, keys })
    }

    /// Reads and checks a token.
    ///
    /// # Errors
    /// [`JwtError::Refused`], [`JwtError::Unavailable`].
    pub(crate) async fn check(&self, token: &str) -> Result<Bearer, JwtError> {
        let refused = |error: jsonwebtoken::errors::Error| JwtError::Refused(error.to_string());
        let header = decode_header(token).map_err(refused)?;
        let (key, allowed) = match &self.keys {
            Checker::Secret(key) => (key.clone(), &[Algorithm::HS256][..]),
            Checker::Jwks(jwks) => (jwks.key(header.kid.as_deref()).await?, &ASYMMETRIC[..]),
        };
        if !allowed.contains(&header.alg) {
            let why = format!("it is signed by {:?}", header.alg);
            return Err(JwtError::Refused(why));
        }
        let validation = self.validation(header.alg);
        let claims = decode::<Map<String, Value>>(token, &key, &validation).map_err(refused)?;
        self.bearer(&claims.claims)
    }

    fn validation(&self, algorithm: Algorithm) -> Validation {
        let mut validation = Validation::new(algorithm);
        validation.leeway = self.settings.leeway_s;
        validation.validate_nbf = true;
        validation.set_audience(&[&self.settings.audience]);
        let mut required = vec!["exp", "aud", "sub"];
        if let Some(issuer) = &self.settings.issuer {
            validation.set_issuer(&[issuer]);
            required.push("iss");
        }
        validation.set_required_spec_claims(&required);
        validation
    }

    fn bearer(&self, claims: &Map<String, Value>) -> Result<Bearer, JwtError> {
        let subject = claims.get("sub").and_then(Value::as_str);
        let user = UserId::new(subject.unwrap_or_default())
            .map_err(|error| JwtError::Refused(format!("its `sub` is no user: {error}")))?;
        let role = claims.get(&self.settings.role_claim);
        Ok(Bearer {
            user,
            role: role.map_or(Role::User, role_of),
        })
    }
}

/// The highest role that a claim names; what it names besides is another program's business.
fn role_of(claim: &Value) -> Role {
    let named = match claim {
        Value::Array(names) => names.iter().collect(),
        name => vec![name],
    };
    let roles = named
        .into_iter()
        .filter_map(|name| name.as_str()?.parse().ok());
    roles.max().unwrap_or(Role::User)
}

impl fmt::Debug for JwtSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: &dyn fmt::Debug = match &self.keys {
            JwtKeys::Secret(_) => &"a secret",
            JwtKeys::Jwks(url) => url,
        };
        f.debug_struct("JwtSettings")
            .field("issuer", &self.issuer)
            .field("audience", &self.audience)
            .field("keys", keys)
            .field("role_claim", &self.role_claim)
            .field("leeway_s", &self.leeway_s)
            .finish()
    }
}

impl fmt::Debug for Checker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Secret(_) => f.write_str("Secret"),
            Self::Jwks(jwks) => jwks.fmt(f),
        }
    }
}

impl fmt::Display for JwtError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(why) => write!(f, "the token is not accepted: {why}"),
            Self::Unavailable(why) => write!(f, "tokens cannot be checked just now: {why}"),
            Self::Settings(why) => f.write_str(why),
        }
    }
}

impl Error for JwtError {}

#[cfg(test)]
mod tests;
