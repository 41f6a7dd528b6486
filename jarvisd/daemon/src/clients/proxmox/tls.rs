//! Whom the client believes: the cluster's own CA, or one certificate by its fingerprint. Never the system's
//! roots, never nobody.
//!
//! A node's certificate names the node and its address, the full name may be missing; so the address in the
//! configuration or the node's name must match.

use std::error::Error;
use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jarvis_core::cluster::NodeName;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, OtherError, RootCertStore, SignatureScheme,
};
use sha2::{Digest, Sha256};

use super::error::{ErrorKind, ProxmoxError, quoted};

/// What the last handshake with a node showed.
#[derive(Debug, Default)]
pub(super) struct Shown {
    /// When its certificate ends, UTC seconds; 0 while not known.
    not_after_s: AtomicI64,
    leaf_sha256: Mutex<Option<[u8; 32]>>,
}

impl Shown {
    pub(super) fn not_after_s(&self) -> Option<i64> {
        Some(self.not_after_s.load(Ordering::Relaxed)).filter(|s| *s != 0)
    }

    /// `AA:BB:…` of the certificate last shown, trusted or not.
    pub(super) fn fingerprint(&self) -> Option<String> {
        self.leaf_sha256.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(fingerprint_text)
    }
}

/// The roots in a PEM text.
pub(super) fn roots(ca_pem: &str) -> Result<Arc<RootCertStore>, ProxmoxError> {
    let bad = |why: String| {
        ProxmoxError::unplaced(ErrorKind::Misconfigured {
            what: format!(
                "proxmox.ca_file holds no usable certificate ({why}): copy /etc/pve/pve-root-ca.pem"
            ),
        })
    };
    let mut store = RootCertStore::empty();
    for cert in CertificateDer::pem_slice_iter(ca_pem.as_bytes()) {
        let cert = cert.map_err(|e| bad(e.to_string()))?;
        store.add(cert).map_err(|e| bad(e.to_string()))?;
    }
    if store.is_empty() { Err(bad("no BEGIN CERTIFICATE in it".into())) } else { Ok(Arc::new(store)) }
}

/// The TLS configuration for one node.
pub(super) fn config(
    node: &NodeName,
    pin: Option<[u8; 32]>,
    roots: Option<Arc<RootCertStore>>,
    shown: Arc<Shown>,
) -> Result<ClientConfig, ProxmoxError> {
    let bad = |what: String| ProxmoxError::unplaced(ErrorKind::Misconfigured { what });
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let trust = match (pin, roots) {
        (Some(pin), _) => Trust::Pin(pin),
        (None, Some(roots)) => Trust::Ca(
            WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider))
                .build()
                .map_err(|e| bad(format!("proxmox.ca_file cannot be used ({e})")))?,
        ),
        (None, None) => {
            return Err(bad(format!(
                "nothing says which certificate of node {node} to trust: set proxmox.ca_file or the node's fingerprint"
            )));
        }
    };
    let node = ServerName::try_from(node.as_str().to_owned())
        .map_err(|e| bad(format!("node name {node} cannot be a certificate name ({e})")))?;
    let verifier = Verifier { trust, node, provider: Arc::clone(&provider), shown };
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| bad(format!("TLS cannot be set up ({e})")))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    // In a resumed session no certificate is shown: one that was exchanged, or has ended, would go unnoticed for as
    // long as the node goes on giving tickets.
    config.resumption = Resumption::disabled();
    Ok(config)
}

#[derive(Debug)]
enum Trust {
    Ca(Arc<WebPkiServerVerifier>),
    Pin([u8; 32]),
}

