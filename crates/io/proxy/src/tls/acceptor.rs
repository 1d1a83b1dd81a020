//! The server's side: `bind ... ssl`.

use super::provider::{Crypto, crypto};
use super::resolver::{Choice, Resolver};
use super::store::Store;
use super::verify::{self, Lenient};
use super::{HandshakeError, facts, limited, trust};
use crate::stream::Stream;
use balance::config::Files;
use balance::config::model::{SslDefaults, TlsSettings, Verify};
use balance::sample::context::Tls;
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ClientHello, ServerSessionMemoryCache, WebPkiClientVerifier};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio_rustls::LazyConfigAcceptor;

/// Sessions kept for clients that resume without tickets. A session takes about 300 bytes.
const CACHED_SESSIONS: usize = 256;

/// Does handshakes with clients.
pub struct Acceptor {
    resolver: Arc<Resolver>,
    common: Manner,
    /// By certificate, where a crt-list sets something for it.
    own: Vec<Option<Manner>>,
}

/// One way to do a handshake.
struct Manner {
    config: Arc<ServerConfig>,
    /// For clients that offer other protocols than ours alone: then none is agreed upon, as in HAProxy.
    without_alpn: Arc<ServerConfig>,
    /// What [`Lenient`] let pass is found out again for samples.
    strict: Option<Arc<dyn ClientCertVerifier>>,
}

/// Why there is none, in HAProxy's words, and which kind of message they stand in.
#[derive(Debug, PartialEq, Eq)]
pub enum Wrong {
    /// Stands alone.
    Plain(String),
    NoCertificate,
    /// `parsing [file:line] : 'bind ...' in section '...' : ...`
    Parsing(String),
    /// `Proxy '...': ... for bind '...' at [file:line].`
    Proxy(String),
}

impl Acceptor {
    /// # Errors
    /// The first thing that is wrong, with all messages it takes to say it.
    pub fn build(
        store: &Store,
        tls: &TlsSettings,
        defaults: &SslDefaults,
        files: &dyn Files,
    ) -> Result<Self, Vec<Wrong>> {
        let crypto = crypto(tls, defaults).map_err(|text| vec![Wrong::Proxy(text)])?;
        let lines = lines(tls, files).map_err(|text| vec![Wrong::Parsing(text)])?;
        if lines.is_empty() {
            return Err(vec![Wrong::NoCertificate]);
        }
        let mut choices = vec![];
        for line in &lines {
            let slot = store.slot(&line.path, files, &crypto.provider).map_err(|text| vec![line.wrong(text)])?;
            choices.push(Choice { slot, filters: line.filters.to_vec() });
        }
        let resolver = Arc::new(Resolver::new(choices, tls.strict_sni));
        store.follow(&resolver);
        let manner = |settings: &TlsSettings| Manner::new(store, settings, defaults, files, &resolver);
        let own = lines.iter().map(|line| line.settings.as_ref().map(|own| manner(&merged(tls, own))).transpose());
        Ok(Self { common: manner(tls)?, own: own.collect::<Result<_, _>>()?, resolver })
    }

    /// Does the handshake with a client. The connection is closed if it fails.
    ///
    /// # Errors
    /// How it failed.
    pub async fn accept(&self, stream: Stream, limit: Option<Duration>) -> Result<(Stream, Box<Tls>), HandshakeError> {
        limited(limit, async {
            let start = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), stream).await?;
            let hello = start.client_hello();
            let place = self.resolver.choose(hello.server_name(), hello.signature_schemes());
            let manner = place.and_then(|place| self.own[place].as_ref()).unwrap_or(&self.common);
            let config = manner.config(&hello);
            let stream = start.into_stream(config).await?;
            let connection = stream.get_ref().1;
            let own = place.map(|place| self.resolver.slot(place).loaded().certificate.clone());
            let mut facts = facts::facts(connection, connection.server_name(), own, true);
            facts.verify = manner.verify(connection.peer_certificates());
            Ok((Stream::Tls(Box::new(stream)), Box::new(facts)))
        })
        .await
    }
}

