//! TLS with clients: the certificate that is there, or one of the proxy's own.

use super::stream::Stream;
use rustls::ServerConfig;
use std::io;
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;

pub struct Acceptor {
    acceptor: TlsAcceptor,
}

impl Acceptor {
    pub fn new(config: ServerConfig) -> Self {
        Self { acceptor: TlsAcceptor::from(Arc::new(config)) }
    }

    /// # Errors
    /// The stream's, or what TLS finds wrong with the client.
    pub async fn accept(&self, stream: Stream) -> io::Result<tokio_rustls::server::TlsStream<Stream>> {
        self.acceptor.accept(stream).await
    }
}
