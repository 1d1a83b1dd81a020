//! Certificates for keys that others hold: a PKCS#10 request in, a certificate of the cluster's authority out.
//!
//! Whether it should be signed has been decided elsewhere. Of the request come the key, the subject and the names;
//! everything else (no authority, usages, validity) is ours.
//!
//! Invariant: no certificate outlives the authority.

use super::authority::Authority;
use super::{PkiError, leaf};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rcgen::{CertificateParams, CertificateSigningRequestParams, ExtendedKeyUsagePurpose, KeyUsagePurpose, SigningKey};
use std::sync::Arc;
use std::time::Duration;
use stdx::Timestamp;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::{FromDer, X509Certificate};

/// Signs requests by the cluster's authority. Cheap to clone; good for as long as the cluster is, since the authority
/// is never replaced.
#[derive(Clone)]
pub struct RequestSigner(pub(super) Arc<Authority>);

impl RequestSigner {
    /// The certificate, PEM. Valid from shortly before `now` for `lifetime`, or until the authority's own end.
    ///
    /// # Errors
    /// If the request cannot be read, its signature is not good, or it asks for extensions that are not understood.
    pub fn sign(
        &self,
        csr_pem: &str,
        client: bool,
        server: bool,
        lifetime: Duration,
        now: Timestamp,
    ) -> Result<String, PkiError> {
        let mut request = CertificateSigningRequestParams::from_pem(csr_pem)?;
        let subject = subject(csr_pem)?;
        let usages = [(server, ExtendedKeyUsagePurpose::ServerAuth), (client, ExtendedKeyUsagePurpose::ClientAuth)];
        let mut params = CertificateParams::default();
        params.subject_alt_names = std::mem::take(&mut request.params.subject_alt_names);
        params.distinguished_name = std::mem::take(&mut request.params.distinguished_name);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
        params.extended_key_usages = usages.into_iter().filter(|(used, _)| *used).map(|(_, usage)| usage).collect();
        params.use_authority_key_identifier_extension = true;
        leaf::set_validity(&mut params, now, (now + lifetime).min(self.0.facts.not_after));
        request.params = params;
        let signed = request.signed_by(&self.0.issuer)?;
        let der = with_subject(signed.der(), &subject, self.0.issuer.key())?;
        Ok(pem(&der))
    }
}

/// The subject as the request has it, DER.
fn subject(csr_pem: &str) -> Result<Vec<u8>, PkiError> {
    let unreadable = |_| PkiError::Issue(rcgen::Error::CouldNotParseCertificationRequest);
    let (_, block) =
        x509_parser::pem::parse_x509_pem(csr_pem.as_bytes()).map_err(|error| unreadable(error.to_string()))?;
    let (_, request) =
        X509CertificationRequest::from_der(&block.contents).map_err(|error| unreadable(error.to_string()))?;
    Ok(request.certification_request_info.subject.as_raw().to_vec())
}

/// The certificate with another subject, signed again. rcgen keeps one organization of several; Kubernetes' users have
/// as many as they have groups.
fn with_subject(certificate: &[u8], subject: &[u8], key: &impl SigningKey) -> Result<Vec<u8>, PkiError> {
    let unreadable = || PkiError::Issue(rcgen::Error::CouldNotParseCertificate);
    let (_, parsed) = X509Certificate::from_der(certificate).map_err(|_| unreadable())?;
    let body: &[u8] = parsed.tbs_certificate.as_ref();
    let old = parsed.tbs_certificate.subject().as_raw();
    if old == subject {
        return Ok(certificate.to_vec());
    }
    // Both are slices of `certificate`.
    let at = (old.as_ptr() as usize).checked_sub(body.as_ptr() as usize).ok_or_else(unreadable)?;
    let before = body.get(header(body)..at).ok_or_else(unreadable)?;
    let after = body.get(at + old.len()..).ok_or_else(unreadable)?;
    let body_at = (body.as_ptr() as usize).checked_sub(certificate.as_ptr() as usize).ok_or_else(unreadable)?;
    let algorithm = certificate.get(body_at + body.len()..).ok_or_else(unreadable)?;
    let algorithm =
        algorithm.get(..2 + usize::from(*algorithm.get(1).ok_or_else(unreadable)?)).ok_or_else(unreadable)?;
    let body = element(SEQUENCE, &[before, subject, after].concat());
    let signature = [&[0][..], &key.sign(&body)?].concat();
    Ok(element(SEQUENCE, &[&body, algorithm, &element(BIT_STRING, &signature)].concat()))
}

