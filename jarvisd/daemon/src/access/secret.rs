//! Opaque secrets: 256 random bits, shown once, kept only as a SHA-256.
//!
//! A fast hash is right here: unlike a password, 256 random bits cannot be guessed.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use subtle::ConstantTimeEq;
use thiserror::Error;

use crate::store::SecretHash;

/// Prefix of API tokens, so that a leaked one is recognised as what it is.
pub const TOKEN_PREFIX: &str = "jv_";

const RANDOM_BYTES: usize = 32;
/// 32 bytes in base64 without padding.
const RANDOM_CHARS: usize = 43;

#[derive(Debug, Error)]
#[error("the operating system gave no random numbers: {0}; check that getrandom(2) works here")]
pub struct RandomError(getrandom::Error);

/// A secret in the clear, on its way to its owner. Never logged: `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct Plain(String);

impl Plain {
    /// A new session or set-up secret: 43 characters of URL-safe base64.
    pub fn random() -> Result<Self, RandomError> {
        let mut bytes = [0_u8; RANDOM_BYTES];
        getrandom::fill(&mut bytes).map_err(RandomError)?;
        Ok(Self(URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// A new API token: `jv_` and 43 characters.
    pub fn random_token() -> Result<Self, RandomError> {
        Ok(Self(format!("{TOKEN_PREFIX}{}", Self::random()?.0)))
    }

    /// Reads a session or set-up secret; `None` when it cannot be one.
    pub fn parse(text: &str) -> Option<Self> {
        is_random(text).then(|| Self(text.to_owned()))
    }

    /// Reads an API token; `None` when it cannot be one.
    pub fn parse_token(text: &str) -> Option<Self> {
        text.strip_prefix(TOKEN_PREFIX).is_some_and(is_random).then(|| Self(text.to_owned()))
    }

    /// For the one place that hands it to its owner.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What the store keeps and finds it by.
    pub fn hash(&self) -> SecretHash {
        SecretHash::of(self.0.as_bytes())
    }

    /// Takes the same time wherever the two differ.
    pub fn same(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl fmt::Debug for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Plain(…)")
    }
}

fn is_random(text: &str) -> bool {
    text.len() == RANDOM_CHARS && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// Whether a text carries something shaped like an API token anywhere.
pub fn contains_token(text: &str) -> bool {
    text.match_indices(TOKEN_PREFIX).any(|(at, prefix)| {
        text.get(at + prefix.len()..).and_then(|rest| rest.get(..RANDOM_CHARS)).is_some_and(is_random)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_new_token_parses_and_no_two_are_alike() {
        let (a, b) = (Plain::random_token().unwrap(), Plain::random_token().unwrap());
        assert_ne!(a.reveal(), b.reveal());
        assert_eq!(Plain::parse_token(a.reveal()), Some(a.clone()));
        assert!(!a.same(&b) && a.same(&a.clone()));
        assert!(a.hash() == a.hash() && a.hash() != b.hash());
        assert_eq!(format!("{a:?}"), "Plain(…)");
    }

    #[test]
    fn a_token_inside_a_longer_text_is_seen() {
        let token = Plain::random_token().unwrap();
        assert!(contains_token(&format!("a=1&t={}&b=2", token.reveal())));
        assert!(!contains_token("jv_short&name=jv_"));
        assert!(!contains_token("jv_öööööööööööööööööööööööööööööööööööööööööööö"));
    }

    proptest! {
        #[test]
        fn only_the_exact_shape_is_a_token(text in "\\PC{0,60}") {
            let shaped = text.len() == 46 && text.starts_with("jv_")
                && text[3..].bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
            prop_assert_eq!(Plain::parse_token(&text).is_some(), shaped);
        }

        #[test]
        fn parsing_never_changes_a_token(body in "[A-Za-z0-9_-]{43}") {
            let text = format!("jv_{body}");
            let token = Plain::parse_token(&text);
            prop_assert_eq!(token.as_ref().map(Plain::reveal), Some(text.as_str()));
            prop_assert!(contains_token(&text));
        }

        #[test]
        fn looking_for_tokens_survives_any_text(text in "\\PC{0,200}") {
            let _ = contains_token(&text);
        }
    }
}
