//! Which ports are open.

use crate::sql::listener::{self, Interface};
use mysql::variables::Variables;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Mutex, PoisonError};
use tokio::sync::{mpsc, oneshot};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `admin-restapi_port`.
    Metrics,
    /// `admin-web_port`.
    Page,
}

/// A port that is to be open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Port {
    pub kind: Kind,
    pub address: SocketAddr,
}

/// One that was opened. It is closed when `closed` resolves.
#[derive(Debug)]
pub struct Opened {
    pub port: Port,
    pub listener: TcpListener,
    pub closed: oneshot::Receiver<()>,
}

/// Those that are open.
pub struct Ports {
    /// Dropped to close one.
    open: Mutex<BTreeMap<Port, oneshot::Sender<()>>>,
    opened: mpsc::UnboundedSender<Opened>,
}

/// Those that `variables` ask for: on the addresses of `admin-mysql_ifaces`, so that nobody opens more than he opened there.
pub fn wanted(variables: &Variables) -> BTreeSet<Port> {
    let interfaces = listener::parse(variables.str("admin-mysql_ifaces")).unwrap_or_default();
    let mut addresses: BTreeSet<IpAddr> = interfaces
        .iter()
        .filter_map(|interface| match interface {
            Interface::Tcp(address) => Some(address.ip()),
            Interface::Unix(_) => None,
        })
        .collect();
    if addresses.is_empty() {
        addresses.insert(Ipv4Addr::LOCALHOST.into());
    }
    let asked = [
        (Kind::Metrics, "admin-restapi_enabled", "admin-restapi_port"),
        (Kind::Page, "admin-web_enabled", "admin-web_port"),
    ];
    let mut ports = BTreeSet::new();
    for (kind, _, port) in asked.into_iter().filter(|(_, enabled, _)| variables.bool(enabled)) {
        let port = u16::try_from(variables.int(port)).unwrap_or_default();
        ports.extend(addresses.iter().map(|ip| Port { kind, address: SocketAddr::new(*ip, port) }));
    }
    ports
}

impl Ports {
    pub fn new(opened: mpsc::UnboundedSender<Opened>) -> Self {
        Self { open: Mutex::default(), opened }
    }

    /// Opens and closes until exactly these are open. A listener is bound before this returns.
    ///
    /// # Errors
    /// Each that cannot be opened; then nothing was changed.
    pub fn set(&self, wanted: &BTreeSet<Port>) -> Result<(), Vec<String>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let mut bound = Vec::new();
        let mut problems = Vec::new();
        for port in wanted.iter().filter(|port| !open.contains_key(port)) {
            match TcpListener::bind(port.address).and_then(|listener| listener.set_nonblocking(true).map(|()| listener))
            {
                Ok(listener) => bound.push((*port, listener)),
                Err(error) => problems.push(port.problem(&error)),
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        open.retain(|port, _| wanted.contains(port));
        for (port, listener) in bound {
            let (keep, closed) = oneshot::channel();
            open.insert(port, keep);
            // Its receiver ends with the process only.
            _ = self.opened.send(Opened { port, listener, closed });
        }
        Ok(())
    }
}

impl Port {
    fn problem(&self, error: &std::io::Error) -> String {
        let (port, enabled) = match self.kind {
            Kind::Metrics => ("admin-restapi_port", "admin-restapi_enabled"),
            Kind::Page => ("admin-web_port", "admin-web_enabled"),
        };
        format!("{port}: cannot listen on {}: {error}; choose another port or set {enabled}=false", self.address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(set: &[(&str, &str)]) -> Variables {
        let mut variables = Variables::default();
        set.iter().for_each(|(name, value)| variables.set(name, value).expect("it is a variable"));
        variables
    }

    #[test]
    fn nothing_is_open_unless_it_is_asked_for() {
        assert_eq!(wanted(&Variables::default()), BTreeSet::new());
        let on = variables(&[
            ("admin-web_enabled", "true"),
            ("admin-restapi_enabled", "true"),
            ("admin-mysql_ifaces", "0.0.0.0:6032;/tmp/socket"),
        ]);
        let shown: Vec<String> = wanted(&on).iter().map(|port| format!("{:?} {}", port.kind, port.address)).collect();
        assert_eq!(shown, ["Metrics 0.0.0.0:6070", "Page 0.0.0.0:6080"]);
        let socket = variables(&[("admin-web_enabled", "true"), ("admin-mysql_ifaces", "/tmp/socket")]);
        assert_eq!(
            wanted(&socket).iter().next().map(|port| port.address.to_string()).as_deref(),
            Some("127.0.0.1:6080")
        );
    }

    #[test]
    fn a_port_that_is_taken_changes_nothing() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let (send, mut opened) = mpsc::unbounded_channel();
        let ports = Ports::new(send);
        let free = Port { kind: Kind::Page, address: "127.0.0.1:0".parse().unwrap() };
        let port = Port { kind: Kind::Metrics, address: taken.local_addr().unwrap() };
        let problems = ports.set(&[free, port].into()).expect_err("somebody listens there");
        assert!(problems[0].starts_with("admin-restapi_port: cannot listen on 127.0.0.1:"), "{problems:?}");
        assert!(opened.try_recv().is_err());
        ports.set(&[free].into()).expect("it is free");
        let mut first = opened.try_recv().expect("it was opened");
        assert!(first.closed.try_recv() == Err(oneshot::error::TryRecvError::Empty));
        ports.set(&BTreeSet::new()).expect("closing cannot fail");
        assert!(first.closed.try_recv() == Err(oneshot::error::TryRecvError::Closed));
    }
}
