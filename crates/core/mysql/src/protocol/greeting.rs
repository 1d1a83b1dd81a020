//! The server's first packet (protocol version 10): who it is, what it can, and the scramble for the password.

use super::packet::{Reader, put_zero_ended};
use super::{Malformed, auth::SCRAMBLE, capability};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Greeting {
    /// As sent: MariaDB before 11 puts `5.5.5-` before its own.
    pub server_version: Vec<u8>,
    pub connection_id: u32,
    pub scramble: [u8; SCRAMBLE],
    pub capabilities: u32,
    /// Lower byte of the default collation's number.
    pub collation: u8,
    pub status: u16,
    pub auth_plugin: Vec<u8>,
}

impl Greeting {
    pub fn write(&self, out: &mut Vec<u8>) {
        out.push(10);
        put_zero_ended(out, &self.server_version);
        out.extend_from_slice(&self.connection_id.to_le_bytes());
        put_zero_ended(out, &self.scramble[..8]);
        let [low_a, low_b, high_a, high_b] = self.capabilities.to_le_bytes();
        out.extend_from_slice(&[low_a, low_b, self.collation]);
        out.extend_from_slice(&self.status.to_le_bytes());
        out.extend_from_slice(&[high_a, high_b, SCRAMBLE as u8 + 1]);
        out.extend_from_slice(&[0; 10]);
        put_zero_ended(out, &self.scramble[8..]);
        put_zero_ended(out, &self.auth_plugin);
    }

    pub fn read(payload: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(payload);
        let version = reader.u8("protocol version")?;
        if version != 10 {
            return Err(Malformed::Unknown { what: "protocol version", value: version.into() });
        }
        let server_version = reader.zero_ended("server version")?.to_vec();
        let connection_id = reader.u32("connection id")?;
        let mut scramble = [0; SCRAMBLE];
        scramble[..8].copy_from_slice(reader.bytes(8, "scramble")?);
        reader.u8("filler")?;
        let low = reader.u16("capabilities")?;
        let collation = reader.u8("collation")?;
        let status = reader.u16("status")?;
        let high = reader.u16("capabilities")?;
        let capabilities = u32::from(low) | u32::from(high) << 16;
        reader.u8("scramble's length")?;
        reader.bytes(10, "reserved bytes")?;
        if capabilities & capability::SECURE_CONNECTION != 0 {
            scramble[8..].copy_from_slice(reader.bytes(SCRAMBLE - 8, "scramble")?);
            reader.u8("scramble's end")?;
        }
        let auth_plugin = reader.zero_ended_or_rest().to_vec();
        Ok(Self { server_version, connection_id, scramble, capabilities, collation, status, auth_plugin })
    }

    /// MariaDB's, not MySQL's: they differ in what they can track.
    pub fn is_mariadb(&self) -> bool {
        memchr::memmem::find(&self.server_version, b"MariaDB").is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comes_back_as_written() {
        let greeting = Greeting {
            server_version: b"5.5.5-10.11.14-MariaDB".to_vec(),
            connection_id: 7,
            scramble: *b"abcdefghijklmnopqrst",
            capabilities: capability::OFFERED,
            collation: 45,
            status: 2,
            auth_plugin: b"mysql_native_password".to_vec(),
        };
        let mut out = Vec::new();
        greeting.write(&mut out);
        assert_eq!(Greeting::read(&out), Ok(greeting.clone()));
        assert!(greeting.is_mariadb());
        for end in 0..out.len() - 30 {
            assert!(Greeting::read(&out[..end]).is_err(), "{end}");
        }
    }
}
