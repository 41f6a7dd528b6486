//! Passwords: argon2id with stated parameters, a length policy, and answers that take the same time
//! whether or not there is an account.

use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use thiserror::Error;

/// 46 MiB, one pass, one lane: the first of OWASP's choices for argon2id. It is also the one whose memory the system's
/// allocator gives back at once, because it is above the 32 MiB up to which glibc keeps blocks for later: with 19 MiB
/// the daemon stayed that much bigger after the first log-in.
const MEMORY_KIB: u32 = 46 * 1024;
const PASSES: u32 = 1;
const LANES: u32 = 1;

/// Nobody types more; a longer one is an attempt to burn CPU.
pub const LENGTH_MAX: usize = 1_024;

#[derive(Debug, Error, PartialEq, Eq)]
pub enum PasswordError {
    #[error("the password has {have} characters; give at least {least}")]
    Short { have: usize, least: usize },
    #[error("the password has more than {LENGTH_MAX} bytes; give a shorter one")]
    Long,
    #[error("the password could not be hashed: {0}")]
    Hash(String),
}

/// Checks the length policy; `least` counts characters, not bytes.
pub fn acceptable(password: &str, least: usize) -> Result<(), PasswordError> {
    let have = password.chars().count();
    if password.len() > LENGTH_MAX {
        Err(PasswordError::Long)
    } else if have < least {
        Err(PasswordError::Short { have, least })
    } else {
        Ok(())
    }
}

/// Hashes into a PHC string with a random salt. Slow on purpose: call it on the blocking pool.
pub fn hash(password: &str) -> Result<String, PasswordError> {
    let fail = |e: &dyn std::fmt::Display| PasswordError::Hash(e.to_string());
    let phc = hasher().map_err(|e| fail(&e))?.hash_password(password.as_bytes()).map_err(|e| fail(&e))?;
    Ok(phc.to_string())
}

/// Whether the password is the one of `phc`. Without an account the same work is done and the answer is no.
/// Slow on purpose: call it on the blocking pool.
pub fn verify(password: &str, phc: Option<&str>) -> bool {
    let Ok(hasher) = hasher() else { return false };
    match phc {
        Some(phc) => PasswordVerifier::<str>::verify_password(&hasher, password.as_bytes(), phc).is_ok(),
        None => {
            let mut out = [0_u8; 32];
            // The result is dropped on purpose: only the time it takes matters.
            let _ = hasher.hash_password_into(password.as_bytes(), b"no account, same work", &mut out);
            std::hint::black_box(out);
            false
        }
    }
}

fn hasher() -> Result<Argon2<'static>, argon2::Error> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_states_its_parameters_and_verifies_only_its_password() {
        let phc = hash("correct horse").unwrap();
        assert!(phc.starts_with("$argon2id$v=19$m=47104,t=1,p=1$"), "{phc}");
        assert!(verify("correct horse", Some(&phc)));
        assert!(!verify("correct horsf", Some(&phc)));
        assert!(!verify("correct horse", None));
        assert!(!verify("correct horse", Some("not a hash")));
    }

    #[test]
    fn length_counts_characters() {
        assert_eq!(acceptable("ääääääääää", 10), Ok(()));
        assert_eq!(acceptable("äääääääää", 10), Err(PasswordError::Short { have: 9, least: 10 }));
        assert_eq!(acceptable(&"a".repeat(1_025), 10), Err(PasswordError::Long));
    }
}
