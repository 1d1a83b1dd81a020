//! The sockets that clients and administrators come in by.

use super::listener::{self, Interface, Opened};
use mysql::variables::Variables;
use std::fmt;

/// They listen: who connects waits in the kernel until somebody accepts.
pub struct Doors {
    /// For each worker its sockets.
    pub workers: Vec<Vec<Opened>>,
    pub admin: Vec<Opened>,
    fronts: Vec<Interface>,
    admins: Vec<Interface>,
}

impl Doors {
    /// Opens `mysql-interfaces` for `mysql-threads` workers, and `admin-mysql_ifaces`.
    ///
    /// # Errors
    /// Names the interface that is none, or that cannot be listened on.
    pub fn open(variables: &Variables) -> Result<Self, Vec<String>> {
        let one = |problem: String| vec![problem];
        let fronts = listener::parse(variables.str("mysql-interfaces")).map_err(one)?;
        let admins = listener::parse(variables.str("admin-mysql_ifaces")).map_err(one)?;
        let workers = open_all(&fronts, workers(variables.int("mysql-threads")));
        let workers = workers.map_err(|error| vec![error.to_string()])?;
        let admin = open_all(&admins, 1).map_err(|error| vec![error.to_string()])?.into_iter().flatten().collect();
        Ok(Self { workers, admin, fronts, admins })
    }
}

impl fmt::Display for Doors {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        let names =
            |interfaces: &[Interface]| interfaces.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        write!(out, "MySQL on {}, administration on {}", names(&self.fronts), names(&self.admins))
    }
}

/// More threads than processors would only take turns.
fn workers(threads: i64) -> usize {
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    usize::try_from(threads).unwrap_or(1).clamp(1, processors)
}

fn open_all(interfaces: &[Interface], workers: usize) -> std::io::Result<Vec<Vec<Opened>>> {
    let mut all: Vec<Vec<Opened>> = (0..workers).map(|_| Vec::new()).collect();
    for interface in interfaces {
        for (sockets, opened) in all.iter_mut().zip(listener::open(interface, workers)?) {
            sockets.push(opened);
        }
    }
    Ok(all)
}
