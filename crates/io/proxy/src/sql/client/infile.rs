//! LOAD DATA LOCAL INFILE: the client's file passes through to the server.

use super::execute::Target;
use super::session::{Next, Session};
use crate::sql::server::connection::Connection;
use crate::sql::server::relay::{Broken, Client, Ended, Relay};
use mysql::protocol::packet;
use mysql::protocol::reply::ServerError;
use std::io;

impl Session {
    /// The client has been asked for its file: its packets go to the server until an empty one, then the answer goes on.
    ///
    /// # Errors
    /// The client's stream.
    pub(super) async fn local_infile(
        &mut self,
        mut connection: Connection,
        mut relay: Relay,
        target: &Target,
    ) -> io::Result<Next> {
        loop {
            if let Err(error) = self.pass_file(&mut connection).await {
                // In the middle of a file: what would be said now would be part of it.
                connection.wire.stream = crate::sql::stream::Stream::Taken;
                self.drop_connection(connection);
                return Err(error);
            }
            let capabilities = self.capabilities;
            let client = Client { wire: &mut self.wire, capabilities, holds_error: false, bytes_per_second: 0 };
            let result = relay.run(&mut connection, &mut Some(client)).await;
            if !self.public.is_over() {
                self.public.until_left_alone().await;
            }
            match result {
                Ok(Ended::LocalInfile) => {}
                Ok(_) => {
                    self.after(connection, &relay.heard, target);
                    return Ok(Next::Command);
                }
                Err(Broken::Client(error)) => {
                    self.drop_connection(connection);
                    return Err(error);
                }
                Err(error) => {
                    self.drop_connection(connection);
                    let text = format!("Lost connection to server during LOAD DATA ({error})");
                    self.error(&ServerError::new(2013, b"HY000", text)).await?;
                    return Ok(Next::End);
                }
            }
        }
    }

    /// A server that breaks meanwhile says so in its answer: the client's packets are taken to their end.
    async fn pass_file(&mut self, connection: &mut Connection) -> io::Result<()> {
        let mut payload = Vec::new();
        let limit = self.worker.shared.tuning.load().max_allowed_packet;
        let mut broken = false;
        loop {
            let Some(next) = self.wire.read_packet(&mut payload, limit).await? else {
                return Err(io::ErrorKind::UnexpectedEof.into());
            };
            self.sequence = next;
            let frames = (payload.len() / packet::MAX_FRAME + 1) as u8;
            if !broken {
                packet::frame(connection.wire.outbox(), next.wrapping_sub(frames), &payload);
                broken = connection.wire.flush().await.is_err();
            }
            if payload.is_empty() {
                return Ok(());
            }
        }
    }
}
