//! What the client must be told: where the nodes are, whom to trust, which token to show.
//!
//! Not here: reading files or the environment (the configuration does that and hands over contents).

use jarvis_core::cluster::NodeName;
use reqwest::Url;
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};

use super::error::{ErrorKind, ProxmoxError};

/// Everything needed to talk to one cluster.
#[derive(Debug, Clone)]
pub struct Settings {
    /// In order of preference; any one that answers serves the whole cluster.
    pub nodes: Vec<NodeAddress>,
    /// PEM text of the cluster's CA (`/etc/pve/pve-root-ca.pem`); needed unless every node has a fingerprint.
    pub ca_pem: Option<String>,
    /// `user@realm!tokenid=uuid`
    pub token: SecretString,
}

#[derive(Debug, Clone)]
pub struct NodeAddress {
    pub name: NodeName,
    /// `https://192.168.1.50:8006`
    pub url: String,
    /// SHA-256 of the node's certificate, `AA:BB:…`; with it the CA does not count for this node.
    pub fingerprint: Option<String>,
}

impl NodeAddress {
    /// The address without a trailing slash, if it is one the client may use.
    pub(super) fn base(&self) -> Result<Url, ProxmoxError> {
        let bad = |todo: &str| {
            Err(ProxmoxError::unplaced(ErrorKind::Misconfigured {
                what: format!("the url of node {} is `{}`: {todo}", self.name, self.url.escape_debug()),
            }))
        };
        let Ok(url) = Url::parse(&self.url) else {
            return bad("give https://ADDRESS:8006");
        };
        if url.scheme() != "https" {
            return bad("give https://, because Proxmox answers nothing but a redirect on plain http");
        }
        if url.host_str().is_none()
            || url.path() != "/"
            || url.query().is_some()
            || !url.username().is_empty()
        {
            return bad("give only the address, as in https://192.168.1.50:8006");
        }
        Ok(url)
    }

    /// The 32 bytes of the fingerprint, if one is set.
    pub(super) fn pin(&self) -> Result<Option<[u8; 32]>, ProxmoxError> {
        let Some(text) = &self.fingerprint else { return Ok(None) };
        let hex: Vec<u8> = text.bytes().filter(|b| *b != b':').collect();
        let bytes: Option<Vec<u8>> = hex.chunks(2).map(hex_pair).collect();
        match bytes.and_then(|b| <[u8; 32]>::try_from(b).ok()) {
            Some(pin) => Ok(Some(pin)),
            None => Err(ProxmoxError::unplaced(ErrorKind::Misconfigured {
                what: format!(
                    "the fingerprint of node {} is not SHA-256: give 32 pairs of hex digits, AA:BB:…, as its \
                     certificate page shows them",
                    self.name
                ),
            })),
        }
    }
}

fn hex_pair(pair: &[u8]) -> Option<u8> {
    let text = std::str::from_utf8(pair).ok()?;
    (pair.len() == 2 && pair.iter().all(u8::is_ascii_hexdigit)).then(|| u8::from_str_radix(text, 16).ok())?
}

impl Settings {
    /// `user@realm!tokenid`: the part of the token that may be shown.
    pub(super) fn token_id(&self) -> Result<String, ProxmoxError> {
        let text = self.token.expose_secret().trim();
        let id = text.split_once('=').filter(|(id, secret)| {
            let shaped =
                id.split_once('!').is_some_and(|(user, name)| user.contains('@') && !name.is_empty());
            shaped && !secret.is_empty() && text.bytes().all(|b| b.is_ascii_graphic())
        });
        match id {
            Some((id, _)) => Ok(id.to_owned()),
            // The text itself is not shown: a file with only the secret in it is the usual mistake.
            None => Err(ProxmoxError::unplaced(ErrorKind::Misconfigured {
                what:
                    "the API token is not of the form user@realm!tokenid=uuid: write exactly that into the \
                       token file"
                        .into(),
            })),
        }
    }

    /// The `Authorization` header, marked sensitive so that nothing prints it.
    pub(super) fn authorization(&self) -> Result<HeaderValue, ProxmoxError> {
        self.token_id()?;
        let text = format!("PVEAPIToken={}", self.token.expose_secret().trim());
        let Ok(mut value) = HeaderValue::from_str(&text) else {
            return Err(ProxmoxError::unplaced(ErrorKind::Misconfigured {
                what: "the API token holds characters a header cannot carry".into(),
            }));
        };
        value.set_sensitive(true);
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(url: &str, fingerprint: Option<&str>) -> NodeAddress {
        NodeAddress {
            name: "pve".parse().unwrap(),
            url: url.into(),
            fingerprint: fingerprint.map(str::to_owned),
        }
    }

    #[test]
    fn plain_http_is_refused_with_the_reason() {
        let text = node("http://10.0.0.1:8006", None).base().unwrap_err().to_string();
        assert!(text.contains("https://") && text.contains("pve"), "{text}");
        for bad in ["10.0.0.1:8006", "https://10.0.0.1:8006/api2", "https://root@10.0.0.1", ""] {
            assert!(node(bad, None).base().is_err(), "{bad}");
        }
        assert!(node("https://[fd00::1]:8006/", None).base().is_ok());
    }

    #[test]
    fn a_fingerprint_is_read_with_or_without_colons() {
        let colons = vec!["aB"; 32].join(":");
        assert_eq!(node("https://h", Some(&colons)).pin().unwrap(), Some([0xab; 32]));
        assert_eq!(node("https://h", Some(&"AB".repeat(32))).pin().unwrap(), Some([0xab; 32]));
        for bad in ["", "AB", &"AB".repeat(31), &"+1".repeat(32), &"ZZ".repeat(32)] {
            assert!(node("https://h", Some(bad)).pin().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_malformed_token_is_refused_without_being_shown() {
        for bad in ["c4n4ry-uuid", "root@pam=c4n4ry", "root!x=c4n4ry", "root@pam!x=", "root@pam!x=c4n4ry\nb"]
        {
            let settings = Settings { nodes: vec![], ca_pem: None, token: bad.to_owned().into() };
            let text = settings.authorization().unwrap_err().to_string();
            assert!(!text.contains("c4n4ry"), "{text}");
        }
    }
}
