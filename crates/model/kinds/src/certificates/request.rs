//! What a PKCS#10 request says: the subject, the names and nothing about who may have them.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use std::net::IpAddr;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::{FromDer, GeneralName, ParsedExtension};

/// The parts of a request that signers and approvers judge.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// The last common name, or nothing.
    pub common_name: String,
    pub organizations: Vec<String>,
    pub dns_names: Vec<String>,
    pub addresses: Vec<IpAddr>,
    /// How many e-mail addresses and URIs there are: nobody here signs either.
    pub emails: usize,
    pub uris: usize,
    /// The request itself, DER.
    pub der: Vec<u8>,
}

impl Request {
    /// Reads `spec.request` as JSON has it: base64 of a PEM text. The signature is not checked.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn from_field(base64: &str) -> Result<Self, String> {
        let pem = BASE64_STANDARD.decode(base64).map_err(|error| error.to_string())?;
        Self::from_pem(&pem)
    }

    /// # Errors
    /// What is wrong with it.
    pub fn from_pem(pem: &[u8]) -> Result<Self, String> {
        const WRONG: &str = "PEM block type must be CERTIFICATE REQUEST";
        let (_, block) = x509_parser::pem::parse_x509_pem(pem).map_err(|_| WRONG.to_owned())?;
        if block.label != "CERTIFICATE REQUEST" {
            return Err(WRONG.to_owned());
        }
        let (rest, request) = X509CertificationRequest::from_der(&block.contents)
            .map_err(|error| format!("cannot read the certificate request: {error}"))?;
        if !rest.is_empty() {
            return Err("there is something behind the certificate request".to_owned());
        }
        let subject = &request.certification_request_info.subject;
        let mut found = Self { der: block.contents.clone(), ..Self::default() };
        for name in subject.iter_common_name() {
            found.common_name = name.as_str().map_err(|error| error.to_string())?.to_owned();
        }
        for organization in subject.iter_organization() {
            found.organizations.push(organization.as_str().map_err(|error| error.to_string())?.to_owned());
        }
        for extension in request.requested_extensions().into_iter().flatten() {
            let ParsedExtension::SubjectAlternativeName(names) = extension else { continue };
            names.general_names.iter().try_for_each(|name| found.add(name))?;
        }
        Ok(found)
    }

    fn add(&mut self, name: &GeneralName<'_>) -> Result<(), String> {
        match name {
            GeneralName::DNSName(name) => self.dns_names.push((*name).to_owned()),
            GeneralName::IPAddress(bytes) => self.addresses.push(address(bytes)?),
            GeneralName::RFC822Name(_) => self.emails += 1,
            GeneralName::URI(_) => self.uris += 1,
            other => return Err(format!("names of this kind are not understood: {other}")),
        }
        Ok(())
    }
}

fn address(bytes: &[u8]) -> Result<IpAddr, String> {
    let short = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    let address = short.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from));
    address.map_err(|_| format!("an IP address of {} bytes", bytes.len()))
}
