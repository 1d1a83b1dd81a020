//! What a certificate says, and whether it is still the one wanted.

use super::Pair;
use super::authority::Authority;
use super::leaf::Wanted;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;
use stdx::Timestamp;
use x509_parser::prelude::{FromDer, GeneralName, ParsedExtension, X509Certificate};

/// Taken out of a PEM certificate.
pub struct Facts {
    pub der: Vec<u8>,
    pub common_name: String,
    pub groups: Vec<String>,
    /// DNS names and addresses, sorted.
    pub names: Vec<String>,
    pub public_key: Vec<u8>,
    pub not_before: Timestamp,
    pub not_after: Timestamp,
}

impl Facts {
    pub fn read(pem: &str) -> Result<Self, String> {
        let (_, pem) = x509_parser::pem::parse_x509_pem(pem.as_bytes()).map_err(|error| error.to_string())?;
        let (_, certificate) = X509Certificate::from_der(&pem.contents).map_err(|error| error.to_string())?;
        let subject = certificate.subject();
        let texts = |list: Vec<Option<&str>>| list.into_iter().flatten().map(str::to_owned).collect::<Vec<_>>();
        let time = |seconds: i64| Timestamp::from_secs(u64::try_from(seconds).unwrap_or(0));
        Ok(Self {
            common_name: texts(subject.iter_common_name().map(|name| name.as_str().ok()).collect()).concat(),
            groups: texts(subject.iter_organization().map(|name| name.as_str().ok()).collect()),
            names: names(&certificate),
            public_key: certificate.public_key().subject_public_key.data.to_vec(),
            not_before: time(certificate.validity().not_before.timestamp()),
            not_after: time(certificate.validity().not_after.timestamp()),
            der: pem.contents.clone(),
        })
    }

    fn signed_by(&self, authority: &Facts) -> bool {
        let (Ok((_, own)), Ok((_, signer))) =
            (X509Certificate::from_der(&self.der), X509Certificate::from_der(&authority.der))
        else {
            return false;
        };
        if own.issuer() != signer.subject() {
            return false;
        }
        // ECDSA over SHA-256 is all we sign with; anything else is not ours.
        let key = aws_lc_rs::signature::UnparsedPublicKey::new(
            &aws_lc_rs::signature::ECDSA_P256_SHA256_ASN1,
            &authority.public_key,
        );
        key.verify(own.tbs_certificate.as_ref(), &own.signature_value.data).is_ok()
    }
}

/// The DER of a PEM certificate, the first if there are several.
///
/// # Errors
/// If it is none.
pub fn der(pem: &str) -> Result<Vec<u8>, String> {
    Facts::read(pem).map(|facts| facts.der)
}

/// A certificate as people look at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its file's, below the folder: `etcd/server.crt`.
    pub name: String,
    pub expires: jiff::Timestamp,
    /// The name of who signed it.
    pub authority: String,
    /// It signs others.
    pub is_authority: bool,
}

/// Every certificate in the folder and the one of etcd below it, by name. What cannot be read is left out.
pub fn listed(folder: &Path) -> Vec<Listed> {
    let mut listed = of_folder(folder, "");
    listed.extend(of_folder(&folder.join("etcd"), "etcd/"));
    listed.sort_by(|a, b| (a.is_authority, &a.name).cmp(&(b.is_authority, &b.name)));
    listed
}

/// File name and end of life of every certificate that [`listed`] gives.
pub fn expiries(folder: &Path) -> Vec<(String, jiff::Timestamp)> {
    listed(folder).into_iter().map(|listed| (listed.name, listed.expires)).collect()
}

fn of_folder(folder: &Path, prefix: &str) -> Vec<Listed> {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let certificates = files.filter_map(|file| {
        let name = file.file_name().into_string().ok().filter(|name| name.ends_with(".crt"))?;
        let facts = Facts::read(&std::fs::read_to_string(file.path()).ok()?).ok()?;
        let (authority, is_authority) = issuer(&facts.der)?;
        let expires = jiff::Timestamp::from_second(facts.not_after.secs()).ok()?;
        Some(Listed { name: format!("{prefix}{name}"), expires, authority, is_authority })
    });
    certificates.collect()
}

fn issuer(der: &[u8]) -> Option<(String, bool)> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let name = certificate.issuer().iter_common_name().find_map(|name| name.as_str().ok()).unwrap_or_default();
    Some((name.to_owned(), certificate.is_ca()))
}

/// When a certificate should be signed anew: after two thirds of its life, so that a cluster that is off for months, or
/// a signing that fails for weeks, still ends well.
pub fn renewal_due(not_before: Timestamp, not_after: Timestamp) -> Timestamp {
    let life = not_after.since(not_before);
    not_before + Duration::from_secs(life.as_secs() / 3 * 2)
}

/// Whether a stored pair needs no new signature.
pub(super) fn still_good(pair: &Pair, wanted: &Wanted, authority: &Authority, now: Timestamp) -> bool {
    let Ok(facts) = Facts::read(&pair.certificate) else { return false };
    let Ok(key) = rcgen::KeyPair::from_pem(&pair.key) else { return false };
    facts.public_key == key.public_key_raw()
        && facts.common_name == wanted.common_name
        && facts.groups == wanted.group.iter().cloned().collect::<Vec<_>>()
        && facts.names == wanted.names
        && facts.signed_by(&authority.facts)
        && now < renewal_due(facts.not_before, facts.not_after)
}

fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let mut names = Vec::new();
    for extension in certificate.extensions() {
        let ParsedExtension::SubjectAlternativeName(list) = extension.parsed_extension() else { continue };
        names.extend(list.general_names.iter().filter_map(|name| match name {
            GeneralName::DNSName(name) => Some((*name).to_owned()),
            GeneralName::IPAddress(bytes) => address(bytes),
            _ => None,
        }));
    }
    names.sort();
    names
}

fn address(bytes: &[u8]) -> Option<String> {
    let address = match bytes.len() {
        4 => IpAddr::from(<[u8; 4]>::try_from(bytes).ok()?),
        16 => IpAddr::from(<[u8; 16]>::try_from(bytes).ok()?),
        _ => return None,
    };
    Some(address.to_string())
}
