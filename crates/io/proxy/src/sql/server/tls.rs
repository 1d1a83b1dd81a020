//! TLS to servers: whom the proxy trusts and what it shows, by server and user.
//!
//! Where an authority is named, a server's certificate has to come from it and has to name the server; one that names
//! nobody at all (MySQL makes such for itself) is taken by its authority alone. Where none is named the connection is
//! encrypted and nobody knows with whom, as ProxySQL has it: a warning says so.

use super::verify::{Anybody, Verifier};
use crate::sql::stream::Stream;
use arc_swap::ArcSwap;
use balance::tls::ciphers;
use mysql::settings::{ServerTls, SslParams};
use rustls::client::WebPkiServerVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// What connections to all servers go by. Replaced as a whole; connections that are open stay as they are.
#[derive(Default)]
pub struct ToServers {
    plan: ArcSwap<Plan>,
}

impl std::fmt::Debug for ToServers {
    fn fmt(&self, out: &mut std::fmt::Formatter) -> std::fmt::Result {
        out.debug_struct("ToServers").finish_non_exhaustive()
    }
}

/// A file that cannot be used is told with each connection that needs it.
type Built = Result<Arc<Connector>, String>;

#[derive(Default)]
struct Plan {
    /// Of `mysql-ssl_p2s_…`; `None`: no server wants TLS.
    general: Option<Built>,
    /// Of `mysql_servers_ssl_params`.
    own: HashMap<(String, u16), HashMap<String, Built>>,
}

impl ToServers {
    /// Reads all files anew. `wanted`: some server has `use_ssl`; without, no file is looked at.
    pub fn load(&self, wanted: bool, general: &ServerTls, rows: &[SslParams], names: bool) {
        let mut plan = Plan::default();
        if wanted {
            let build = |tls: &ServerTls| Connector::build(tls, names).map(Arc::new);
            plan.general = Some(build(general));
            for row in rows {
                let of = plan.own.entry((row.hostname.clone(), row.port)).or_default();
                of.insert(row.username.clone(), build(&row.tls));
            }
        }
        self.plan.store(Arc::new(plan));
    }

    /// For a connection of `user` to that server.
    ///
    /// # Errors
    /// What is wrong with its files.
    pub fn connector(&self, hostname: &str, port: u16, user: &str) -> Built {
        let plan = self.plan.load();
        let own = plan.own.iter().find(|((host, its), _)| host == hostname && *its == port).map(|(_, users)| users);
        let own = own.and_then(|users| users.get(user).or_else(|| users.get("")));
        own.or(plan.general.as_ref()).cloned().unwrap_or_else(|| Err("it is not loaded yet".to_owned()))
    }

    /// Sentences for the log: what is wrong, and where nobody is checked.
    pub fn problems(&self) -> Vec<String> {
        let plan = self.plan.load();
        let tell = |whose: String, built: &Built| match built {
            Err(reason) => Some(format!("{whose}: {reason}; servers with use_ssl=1 cannot be reached")),
            Ok(connector) if connector.anybody => Some(format!(
                "{whose}: no authority is set, so connections to servers with use_ssl=1 are encrypted without \
                 checking who answers"
            )),
            Ok(_) => None,
        };
        let general = plan.general.iter().filter_map(|built| tell("mysql-ssl_p2s_ca".to_owned(), built));
        let own = plan.own.iter().flat_map(|((host, port), users)| {
            let whose = move |user: &str| format!("mysql_servers_ssl_params ({host}:{port}, '{user}')");
            users.iter().filter_map(move |(user, built)| tell(whose(user), built))
        });
        let mut all: Vec<String> = general.chain(own).collect();
        all.sort();
        all
    }
}

pub struct Connector {
    connector: TlsConnector,
    /// Whoever answers is taken.
    anybody: bool,
}

impl Connector {
    fn build(tls: &ServerTls, names: bool) -> Result<Self, String> {
        let provider = Arc::new(provider(&tls.cipher)?);
        let roots = authorities(tls)?;
        let anybody = roots.is_empty();
        let verifier: Arc<dyn rustls::client::danger::ServerCertVerifier> = if anybody {
            Arc::new(Anybody::new(&provider))
        } else {
            let mut store = RootCertStore::empty();
            // Other certificates of such a folder are none of our business.
            let (taken, _) = store.add_parsable_certificates(roots);
            if taken == 0 {
                return Err(format!("{}{}: no certificate in it is an authority's", tls.ca, tls.capath));
            }
            let inner = WebPkiServerVerifier::builder_with_provider(Arc::new(store), provider.clone())
                .with_crls(revoked(tls)?)
                .build()
                .map_err(|error| format!("{}{}: {error}", tls.crl, tls.crlpath))?;
            Arc::new(Verifier::new(inner, names))
        };
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&versions(&tls.tls_version)?)
            .map_err(|error| format!("TLS versions '{}' and ciphers '{}': {error}", tls.tls_version, tls.cipher))?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let config = match (tls.cert.as_str(), tls.key.as_str()) {
            ("", "") => builder.with_no_client_auth(),
            ("", _) | (_, "") => return Err("a certificate and its key are set together or not at all".to_owned()),
            (cert, key) => builder
                .with_client_auth_cert(certificates(Path::new(cert))?, private_key(Path::new(key))?)
                .map_err(|error| format!("{cert} and {key} do not go together: {error}"))?,
        };
        Ok(Self { connector: TlsConnector::from(Arc::new(config)), anybody })
    }

    /// # Errors
    /// The stream's, or what TLS finds wrong with the server.
    pub async fn connect(&self, stream: Stream, hostname: &str) -> io::Result<TlsStream<Stream>> {
        let name = ServerName::try_from(hostname.to_owned())
            .map_err(|_| io::Error::other(format!("'{hostname}' can be no certificate's name")))?;
        self.connector.connect(name, stream).await
    }
}

