//! What a server line says about sending a header: `send-proxy`, `send-proxy-v2` and its forms, `proxy-v2-options`.

use super::{Endpoints, Tlvs, v1, v2};

/// Which header a server gets in front of each connection. Of both versions, the second is sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SendProxy {
    pub v1: bool,
    pub v2: bool,
    pub options: V2Options,
}

/// What a version 2 header tells besides addresses and ALPN.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct V2Options {
    pub ssl: bool,
    pub cert_cn: bool,
    pub ssl_cipher: bool,
    pub cert_sig: bool,
    pub cert_key: bool,
    pub authority: bool,
    pub crc32c: bool,
    pub unique_id: bool,
}

type Field = fn(&mut V2Options) -> &mut bool;

/// Names of `proxy-v2-options`.
const OPTIONS: &[(&str, Field)] = &[
    ("ssl", |options| &mut options.ssl),
    ("cert-cn", |options| &mut options.cert_cn),
    ("ssl-cipher", |options| &mut options.ssl_cipher),
    ("cert-sig", |options| &mut options.cert_sig),
    ("cert-key", |options| &mut options.cert_key),
    ("authority", |options| &mut options.authority),
    ("crc32c", |options| &mut options.crc32c),
    ("unique-id", |options| &mut options.unique_id),
];

impl SendProxy {
    /// Reads one keyword of a server line, `args` being it and what follows. Returns how many words were used, 0 if the
    /// keyword is not one of these.
    pub fn parse(&mut self, args: &[String]) -> Result<usize, String> {
        let Some(keyword) = args.first() else { return Ok(0) };
        let (name, on) = keyword.strip_prefix("no-").map_or((keyword.as_str(), true), |name| (name, false));
        match name {
            "send-proxy" => self.v1 = on,
            "send-proxy-v2" => self.v2 = on,
            "send-proxy-v2-ssl" => (self.v2, self.options.ssl) = (on, on),
            "send-proxy-v2-ssl-cn" => (self.v2, self.options.ssl, self.options.cert_cn) = (on, on, on),
            "proxy-v2-options" if on => {
                self.parse_options(args.get(1).map_or("", String::as_str))?;
                return Ok(2);
            }
            _ => return Ok(0),
        }
        Ok(1)
    }

    fn parse_options(&mut self, names: &str) -> Result<(), String> {
        for name in names.split(',') {
            let Some((_, field)) = OPTIONS.iter().find(|(option, _)| *option == name) else {
                return Err(format!("'{name}' : proxy v2 option not implemented"));
            };
            *field(&mut self.options) = true;
        }
        let details = self.options.cert_cn || self.options.ssl_cipher || self.options.cert_sig || self.options.cert_key;
        self.options.ssl |= details;
        Ok(())
    }

    /// Whether a header is sent. Options alone, without a version, send the first, as with HAProxy.
    pub fn is_on(&self) -> bool {
        *self != Self::default()
    }

    /// The bytes to send first. `endpoints`: the client's connection to us; absent when it has no IP addresses, or when
    /// the connection is our own, such as a check's. `tlvs`: all that is known of it; what was not asked for is not told.
    pub fn header(&self, endpoints: Option<Endpoints>, tlvs: Tlvs) -> Vec<u8> {
        if !self.v2 {
            return v1::format(endpoints);
        }
        v2::format(endpoints, &self.chosen(tlvs), self.options.crc32c)
    }

    fn chosen(&self, tlvs: Tlvs) -> Tlvs {
        let asked = self.options;
        let ssl = tlvs.ssl.filter(|_| asked.ssl).map(|mut ssl| {
            ssl.cn = ssl.cn.filter(|_| asked.cert_cn);
            ssl.cipher = ssl.cipher.filter(|_| asked.ssl_cipher);
            ssl.sig_alg = ssl.sig_alg.filter(|_| asked.cert_sig);
            ssl.key_alg = ssl.key_alg.filter(|_| asked.cert_key);
            ssl
        });
        Tlvs {
            alpn: tlvs.alpn,
            authority: tlvs.authority.filter(|_| asked.authority),
            // Sent even when there is none, as HAProxy does.
            unique_id: asked.unique_id.then(|| tlvs.unique_id.unwrap_or_default()),
            ssl,
            netns: tlvs.netns,
        }
    }
}
