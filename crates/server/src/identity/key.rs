//! The text of an API key, and what of it is kept.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// How every key begins, so that people and scanners know one when they see it.
pub(crate) const PREFIX: &str = "evt_";
/// Random bytes of a key: 256 bits, out of reach of guessing, so that a plain hash protects it at rest.
const BYTES: usize = 32;
/// Hexadecimal digits of an id: enough never to meet another key.
const ID_DIGITS: usize = 20;

/// A key as its holder has it: `evt_` and 43 letters, digits, `-` and `_`. Shown once, never kept, never printed by
/// `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyText(String);

/// The public name of a key: the first digits of its hash, which tell nothing about the key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct KeyId(String);

/// SHA-256 of a key: what is kept of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct KeyHash([u8; 32]);

impl KeyText {
    /// A new key, from the system's randomness.
    ///
    /// # Panics
    /// When the system has no randomness to give: no key made then could be trusted.
    #[must_use]
    pub fn generate() -> Self {
        let mut bytes = [0; BYTES];
        getrandom::fill(&mut bytes).expect("the system gives random bytes");
        Self(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// What somebody showed, when it has the form of a key.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix(PREFIX)?).ok()?;
        (bytes.len() == BYTES).then(|| Self(text.to_owned()))
    }

    /// The key itself: to be shown to its holder and nobody else.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// The key's public name.
    #[must_use]
    pub fn id(&self) -> KeyId {
        self.hash().id()
    }

    pub(crate) fn hash(&self) -> KeyHash {
        KeyHash(Sha256::digest(self.0.as_bytes()).into())
    }
}

impl fmt::Debug for KeyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("evt_…")
    }
}

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyHash")
    }
}

impl KeyId {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for KeyId {
    type Err = std::convert::Infallible;

    /// Takes any text: one that names no key is found to name none.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl KeyHash {
    /// The hash as it is kept.
    pub(crate) fn hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    pub(crate) fn id(&self) -> KeyId {
        KeyId(format!("key_{}", &self.hex()[..ID_DIGITS]))
    }

    /// Whether this is the hash that was kept; the time it takes tells nothing about where they differ.
    pub(crate) fn is(&self, kept: &str) -> bool {
        self.hex().as_bytes().ct_eq(kept.as_bytes()).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_long_random_and_known_by_its_hash() {
        let (one, other) = (KeyText::generate(), KeyText::generate());
        assert_ne!(one, other);
        assert_eq!(one.reveal().len(), PREFIX.len() + 43);
        assert!(one.hash().is(&one.hash().hex()));
        assert!(!one.hash().is(&other.hash().hex()));
        assert!(!one.hash().is(""));
        assert_eq!(KeyText::parse(one.reveal()), Some(one.clone()));
        assert!(one.id().as_str().starts_with("key_"));
    }

    #[test]
    fn what_has_not_the_form_of_a_key_is_none() {
        for text in ["", "evt_", "evt_short", "sk-1234", "EVT_AAAA"] {
            assert_eq!(KeyText::parse(text), None, "{text}");
        }
        let long = format!("{}AAAA", KeyText::generate().reveal());
        assert_eq!(KeyText::parse(&long), None);
    }

    #[test]
    fn debug_output_hides_the_key() {
        let key = KeyText::generate();
        assert_eq!(format!("{key:?}"), "evt_…");
    }
}
