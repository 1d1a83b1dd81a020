//! Where a check connects, and how: what its rule says, else what the server line says.

use crate::server::{Server, Target};
use crate::tls::Connector;
use balance::check::Connect;
use balance::config::model::{self, MuxProto, Port, Proxy, ServerHost, Source};
use balance::proxy_protocol::SendProxy;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// A connection to be made.
pub struct Route {
    /// Absent while there is no address or port.
    pub target: Option<Target>,
    pub source: Option<Source>,
    pub tls: Option<Tls>,
    pub proxy_header: Option<SendProxy>,
    /// HTTP checks speak HTTP/2 without asking (`proto h2`).
    pub h2: bool,
    /// A connection that an earlier check left will do, and this one is left to the next (`check-reuse-pool`).
    pub reuse: bool,
}

pub struct Tls {
    pub connector: Arc<Connector>,
    pub sni: Option<String>,
    /// `verifyhost`: the name the certificate must have is not the one that is asked for.
    pub verifies_host: bool,
}

/// The route of one connect.
pub fn route(server: &Server, backend: &Proxy, connect: &Connect) -> Route {
    let config = server.config.load();
    let check = &config.check;
    let own_place = check.port.is_some() || check.addr.is_some();
    let options = connect.server_options;
    let ssl = connect.ssl || options && check.ssl.unwrap_or(config.ssl && !own_place);
    let own = version(&config);
    let asked = connect.send_proxy || options && check.send_proxy;
    let send_proxy = match asked {
        true => Some(own.unwrap_or(SendProxy { v1: true, ..SendProxy::default() })),
        false => own.filter(|_| options && !own_place),
    };
    Route {
        target: target(server, &config, connect),
        source: config.source.clone().or_else(|| backend.source.clone()),
        tls: if ssl { tls(server, &config, connect) } else { None },
        proxy_header: send_proxy,
        h2: connect.h2 || options && check.proto.or(config.proto) == Some(MuxProto::H2),
        reuse: options && check.reuse,
    }
}

/// What `send-proxy` of the traffic is; a check has nothing to tell in options.
fn version(config: &model::Server) -> Option<SendProxy> {
    let send = config.send_proxy;
    send.is_on().then(|| SendProxy { v1: !send.v2, v2: send.v2, ..SendProxy::default() })
}

fn tls(server: &Server, config: &model::Server, connect: &Connect) -> Option<Tls> {
    let connector = server.connector()?;
    let options = connect.server_options;
    let checks = config.check.alpn.as_deref().filter(|_| options);
    let alpn = if connect.alpn.is_empty() { checks } else { Some(connect.alpn.as_slice()) };
    let connector = match alpn {
        Some(alpn) => Arc::new(connector.with_alpn(alpn)),
        None => connector,
    };
    let sni = connect.sni.clone().or_else(|| config.check.sni.clone().filter(|_| options));
    Some(Tls { connector, sni, verifies_host: config.tls.verifyhost.is_some() })
}

fn target(server: &Server, config: &model::Server, connect: &Connect) -> Option<Target> {
    let check = &config.check;
    let port = connect.port.or(check.port).or(match server.port() {
        Port::Fixed(port) => Some(port),
        Port::Client(_) => None,
    });
    let at = |address: IpAddr| Some(Target::Ip(SocketAddr::new(address, port.filter(|port| *port > 0)?)));
    if let Some(address) = connect.addr {
        return at(address);
    }
    match check.addr.as_ref().unwrap_or(&config.host) {
        ServerHost::Unix(path) => Some(Target::Unix(path.clone())),
        ServerHost::Abstract(name) => Some(Target::Abstract(name.clone())),
        ServerHost::Ip(address) if check.addr.is_some() => at(*address),
        _ => at(server.address()?),
    }
}

/// Where an agent is.
pub fn agent_target(server: &Server) -> Option<Target> {
    let config = server.config.load();
    let address = config.agent.addr.or_else(|| server.address())?;
    Some(Target::Ip(SocketAddr::new(address, config.agent.port?)))
}