/// Those of `list`, as OpenSSL understands it: of TLS 1.3's it speaks only where it names one.
fn provider(list: &str) -> Result<CryptoProvider, String> {
    let mut provider = rustls::crypto::aws_lc_rs::default_provider();
    if list.is_empty() {
        return Ok(provider);
    }
    let (tls12, tls13) = (ciphers::tls12(list), ciphers::tls13(list));
    if tls12.is_empty() && tls13.is_empty() {
        let known: Vec<&str> = ciphers::SUITES.iter().map(|suite| suite.name).collect();
        return Err(format!("the ciphers '{list}' name none of {}", known.join(", ")));
    }
    provider.cipher_suites.retain(|suite| {
        let code = u16::from(suite.suite());
        let named = |suites: &[&ciphers::Suite]| suites.iter().any(|suite| suite.code == code);
        match ciphers::by_code(code) {
            Some(known) if known.is_tls13() => tls13.is_empty() || named(&tls13),
            _ => named(&tls12),
        }
    });
    Ok(provider)
}

fn versions(list: &str) -> Result<Vec<&'static SupportedProtocolVersion>, String> {
    let mut versions = Vec::new();
    for word in list.split(',').map(str::trim).filter(|word| !word.is_empty()) {
        match word.to_ascii_lowercase().as_str() {
            "tlsv1.2" => versions.push(&TLS12),
            "tlsv1.3" => versions.push(&TLS13),
            // Nobody should speak them any more; a list that names others beside them still means something.
            "tlsv1" | "tlsv1.0" | "tlsv1.1" => {}
            _ => return Err(format!("tls_version '{word}' is neither TLSv1.2 nor TLSv1.3")),
        }
    }
    match (versions.is_empty(), list.trim().is_empty()) {
        (true, true) => Ok(vec![&TLS13, &TLS12]),
        (true, false) => Err(format!("tls_version '{list}' has neither TLSv1.2 nor TLSv1.3")),
        _ => Ok(versions),
    }
}

fn authorities(tls: &ServerTls) -> Result<Vec<CertificateDer<'static>>, String> {
    let mut all = Vec::new();
    if !tls.ca.is_empty() {
        all.extend(certificates(Path::new(&tls.ca))?);
    }
    if !tls.capath.is_empty() {
        for file in files(Path::new(&tls.capath))? {
            // Such folders hold keys and readmes, too.
            all.extend(certificates(&file).unwrap_or_default());
        }
        if all.is_empty() {
            return Err(format!("{}: no certificate in it", tls.capath));
        }
    }
    Ok(all)
}

fn revoked(tls: &ServerTls) -> Result<Vec<CertificateRevocationListDer<'static>>, String> {
    let mut all = Vec::new();
    if !tls.crl.is_empty() {
        all.extend(lists(Path::new(&tls.crl))?);
    }
    if !tls.crlpath.is_empty() {
        for file in files(Path::new(&tls.crlpath))? {
            all.extend(lists(&file).unwrap_or_default());
        }
    }
    if all.is_empty() && !(tls.crl.is_empty() && tls.crlpath.is_empty()) {
        return Err(format!("{}{}: no list of revoked certificates in it", tls.crl, tls.crlpath));
    }
    Ok(all)
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = std::fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    Ok(entries.flatten().map(|entry| entry.path()).filter(|path| path.is_file()).collect())
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let all = CertificateDer::pem_slice_iter(&read(path)?)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| format!("{}: {error}", path.display()))?;
    if all.is_empty() { Err(format!("{}: no PEM certificate in it", path.display())) } else { Ok(all) }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_slice(&read(path)?).map_err(|error| format!("{}: {error}", path.display()))
}

fn lists(path: &Path) -> Result<Vec<CertificateRevocationListDer<'static>>, String> {
    CertificateRevocationListDer::pem_slice_iter(&read(path)?)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ciphers_and_versions() {
        let named = |list: &str| provider(list).map(|provider| provider.cipher_suites.len());
        assert_eq!(named(""), Ok(9));
        // Those of TLS 1.3 are not spoken of.
        assert_eq!(named("ECDHE-RSA-AES128-GCM-SHA256"), Ok(4));
        assert_eq!(named("TLS_AES_128_GCM_SHA256"), Ok(1));
        assert!(named("RC4-MD5").unwrap_err().contains("RC4-MD5"));
        assert_eq!(versions("TLSv1.1,TLSv1.2").unwrap(), [&TLS12]);
        assert!(versions("TLSv1").is_err());
        assert!(versions("SSLv3").is_err());
    }

    #[test]
    fn a_users_own_row_goes_before_its_servers_and_that_before_all() {
        let to_servers = ToServers::default();
        let row = |user: &str, ca: &str| SslParams {
            hostname: "db".into(),
            port: 3306,
            username: user.into(),
            tls: ServerTls { ca: ca.into(), ..Default::default() },
        };
        to_servers.load(true, &ServerTls::default(), &[row("", "/none/server"), row("app", "/none/app")], true);
        let error = |user: &str| to_servers.connector("db", 3306, user).err().unwrap_or_default();
        assert!(error("app").starts_with("/none/app"), "{}", error("app"));
        assert!(error("other").starts_with("/none/server"), "{}", error("other"));
        assert!(to_servers.connector("db2", 3306, "app").is_ok());
        assert_eq!(to_servers.problems().len(), 3);
    }
}
