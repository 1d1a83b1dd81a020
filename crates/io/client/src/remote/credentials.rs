//! Who we are to the server, and how we know that it is the server: the client's side of TLS, from PEM.

use crate::certificate::authorities;
use apimachinery::{ApiError, ApiResult};
use http::HeaderValue;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use std::fmt;
use std::sync::Arc;
use tokio_rustls::TlsConnector;

/// What a client shows of itself.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// `system:anonymous`.
    None,
    /// PEM, the certificate's chain with its own first.
    Certificate { certificate: String, key: String },
    /// A bearer token: of a service account, or for bootstrapping.
    Token(String),
}

/// Keys and tokens are not for logs.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Certificate { .. } => "Certificate",
            Self::Token(_) => "Token",
        })
    }
}

/// Credentials, ready for use.
pub struct Identity {
    pub tls: TlsConnector,
    pub authorization: Option<HeaderValue>,
}

impl Identity {
    /// # Errors
    /// 400 naming what cannot be read.
    pub fn new(ca: &str, credentials: &Credentials) -> ApiResult<Self> {
        let mut authorization = None;
        if let Credentials::Token(token) = credentials {
            let value = HeaderValue::from_str(&format!("Bearer {}", token.trim()));
            let mut value = value.map_err(|_| refuse("token", "it has characters that no token has"))?;
            value.set_sensitive(true);
            authorization = Some(value);
        }
        Ok(Self {
            tls: Arc::new(config(
                authorities(ca).map_err(|error| ApiError::bad_request(error.to_string()))?,
                credentials,
            )?)
            .into(),
            authorization,
        })
    }
}

fn config(roots: RootCertStore, credentials: &Credentials) -> ApiResult<ClientConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(ApiError::internal)?
        .with_root_certificates(roots);
    let mut config = match credentials {
        Credentials::None | Credentials::Token(_) => builder.with_no_client_auth(),
        Credentials::Certificate { certificate, key } => {
            let chain = certificates("client certificate", certificate)?;
            let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|error| refuse("client key", error))?;
            builder.with_client_auth_cert(chain, key).map_err(|error| refuse("client certificate and key", error))?
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(config)
}

fn certificates(what: &str, pem: &str) -> ApiResult<Vec<CertificateDer<'static>>> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    let read = read.map_err(|error| refuse(what, error))?;
    if read.is_empty() { Err(refuse(what, "there is no PEM certificate in it")) } else { Ok(read) }
}

fn refuse(what: &str, why: impl fmt::Display) -> ApiError {
    ApiError::bad_request(format!("the {what} cannot be used: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(name: &str) -> (String, String) {
        let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let (ca, key) = pair("ca");
        let refused = |ca: &str, credentials| Identity::new(ca, &credentials).err().unwrap().to_string();
        assert_eq!(
            refused("", Credentials::None),
            "the certificate authority cannot be used: there is no PEM certificate in it"
        );
        let half = Credentials::Certificate { certificate: ca.clone(), key: String::new() };
        assert!(refused(&ca, half).starts_with("the client key cannot be used: "));
        let mixed = Credentials::Certificate { certificate: ca.clone(), key: pair("other").1 };
        assert!(refused(&ca, mixed).starts_with("the client certificate and key cannot be used: "));
        let token = refused(&ca, Credentials::Token("a\nb".to_owned()));
        assert_eq!(token, "the token cannot be used: it has characters that no token has");
        Identity::new(&ca, &Credentials::Certificate { certificate: ca.clone(), key }).unwrap();
    }

    #[test]
    fn secrets_are_not_shown() {
        let shown = format!("{:?}", Credentials::Token("hidden".to_owned()));
        assert_eq!(shown, "Token");
    }
}
