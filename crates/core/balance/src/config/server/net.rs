//! How connections to a server are made: TLS, the PROXY protocol, sources, names.

use crate::config::keyword::{ANY, Keyword, done, ignored, refused};
use crate::config::model::{Server, TlsVersion};
use crate::config::params::{Params, Read};
use crate::config::tls_params as tls;
use crate::pattern::Library;
use crate::sample;
use std::net::IpAddr;

macro_rules! set {
    ($($field:ident).+, $value:expr) => {
        |_, server| {
            server.$($field).+ = $value;
            Ok(())
        }
    };
}

/// A row of a switch that changes the range of versions.
macro_rules! send_proxy {
    ($name:literal) => {
        done($name, ANY, |_, server| server.send_proxy.parse(&[$name.to_owned()]).map(drop))
    };
}

macro_rules! versions {
    ($name:literal, $how:ident, $version:ident) => {
        done($name, ANY, |_, server| {
            tls::$how(&mut server.tls, TlsVersion::$version);
            Ok(())
        })
    };
}

pub(super) const KEYWORDS: &[Keyword<Read<Server>>] = &[
    done("ssl", ANY, set!(ssl, true)),
    done("no-ssl", ANY, set!(ssl, false)),
    ignored("allow-0rtt", ANY, "early data is not sent"),
    done("alpn", ANY, |params, server| {
        server.tls.alpn = Some(tls::protocols(params, "ALPN")?);
        Ok(())
    }),
    ignored("npn", ANY, "protocols are agreed on by ALPN"),
    done("ca-file", ANY, |params, server| tls::ca_file(params, &mut server.tls)),
    done("crl-file", ANY, |params, server| tls::crl_file(params, &mut server.tls)),
    done("crt", ANY, |params, server| {
        server.tls.crt.clear();
        tls::crt(params, &mut server.tls, "certificate file path")
    }),
    done("ciphers", ANY, |params, server| tls::ciphers(params, &mut server.tls)),
    done("ciphersuites", ANY, |params, server| tls::ciphersuites(params, &mut server.tls)),
    versions!("force-sslv3", only, Sslv3),
    versions!("force-tlsv10", only, Tls10),
    versions!("force-tlsv11", only, Tls11),
    versions!("force-tlsv12", only, Tls12),
    versions!("force-tlsv13", only, Tls13),
    versions!("no-sslv3", without, Sslv3),
    versions!("no-tlsv10", without, Tls10),
    versions!("no-tlsv11", without, Tls11),
    versions!("no-tlsv12", without, Tls12),
    versions!("no-tlsv13", without, Tls13),
    done("ssl-min-ver", ANY, |params, server| tls::min_version(params, &mut server.tls)),
    done("ssl-max-ver", ANY, |params, server| tls::max_version(params, &mut server.tls)),
    done("ssl-reuse", ANY, set!(tls.no_ssl_reuse, false)),
    done("no-ssl-reuse", ANY, set!(tls.no_ssl_reuse, true)),
    done("tls-tickets", ANY, set!(tls.no_tls_tickets, false)),
    done("no-tls-tickets", ANY, set!(tls.no_tls_tickets, true)),
    done("verify", ANY, |params, server| tls::verify(params, &mut server.tls, false)),
    done("verifyhost", ANY, |params, server| {
        server.tls.verifyhost = Some(params.required("hostname to verify against")?.to_owned());
        Ok(())
    }),
    done("no-verifyhost", ANY, set!(tls.verifyhost, None)),
    done("sni", ANY, sni),
    send_proxy!("send-proxy"),
    send_proxy!("no-send-proxy"),
    send_proxy!("send-proxy-v2"),
    send_proxy!("no-send-proxy-v2"),
    send_proxy!("send-proxy-v2-ssl"),
    send_proxy!("no-send-proxy-v2-ssl"),
    send_proxy!("send-proxy-v2-ssl-cn"),
    send_proxy!("no-send-proxy-v2-ssl-cn"),
    done("proxy-v2-options", ANY, |params, server| {
        server.send_proxy.parse(&["proxy-v2-options".to_owned(), params.value().to_owned()]).map(drop)
    }),
    done("source", ANY, |params, server| {
        server.source = Some(super::source::of_server(params)?);
        Ok(())
    }),
    done("usesrc", ANY, |_, _| Err("'usesrc' only allowed after a 'source' statement.".into())),
    done("resolvers", ANY, |params, server| {
        server.resolvers = Some(params.required("<id> of a resolvers section")?.to_owned());
        Ok(())
    }),
    done("resolve-prefer", ANY, |params, server| match params.value() {
        word @ ("ipv4" | "ipv6") => {
            server.resolve.prefer_ipv4 = word == "ipv4";
            Ok(())
        }
        _ => Err("'resolve-prefer' expects either ipv4 or ipv6 as argument.".into()),
    }),
    done("resolve-opts", ANY, resolve_opts),
    done("resolve-net", ANY, resolve_net),
    refused("socks4", ANY, "proxies of SOCKS are not spoken to", "name an address that is reached without one"),
    done("tcp-ut", ANY, tcp_user_timeout),
    ignored("tfo", ANY, "connections begin with a whole handshake"),
    ignored("no-tfo", ANY, "connections begin with a whole handshake"),
    refused("namespace", ANY, "connections start in the process's own namespace", "start it in that namespace"),
    ignored("log-proto", ANY, "only servers of rings take log lines"),
];