/// A certificate of a bind and what is said of it.
struct Line<'a> {
    path: PathBuf,
    filters: &'a [String],
    settings: Option<&'a TlsSettings>,
    listed: bool,
}

impl Line<'_> {
    fn wrong(&self, text: String) -> Wrong {
        Wrong::Parsing(if self.listed { format!("'crt-list' : {text}") } else { text })
    }
}

/// All certificates in order. Of a folder, its files but those that belong to others.
fn lines<'a>(tls: &'a TlsSettings, files: &dyn Files) -> Result<Vec<Line<'a>>, String> {
    let mut lines = vec![];
    for path in &tls.crt {
        let plain = |path: PathBuf| Line { path, filters: &[], settings: None, listed: false };
        if files.is_folder(path) {
            let found = files
                .list(path)
                .map_err(|error| format!("unable to scan directory '{}' : {error}.", path.display()))?;
            lines.extend(found.into_iter().filter(|file| is_certificate(file)).map(plain));
        } else {
            lines.push(plain(path.clone()));
        }
    }
    let listed = tls.crt_list.iter().map(|line| Line {
        path: line.crt.clone(),
        filters: &line.filters,
        settings: (*line.settings != TlsSettings::default()).then_some(&line.settings),
        listed: true,
    });
    lines.extend(listed);
    Ok(lines)
}

/// What stands beside a certificate is read with it, or not at all.
fn is_certificate(path: &Path) -> bool {
    let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    let beside = ["issuer", "ocsp", "sctl", "key"];
    !hidden && path.extension().and_then(|name| name.to_str()).is_none_or(|extension| !beside.contains(&extension))
}

/// A bind's settings with those of one line of its crt-list.
fn merged(bind: &TlsSettings, line: &TlsSettings) -> TlsSettings {
    TlsSettings {
        ca_file: line.ca_file.clone().or_else(|| bind.ca_file.clone()),
        ca_verify_file: line.ca_verify_file.clone().or_else(|| bind.ca_verify_file.clone()),
        crl_file: line.crl_file.clone().or_else(|| bind.crl_file.clone()),
        verify: line.verify.or(bind.verify),
        alpn: line.alpn.clone().or_else(|| bind.alpn.clone()),
        ciphers: line.ciphers.clone().or_else(|| bind.ciphers.clone()),
        ciphersuites: line.ciphersuites.clone().or_else(|| bind.ciphersuites.clone()),
        curves: line.curves.clone().or_else(|| bind.curves.clone()),
        min_version: line.min_version.or(bind.min_version),
        max_version: line.max_version.or(bind.max_version),
        ..bind.clone()
    }
}

impl Manner {
    fn new(
        store: &Store,
        tls: &TlsSettings,
        defaults: &SslDefaults,
        files: &dyn Files,
        resolver: &Arc<Resolver>,
    ) -> Result<Self, Vec<Wrong>> {
        let Crypto { provider, versions } = crypto(tls, defaults).map_err(|text| vec![Wrong::Proxy(text)])?;
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&versions)
            .map_err(|error| vec![Wrong::Proxy(error.to_string())])?;
        let (builder, strict) = match client_verifier(tls, files, provider)? {
            None => (builder.with_no_client_auth(), None),
            Some(verifier) => match ignored(tls) {
                Some(ignored) => {
                    let lenient = Lenient { inner: verifier.clone(), ignored };
                    (builder.with_client_cert_verifier(Arc::new(lenient)), Some(verifier))
                }
                None => (builder.with_client_cert_verifier(verifier), None),
            },
        };
        let mut config = builder.with_cert_resolver(resolver.clone());
        config.session_storage = ServerSessionMemoryCache::new(CACHED_SESSIONS);
        let tickets = !tls.no_tls_tickets && !defaults.options.iter().any(|word| word == "no-tls-tickets");
        if tickets {
            config.ticketer = store.tickets(&audience(tls)).map_err(|text| vec![Wrong::Proxy(text)])?;
        }
        config.ignore_client_order = !tls.prefer_client_ciphers;
        let without_alpn = Arc::new(config.clone());
        config.alpn_protocols = tls.alpn.iter().flatten().map(|name| name.clone().into_bytes()).collect();
        Ok(Self { config: Arc::new(config), without_alpn, strict })
    }

    fn config(&self, hello: &ClientHello<'_>) -> Arc<ServerConfig> {
        let ours = &self.config.alpn_protocols;
        let mut offered = hello.alpn().into_iter().flatten();
        let agreed = offered.any(|name| ours.iter().any(|known| known == name));
        if agreed { self.config.clone() } else { self.without_alpn.clone() }
    }

    fn verify(&self, chain: Option<&[CertificateDer<'_>]>) -> i64 {
        let (Some(strict), Some([first, rest @ ..])) = (&self.strict, chain) else { return 0 };
        strict.verify_client_cert(first, rest, UnixTime::now()).err().map_or(0, |error| verify::number(&error))
    }
}

