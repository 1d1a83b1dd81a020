//! How the proxy proves a password to a server, whatever plugin the server asks for.

use super::connect::{ConnectError, Credentials, Dialogue};
use crate::sql::rsa;
use mysql::protocol::auth::{self, CACHING_SHA2, CLEAR, Proof, SCRAMBLE, SHA256};
use mysql::protocol::packet::Reader;
use mysql::protocol::reply::{EOF, ERR, OK};
use mysql::protocol::{Malformed, greeting::Greeting};

/// Begins data of a plugin.
const MORE: u8 = 1;

impl Dialogue<'_> {
    /// Goes with the log-in: what the greeting asks for, if that can be had. Else the server will say what it wants.
    pub(super) fn first_answer(&self, greeting: &Greeting, credentials: &Credentials) -> Vec<u8> {
        let plugin = greeting.auth_plugin.as_slice();
        if plugin == CLEAR.as_bytes() && !self.wire.stream.is_private() {
            return Vec::new();
        }
        self.answer(credentials, plugin, &greeting.scramble).unwrap_or_default()
    }

    /// Until the server says yes or no.
    pub(super) async fn verdict(&mut self, credentials: &Credentials, greeting: &Greeting) -> Result<(), ConnectError> {
        let mut scramble = greeting.scramble;
        let mut plugin = greeting.auth_plugin.clone();
        loop {
            self.next().await?;
            match *self.packet.as_slice() {
                [OK, ..] => return Ok(()),
                [ERR, ..] => return Err(self.refusal(credentials, &plugin, &scramble)),
                [EOF] => return Err(self.no_plugin(b"mysql_old_password")),
                [EOF, ..] => {
                    let (wanted, challenge) = self.switch().map_err(|source| self.malformed(source))?;
                    scramble = challenge.first_chunk().copied().unwrap_or(scramble);
                    plugin = wanted;
                    let answer = self.answer(credentials, &plugin, &challenge)?;
                    self.send(&answer).await?;
                }
                // The server knows the password already.
                [MORE, auth::SHA2_FAST_OK] => {}
                [MORE, auth::SHA2_FULL] => {
                    self.send_whole(credentials, CACHING_SHA2, auth::SHA2_WANTS_KEY, &scramble).await?;
                }
                [MORE, ..] if plugin == SHA256.as_bytes() => self.send_sealed(credentials, &scramble).await?,
                _ => return Err(self.no_plugin(&plugin)),
            }
        }
    }

    /// The password itself, where nobody else reads it; else for the server's key.
    async fn send_whole(
        &mut self,
        credentials: &Credentials,
        plugin: &str,
        wants_key: u8,
        scramble: &[u8; SCRAMBLE],
    ) -> Result<(), ConnectError> {
        if self.wire.stream.is_private() {
            let answer = self.answer(credentials, CLEAR.as_bytes(), scramble)?;
            return self.send(&answer).await;
        }
        if credentials.secret.mixed(scramble).is_none() {
            return Err(self.needs_clear(plugin.as_bytes()));
        }
        self.send(&[wants_key]).await?;
        self.next().await?;
        match self.packet.first() {
            Some(&MORE) => self.send_sealed(credentials, scramble).await,
            Some(&ERR) => Err(self.refused()),
            _ => Err(self.no_plugin(plugin.as_bytes())),
        }
    }

    /// For the key that has just come.
    async fn send_sealed(&mut self, credentials: &Credentials, scramble: &[u8; SCRAMBLE]) -> Result<(), ConnectError> {
        let mixed = credentials.secret.mixed(scramble).ok_or_else(|| self.needs_clear(SHA256.as_bytes()))?;
        let sealed = rsa::encrypt(&self.packet[1..], &mixed)
            .map_err(|reason| self.tls(format!("the RSA key that it sent for the password is of no use: {reason}")))?;
        self.send(&sealed).await
    }

    /// It had no password, as only a hash is known: that is what has to be said.
    fn refusal(&self, credentials: &Credentials, plugin: &[u8], scramble: &[u8; SCRAMBLE]) -> ConnectError {
        match (self.refused(), credentials.secret.prove(plugin, scramble)) {
            (ConnectError::Refused { source, .. }, Proof::NeedsClear) if source.code == 1045 => {
                self.needs_clear(plugin)
            }
            (refused, _) => refused,
        }
    }

    /// The plugin and its challenge: 20 bytes and a zero, of `client_ed25519` 32.
    fn switch(&self) -> Result<(Vec<u8>, Vec<u8>), Malformed> {
        let mut reader = Reader::new(&self.packet);
        reader.u8("kind")?;
        let plugin = reader.zero_ended_or_rest().to_vec();
        let data = reader.rest();
        let data = if data.len() == SCRAMBLE + 1 { &data[..SCRAMBLE] } else { data };
        Ok((plugin, data.to_vec()))
    }

    fn answer(&self, credentials: &Credentials, plugin: &[u8], challenge: &[u8]) -> Result<Vec<u8>, ConnectError> {
        let private = self.wire.stream.is_private();
        if plugin == CLEAR.as_bytes() && !private {
            return Err(ConnectError::Exposed { address: self.server.address(), plugin: CLEAR });
        }
        match credentials.secret.prove(plugin, challenge) {
            // Its key is asked for first.
            Proof::Answer(answer) if plugin == SHA256.as_bytes() && !private && answer.len() > 1 => {
                Ok(vec![auth::SHA256_WANTS_KEY])
            }
            Proof::Answer(answer) => Ok(answer),
            Proof::NeedsClear => Err(self.needs_clear(plugin)),
            Proof::Unknown => Err(self.no_plugin(plugin)),
        }
    }

    fn needs_clear(&self, plugin: &[u8]) -> ConnectError {
        let plugin = String::from_utf8_lossy(plugin).into_owned();
        ConnectError::Plugin { address: self.server.address(), plugin }
    }

    fn no_plugin(&self, plugin: &[u8]) -> ConnectError {
        let plugin = String::from_utf8_lossy(plugin).into_owned();
        ConnectError::NoPlugin { address: self.server.address(), plugin }
    }
}
