//! The cryptography a bind or a server may use: suites, groups and versions of its settings.

use balance::config::model::{SslDefaults, TlsSettings};
use balance::tls::ciphers::{self, Suite};
use balance::tls::versions::{Versions, versions};
use rustls::SupportedProtocolVersion;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::version::{TLS12, TLS13};
use std::sync::Arc;

pub struct Crypto {
    pub provider: Arc<CryptoProvider>,
    pub versions: Vec<&'static SupportedProtocolVersion>,
}

/// # Errors
/// What HAProxy says before `for bind ...` or at the end of a server's message.
pub fn crypto(own: &TlsSettings, defaults: &SslDefaults) -> Result<Crypto, String> {
    let Versions { tls12, tls13 } = versions(own, defaults).ok_or("all SSL/TLS versions are disabled")?;
    let mut provider = aws_lc_rs::default_provider();
    let suites = suites(own, defaults)?;
    let supported = std::mem::take(&mut provider.cipher_suites);
    let find = |suite: &&Suite| supported.iter().find(|known| u16::from(known.suite()) == suite.code).copied();
    provider.cipher_suites = suites.iter().filter_map(find).collect();
    if let Some(list) = own.curves.as_ref().or(defaults.curves.as_ref()) {
        let groups = std::mem::take(&mut provider.kx_groups);
        let find = |code: u16| groups.iter().find(|group| u16::from(group.name()) == code).copied();
        provider.kx_groups = ciphers::curves(list).into_iter().filter_map(find).collect();
        if provider.kx_groups.is_empty() {
            return Err(format!("unable to set SSL curves list to '{list}'"));
        }
    }
    let mut versions = vec![];
    versions.extend(tls13.then_some(&TLS13));
    versions.extend(tls12.then_some(&TLS12));
    Ok(Crypto { provider: Arc::new(provider), versions })
}

/// Those of TLS 1.3 first.
fn suites(own: &TlsSettings, defaults: &SslDefaults) -> Result<Vec<&'static Suite>, String> {
    let all = |tls13: bool| ciphers::SUITES.iter().filter(move |suite| suite.is_tls13() == tls13).collect::<Vec<_>>();
    let mut suites = match own.ciphersuites.as_ref().or(defaults.ciphersuites.as_ref()) {
        Some(list) => chosen(ciphers::tls13(list), "TLS 1.3 cipher suites", list)?,
        None => all(true),
    };
    suites.extend(match own.ciphers.as_ref().or(defaults.ciphers.as_ref()) {
        Some(list) => chosen(ciphers::tls12(list), "SSL cipher list", list)?,
        None => all(false),
    });
    Ok(suites)
}

fn chosen(suites: Vec<&'static Suite>, what: &str, list: &str) -> Result<Vec<&'static Suite>, String> {
    if suites.is_empty() { Err(format!("unable to set {what} to '{list}'")) } else { Ok(suites) }
}
