//! What a version 2 header says besides addresses, section 2.2 from 2.2.1 on.

use super::crc32c;

const ALPN: u8 = 0x01;
const AUTHORITY: u8 = 0x02;
pub const CRC32C: u8 = 0x03;
const UNIQUE_ID: u8 = 0x05;
const SSL: u8 = 0x20;
const SSL_VERSION: u8 = 0x21;
const SSL_CN: u8 = 0x22;
const SSL_CIPHER: u8 = 0x23;
const SSL_SIG_ALG: u8 = 0x24;
const SSL_KEY_ALG: u8 = 0x25;
const NETNS: u8 = 0x30;

/// Type and length.
const START: usize = 3;

/// Longest values that are taken, HAProxy's: a name has 255 bytes by RFC 6066, a unique id 128 by section 2.2.5.
const MAX_AUTHORITY: usize = 255;
const MAX_UNIQUE_ID: usize = 128;

/// Longest value that is written, so that all of them together fit the 16 bits of a header's length.
const MAX_WRITTEN: usize = 4096;

/// Further facts about the relayed connection. Of one that comes twice the last counts; unknown ones are skipped.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tlvs {
    /// The protocol that TLS agreed upon, such as `h2`.
    pub alpn: Option<Vec<u8>>,
    /// The name the client asked for (SNI).
    pub authority: Option<Vec<u8>>,
    pub unique_id: Option<Vec<u8>>,
    pub ssl: Option<Box<Ssl>>,
    /// Name of the network namespace.
    pub netns: Option<Vec<u8>>,
}

/// TLS between the client and the sender, section 2.2.6.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ssl {
    /// Bits: [`Ssl::TLS`], [`Ssl::CERT_CONN`], [`Ssl::CERT_SESS`].
    pub client: u8,
    /// 0 when the client's certificate is good, or it has none.
    pub verify: u32,
    /// `TLSv1.3`
    pub version: Option<Vec<u8>>,
    /// Common name of the client's certificate.
    pub cn: Option<Vec<u8>>,
    /// `TLS_AES_256_GCM_SHA384`
    pub cipher: Option<Vec<u8>>,
    /// Signature of the certificate we showed, `RSA-SHA256`.
    pub sig_alg: Option<Vec<u8>>,
    /// Key of the certificate we showed, `RSA2048`.
    pub key_alg: Option<Vec<u8>>,
}

/// Reads the TLVs that start at `start` and verifies the checksum if there is one. `None`: lengths or sum are wrong.
pub fn read(header: &[u8], start: usize) -> Option<Tlvs> {
    let mut tlvs = Tlvs::default();
    let mut at = start;
    while at < header.len() {
        let (kind, value) = next(header, at)?;
        match kind {
            ALPN => tlvs.alpn = Some(value.to_vec()),
            AUTHORITY if value.len() > MAX_AUTHORITY => return None,
            AUTHORITY => tlvs.authority = Some(value.to_vec()),
            UNIQUE_ID if value.len() > MAX_UNIQUE_ID => return None,
            UNIQUE_ID => tlvs.unique_id = Some(value.to_vec()),
            CRC32C if !is_sum(header, at + START, value) => return None,
            SSL => tlvs.ssl = Ssl::read(value).map(Box::new),
            NETNS => tlvs.netns = Some(value.to_vec()),
            _ => {}
        }
        at += START + value.len();
    }
    Some(tlvs)
}

/// The type and the value that start at a place.
fn next(bytes: &[u8], at: usize) -> Option<(u8, &[u8])> {
    let [kind, high, low] = *bytes.get(at..)?.first_chunk::<START>()?;
    let length = usize::from(u16::from_be_bytes([high, low]));
    Some((kind, bytes.get(at + START..)?.get(..length)?))
}

/// The sum is taken as if its own place held zeros.
fn is_sum(header: &[u8], at: usize, value: &[u8]) -> bool {
    let Ok(value) = <[u8; 4]>::try_from(value) else { return false };
    crc32c::checksum(&[&header[..at], &[0; 4], &header[at + 4..]]) == u32::from_be_bytes(value)
}

/// Returns where the value starts.
pub fn write(header: &mut Vec<u8>, kind: u8, value: &[u8]) -> usize {
    let value = &value[..value.len().min(MAX_WRITTEN)];
    header.push(kind);
    header.extend((value.len() as u16).to_be_bytes());
    header.extend(value);
    header.len() - value.len()
}

impl Tlvs {
    /// In HAProxy's order.
    pub fn write(&self, header: &mut Vec<u8>) {
        let ssl = self.ssl.as_deref().map(Ssl::bytes);
        let all = [
            (ALPN, &self.alpn),
            (AUTHORITY, &self.authority),
            (UNIQUE_ID, &self.unique_id),
            (SSL, &ssl),
            (NETNS, &self.netns),
        ];
        write_all(header, &all);
    }
}

fn write_all(header: &mut Vec<u8>, all: &[(u8, &Option<Vec<u8>>)]) {
    for (kind, value) in all {
        if let Some(value) = value {
            write(header, *kind, value);
        }
    }
}

impl Ssl {
    /// The client came over TLS.
    pub const TLS: u8 = 0x01;
    /// It showed a certificate on this connection.
    pub const CERT_CONN: u8 = 0x02;
    /// It showed a certificate in this session, maybe on an earlier connection.
    pub const CERT_SESS: u8 = 0x04;

    /// A value that is no such block tells nothing; HAProxy does not look at it at all.
    fn read(value: &[u8]) -> Option<Self> {
        let (&client, rest) = value.split_first()?;
        let mut ssl = Self { client, verify: u32::from_be_bytes(*rest.first_chunk()?), ..Self::default() };
        let mut at = 5;
        while at < value.len() {
            let (kind, text) = next(value, at)?;
            let field = match kind {
                SSL_VERSION => Some(&mut ssl.version),
                SSL_CN => Some(&mut ssl.cn),
                SSL_CIPHER => Some(&mut ssl.cipher),
                SSL_SIG_ALG => Some(&mut ssl.sig_alg),
                SSL_KEY_ALG => Some(&mut ssl.key_alg),
                _ => None,
            };
            if let Some(field) = field {
                *field = Some(text.to_vec());
            }
            at += START + text.len();
        }
        Some(ssl)
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![self.client];
        bytes.extend(self.verify.to_be_bytes());
        let all = [
            (SSL_VERSION, &self.version),
            (SSL_CN, &self.cn),
            (SSL_KEY_ALG, &self.key_alg),
            (SSL_SIG_ALG, &self.sig_alg),
            (SSL_CIPHER, &self.cipher),
        ];
        write_all(&mut bytes, &all);
        bytes
    }
}
