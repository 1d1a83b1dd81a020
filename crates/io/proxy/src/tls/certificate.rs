//! What a certificate says, as samples and logs show it.

use balance::sample::context::Certificate;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::oid_registry::{Oid, OidRegistry};
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey;
use x509_parser::time::ASN1Time;
use x509_parser::x509::{SubjectPublicKeyInfo, X509Name};

/// OpenSSL's short names of signatures.
const SIGNATURES: &[(&str, &str)] = &[
    ("1.2.840.113549.1.1.5", "RSA-SHA1"),
    ("1.2.840.113549.1.1.10", "RSASSA-PSS"),
    ("1.2.840.113549.1.1.11", "RSA-SHA256"),
    ("1.2.840.113549.1.1.12", "RSA-SHA384"),
    ("1.2.840.113549.1.1.13", "RSA-SHA512"),
    ("1.2.840.10045.4.1", "ecdsa-with-SHA1"),
    ("1.2.840.10045.4.3.2", "ecdsa-with-SHA256"),
    ("1.2.840.10045.4.3.3", "ecdsa-with-SHA384"),
    ("1.2.840.10045.4.3.4", "ecdsa-with-SHA512"),
    ("1.3.101.112", "ED25519"),
];

/// OpenSSL's short names of keys.
const KEYS: &[(&str, &str)] =
    &[("1.2.840.113549.1.1.1", "rsaEncryption"), ("1.2.840.10045.2.1", "id-ecPublicKey"), ("1.3.101.112", "ED25519")];

/// `None`: it cannot be read.
pub fn parse(der: &[u8]) -> Option<Certificate> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    Some(Certificate {
        der: der.to_vec(),
        subject: name(certificate.subject()),
        issuer: name(certificate.issuer()),
        serial: certificate.raw_serial().to_vec(),
        not_before: time(&certificate.validity().not_before),
        not_after: time(&certificate.validity().not_after),
        version: i64::from(certificate.version().0) + 1,
        signature: short_name(SIGNATURES, &certificate.signature_algorithm.algorithm),
        key: short_name(KEYS, &certificate.public_key().algorithm.algorithm),
        key_kind: key_kind(certificate.public_key()).unwrap_or_default(),
    })
}

/// The names a certificate is for: alternative names, then the common name.
pub fn hosts(der: &[u8]) -> Vec<String> {
    let Ok((_, certificate)) = X509Certificate::from_der(der) else { return vec![] };
    let alternative = certificate.subject_alternative_name().ok().flatten();
    let alternative = alternative.iter().flat_map(|extension| &extension.value.general_names);
    let dns = alternative.filter_map(|name| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        _ => None,
    });
    let common = certificate.subject().iter_common_name().filter_map(|name| name.as_str().ok().map(str::to_owned));
    let mut hosts: Vec<String> = dns.collect();
    for name in common {
        if !hosts.contains(&name) {
            hosts.push(name);
        }
    }
    hosts
}

/// `RSA2048`, `EC256`
fn key_kind(key: &SubjectPublicKeyInfo<'_>) -> Option<String> {
    match key.parsed().ok()? {
        PublicKey::RSA(key) => Some(format!("RSA{}", key.key_size())),
        PublicKey::EC(_) => Some(format!("EC{}", curve_bits(key)?)),
        _ => None,
    }
}

fn curve_bits(key: &SubjectPublicKeyInfo<'_>) -> Option<u32> {
    let curve = key.algorithm.parameters.as_ref()?.as_oid().ok()?;
    Some(match curve.to_id_string().as_str() {
        "1.2.840.10045.3.1.7" => 256,
        "1.3.132.0.34" => 384,
        "1.3.132.0.35" => 521,
        _ => return None,
    })
}

fn name(name: &X509Name<'_>) -> Vec<(String, String)> {
    let registry = OidRegistry::default().with_x509();
    let short = |oid: &Oid<'_>| registry.get(oid).map_or_else(|| oid.to_id_string(), |entry| abbreviation(entry.sn()));
    let text = |value: &x509_parser::x509::AttributeTypeAndValue<'_>| {
        value.as_str().map_or_else(|_| String::from_utf8_lossy(value.as_slice()).into_owned(), str::to_owned)
    };
    name.iter_attributes().map(|attribute| (short(attribute.attr_type()), text(attribute))).collect()
}

/// OpenSSL's abbreviation of an attribute that the registry knows by its long name.
fn abbreviation(name: &str) -> String {
    match name {
        "commonName" => "CN",
        "countryName" => "C",
        "localityName" => "L",
        "stateOrProvinceName" => "ST",
        "organizationName" => "O",
        "organizationalUnit" | "organizationalUnitName" => "OU",
        "surname" => "SN",
        "givenName" => "GN",
        other => other,
    }
    .to_owned()
}

/// `YYMMDDhhmmssZ`
fn time(time: &ASN1Time) -> String {
    let time = time.to_datetime();
    let (date, clock) = (time.date(), time.time());
    let year = date.year().rem_euclid(100);
    let month = u8::from(date.month());
    let (hour, minute, second) = (clock.hour(), clock.minute(), clock.second());
    format!("{year:02}{month:02}{:02}{hour:02}{minute:02}{second:02}Z", date.day())
}

fn short_name(table: &[(&str, &str)], oid: &Oid<'_>) -> String {
    let id = oid.to_id_string();
    table.iter().find(|(known, _)| *known == id).map_or(id.clone(), |(_, name)| (*name).to_owned())
}
