//! The cluster's private certificate authority and the nodes' leaf certificates.
//!
//! The authority's key is kept in the state directory, so that a restarted simulator is trusted again.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyPair, KeyUsagePurpose, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use sha2::{Digest, Sha256};

/// Two configurations a node: the good one and one with an expired leaf.
#[derive(Clone)]
pub struct NodeTls {
    pub good: Arc<ServerConfig>,
    pub expired: Arc<ServerConfig>,
    /// `AA:BB:…` of the good leaf.
    pub fingerprint: String,
    /// The good leaf.
    pub pem: String,
}

/// Makes the authority (or takes the kept one), writes `ca.pem`, and issues leaves for the nodes.
pub fn issue(dir: &Path, nodes: &[String], other_ca: bool) -> anyhow::Result<BTreeMap<String, NodeTls>> {
    let key = kept_key(&dir.join("ca.key"))?;
    let ca_params = authority("simulated");
    let ca_file = dir.join("ca.pem");
    let ca = ca_params.self_signed(&key).context("cannot make the cluster's certificate authority")?;
    std::fs::write(&ca_file, ca.pem()).with_context(|| format!("cannot write {}", ca_file.display()))?;
    let issuer = match other_ca {
        false => Issuer::new(ca_params, key),
        true => Issuer::new(authority("another"), KeyPair::generate().context("cannot make a key")?),
    };
    nodes.iter().map(|name| Ok((name.clone(), leaves(name, &issuer)?))).collect()
}

fn kept_key(file: &Path) -> anyhow::Result<KeyPair> {
    if let Ok(pem) = std::fs::read_to_string(file) {
        return KeyPair::from_pem(&pem)
            .with_context(|| format!("{} is not a usable key; delete it", file.display()));
    }
    let key = KeyPair::generate().context("cannot make a key")?;
    crate::state::write_secret(file, &key.serialize_pem())?;
    Ok(key)
}

fn authority(unit: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, "Proxmox Virtual Environment");
    name.push(DnType::OrganizationalUnitName, unit);
    name.push(DnType::OrganizationName, "PVE Cluster Manager CA");
    params.distinguished_name = name;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = date_time_ymd(2024, 1, 1);
    params.not_after = date_time_ymd(2044, 1, 1);
    params
}

fn leaves(node: &str, issuer: &Issuer<'_, KeyPair>) -> anyhow::Result<NodeTls> {
    let (good, cert) = leaf(node, issuer, false)?;
    let (expired, _) = leaf(node, issuer, true)?;
    let print: Vec<String> = Sha256::digest(cert.der()).iter().map(|b| format!("{b:02X}")).collect();
    Ok(NodeTls { good, expired, fingerprint: print.join(":"), pem: cert.pem() })
}

fn leaf(
    node: &str,
    issuer: &Issuer<'_, KeyPair>,
    expired: bool,
) -> anyhow::Result<(Arc<ServerConfig>, Certificate)> {
    let context = || format!("cannot make a certificate for node '{node}'");
    let names = vec![node.to_owned(), "localhost".to_owned(), "127.0.0.1".to_owned()];
    let mut params = CertificateParams::new(names).with_context(context)?;
    let mut name = DistinguishedName::new();
    name.push(DnType::OrganizationalUnitName, "PVE Cluster Node");
    name.push(DnType::OrganizationName, "Proxmox Virtual Environment");
    name.push(DnType::CommonName, format!("{node}.lan"));
    params.distinguished_name = name;
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    params.use_authority_key_identifier_extension = true;
    params.not_before = date_time_ymd(2024, 1, 1);
    params.not_after = if expired { date_time_ymd(2025, 1, 1) } else { date_time_ymd(2040, 1, 1) };
    let key = KeyPair::generate().with_context(context)?;
    let cert = params.signed_by(&key, issuer).with_context(context)?;
    let secret = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .with_context(context)?
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], secret)
        .with_context(context)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok((Arc::new(config), cert))
}