/// Who was verified alike; empty for those who were not.
fn audience(tls: &TlsSettings) -> String {
    match tls.verify {
        None | Some(Verify::None) => String::new(),
        Some(verify) => format!(
            "{verify:?} {:?} {:?} {:?} {:?} {:?}",
            tls.ca_file, tls.ca_verify_file, tls.crl_file, tls.ca_ignore_err, tls.crt_ignore_err
        ),
    }
}

fn client_verifier(
    tls: &TlsSettings,
    files: &dyn Files,
    provider: Arc<rustls::crypto::CryptoProvider>,
) -> Result<Option<Arc<dyn ClientCertVerifier>>, Vec<Wrong>> {
    let required = match tls.verify {
        None | Some(Verify::None) => return Ok(None),
        Some(Verify::Optional) => false,
        Some(Verify::Required) => true,
    };
    let unreadable = |keyword: &str, path: &Path, text: String| {
        let parsing = format!("'{keyword}' : unable to load {}", path.display());
        vec![Wrong::Plain(text), Wrong::Parsing(parsing)]
    };
    let load = |keyword: &str, path: &Path| trust::load(path, files).map_err(|text| unreadable(keyword, path, text));
    let named = tls.ca_file.as_ref().map(|path| load("ca-file", path)).transpose()?;
    let unnamed = tls.ca_verify_file.as_ref().map(|path| load("ca-verify-file", path)).transpose()?;
    let hints = named.as_ref().map(|trust| trust.roots.subjects()).unwrap_or_default();
    let mut roots = named.map(|trust| (*trust.roots).clone()).unwrap_or_else(rustls::RootCertStore::empty);
    roots.roots.extend(unnamed.into_iter().flat_map(|trust| trust.roots.roots.clone()));
    if roots.is_empty() {
        return Err(vec![Wrong::Proxy("verify is enabled but no CA file specified".to_owned())]);
    }
    let crls =
        tls.crl_file.as_ref().map(|path| trust::crls(path, files).map_err(|text| unreadable("crl-file", path, text)));
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .with_crls(crls.transpose()?.unwrap_or_default())
        .enforce_revocation_expiration()
        .clear_root_hint_subjects()
        .add_root_hint_subjects(hints);
    let builder = if required { builder } else { builder.allow_unauthenticated() };
    builder.build().map(Some).map_err(|error| vec![Wrong::Proxy(error.to_string())])
}

/// Errors that `crt-ignore-err` and `ca-ignore-err` name; `Some(None)` is all of them.
fn ignored(tls: &TlsSettings) -> Option<Option<Vec<i64>>> {
    let lists = [&tls.ca_ignore_err, &tls.crt_ignore_err];
    let mut words = lists.into_iter().flatten().flat_map(|list| list.split(',')).peekable();
    words.peek()?;
    let words: Vec<&str> = words.collect();
    Some((!words.contains(&"all")).then(|| words.iter().filter_map(|word| word.parse().ok()).collect()))
}
