//! The first message of a TLS handshake, read from the bytes (RFC 8446 section 4.1.2, RFC 6066, RFC 7301).

use super::l6::Parsed;

/// Numbers of extensions.
const SERVER_NAME: u16 = 0;
pub(super) const GROUPS: u16 = 10;
const ALPN: u16 = 16;
pub(super) const SESSION_TICKET: u16 = 35;

/// A hello, of a client unless `kind` says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hello<'a> {
    /// 1 for a client's, 2 for a server's.
    pub kind: u8,
    extensions: &'a [u8],
}

/// Major and minor version, 16 bits each, that the record's header or an SSLv2 hello names.
pub(crate) fn version(bytes: &[u8]) -> Parsed<u32> {
    match bytes {
        [0x14..=0x17 | 0xff, major, minor, ..] if *major >= 3 => {
            // A client hello names what it really wants behind the record's header.
            match bytes {
                [0x16, _, _, _, _, 1, _, _, _, major, minor, ..] => {
                    Parsed::Found(u32::from(*major) << 16 | u32::from(*minor))
                }
                [0x16, _, _, _, _, kind, ..] if *kind != 1 => {
                    Parsed::Found(u32::from(*major) << 16 | u32::from(*minor))
                }
                [0x16, ..] => Parsed::TooShort,
                _ => Parsed::Found(u32::from(*major) << 16 | u32::from(*minor)),
            }
        }
        [0x80..=0xff, _, 1, major, minor, ..] => Parsed::Found(u32::from(*major) << 16 | u32::from(*minor)),
        _ if bytes.len() < 5 => Parsed::TooShort,
        _ => Parsed::Other,
    }
}

/// Reads a hello that stands in one record.
pub(crate) fn parse(bytes: &[u8]) -> Parsed<Hello<'_>> {
    match bytes {
        [] => return Parsed::TooShort,
        [0x16, 3..=u8::MAX, ..] | [0x16] => {}
        _ => return Parsed::Other,
    }
    let Some((header, rest)) = bytes.split_first_chunk::<5>() else { return Parsed::TooShort };
    let length = usize::from(u16::from_be_bytes([header[3], header[4]]));
    let Some(record) = rest.get(..length) else { return Parsed::TooShort };
    hello(record).map_or(Parsed::Other, Parsed::Found)
}

fn hello(record: &[u8]) -> Option<Hello<'_>> {
    let (kind, rest) = record.split_first()?;
    if !matches!(kind, 1 | 2) {
        return None;
    }
    let (length, rest) = rest.split_first_chunk::<3>()?;
    let length = usize::from(length[0]) << 16 | usize::from(length[1]) << 8 | usize::from(length[2]);
    let body = rest.get(..length)?;
    // Version and random.
    let body = body.get(34..)?;
    let (_, body) = vector8(body)?;
    let body = if *kind == 1 {
        let (_, body) = vector16(body)?;
        let (_, body) = vector8(body)?;
        body
    } else {
        body.get(3..)?
    };
    // A hello without extensions ends here.
    let extensions = vector16(body).map_or(&b""[..], |(extensions, _)| extensions);
    Some(Hello { kind: *kind, extensions })
}

fn vector8(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first()?;
    rest.split_at_checked(usize::from(*length))
}

fn vector16(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}

impl<'a> Hello<'a> {
    pub fn extension(self, wanted: u16) -> Option<&'a [u8]> {
        let mut rest = self.extensions;
        while let Some((number, after)) = rest.split_first_chunk::<2>() {
            let (content, after) = vector16(after)?;
            if u16::from_be_bytes(*number) == wanted {
                return Some(content);
            }
            rest = after;
        }
        None
    }

    /// The first host name.
    pub fn server_name(self) -> Option<&'a [u8]> {
        let (mut names, _) = vector16(self.extension(SERVER_NAME)?)?;
        while let Some((kind, rest)) = names.split_first() {
            let (name, rest) = vector16(rest)?;
            if *kind == 0 {
                return Some(name);
            }
            names = rest;
        }
        None
    }

    /// Protocols, separated by commas.
    pub fn alpn(self) -> Option<Vec<u8>> {
        let (mut rest, _) = vector16(self.extension(ALPN)?)?;
        let mut names = Vec::new();
        while let Some((name, after)) = vector8(rest) {
            names.push(name);
            rest = after;
        }
        Some(names.join(&b','))
    }
}