#[derive(Debug)]
struct Verifier {
    trust: Trust,
    node: ServerName<'static>,
    provider: Arc<CryptoProvider>,
    shown: Arc<Shown>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        host: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let digest: [u8; 32] = Sha256::digest(leaf).into();
        *self.shown.leaf_sha256.lock().unwrap_or_else(PoisonError::into_inner) = Some(digest);
        self.shown.not_after_s.store(self.not_after_s(leaf).unwrap_or(0), Ordering::Relaxed);
        match &self.trust {
            // The whole certificate is named, so its dates and names add nothing; the handshake's signature
            // still has to prove that the other side owns its key.
            Trust::Pin(pin) if *pin == digest => Ok(ServerCertVerified::assertion()),
            Trust::Pin(_) => Err(of_certificate(WrongPin(digest))),
            Trust::Ca(ca) => match ca.verify_server_cert(leaf, chain, host, ocsp, now) {
                Err(rustls::Error::InvalidCertificate(
                    first @ (CertificateError::NotValidForName
                    | CertificateError::NotValidForNameContext { .. }),
                )) => ca
                    .verify_server_cert(leaf, chain, &self.node, ocsp, now)
                    .map_err(|_| rustls::Error::InvalidCertificate(first)),
                // What rustls has no word for, such as a certificate that is a CA itself.
                Err(rustls::Error::InvalidCertificate(CertificateError::Other(what))) => {
                    let why = quoted(&format!("{:?}", what.0));
                    Err(of_certificate(Uncheckable { why, digest }))
                }
                verdict => verdict,
            },
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
            .map_err(unproven)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
            .map_err(unproven)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// The year 9999: later than any certificate's end.
const FAR_FUTURE_S: u64 = 253_370_764_800;

impl Verifier {
    /// When a certificate ends, UTC seconds. rustls reads dates but does not hand them out, except in the
    /// complaint about an expired certificate; so it is asked about a time when every one has expired.
    fn not_after_s(&self, leaf: &CertificateDer<'_>) -> Option<i64> {
        let then = UnixTime::since_unix_epoch(Duration::from_secs(FAR_FUTURE_S));
        let anchor = match &self.trust {
            Trust::Ca(ca) => Arc::clone(ca),
            Trust::Pin(_) => {
                let mut store = RootCertStore::empty();
                store.add(CertificateDer::from(leaf.as_ref().to_vec())).ok()?;
                WebPkiServerVerifier::builder_with_provider(Arc::new(store), Arc::clone(&self.provider))
                    .build()
                    .ok()?
            }
        };
        match anchor.verify_server_cert(leaf, &[], &self.node, &[], then) {
            Err(rustls::Error::InvalidCertificate(CertificateError::ExpiredContext {
                not_after, ..
            })) => i64::try_from(not_after.as_secs()).ok(),
            _ => None,
        }
    }
}

/// A certificate is public; the handshake's signature proves that the other side owns its key.
fn unproven(error: rustls::Error) -> rustls::Error {
    match error {
        rustls::Error::InvalidCertificate(CertificateError::BadSignature) => {
            rustls::Error::General("it does not own the key of the certificate it shows".into())
        }
        // The certificate could not be read at all; nobody is accused.
        other => other,
    }
}

fn of_certificate(what: impl Error + Send + Sync + 'static) -> rustls::Error {
    rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(what))))
}

#[derive(Debug)]
struct WrongPin([u8; 32]);

impl fmt::Display for WrongPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "fingerprint {}", fingerprint_text(&self.0))
    }
}

impl Error for WrongPin {}

#[derive(Debug)]
struct Uncheckable {
    why: String,
    digest: [u8; 32],
}

impl fmt::Display for Uncheckable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl Error for Uncheckable {}

fn fingerprint_text(digest: &[u8; 32]) -> String {
    digest.iter().map(|b| format!("{b:02X}")).collect::<Vec<_>>().join(":")
}

/// What a TLS failure means to the person who set the node up.
pub(super) fn explain(error: &rustls::Error) -> ErrorKind {
    let certificate = match error {
        rustls::Error::InvalidCertificate(certificate) => certificate,
        rustls::Error::General(why) => return ErrorKind::Tls { why: why.clone() },
        other => return ErrorKind::Tls { why: other.to_string() },
    };
    match certificate {
        CertificateError::UnknownIssuer | CertificateError::BadSignature => ErrorKind::TlsUntrustedCa,
        CertificateError::Expired => ErrorKind::TlsExpired { on: "an earlier day".into() },
        CertificateError::ExpiredContext { not_after, .. } => ErrorKind::TlsExpired { on: day(*not_after) },
        CertificateError::NotValidYet => ErrorKind::TlsNotYetValid { from: "a later day".into() },
        CertificateError::NotValidYetContext { not_before, .. } => {
            ErrorKind::TlsNotYetValid { from: day(*not_before) }
        }
        CertificateError::NotValidForName => ErrorKind::TlsWrongName { presented: "other names".into() },
        CertificateError::NotValidForNameContext { presented, .. } => {
            // rustls writes them as `DnsName("Home")`.
            let names =
                presented.iter().map(|n| n.split('"').nth(1).unwrap_or(n)).collect::<Vec<_>>().join(", ");
            ErrorKind::TlsWrongName { presented: quoted(&names) }
        }
        CertificateError::Other(other) => {
            if let Some(WrongPin(digest)) = other.0.downcast_ref() {
                ErrorKind::FingerprintMismatch { got: fingerprint_text(digest) }
            } else if let Some(Uncheckable { why, digest }) = other.0.downcast_ref() {
                ErrorKind::TlsUncheckable { why: why.clone(), got: fingerprint_text(digest) }
            } else {
                ErrorKind::Tls { why: error.to_string() }
            }
        }
        _ => ErrorKind::Tls { why: error.to_string() },
    }
}

fn day(at: UnixTime) -> String {
    i64::try_from(at.as_secs())
        .ok()
        .and_then(|s| time::OffsetDateTime::from_unix_timestamp(s).ok())
        .map_or_else(|| "an unreadable day".into(), |t| t.date().to_string())
}
