//! How a client proves its password: at its log-in, and when it changes its user.
//!
//! The client's own plugin is taken where its password can be checked by it; else the client is asked for one by which it
//! can. An unknown user is asked as one with a wrong password.

use crate::sql::rsa::OwnKey;
use crate::sql::wire::Wire;
use mysql::protocol::auth::{self, CACHING_SHA2, CLEAR, ED25519, NATIVE, Password, SCRAMBLE, Secret, ed25519, mix};
use mysql::protocol::packet::{self, put_zero_ended};
use mysql::protocol::reply;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

/// Longer than any packet of a proof.
const PACKET: usize = 16 * 1024;

/// What is known of a user.
pub struct Known {
    /// Either will do, servers get the first: `password`, and `additional_password` of its attributes.
    pub passwords: Vec<Password>,
    /// TLS is demanded.
    pub use_ssl: bool,
    pub learnt: Learnt,
}

impl Known {
    /// Where a password is known in clear, or there is none.
    pub fn secret(&self) -> Option<Secret> {
        match self.passwords.first().cloned().zip(Some(self.learnt.get())) {
            Some((Password::Clear(clear), _) | (_, Some(Password::Clear(clear)))) => Some(Secret::Clear(clear)),
            Some((Password::Empty, _)) => Some(Secret::Empty),
            _ => None,
        }
    }
}

/// A password that stands in `mysql_users` as a hash, after a client has shown it: later log-ins are quick, and servers
/// that want it can have it.
#[derive(Clone, Default)]
pub struct Learnt(Arc<Mutex<Option<String>>>);

impl Learnt {
    fn get(&self) -> Option<Password> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone().map(Password::Clear)
    }

    fn set(&self, clear: &str) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(clear.to_owned());
    }
}

/// What the client began with.
pub struct Offer<'a> {
    pub plugin: &'a [u8],
    /// What `answer` answers; `None`: it was asked for nothing yet.
    pub scramble: Option<[u8; SCRAMBLE]>,
    pub answer: Vec<u8>,
    /// It understands a request for another plugin.
    pub can_switch: bool,
}

/// Packets to and from the client.
pub struct Link<'a> {
    pub wire: &'a mut Wire,
    pub sequence: u8,
}

/// What came of it.
pub struct Proven {
    pub secret: Option<Secret>,
    /// The client gave a password.
    pub gave_one: bool,
}

/// # Errors
/// The stream's.
pub async fn prove(
    link: &mut Link<'_>,
    known: Option<&Known>,
    offer: Offer<'_>,
    preferred: &str,
    rsa: Option<&OwnKey>,
) -> io::Result<Proven> {
    let passwords = match known {
        Some(known) => known.learnt.get().into_iter().chain(known.passwords.iter().cloned()).collect(),
        None => vec![Password::unknown()],
    };
    let private = link.wire.stream.is_private();
    let (plugin, challenge, answer) = settle(link, &passwords, offer, preferred).await?;
    let gave_one = !matches!(answer.as_slice(), [] | [0]);
    let scramble = challenge.first_chunk::<SCRAMBLE>().copied().unwrap_or_default();
    let check = |check: &dyn Fn(&Password) -> Option<Secret>| passwords.iter().find_map(check);
    let secret = match plugin.as_str() {
        CACHING_SHA2 => match check(&|password| password.check_sha2(&scramble, &answer)) {
            Some(secret) => {
                if gave_one {
                    link.send(&[1, auth::SHA2_FAST_OK]).await?;
                }
                Some(secret)
            }
            // Checked already, and wrong.
            None if passwords.iter().all(|password| matches!(password, Password::Clear(_) | Password::Empty)) => None,
            None if !gave_one => None,
            None => match link.full_sha2(private, rsa, &scramble).await? {
                Some(clear) => check(&|password| password.check_clear(&clear)),
                None => None,
            },
        },
        ED25519 => match challenge.as_slice().try_into() {
            Ok(nonce) => check(&|password| password.check_ed25519(&nonce, &answer)),
            Err(_) => None,
        },
        CLEAR => text(&answer).and_then(|clear| check(&|password| password.check_clear(clear))),
        _ => check(&|password| password.check_native(&scramble, &answer)),
    };
    if let (Some(known), Some(Secret::Clear(clear))) = (known, &secret)
        && known.passwords.iter().any(|password| !matches!(password, Password::Clear(_) | Password::Empty))
    {
        known.learnt.set(clear);
    }
    let secret = secret.map(|secret| match known.and_then(|known| known.passwords.first()) {
        // Servers of MariaDB have one password: a client that still has the other one goes on.
        Some(Password::Clear(own)) => Secret::Clear(own.clone()),
        _ => secret,
    });
    Ok(Proven { secret, gave_one })
}

