//! A client's answer to the greeting, and the short form of it that asks for TLS.

use super::packet::{Reader, put_lenenc, put_lenenc_bytes, put_zero_ended};
use super::{Malformed, capability};

/// Bytes of the request for TLS: the first fields of a log-in.
const SSL_REQUEST: usize = 32;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Login {
    pub capabilities: u32,
    pub max_packet: u32,
    /// Lower byte of the collation's number.
    pub collation: u8,
    pub user: Vec<u8>,
    pub auth_response: Vec<u8>,
    pub schema: Option<Vec<u8>>,
    pub auth_plugin: Option<Vec<u8>>,
    /// Names and values, as sent.
    pub attributes: Attributes,
}

/// Either of the two packets that may follow a greeting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FirstPacket {
    /// TLS begins behind this packet; the log-in follows inside.
    Ssl {
        capabilities: u32,
    },
    Login(Login),
}

impl FirstPacket {
    pub fn read(payload: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(payload);
        let capabilities = reader.u32("capabilities")?;
        if payload.len() == SSL_REQUEST && capabilities & capability::SSL != 0 {
            return Ok(Self::Ssl { capabilities });
        }
        Login::read(payload).map(Self::Login)
    }
}

impl Login {
    pub fn read(payload: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(payload);
        let capabilities = reader.u32("capabilities")?;
        if capabilities & capability::PROTOCOL_41 == 0 {
            return Err(Malformed::Unknown { what: "capabilities", value: capabilities.into() });
        }
        let max_packet = reader.u32("largest packet")?;
        let collation = reader.u8("collation")?;
        reader.bytes(23, "reserved bytes")?;
        let user = reader.zero_ended("user")?.to_vec();
        let auth_response = auth_response(&mut reader, capabilities)?.to_vec();
        let has = |flag| capabilities & flag != 0;
        let schema = has(capability::CONNECT_WITH_DB).then(|| reader.zero_ended_or_rest().to_vec());
        let auth_plugin = has(capability::PLUGIN_AUTH).then(|| reader.zero_ended_or_rest().to_vec());
        let attributes = if has(capability::CONNECT_ATTRS) { attributes(&mut reader)? } else { Vec::new() };
        let schema = schema.filter(|name| !name.is_empty());
        Ok(Self { capabilities, max_packet, collation, user, auth_response, schema, auth_plugin, attributes })
    }

    /// `capabilities` is the truth: what it does not name is not written.
    pub fn write(&self, out: &mut Vec<u8>) {
        self.write_head(out);
        put_zero_ended(out, &self.user);
        if self.has(capability::PLUGIN_AUTH_LENENC) {
            put_lenenc_bytes(out, &self.auth_response);
        } else {
            out.push(self.auth_response.len() as u8);
            out.extend_from_slice(&self.auth_response);
        }
        if self.has(capability::CONNECT_WITH_DB) {
            put_zero_ended(out, self.schema.as_deref().unwrap_or_default());
        }
        if self.has(capability::PLUGIN_AUTH) {
            put_zero_ended(out, self.auth_plugin.as_deref().unwrap_or_default());
        }
        if self.has(capability::CONNECT_ATTRS) {
            write_attributes(out, &self.attributes);
        }
    }

    /// The request for TLS that goes before this log-in.
    pub fn write_ssl_request(&self, out: &mut Vec<u8>) {
        self.write_head(out);
    }

    fn write_head(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.capabilities.to_le_bytes());
        out.extend_from_slice(&self.max_packet.to_le_bytes());
        out.push(self.collation);
        out.extend_from_slice(&[0; 23]);
    }

    pub fn has(&self, flag: u32) -> bool {
        self.capabilities & flag != 0
    }
}

fn auth_response<'a>(reader: &mut Reader<'a>, capabilities: u32) -> Result<&'a [u8], Malformed> {
    if capabilities & capability::PLUGIN_AUTH_LENENC != 0 {
        reader.lenenc_bytes("password's scramble")
    } else if capabilities & capability::SECURE_CONNECTION != 0 {
        let length = reader.u8("password's scramble")?;
        reader.bytes(length.into(), "password's scramble")
    } else {
        reader.zero_ended("password's scramble")
    }
}

/// Names and values.
pub type Attributes = Vec<(Vec<u8>, Vec<u8>)>;

pub(super) fn attributes(reader: &mut Reader) -> Result<Attributes, Malformed> {
    if reader.is_empty() {
        return Ok(Vec::new());
    }
    let mut inside = Reader::new(reader.lenenc_bytes("attributes")?);
    let mut all = Vec::new();
    while !inside.is_empty() {
        let name = inside.lenenc_bytes("attribute's name")?.to_vec();
        all.push((name, inside.lenenc_bytes("attribute's value")?.to_vec()));
    }
    Ok(all)
}

fn write_attributes(out: &mut Vec<u8>, attributes: &[(Vec<u8>, Vec<u8>)]) {
    let mut inside = Vec::new();
    for (name, value) in attributes {
        put_lenenc_bytes(&mut inside, name);
        put_lenenc_bytes(&mut inside, value);
    }
    put_lenenc(out, inside.len() as u64);
    out.extend_from_slice(&inside);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comes_back_as_written() {
        let login = Login {
            capabilities: capability::OFFERED,
            max_packet: 1 << 24,
            collation: 45,
            user: b"nextcloud".to_vec(),
            auth_response: vec![1; 20],
            schema: Some(b"cloud".to_vec()),
            auth_plugin: Some(b"mysql_native_password".to_vec()),
            attributes: vec![(b"_os".to_vec(), b"Linux".to_vec())],
        };
        let mut out = Vec::new();
        login.write(&mut out);
        assert_eq!(FirstPacket::read(&out), Ok(FirstPacket::Login(login.clone())));
        for end in 0..out.len() {
            _ = FirstPacket::read(&out[..end]);
        }
        let mut request = Vec::new();
        Login { capabilities: capability::SSL, ..login }.write_ssl_request(&mut request);
        assert_eq!(FirstPacket::read(&request), Ok(FirstPacket::Ssl { capabilities: capability::SSL }));
    }
}