fn sni(params: &mut Params, server: &mut Server) -> Result<(), String> {
    let words = ["sni".to_owned(), params.required("sni expression")?.to_owned()];
    // What it names is noted when it is read with its backend.
    let scratch = Library::default();
    let env = sample::Env { files: params.files, patterns: &scratch };
    let (expression, _) = sample::Expr::parse(&words[1..], env)
        .map_err(|error| format!("error detected while parsing sni expression : {error}"))?;
    server.sni = Some(params.placed(words.into(), expression));
    Ok(())
}

fn resolve_opts(params: &mut Params, server: &mut Server) -> Result<(), String> {
    for option in params.value().split(',') {
        match option {
            "allow-dup-ip" => server.resolve.allow_dup_ip = true,
            "prevent-dup-ip" => server.resolve.allow_dup_ip = false,
            // Of SRV records, which are not asked for.
            "ignore-weight" => {}
            _ => {
                let known = "'allow-dup-ip', 'ignore-weight', and 'prevent-dup-ip'";
                return Err(format!(
                    "'resolve-opts' : unknown resolve-opts option '{option}', supported methods are {known}."
                ));
            }
        }
    }
    Ok(())
}

fn resolve_net(params: &mut Params, server: &mut Server) -> Result<(), String> {
    for word in params.value().split(',') {
        let wrong = || format!("'resolve-net' invalid network '{word}'.");
        server.resolve.networks.push(network(word).ok_or_else(wrong)?);
    }
    Ok(())
}

/// `address/bits`, or an address alone.
pub(in crate::config) fn network(word: &str) -> Option<(IpAddr, u8)> {
    let (address, mask) = match word.split_once('/') {
        Some((address, mask)) => (address, Some(mask)),
        None => (word, None),
    };
    let address: IpAddr = address.parse().ok()?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let bits = match mask {
        None => most,
        Some(mask) => match mask.parse::<std::net::Ipv4Addr>() {
            // 255.255.0.0
            Ok(mask) if address.is_ipv4() => {
                let mask = u32::from(mask);
                (mask.leading_ones() + mask.trailing_zeros() == 32 || mask == u32::MAX)
                    .then(|| mask.leading_ones() as u8)?
            }
            _ => mask.parse().ok()?,
        },
    };
    (bits <= most).then_some((address, bits))
}

fn tcp_user_timeout(params: &mut Params, server: &mut Server) -> Result<(), String> {
    if params.peek().is_empty() {
        return params.required("TCP User Timeout value").map(|_| ());
    }
    match params.time() {
        Ok(time) if !time.is_zero() => server.tcp_user_timeout = Some(time),
        _ => return Err("'tcp-ut' : expects a positive delay in milliseconds".into()),
    }
    Ok(())
}