const SEQUENCE: u8 = 0x30;
const BIT_STRING: u8 = 0x03;

/// How many bytes of an element are its tag and its length.
fn header(element: &[u8]) -> usize {
    match element.get(1) {
        Some(length) if length & 0x80 != 0 => 2 + usize::from(length & 0x7f),
        _ => 2,
    }
}

/// An element of DER.
fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    match u8::try_from(content.len()) {
        Ok(short) if short < 0x80 => out.push(short),
        _ => {
            let bytes = content.len().to_be_bytes();
            let used = &bytes[bytes.iter().take_while(|byte| **byte == 0).count()..];
            out.push(0x80 | used.len() as u8);
            out.extend_from_slice(used);
        }
    }
    out.extend_from_slice(content);
    out
}

fn pem(der: &[u8]) -> String {
    const LINE: usize = 64;
    let text = BASE64_STANDARD.encode(der);
    let lines: Vec<&str> = text.as_bytes().chunks(LINE).filter_map(|line| std::str::from_utf8(line).ok()).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::super::inspect::Facts;
    use super::*;
    use rcgen::{BasicConstraints, DnType, IsCa, KeyPair, SanType};

    const NOW: Timestamp = Timestamp::from_secs(1_767_225_600);
    const DAY: Duration = Duration::from_secs(24 * 3600);

    fn signer() -> RequestSigner {
        let folder =
            std::env::temp_dir().join(format!("barque-requests-{}-{}", std::process::id(), rand::random::<u64>()));
        let files = super::super::files::Files::open(&folder).unwrap();
        let authority = Authority::load_or_create(&files, "ca", "kubernetes", NOW).unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        RequestSigner(Arc::new(authority))
    }

    /// A request that also would like to be an authority.
    fn request(groups: &[&str]) -> (String, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        let kinds = [DnType::OrganizationName, DnType::CustomDnType(vec![2, 5, 4, 10])];
        groups.iter().zip(kinds).for_each(|(group, kind)| params.distinguished_name.push(kind, *group));
        params.distinguished_name.push(DnType::CommonName, "jane");
        params.subject_alt_names = vec![SanType::IpAddress("192.0.2.1".parse().unwrap())];
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        (params.serialize_request(&key).unwrap().pem().unwrap(), key)
    }

    #[test]
    fn the_subject_and_names_are_the_requests_and_nothing_else() {
        let signer = signer();
        for groups in [&["one"][..], &["one", "two"]] {
            let (csr, key) = request(groups);
            let certificate = signer.sign(&csr, true, false, DAY, NOW).unwrap();
            let facts = Facts::read(&certificate).unwrap();
            assert_eq!(
                (facts.common_name.as_str(), facts.groups.iter().map(String::as_str).collect::<Vec<_>>()),
                ("jane", groups.to_vec())
            );
            assert_eq!((facts.names, facts.public_key), (vec!["192.0.2.1".to_owned()], key.public_key_raw().to_vec()));
            assert_eq!(facts.not_after, NOW + DAY);
            let (_, parsed) = X509Certificate::from_der(&facts.der).unwrap();
            let (_, authority) = X509Certificate::from_der(&signer.0.facts.der).unwrap();
            parsed.verify_signature(Some(authority.public_key())).unwrap();
            assert!(!parsed.is_ca());
            let usage = parsed.extended_key_usage().unwrap().unwrap().value;
            assert!(usage.client_auth && !usage.server_auth);
        }
    }

    #[test]
    fn the_authority_lives_longest() {
        let certificate = signer().sign(&request(&["one"]).0, false, true, DAY * 365 * 20, NOW).unwrap();
        assert_eq!(Facts::read(&certificate).unwrap().not_after, NOW + DAY * 365 * 10);
    }

    #[test]
    fn a_forged_request_is_not_signed() {
        let (csr, _) = request(&["one"]);
        let (_, block) = x509_parser::pem::parse_x509_pem(csr.as_bytes()).unwrap();
        let mut der = block.contents;
        let at = der.windows(4).position(|bytes| bytes == b"jane").unwrap();
        der[at] ^= 1;
        let forged = format!(
            "-----BEGIN CERTIFICATE REQUEST-----\n{}\n-----END CERTIFICATE REQUEST-----\n",
            BASE64_STANDARD.encode(der)
        );
        assert!(signer().sign(&forged, true, false, DAY, NOW).is_err());
    }
}
