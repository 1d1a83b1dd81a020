//! What is looked at while the old server still runs.

use super::MigrateError;
use crate::init::plan;
use crate::server::AGENT_PORT;
use crate::{Config, service};
use cluster::Membership;
use cluster::etcd::{self, Binary};

/// etcd makes its log of writes 64 MB long before it writes, and the next one ahead.
const ETCD: u64 = 192 << 20;
/// The snapshot, what is restored from it, and what etcd's first days add.
const COPIES: u64 = 3;

/// Nothing is changed here.
///
/// # Errors
/// The first thing that would fail later.
pub fn all(
    config: &Config,
    membership: &Membership,
    ignored: &[String],
    say: &impl Fn(&str),
) -> Result<(), MigrateError> {
    let file = config.store_file();
    let Ok(store) = file.metadata() else { return Err(MigrateError::NoStore(file)) };
    etcd::restore_tool(&Binary::find()?)?;
    if let Some(flags) = service::flags(config) {
        return Err(MigrateError::Flags(flags));
    }
    let free = free(config)?;
    if free < needed(store.len()) {
        let (free, needed) = (free >> 20, needed(store.len()) >> 20);
        return Err(MigrateError::Space { path: config.data_dir.clone(), free, needed });
    }
    let own: &[u16] = if service::running(config).is_some() { &[config.port, AGENT_PORT] } else { &[] };
    Ok(plan::look_around(config, membership, ignored, own, say)?)
}

fn needed(store: u64) -> u64 {
    store * COPIES + ETCD
}

fn free(config: &Config) -> Result<u64, MigrateError> {
    let found = rustix::fs::statvfs(&config.data_dir).map(|disk| disk.f_bavail * disk.f_frsize);
    found.map_err(|error| MigrateError::File { path: config.data_dir.clone(), source: error.into() })
}
