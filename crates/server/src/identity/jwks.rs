//! The key set of an issuer (RFC 7517), kept and refreshed.
//!
//! It is fetched when the first token comes, again when it is old, and at once (but not more often than each
//! [`COOLDOWN`]) when a token names a key that is not in it: that is how issuers change their keys. While the issuer
//! cannot be reached the keys at hand go on to count, up to [`STALE`].

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::{AlgorithmFamily, DecodingKey};
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::JwtError;

/// After this time the set is fetched anew.
const FRESH: Duration = Duration::from_secs(10 * 60);
/// Time between two attempts at least.
const COOLDOWN: Duration = Duration::from_secs(5);
/// Keys that could not be refreshed for so long no longer count.
const STALE: Duration = Duration::from_secs(24 * 60 * 60);
/// Longest time for one request to the issuer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Largest document that is read from the issuer, in bytes.
const MAX_BYTES: usize = 1 << 20;

/// A key set and where it comes from.
pub(super) struct Jwks {
    place: Place,
    client: reqwest::Client,
    held: Mutex<Held>,
}

#[derive(Debug)]
enum Place {
    Url(String),
    /// The document that says where the set is.
    Discovery(String),
}

#[derive(Default)]
struct Held {
    keys: HashMap<String, DecodingKey>,
    fetched: Option<Instant>,
    tried: Option<Instant>,
    failure: String,
}

impl Jwks {
    /// The set at this URL.
    pub(super) fn at(url: String) -> Self {
        Self::new(Place::Url(url))
    }

    /// The set that this issuer names (OpenID Connect Discovery 1.0, 4).
    pub(super) fn of_issuer(issuer: &str) -> Self {
        let issuer = issuer.trim_end_matches('/');
        Self::new(Place::Discovery(format!(
            "{issuer}/.well-known/openid-configuration"
        )))
    }

    fn new(place: Place) -> Self {
        Self {
            place,
            client: reqwest::Client::new(),
            held: Mutex::default(),
        }
    }

    /// The key of this id; without an id, the only key there is.
    ///
    /// # Errors
    /// `Refused` when the issuer has no such key, `Unavailable` when it cannot be asked.
    pub(super) async fn key(&self, id: Option<&str>) -> Result<DecodingKey, JwtError> {
        let mut held = self.held.lock().await;
        let now = Instant::now();
        let is_old = held.fetched.is_none_or(|at| now - at > FRESH);
        let may_try = held.tried.is_none_or(|at| now - at >= COOLDOWN);
        if may_try && (is_old || held.find(id).is_none()) {
            held.tried = Some(now);
            // Others wait meanwhile: they would all need the same.
            match self.fetch().await {
                Ok(keys) => {
                    held.keys = keys;
                    held.fetched = Some(Instant::now());
                }
                Err(why) => {
                    tracing::warn!(operation = "jwks", outcome = "error", error = %why, "key set");
                    held.failure = why;
                }
            }
        }
        if held.fetched.is_none_or(|at| at.elapsed() > STALE) {
            return Err(JwtError::Unavailable(held.failure.clone()));
        }
        held.find(id)
            .ok_or_else(|| JwtError::Refused("the issuer has no such key".to_owned()))
    }

    async fn fetch(&self) -> Result<HashMap<String, DecodingKey>, String> {
        #[derive(Deserialize)]
        struct Discovery {
            jwks_uri: String,
        }
        let url = match &self.place {
            Place::Url(url) => url.clone(),
            Place::Discovery(url) => self.get::<Discovery>(url).await?.jwks_uri,
        };
        let set: RawSet = self.get(&url).await?;
        Ok(set.usable())
    }

    async fn get<T: for<'de> Deserialize<'de>>(&self, url: &str) -> Result<T, String> {
        let failed = |error: reqwest::Error| format!("{url}: {}", error.without_url());
        let request = self.client.get(url).timeout(TIMEOUT);
        let response = request.send().await.map_err(failed)?;
        let mut response = response.error_for_status().map_err(failed)?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_BYTES {
                return Err(format!("{url}: more than {MAX_BYTES} bytes"));
            }
        }
        serde_json::from_slice(&body).map_err(|error| format!("{url}: {error}"))
    }
}

impl Held {
    fn find(&self, id: Option<&str>) -> Option<DecodingKey> {
        match id {
            Some(id) => self.keys.get(id).cloned(),
            None if self.keys.len() == 1 => self.keys.values().next().cloned(),
            None => None,
        }
    }
}

/// A set of which single keys may be of kinds that we do not know.
#[derive(Deserialize)]
struct RawSet {
    keys: Vec<serde_json::Value>,
}

impl RawSet {
    /// The keys that can check a signature, by their ids.
    fn usable(self) -> HashMap<String, DecodingKey> {
        let known = self
            .keys
            .into_iter()
            .filter_map(|key| serde_json::from_value::<Jwk>(key).ok());
        let set = JwkSet {
            keys: known.collect(),
        };
        set.keys.iter().filter_map(usable).collect()
    }
}

fn usable(jwk: &Jwk) -> Option<(String, DecodingKey)> {
    if matches!(jwk.common.public_key_use, Some(PublicKeyUse::Encryption)) {
        return None;
    }
    let key = DecodingKey::from_jwk(jwk).ok()?;
    // A shared secret has no place in a public document.
    let is_public = key.family() != AlgorithmFamily::Hmac;
    is_public.then(|| (jwk.common.key_id.clone().unwrap_or_default(), key))
}

impl fmt::Debug for Jwks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Jwks").field(&self.place).finish()
    }
}
