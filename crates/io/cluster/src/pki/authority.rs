//! A certificate authority: ten years, self-signed, never replaced.

use super::files::{Files, PUBLIC, SECRET};
use super::inspect::Facts;
use super::{PkiError, leaf};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType};
use std::time::Duration;
use stdx::Timestamp;

/// Upstream: `CACertificateValidity`, 10 years.
const LIFETIME: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

pub struct Authority {
    /// PEM.
    pub certificate: String,
    pub issuer: Issuer<'static, KeyPair>,
    pub facts: Facts,
}

impl Authority {
    pub fn load_or_create(files: &Files, name: &str, common_name: &str, now: Timestamp) -> Result<Self, PkiError> {
        let (crt, key) = (format!("{name}.crt"), format!("{name}.key"));
        let existing = files.read(&crt)?;
        let key_pair = match (files.read(&key)?, &existing) {
            (Some(pem), _) => KeyPair::from_pem(&pem).map_err(|error| files.damaged(&key, &error))?,
            (None, Some(_)) => return Err(PkiError::KeyLost { certificate: files.path(&crt), key: files.path(&key) }),
            (None, None) => {
                let fresh = KeyPair::generate()?;
                files.write(&key, &fresh.serialize_pem(), SECRET)?;
                fresh
            }
        };
        let certificate = match existing {
            Some(pem) => pem,
            None => {
                let pem = params(common_name, now)?.self_signed(&key_pair)?.pem();
                files.write(&crt, &pem, PUBLIC)?;
                pem
            }
        };
        let facts = Facts::read(&certificate).map_err(|why| files.damaged(&crt, &why))?;
        if facts.public_key != key_pair.public_key_raw() {
            return Err(files.damaged(&crt, &format!("it does not belong to {key}")));
        }
        if now >= facts.not_after {
            return Err(PkiError::AuthorityExpired { path: files.path(&crt) });
        }
        let issuer = Issuer::from_ca_cert_pem(&certificate, key_pair)?;
        Ok(Self { certificate, issuer, facts })
    }
}

fn params(common_name: &str, now: Timestamp) -> Result<CertificateParams, PkiError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.subject_alt_names = vec![SanType::DnsName(common_name.try_into()?)];
    leaf::set_validity(&mut params, now, now + LIFETIME);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages =
        vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment, KeyUsagePurpose::KeyCertSign];
    Ok(params)
}
