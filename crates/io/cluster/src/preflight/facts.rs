//! The machine as the checks see it.

use super::Wanted;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::Path;

#[derive(Debug, Clone, Default)]
pub struct Facts {
    pub uid: u32,
    pub cpus: usize,
    /// Bytes.
    pub memory: u64,
    pub is_member: bool,
    /// An interface has the wanted address.
    pub has_address: bool,
    pub has_etcd: bool,
    pub has_nft: bool,
    pub has_cgroups: bool,
    pub etcd_folder_is_free: bool,
    /// Of those that are asked for.
    pub taken_ports: Vec<u16>,
}

impl Facts {
    /// Reads them; changes nothing.
    pub fn gather(wanted: &Wanted) -> Self {
        let asked = [wanted.port, 2379, 2380, 10250, wanted.local_api_port];
        Self {
            uid: rustix::process::getuid().as_raw(),
            cpus: std::thread::available_parallelism().map_or(1, usize::from),
            memory: stdx::meminfo("MemTotal"),
            is_member: crate::Membership::file(&wanted.config_dir).exists(),
            has_address: UdpSocket::bind((wanted.address, 0)).is_ok(),
            has_etcd: in_path("etcd"),
            has_nft: in_path("nft"),
            has_cgroups: Path::new("/sys/fs/cgroup/cgroup.controllers").exists()
                || Path::new("/sys/fs/cgroup/memory").exists(),
            etcd_folder_is_free: is_free(&wanted.etcd_dir),
            taken_ports: asked.into_iter().filter(|port| !is_port_free(wanted, *port)).collect(),
        }
    }
}

fn in_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]).any(|folder| folder.join(program).exists())
}

fn is_free(folder: &Path) -> bool {
    !std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some())
}

/// Somebody may listen on the address alone, on loopback or on all.
fn is_port_free(wanted: &Wanted, port: u16) -> bool {
    let own = SocketAddr::new(wanted.address, port);
    let loopback = SocketAddr::from(([127, 0, 0, 1], port));
    [own, loopback].into_iter().all(|at| match TcpListener::bind(at) {
        Err(error) => error.kind() != std::io::ErrorKind::AddrInUse,
        Ok(_) => true,
    })
}
