//! COM_CHANGE_USER: another user on the same connection, all session state gone.

use super::packet::Reader;
use super::{Malformed, capability, login};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeUser {
    pub user: Vec<u8>,
    pub auth_response: Vec<u8>,
    pub schema: Option<Vec<u8>>,
    pub collation: Option<u16>,
    pub auth_plugin: Option<Vec<u8>>,
}

impl ChangeUser {
    /// `payload` without the command's byte; `capabilities` are those of the log-in.
    pub fn read(payload: &[u8], capabilities: u32) -> Result<Self, Malformed> {
        let mut reader = Reader::new(payload);
        let user = reader.zero_ended("user")?.to_vec();
        let length = reader.u8("password's scramble")?;
        let auth_response = reader.bytes(length.into(), "password's scramble")?.to_vec();
        let schema = Some(reader.zero_ended_or_rest().to_vec()).filter(|name| !name.is_empty());
        let collation = if reader.is_empty() { None } else { Some(reader.u16("collation")?) };
        let named = capabilities & capability::PLUGIN_AUTH != 0 && !reader.is_empty();
        let auth_plugin = named.then(|| reader.zero_ended_or_rest().to_vec());
        if capabilities & capability::CONNECT_ATTRS != 0 {
            login::attributes(&mut reader)?;
        }
        Ok(Self { user, auth_response, schema, collation, auth_plugin })
    }
}
