//! Settings of TLS, which `bind` and `server` lines and the options of a `crt-list` share.

use super::model::{SslDefaults, TlsSettings, TlsVersion, Verify};
use super::params::Params;

/// `crt <file or folder>`, `crt` of a server.
pub(super) fn crt(params: &mut Params, tls: &mut TlsSettings, missing: &str) -> Result<(), String> {
    let word = params.required(missing)?;
    tls.crt.push(params.crt_path(word));
    Ok(())
}

pub(super) fn ca_file(params: &mut Params, tls: &mut TlsSettings) -> Result<(), String> {
    let word = params.required("CAfile path")?;
    tls.ca_file = Some(params.ca_path(word));
    Ok(())
}

pub(super) fn ca_verify_file(params: &mut Params, tls: &mut TlsSettings) -> Result<(), String> {
    let word = params.required("CAfile path")?;
    tls.ca_verify_file = Some(params.ca_path(word));
    Ok(())
}

pub(super) fn crl_file(params: &mut Params, tls: &mut TlsSettings) -> Result<(), String> {
    let word = params.required("CRLfile path")?;
    tls.crl_file = Some(params.ca_path(word));
    Ok(())
}

pub(super) fn ciphers(params: &mut Params, tls: &mut TlsSettings) -> Result<(), String> {
    tls.ciphers = Some(params.required("cipher suite")?.to_owned());
    Ok(())
}

pub(super) fn ciphersuites(params: &mut Params, tls: &mut TlsSettings) -> Result<(), String> {
    tls.ciphersuites = Some(params.required("cipher suite")?.to_owned());
    Ok(())
}

pub(super) fn curves(params: &mut Params, tls: &mut TlsSettings) -> Result<(), String> {
    tls.curves = Some(params.required("curve suite")?.to_owned());
    Ok(())
}

pub(super) fn ecdhe(params: &mut Params, tls: &mut TlsSettings) -> Result<(), String> {
    let curve = params.required("named curve")?.to_owned();
    tls.curves.get_or_insert(curve);
    Ok(())
}

/// Protocols separated by commas. `none` clears what was said.
pub(super) fn protocols(params: &mut Params, kind: &str) -> Result<Vec<String>, String> {
    let name = params.name();
    let list: Vec<String> =
        params.required(&format!("the comma-delimited {kind} protocol suite"))?.split(',').map(str::to_owned).collect();
    if list.iter().any(String::is_empty) && list.len() > 1 {
        return Err(format!("'{name}' : {kind} protocol name must not be empty"));
    }
    Ok(list)
}

pub(super) fn min_version(params: &mut Params, tls: &mut TlsSettings) -> Result<(), String> {
    tls.min_version = Some(version(params)?);
    Ok(())
}

pub(super) fn max_version(params: &mut Params, tls: &mut TlsSettings) -> Result<(), String> {
    tls.max_version = Some(version(params)?);
    Ok(())
}

fn version(params: &mut Params) -> Result<TlsVersion, String> {
    let name = params.name();
    let word = params.value();
    if word.is_empty() {
        return Err(format!("'{name}' : missing ssl/tls version"));
    }
    TlsVersion::parse(word).ok_or_else(|| format!("'{word}' : unknown ssl/tls version"))
}

/// `no-tlsv10` and its like: the range that is left. Holes in it cannot be asked for.
pub(super) fn without(tls: &mut TlsSettings, version: TlsVersion) {
    let next = match version {
        TlsVersion::Sslv3 => TlsVersion::Tls10,
        TlsVersion::Tls10 => TlsVersion::Tls11,
        TlsVersion::Tls11 => TlsVersion::Tls12,
        TlsVersion::Tls12 => TlsVersion::Tls13,
        TlsVersion::Tls13 => {
            tls.max_version = Some(tls.max_version.map_or(TlsVersion::Tls12, |max| max.min(TlsVersion::Tls12)));
            return;
        }
    };
    tls.min_version = Some(tls.min_version.map_or(next, |min| min.max(next)));
}

pub(super) fn only(tls: &mut TlsSettings, version: TlsVersion) {
    (tls.min_version, tls.max_version) = (Some(version), Some(version));
}

pub(super) fn verify(params: &mut Params, tls: &mut TlsSettings, client: bool) -> Result<(), String> {
    let verify = match params.required("verify method")? {
        "none" => Verify::None,
        "required" => Verify::Required,
        "optional" if client => Verify::Optional,
        word => {
            let known = if client { "'none', 'optional', and 'required'" } else { "'none' and 'required'" };
            return Err(format!("'verify' : unknown verify method '{word}', only {known} are supported"));
        }
    };
    tls.verify = Some(verify);
    Ok(())
}

/// Fills in what `ssl-default-*` lines say where the line itself says nothing.
pub(super) fn apply_defaults(tls: &mut TlsSettings, defaults: &SslDefaults) {
    tls.ciphers = tls.ciphers.take().or_else(|| defaults.ciphers.clone());
    tls.ciphersuites = tls.ciphersuites.take().or_else(|| defaults.ciphersuites.clone());
    tls.curves = tls.curves.take().or_else(|| defaults.curves.clone());
    let mut range = TlsSettings::default();
    let mut options = defaults.options.iter();
    while let Some(option) = options.next() {
        match option.as_str() {
            "ssl-min-ver" => range.min_version = options.next().and_then(|word| TlsVersion::parse(word)),
            "ssl-max-ver" => range.max_version = options.next().and_then(|word| TlsVersion::parse(word)),
            "no-tls-tickets" => tls.no_tls_tickets = true,
            "prefer-client-ciphers" => tls.prefer_client_ciphers = true,
            "strict-sni" => tls.strict_sni = true,
            word => {
                let named = |begin: &str| word.strip_prefix(begin).and_then(protocol);
                if let Some(version) = named("no-") {
                    without(&mut range, version);
                } else if let Some(version) = named("force-") {
                    only(&mut range, version);
                }
            }
        }
    }
    tls.min_version = tls.min_version.or(range.min_version);
    tls.max_version = tls.max_version.or(range.max_version);
}

/// The version in `no-tlsv12` and its like.
fn protocol(word: &str) -> Option<TlsVersion> {
    Some(match word {
        "sslv3" => TlsVersion::Sslv3,
        "tlsv10" => TlsVersion::Tls10,
        "tlsv11" => TlsVersion::Tls11,
        "tlsv12" => TlsVersion::Tls12,
        "tlsv13" => TlsVersion::Tls13,
        _ => return None,
    })
}
