//! One question to an agent.

use super::probe::Patience;
use crate::server::Target;
use crate::sockets::{self, Dial};
use crate::text;
use balance::check::agent;
use balance::health::{Agent, Outcome, Status};
use std::io;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};

/// Asks, within `inter` or `timeout check`; how it failed where there is no answer.
pub async fn ask(target: &Target, send: &[u8], patience: Patience) -> Result<Agent, Outcome> {
    let deadline = Instant::now() + patience.check.unwrap_or(patience.inter);
    let mut stream = match timeout_at(deadline, sockets::connect(target, &Dial::default())).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return Err(Outcome::new(Status::L4Connection).with_info(text::reason(&error))),
        Err(_) => return Err(Outcome::new(Status::L4Timeout)),
    };
    let converse = async {
        stream.write_all(send).await?;
        let (mut bytes, mut piece) = (Vec::new(), [0; 1024]);
        loop {
            let count = stream.read(&mut piece).await?;
            bytes.extend_from_slice(&piece[..count]);
            if let Some(answer) = agent::read(&bytes, count == 0) {
                return Ok::<_, io::Error>(answer);
            }
        }
    };
    let answer = timeout_at(deadline, converse).await;
    stream.reset_on_close();
    match answer {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => Err(Outcome::new(Status::SocketError).with_info(text::reason(&error))),
        Err(_) => Err(Outcome::new(Status::L7Timeout)),
    }
}
