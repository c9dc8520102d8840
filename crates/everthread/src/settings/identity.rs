//! `[identity]`

use everthread_server::identity::{JwtKeys, JwtSettings};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::secret::Secret;

/// Tokens of an identity provider.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct IdentitySettings {
    /// Who makes the tokens: their `iss`, for instance `https://login.example.com`. Without `jwks_url` and `secret` the
    /// key set is found through it.
    issuer: Option<String>,
    /// For whom the tokens are made: their `aud`, the name of this server at the issuer. Required to accept tokens.
    audience: Option<String>,
    /// Where the key set of the issuer is.
    jwks_url: Option<String>,
    /// The secret of tokens that are signed with HS256, 32 bytes or more; better set as `EVERTHREAD_IDENTITY_SECRET`
    /// than in the file.
    secret: Option<Secret>,
    /// The claim with the role: `user`, `service`, `admin`, or a list in which one of them is. A token without it has
    /// the role `user`.
    role_claim: String,
    /// By how many seconds the clocks of the issuer and this server may differ.
    leeway_s: u64,
}

impl IdentitySettings {
    /// `None` when nothing is set. What does not fit together is found when the server begins.
    pub(super) fn tokens(&self) -> Option<JwtSettings> {
        let keys = match (&self.secret, &self.jwks_url) {
            (Some(secret), _) => JwtKeys::Secret(secret.reveal().to_owned()),
            (None, url) => JwtKeys::Jwks(url.clone()),
        };
        let is_set = self.issuer.is_some()
            || self.audience.is_some()
            || self.jwks_url.is_some()
            || self.secret.is_some();
        is_set.then(|| JwtSettings {
            issuer: self.issuer.clone(),
            audience: self.audience.clone().unwrap_or_default(),
            keys,
            role_claim: self.role_claim.clone(),
            leeway_s: self.leeway_s,
        })
    }
}

impl Default for IdentitySettings {
    fn default() -> Self {
        Self {
            issuer: None,
            audience: None,
            jwks_url: None,
            secret: None,
            role_claim: "role".to_owned(),
            leeway_s: 60,
        }
    }
}