/// The plugin, its challenge and the client's answer.
async fn settle(
    link: &mut Link<'_>,
    passwords: &[Password],
    offer: Offer<'_>,
    preferred: &str,
) -> io::Result<(String, Vec<u8>, Vec<u8>)> {
    let can = |plugin: &str| passwords.iter().any(|password| password.can(plugin.as_bytes()));
    let offered = [NATIVE, CACHING_SHA2, ED25519, CLEAR].into_iter().find(|name| name.as_bytes() == offer.plugin);
    let signs = can(ED25519) && (offered == Some(ED25519) || preferred == ED25519);
    if let (Some(plugin @ (NATIVE | CACHING_SHA2)), Some(scramble)) = (offered, offer.scramble)
        && can(plugin)
        && !signs
    {
        return Ok((plugin.to_owned(), scramble.to_vec(), offer.answer));
    }
    if !offer.can_switch {
        return Ok((NATIVE.to_owned(), offer.scramble.unwrap_or_default().to_vec(), offer.answer));
    }
    let plugin = match offered {
        _ if signs => ED25519,
        // The client will not do without, and here nobody else reads it.
        Some(CLEAR) if link.wire.stream.is_private() => CLEAR,
        _ => passwords.first().map_or(NATIVE, |password| password.plugin(preferred)),
    };
    let mut challenge = super::handshake::scramble().to_vec();
    let mut payload = vec![reply::EOF];
    put_zero_ended(&mut payload, plugin.as_bytes());
    match plugin {
        ED25519 => {
            challenge.resize(ed25519::NONCE, 0);
            rand::fill(&mut challenge[..]);
            payload.extend_from_slice(&challenge);
        }
        _ => put_zero_ended(&mut payload, &challenge),
    }
    link.send(&payload).await?;
    Ok((plugin.to_owned(), challenge, link.receive().await?))
}

impl Link<'_> {
    /// The password itself, inside of TLS or a unix socket, or encrypted for our key.
    async fn full_sha2(
        &mut self,
        private: bool,
        rsa: Option<&OwnKey>,
        scramble: &[u8; SCRAMBLE],
    ) -> io::Result<Option<String>> {
        if !private && rsa.is_none() {
            return Ok(None);
        }
        self.send(&[1, auth::SHA2_FULL]).await?;
        let mut answer = self.receive().await?;
        if private {
            return Ok(text(&answer).map(str::to_owned));
        }
        let Some(rsa) = rsa else { return Ok(None) };
        let key = rsa.get().await.map_err(|error| {
            crate::sql::log::error(&format!("no RSA key for caching_sha2_password without TLS: {error}"));
            io::Error::other(error)
        })?;
        if answer == [auth::SHA2_WANTS_KEY] {
            self.send(&[&[1], key.public_pem.as_bytes()].concat()).await?;
            answer = self.receive().await?;
        }
        Ok(key.decrypt(&answer).and_then(|mixed| text(&mix(&mixed, scramble)).map(str::to_owned)))
    }

    async fn send(&mut self, payload: &[u8]) -> io::Result<()> {
        self.sequence = packet::frame(self.wire.outbox(), self.sequence, payload);
        self.wire.flush().await
    }

    async fn receive(&mut self) -> io::Result<Vec<u8>> {
        let mut packet = Vec::new();
        let next = self.wire.read_packet(&mut packet, PACKET).await?;
        self.sequence = next.ok_or(io::ErrorKind::UnexpectedEof)?;
        Ok(packet)
    }
}

/// Ended by a zero.
fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes.strip_suffix(&[0]).unwrap_or(bytes)).ok()
}
