//! `barque migrate`: the single server's machine becomes the first master of a cluster, with the same state in etcd.
//!
//! The state goes over as a whole, in a snapshot that etcd's own tool restores (decision 24): objects keep their resource
//! versions. Containers run on as they do over a restart.
//!
//! Invariants
//! - The old store is in force until `cluster.yaml` is there, and that comes after etcd has been asked for every key. Whoever
//!   dies before leaves a machine that starts as it was; dies after, one that starts as a master.
//! - The old store is held open meanwhile: nobody writes to it. It is kept.

mod carry;
mod checks;

use crate::init::plan;
use crate::init::{InitError, Initialized, Options, open_to_others};
use crate::service::{self, Paused};
use crate::{Config, StartError, identity, stores};
use cluster::etcd::{self, MemberConfig, MemberError};
use cluster::preflight::PreflightError;
use cluster::{Membership, MembershipError, PkiError};
use std::path::{Path, PathBuf};
use store::{EtcdError, OpenError, SealError};

/// There from before anything of etcd's is until the end. Its text is for who finds it.
const MARK: &str = "migrating";
const MARK_TEXT: &str = "barque migrate has begun and not ended: run it again\n";

#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    #[error(
        "{0} is there: this machine is a member of a cluster already, and has no store of its own to migrate. A line for \
         further masters: barque token create --control-plane"
    )]
    Member(PathBuf),
    #[error("{0} is not there: no server has run alone on this machine. `barque init` makes a new cluster")]
    NoStore(PathBuf),
    #[error(
        "the server was started with `{0}`, which the next start would not know. Put that into the configuration file, \
         restart the server with it alone, and migrate then"
    )]
    Flags(String),
    #[error(
        "the store has no node {wanted}, but {found}: as another node this machine would lose its pods. Set nodeName in the \
         configuration file"
    )]
    Node { wanted: String, found: String },
    #[error("{path} has {free} MiB of space left, and {needed} MiB may be needed. Make room: nothing was changed")]
    Space { path: PathBuf, free: u64, needed: u64 },
    #[error("the state has {bytes} bytes, more than etcd takes ({quota}). Delete what is not needed, Events first")]
    TooLarge { bytes: u64, quota: u64 },
    #[error("preflight")]
    Preflight(#[from] PreflightError),
    #[error("this machine's part in the cluster cannot be read or written")]
    Membership(#[from] MembershipError),
    #[error("the server cannot be stopped or started")]
    Service(#[from] service::ServiceError),
    #[error("the old store cannot be opened")]
    Open(#[from] OpenError),
    #[error("the store's encryption key cannot be used")]
    Seal(#[from] SealError),
    #[error("the state cannot be read or written as a snapshot")]
    Store(#[from] store::ReadError),
    #[error("etcd's keys cannot be made")]
    Pki(#[from] PkiError),
    #[error("this machine's etcd")]
    Etcd(#[from] MemberError),
    #[error("etcd cannot be used")]
    EtcdClient(#[from] EtcdError),
    #[error("etcd does not have what the store had: {0}. The old store goes on")]
    Different(String),
    #[error("cannot read or write {path}")]
    File { path: PathBuf, source: std::io::Error },
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("the state is in etcd, and the cluster cannot be opened to others yet: run `barque migrate` again")]
    Opening(#[from] InitError),
}

/// Moves this machine's state into an etcd of its own, and starts the server as a cluster's first master. Of `options`, what
/// `init` makes of them. `say` is told each phase.
///
/// # Errors
/// [`MigrateError`]. After all but [`MigrateError::Opening`] the machine is, and runs, as before.
pub async fn migrate(config: &Config, options: &Options, say: impl Fn(&str)) -> Result<Initialized, MigrateError> {
    let (membership, paused) = match unfinished(config)? {
        Some(membership) => (membership, service::pause(config)?),
        None => begin(config, options, &say).await?,
    };
    put_away(config, &say)?;
    let config = config.clone().of_member(&membership);
    let pki = identity::load(&config, Some(&membership))?;
    say("[kubelet-start] Starting the server");
    match paused {
        Paused::Unit => service::resume(&config, paused, &options.before)?,
        _ => service::start(&config, &options.before)?,
    }
    let made = open_to_others(&config, &membership, &pki, options, &say).await?;
    remove(&config.data_dir.join(MARK))?;
    Ok(made)
}

/// A master's part in its cluster, whose migration lacks only its end; None where it has not begun.
fn unfinished(config: &Config) -> Result<Option<Membership>, MigrateError> {
    let file = Membership::file(&config.config_dir);
    match Membership::load(&config.config_dir)? {
        Some(membership) if config.data_dir.join(MARK).exists() => Ok(Some(membership)),
        Some(_) => Err(MigrateError::Member(file)),
        None => Ok(None),
    }
}

/// Up to the moment from which etcd is in force.
async fn begin(config: &Config, options: &Options, say: &impl Fn(&str)) -> Result<(Membership, Paused), MigrateError> {
    let membership = plan::membership(config, &options.kubeadm);
    forget(config).await?;
    checks::all(config, &membership, &options.kubeadm.ignore_preflight_errors, say)?;
    let member = own_etcd(config);
    say("[stop] Stopping the server; containers go on running");
    let paused = service::pause(config)?;
    let of_member = config.clone().of_member(&membership);
    match carry::over(&of_member, &member, &membership, say).await {
        Ok(()) => Ok((membership, paused)),
        Err(error) => {
            // The first error is the one to be reported; what stays is removed by the next start.
            if let Err(error) = forget(config).await {
                say(&format!("\t[WARNING etcd]: {}", stdx::chain(&error)));
            }
            service::resume(config, paused, &options.before)?;
            Err(error)
        }
    }
}

/// Removes what a migration left that did not come to its end, if there was one. Of a machine that is no member.
///
/// # Errors
/// If its etcd cannot be ended, or a file not be removed.
pub(crate) async fn forget(config: &Config) -> Result<(), MigrateError> {
    let mark = config.data_dir.join(MARK);
    if !mark.exists() {
        return Ok(());
    }
    etcd::discard(&own_etcd(config)).await?;
    remove(&carry::file(config))?;
    remove(&mark)
}

/// Before anything that [`forget`] would remove is made.
fn mark(config: &Config) -> Result<(), MigrateError> {
    let path = config.data_dir.join(MARK);
    let written = stdx::write_atomically(&path, MARK_TEXT.as_bytes(), 0o600);
    written.map_err(|source| MigrateError::File { path, source })
}

/// The old store, by the time of its end, where nothing looks for it.
fn put_away(config: &Config, say: &impl Fn(&str)) -> Result<(), MigrateError> {
    let file = config.store_file();
    let Some(folder) = file.parent().filter(|_| file.exists()) else { return Ok(()) };
    let time = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
    let kept = config.data_dir.join(format!("store-until-{time}"));
    std::fs::rename(folder, &kept).map_err(|source| MigrateError::File { path: kept.clone(), source })?;
    say(&format!("[store] The old store is kept in {}; remove it when you are sure", kept.display()));
    Ok(())
}

fn own_etcd(config: &Config) -> MemberConfig {
    stores::etcd_member(config, &plan::default_etcd(config))
}

fn remove(path: &Path) -> Result<(), MigrateError> {
    match std::fs::remove_file(path) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(MigrateError::File { path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}
