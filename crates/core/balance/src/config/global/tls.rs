//! `global`: where certificates are, and the defaults of TLS.

use super::Read;
use crate::config::keyword::{ANY, Keyword, done, ignored, refused};
use crate::config::line::Ctx;
use crate::config::model::{Global, TlsVersion};
use std::path::PathBuf;

const NO_ENGINES: &str = "cryptography is built in, without OpenSSL's engines and providers";
const NO_DH: &str = "key exchange is by elliptic curves";

pub(super) const KEYWORDS: &[Keyword<Read>] = &[
    done("ca-base", ANY, |ctx, global| base(ctx, &mut global.ca_base)),
    done("crt-base", ANY, |ctx, global| base(ctx, &mut global.crt_base)),
    done("ssl-default-bind-ciphers", ANY, |ctx, global| ciphers(ctx, &mut global.ssl_bind.ciphers)),
    done("ssl-default-bind-ciphersuites", ANY, |ctx, global| ciphers(ctx, &mut global.ssl_bind.ciphersuites)),
    done("ssl-default-bind-curves", ANY, |ctx, global| ciphers(ctx, &mut global.ssl_bind.curves)),
    done("ssl-default-bind-options", ANY, |ctx, global| options(ctx, &mut global.ssl_bind.options)),
    done("ssl-default-server-ciphers", ANY, |ctx, global| ciphers(ctx, &mut global.ssl_server.ciphers)),
    done("ssl-default-server-ciphersuites", ANY, |ctx, global| ciphers(ctx, &mut global.ssl_server.ciphersuites)),
    done("ssl-default-server-curves", ANY, |ctx, global| ciphers(ctx, &mut global.ssl_server.curves)),
    done("ssl-default-server-options", ANY, |ctx, global| options(ctx, &mut global.ssl_server.options)),
    done("ssl-server-verify", ANY, server_verify),
    ignored("ssl-dh-param-file", ANY, NO_DH),
    ignored("issuers-chain-path", ANY, "chains are sent as they stand in the certificate's file"),
    ignored("ssl-load-extra-files", ANY, "keys are looked for beside the certificate, nothing else is"),
    ignored("ssl-load-extra-del-ext", ANY, "keys are looked for beside the certificate, nothing else is"),
    ignored("ssl-skip-self-issued-ca", ANY, "chains are sent as they stand in the certificate's file"),
    ignored("ssl-mode-async", ANY, NO_ENGINES),
    ignored("ssl-propquery", ANY, NO_ENGINES),
    ignored("ssl-provider", ANY, NO_ENGINES),
    ignored("ssl-provider-path", ANY, NO_ENGINES),
    refused("ssl-engine", ANY, NO_ENGINES, "leave the line out"),
];

fn base(ctx: &mut Ctx, value: &mut Option<PathBuf>) {
    let name = ctx.word(0);
    if !ctx.at_most(1, 1) {
        return;
    }
    if value.is_some() {
        return ctx.alert(format!("'{name}' already specified."));
    }
    match ctx.word(1) {
        "" => ctx.alert(format!("global statement '{name}' expects a directory path as an argument.")),
        word => *value = Some(word.into()),
    }
}

fn ciphers(ctx: &mut Ctx, value: &mut Option<String>) {
    let (name, word) = (ctx.word(0), ctx.word(1));
    if !ctx.at_most(1, 1) {
        return;
    }
    if word.is_empty() {
        return ctx.alert(format!("global statement '{name}' expects a cipher suite as an argument."));
    }
    *value = Some(word.to_owned());
}

/// Words of `-options` that stand alone.
const OPTIONS: [&str; 17] = [
    "no-sslv3",
    "no-tlsv10",
    "no-tlsv11",
    "no-tlsv12",
    "no-tlsv13",
    "force-sslv3",
    "force-tlsv10",
    "force-tlsv11",
    "force-tlsv12",
    "force-tlsv13",
    "no-tls-tickets",
    "allow-0rtt",
    "prefer-client-ciphers",
    "strict-sni",
    "no-ca-names",
    "generate-certificates",
    "ssl-reuse",
];

fn options(ctx: &mut Ctx, value: &mut Vec<String>) {
    let name = ctx.word(0);
    if ctx.word(1).is_empty() {
        return ctx.alert(format!("global statement '{name}' expects an option as an argument."));
    }
    let mut words = ctx.rest(1).iter();
    while let Some(option) = words.next() {
        value.push(option.clone());
        if matches!(option.as_str(), "ssl-min-ver" | "ssl-max-ver") {
            let version = words.next().cloned().unwrap_or_default();
            if TlsVersion::parse(&version).is_none() {
                return ctx.alert(format!("'{version}' : unknown ssl/tls version on global statement '{name}'."));
            }
            value.push(version);
        } else if !OPTIONS.contains(&option.as_str()) {
            return ctx.alert(format!("unknown option '{option}' on global statement '{name}'."));
        }
    }
}

fn server_verify(ctx: &mut Ctx, global: &mut Global) {
    match ctx.word(1) {
        "none" => global.ssl_server_verify_none = true,
        "required" => global.ssl_server_verify_none = false,
        _ => ctx.alert("'ssl-server-verify' expects 'none' or 'required' as argument."),
    }
}
