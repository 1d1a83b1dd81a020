//! The server's sockets.

use super::{Dns, Transport};
use crate::NetworkError;
use hickory_proto::op::ResponseCode;
use netplan::dns::{Received, encode, receive};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// TCP connections at once; more wait in the kernel's queue. TCP is for the rare large answer.
const CONNECTIONS: usize = 64;
/// How long a TCP client may be silent.
const IDLE: Duration = Duration::from_secs(10);
/// Questions are far smaller; what is longer is cut off and refused as malformed.
const QUESTION_BYTES: usize = 4096;
const LARGEST: usize = 65_535;

pub struct Sockets {
    udp: UdpSocket,
    tcp: TcpListener,
}

pub async fn bind(address: SocketAddr) -> io::Result<Sockets> {
    Ok(Sockets { udp: UdpSocket::bind(address).await?, tcp: TcpListener::bind(address).await? })
}

/// Serves until a socket fails for good. What was begun ends with it.
pub async fn serve(dns: &Arc<Dns>, sockets: Sockets) -> NetworkError {
    let udp = Arc::new(sockets.udp);
    let mut waiting = JoinSet::new();
    let connections = Arc::new(Semaphore::new(CONNECTIONS));
    let mut packet = vec![0; QUESTION_BYTES];
    let failed = loop {
        tokio::select! {
            received = udp.recv_from(&mut packet) => match received {
                Ok((length, from)) => datagram(dns, &udp, &packet[..length], from, &mut waiting).await,
                // A client that went away (ICMP unreachable) shows up here; the socket is fine.
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
                Err(error) => break error,
            },
            accepted = accept(&sockets.tcp, &connections) => match accepted {
                Ok((stream, permit)) => {
                    let dns = dns.clone();
                    waiting.spawn(async move {
                        let _permit = permit;
                        // A client that breaks off harms only itself.
                        _ = connection(&dns, stream).await;
                    });
                }
                Err(error) => tracing::debug!(%error, "a DNS client over TCP was lost"),
            },
            Some(_) = waiting.join_next() => {}
        }
    };
    NetworkError::kernel("receive DNS questions")(failed)
}

/// Waits for a free place first, so that too many clients queue in the kernel.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> io::Result<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let permit = places.clone().acquire_owned().await.map_err(io::Error::other)?;
    Ok((listener.accept().await?.0, permit))
}

async fn datagram(dns: &Arc<Dns>, udp: &Arc<UdpSocket>, packet: &[u8], from: SocketAddr, waiting: &mut JoinSet<()>) {
    let (reply, limit) = match receive(packet) {
        Received::Drop => return,
        Received::Error(reply) => (reply, packet.len().max(512)),
        Received::Query(query) => match dns.answer_at_once(&query) {
            Some(reply) => (reply, query.udp_limit()),
            None if waiting.len() >= super::FORWARDS + CONNECTIONS => {
                (query.reply(ResponseCode::ServFail), query.udp_limit())
            }
            None => {
                let (dns, udp) = (dns.clone(), udp.clone());
                waiting.spawn(async move {
                    let reply = dns.answer(&query, Transport::Udp).await;
                    send(&udp, encode(&reply, query.udp_limit()), from).await;
                });
                return;
            }
        },
    };
    send(udp, encode(&reply, limit), from).await;
}

/// An answer that cannot be sent is lost as any datagram may be; the client asks again.
async fn send(udp: &UdpSocket, packet: Option<Vec<u8>>, to: SocketAddr) {
    if let Some(packet) = packet {
        _ = udp.send_to(&packet, to).await;
    }
}

async fn connection(dns: &Dns, mut stream: TcpStream) -> io::Result<()> {
    loop {
        let packet = timeout(IDLE, question(&mut stream)).await??;
        let reply = match receive(&packet) {
            Received::Drop => return Ok(()),
            Received::Error(reply) => reply,
            Received::Query(query) => dns.answer(&query, Transport::Tcp).await,
        };
        let Some(packet) = encode(&reply, LARGEST) else { return Ok(()) };
        let length = (packet.len() as u16).to_be_bytes();
        timeout(IDLE, stream.write_all(&[&length[..], &packet].concat())).await??;
    }
}

async fn question(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let length = usize::from(stream.read_u16().await?);
    if length > QUESTION_BYTES {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut packet = vec![0; length];
    stream.read_exact(&mut packet).await?;
    Ok(packet)
}
