//! From a snapshot to a machine that can be started: the only one of its cluster, as single server or as first master.

use super::archive::{self, Backend, Contents};
use super::{SnapshotError, folder};
use crate::init::plan;
use crate::{Config, service, stores};
use cluster::etcd::{self, Binary};
use cluster::{Membership, Store};
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

/// Puts the keys and the state in place on a machine that has none; the server is not started. Revisions go back to the
/// snapshot's: whoever watches has to list anew. Of etcd, a cluster of this machine alone is made, with its own name and
/// address; other masters join it.
///
/// # Errors
/// [`SnapshotError`]. After one from the file or the machine's state nothing has been changed; else `barque reset` cleans up.
pub async fn restore(config: &Config, file: &Path) -> Result<(), SnapshotError> {
    if service::running(config).is_some() {
        return Err(SnapshotError::Running);
    }
    let keys = archive::KEYS.map(|(name, _)| config.config_dir.join(name));
    let state = [config.store_file(), plan::default_etcd(config).join("member")];
    if let Some(found) = keys.into_iter().chain(state).find(|path| path.exists()) {
        return Err(SnapshotError::NotEmpty(found));
    }
    let folder = folder(config);
    let failed = |path: &Path, source| SnapshotError::File { path: path.to_owned(), source };
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder);
    made.map_err(|source| failed(&folder, source))?;
    let copy = folder.join(".restoring");
    _ = std::fs::remove_file(&copy);
    let restored = match archive::read(file, &copy) {
        Ok(contents) => put(config, &contents, &copy).await,
        Err(error) => Err(error),
    };
    _ = std::fs::remove_file(&copy);
    restored
}

async fn put(config: &Config, contents: &Contents, copy: &Path) -> Result<(), SnapshotError> {
    for (name, text) in &contents.keys {
        let path = config.config_dir.join(name);
        let failed = |source| SnapshotError::File { path: path.clone(), source };
        let folder = path.parent().unwrap_or(&config.config_dir);
        let mode = if name.starts_with("pki") { 0o700 } else { 0o755 };
        std::fs::DirBuilder::new().recursive(true).mode(mode).create(folder).map_err(failed)?;
        let mode = if path.extension().is_some_and(|of| of == "crt" || of == "pub") { 0o644 } else { 0o600 };
        stdx::write_atomically(&path, text, mode).map_err(failed)?;
    }
    match contents.about.backend {
        Backend::Embedded => put_embedded(config, copy),
        Backend::Etcd => put_etcd(config, copy).await,
    }
}

/// Opened once, so that what cannot be used is told now.
fn put_embedded(config: &Config, copy: &Path) -> Result<(), SnapshotError> {
    let path = config.store_file();
    let failed = |source| SnapshotError::File { path: path.clone(), source };
    let folder = path.parent().unwrap_or(&config.data_dir);
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
    std::fs::rename(copy, &path).map_err(failed)?;
    stores::embedded(config, stores::sealer(config)?)?.close();
    Ok(())
}

async fn put_etcd(config: &Config, copy: &Path) -> Result<(), SnapshotError> {
    let path = Membership::file(&config.config_dir);
    let damaged = || SnapshotError::Damaged { path: path.clone(), why: "a master's snapshot has it".to_owned() };
    let saved = Membership::load(&config.config_dir)?.ok_or_else(damaged)?;
    let address = config.address();
    let own = SocketAddr::new(address, saved.port);
    // The endpoint of a cluster that named none was its first master's address.
    let endpoint = match saved.endpoint == plan::host_port(saved.address, saved.port) {
        true => own.to_string(),
        false => saved.endpoint.clone(),
    };
    let data_dir = plan::default_etcd(config);
    let store = Some(Store::Member { data_dir, others: Vec::new() });
    let node_name = config.node_name.clone();
    let membership = Membership { node_name, address, endpoint, api_servers: vec![own], store, ..saved };
    membership.save(&config.config_dir)?;
    let config = config.clone().of_member(&membership);
    let member = stores::etcd_of(&config, &membership).ok_or_else(damaged)?;
    Ok(etcd::snapshot_restore(&Binary::find()?, copy, &member).await?)
}
