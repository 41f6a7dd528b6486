//! The session cookie: how it is written and read.

use super::secret::Plain;

pub const NAME: &str = "jarvis_session";

/// Largest `Cookie` header that is looked at; other applications of the same host add theirs.
const HEADER_BYTES_MAX: usize = 8 * 1024;

/// `Set-Cookie` of a new session. It dies with the session's absolute age; scripts cannot read it, other
/// sites cannot send it.
pub fn give(secret: &Plain, lives_s: i64, secure: bool) -> String {
    write(secret.reveal(), lives_s, secure)
}

/// `Set-Cookie` that removes it.
pub fn take_back(secure: bool) -> String {
    write("", 0, secure)
}

fn write(value: &str, lives_s: i64, secure: bool) -> String {
    let secure = if secure { "; Secure" } else { "" };
    format!("{NAME}={value}; Path=/; Max-Age={lives_s}; HttpOnly; SameSite=Strict{secure}")
}

/// Whether a session cookie is there at all, and what it holds if it can be one.
pub fn find(header: &str) -> Option<Option<Plain>> {
    if header.len() > HEADER_BYTES_MAX {
        return None;
    }
    let value = header
        .split(';')
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(name, value)| (name == NAME).then_some(value))?;
    Some(Plain::parse(value.trim_matches('"')))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_cookie_is_strict_and_hidden_from_scripts() {
        let secret = Plain::random().unwrap();
        let cookie = give(&secret, 60, true);
        for part in ["HttpOnly", "SameSite=Strict", "Path=/", "Secure", "Max-Age=60"] {
            assert!(cookie.split("; ").any(|p| p == part), "{part}: {cookie}");
        }
        assert!(!give(&secret, 60, false).contains("Secure"));
        assert!(take_back(true).starts_with("jarvis_session=; ") && take_back(true).contains("Max-Age=0"));
    }

    #[test]
    fn the_cookie_is_found_among_others() {
        let secret = Plain::random().unwrap();
        let text = secret.reveal();
        assert_eq!(find(&format!("a=b; jarvis_session={text}; c=d")), Some(Some(secret.clone())));
        assert_eq!(find("a=b; xjarvis_session=1"), None);
        assert_eq!(find("jarvis_session=short"), Some(None));
        assert_eq!(find(""), None);
    }

    proptest! {
        #[test]
        fn any_header_is_survived(header in "\\PC{0,300}") {
            let _ = find(&header);
        }
    }
}
