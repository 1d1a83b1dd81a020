//! The client's side: `server ... ssl`, and checks over TLS.

use super::provider::{Crypto, crypto};
use super::store::Store;
use super::trust;
use super::verify::ServerVerifier;
use super::{HandshakeError, facts, limited};
use crate::stream::Stream;
use balance::config::Files;
use balance::config::model::{SslDefaults, TlsSettings, Verify};
use balance::sample::context::Tls;
use rustls::ClientConfig;
use rustls::client::Resumption;
use rustls::pki_types::{IpAddr, Ipv4Addr, ServerName};
use rustls::sign::SingleCertAndKey;
use std::sync::Arc;
use std::time::Duration;
use tokio_rustls::TlsConnector;

/// Sessions kept for resumption, by server name; a server has one or a few.
const SESSIONS: usize = 32;

/// Does handshakes with a server.
#[derive(Clone)]
pub struct Connector {
    named: Arc<ClientConfig>,
    /// Sends no server name.
    unnamed: Arc<ClientConfig>,
    verifier: Arc<ServerVerifier>,
}

impl Connector {
    /// # Errors
    /// All messages it takes to say what is wrong, without the server's place.
    pub fn build(
        store: &Store,
        tls: &TlsSettings,
        defaults: &SslDefaults,
        verify_none: bool,
        files: &dyn Files,
    ) -> Result<Self, Vec<String>> {
        let Crypto { provider, versions } = crypto(tls, defaults).map_err(|text| vec![format!("{text}.")])?;
        let wanted = tls.verify.unwrap_or(if verify_none { Verify::None } else { Verify::Required });
        let trust = match (&tls.ca_file, wanted) {
            (_, Verify::None) => None,
            (Some(path), _) => {
                let failed = |text| vec![text, format!("'ca-file' : unable to load {}.", path.display())];
                Some(trust::load(path, files).map_err(failed)?)
            }
            (None, _) => return Err(vec![NO_CA.to_owned()]),
        };
        let crls = match &tls.crl_file {
            Some(path) => trust::crls(path, files).map_err(|text| vec![text])?,
            None => vec![],
        };
        let verifier = ServerVerifier::new(provider.clone(), trust, crls, tls.verifyhost.clone(), true);
        let verifier = Arc::new(verifier.map_err(|text| vec![text])?);
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&versions)
            .map_err(|error| vec![error.to_string()])?
            .dangerous()
            .with_custom_certificate_verifier(verifier.clone());
        let mut config = match tls.crt.first() {
            None => builder.with_no_client_auth(),
            Some(path) => {
                let slot = store.slot(path, files, &provider).map_err(|text| vec![text])?;
                let key = (*slot.loaded().key).clone();
                builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(key)))
            }
        };
        config.alpn_protocols = tls.alpn.iter().flatten().map(|name| name.clone().into_bytes()).collect();
        config.resumption = match tls.no_ssl_reuse {
            true => Resumption::disabled(),
            false => Resumption::in_memory_sessions(SESSIONS),
        };
        Ok(Self::of(config, verifier))
    }

    fn of(config: ClientConfig, verifier: Arc<ServerVerifier>) -> Self {
        let mut unnamed = config.clone();
        unnamed.enable_sni = false;
        Self { named: Arc::new(config), unnamed: Arc::new(unnamed), verifier }
    }

    /// Sends no server name, and yet finds this text in the certificate. Resumes nothing that was verified otherwise.
    fn expecting(&self, text: &str) -> Arc<ClientConfig> {
        let mut config = (*self.unnamed).clone();
        config.resumption = Resumption::disabled();
        config.dangerous().set_certificate_verifier(Arc::new(self.verifier.expecting(text)));
        Arc::new(config)
    }

    /// The same with other protocols to offer, as checks have (`check-alpn`).
    pub fn with_alpn(&self, alpn: &[String]) -> Self {
        let mut config = (*self.named).clone();
        config.alpn_protocols = alpn.iter().map(|name| name.clone().into_bytes()).collect();
        Self::of(config, self.verifier.clone())
    }

    /// Does the handshake. What is no name of a host, such as `name:443` or an address, is not sent; the certificate has
    /// to be for it all the same: clients may have chosen it.
    ///
    /// # Errors
    /// How it failed; the connection is closed.
    pub async fn connect(
        &self,
        stream: Stream,
        sni: Option<&str>,
        limit: Option<Duration>,
    ) -> Result<(Stream, Box<Tls>), HandshakeError> {
        let name = sni.and_then(|name| ServerName::try_from(name.to_owned()).ok());
        let name = name.filter(|name| matches!(name, ServerName::DnsName(_)));
        let config = match (sni, &name) {
            (_, Some(_)) => self.named.clone(),
            (Some(text), None) => self.expecting(text),
            (None, None) => self.unnamed.clone(),
        };
        let nobody = ServerName::IpAddress(IpAddr::V4(Ipv4Addr::from([0, 0, 0, 0])));
        let connect = TlsConnector::from(config).connect(name.unwrap_or(nobody), stream);
        limited(limit, async {
            let stream = connect.await?;
            let facts = facts::facts(stream.get_ref().1, sni, None, false);
            Ok((Stream::Tls(Box::new(stream)), Box::new(facts)))
        })
        .await
    }
}

const NO_CA: &str = "verify is enabled by default but no CA file specified. If you're running on a LAN where you're \
    certain to trust the server's certificate, please set an explicit 'verify none' statement on the 'server' line, or \
    use 'ssl-server-verify none' in the global section to disable server-side verifications by default.";
