//! Asking another server.

use super::Transport;
use hickory_proto::op::{Message, ResponseCode};
use netplan::dns::Query;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

/// One server's time; clients give up after 5 s, and a second one should have its chance before that.
const PATIENCE: Duration = Duration::from_millis(1500);
/// Servers asked for one question, repetitions included.
const ATTEMPTS: usize = 3;
const PORT: u16 = 53;
const LARGEST: usize = 65_535;

/// The first usable answer, with the question's own id. A server that fails or refuses is passed over.
///
/// # Errors
/// If no server answered in time, or there is none.
pub async fn ask(servers: &[IpAddr], query: &Query, transport: Transport) -> io::Result<Message> {
    let mut last = Err(io::Error::other("the node has no name servers in its resolv.conf"));
    for server in servers.iter().cycle().take(if servers.is_empty() { 0 } else { ATTEMPTS }) {
        let asked = timeout(PATIENCE, exchange(SocketAddr::new(*server, PORT), query, transport)).await;
        let asked = asked.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        let usable = asked.as_ref().is_ok_and(|answer| !is_failure(answer));
        if usable || last.is_err() {
            last = asked;
        }
        if usable {
            break;
        }
    }
    last.map(|mut answer| {
        answer.metadata.id = query.message.metadata.id;
        answer.queries = query.message.queries.clone();
        answer
    })
}

fn is_failure(answer: &Message) -> bool {
    matches!(answer.metadata.response_code, ResponseCode::ServFail | ResponseCode::Refused | ResponseCode::NotImp)
}

async fn exchange(server: SocketAddr, query: &Query, transport: Transport) -> io::Result<Message> {
    let mut question = query.message.clone();
    question.metadata.id = rand::random();
    let packet = question.to_vec().map_err(io::Error::other)?;
    let answer = over_udp(server, &packet, &question).await?;
    if answer.metadata.truncation && transport == Transport::Tcp {
        return over_tcp(server, &packet, &question).await;
    }
    Ok(answer)
}

/// A fresh socket for every question: its random port makes forged answers as hard to place as they can be.
async fn over_udp(server: SocketAddr, packet: &[u8], question: &Message) -> io::Result<Message> {
    let any = match server {
        SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
    };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(server).await?;
    socket.send(packet).await?;
    let mut buffer = vec![0; 4096];
    loop {
        let length = socket.recv(&mut buffer).await?;
        if let Some(answer) = Message::from_vec(&buffer[..length]).ok().filter(|answer| answers(answer, question)) {
            return Ok(answer);
        }
    }
}

async fn over_tcp(server: SocketAddr, packet: &[u8], question: &Message) -> io::Result<Message> {
    let mut stream = TcpStream::connect(server).await?;
    let length = u16::try_from(packet.len()).map_err(io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes(), packet].concat()).await?;
    let mut buffer = vec![0; usize::from(stream.read_u16().await?).min(LARGEST)];
    stream.read_exact(&mut buffer).await?;
    let answer = Message::from_vec(&buffer).map_err(io::Error::other)?;
    if answers(&answer, question) { Ok(answer) } else { Err(io::ErrorKind::InvalidData.into()) }
}

/// Names compare without regard to case; some servers change it.
fn answers(answer: &Message, question: &Message) -> bool {
    answer.metadata.id == question.metadata.id && answer.queries == question.queries
}
