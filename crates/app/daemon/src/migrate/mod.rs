//! `barque migrate`: the single server of a machine becomes the first master of a cluster, its state moves into etcd.
//!
//! The order makes it safe to end at any point: the old store is only read; `cluster.yaml`, which says where the state
//! is, is written when all of it lies in etcd and has been compared; only then is the old file put aside. Pods run on
//! all the time: the agent that comes after finds them.

mod copy;

use crate::init::{self, InitError, Initialized, Options, plan};
use crate::reset::{self, ResetError};
use crate::stores::{self, Stores};
use crate::{Config, StartError, identity, service};
use cluster::etcd::{self, MemberConfig, MemberError};
use cluster::{Membership, MembershipError, Store as Place};
use copy::CopyError;
use std::path::PathBuf;
use std::sync::Arc;
use stdx::{Clock, SystemClock};
use store::{Embedded, OpenError, Sealer};

#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    #[error(
        "this machine's state is in etcd already ({0} says so); `barque token create` makes lines for further machines"
    )]
    Member(PathBuf),
    #[error("there is no state of a single server ({0}); a new cluster is made by `barque init`")]
    NoStore(PathBuf),
    #[error("{what} is {now} in this cluster and cannot become {wanted}: what is there has it already")]
    Differs { what: &'static str, now: String, wanted: String },
    #[error(transparent)]
    Membership(#[from] MembershipError),
    #[error(transparent)]
    Init(#[from] InitError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("this machine's etcd")]
    Etcd(#[from] MemberError),
    #[error("the server cannot be stopped")]
    Service(#[from] service::ServiceError),
    #[error("the old store cannot be opened")]
    Open(#[from] OpenError),
    #[error("the state was not moved, and stays where it was: start the server again (systemctl start barque)")]
    Copy(#[from] CopyError),
    #[error(transparent)]
    Reset(#[from] ResetError),
    #[error("cannot write {path}")]
    File { path: PathBuf, source: std::io::Error },
}

/// What was done.
#[derive(Debug, Clone)]
pub struct Migrated {
    pub objects: usize,
    /// Where the old store lies now. It may be deleted.
    pub old: PathBuf,
    /// As after `init`.
    pub made: Initialized,
}

/// Moves the state, and starts the server as a master. `say` is told each phase.
///
/// # Errors
/// [`MigrateError`]; up to [`MigrateError::Copy`] the machine is what it was, though its server may be stopped.
pub async fn migrate(config: &Config, options: &Options, say: impl Fn(&str)) -> Result<Migrated, MigrateError> {
    let membership = plan::membership(config, &options.kubeadm);
    check(config, &membership)?;
    say("[stop] Stopping the server; pods run on");
    service::stop(config)?;
    let of_member = config.clone().of_member(&membership);
    let unfinished = Unfinished(config.data_dir.join("migrating"));
    unfinished.clean(stores::etcd_of(&of_member, &membership)).await?;
    plan::look(config, &membership, &options.kubeadm.ignore_preflight_errors, &say).map_err(InitError::from)?;
    unfinished.begin()?;
    say("[etcd] Copying the state into etcd, object by object");
    let copied = move_state(config, &of_member, &membership).await?;
    say(&format!("[etcd] {} objects are there, and the same; revisions go on from {}", copied.objects, copied.base));
    membership.save(&config.config_dir)?;
    let old = put_aside(config)?;
    unfinished.end()?;
    let made = init::start(&of_member, &membership, options, &say).await?;
    Ok(Migrated { objects: copied.objects, old, made })
}

/// What can be said before anything is touched.
fn check(config: &Config, wanted: &Membership) -> Result<(), MigrateError> {
    if Membership::load(&config.config_dir)?.is_some() {
        return Err(MigrateError::Member(Membership::file(&config.config_dir)));
    }
    if !config.store_file().exists() {
        return Err(MigrateError::NoStore(config.store_file()));
    }
    if matches!(wanted.store, Some(Place::Member { .. })) {
        etcd::Binary::find()?;
    }
    let fixed = [
        ("the range of Services", &config.service_cidr, &wanted.service_cidr),
        ("the range of pods", &config.pod_cidr, &wanted.pod_cidr),
        ("the domain of Services", &config.cluster_domain, &wanted.cluster_domain),
        ("the node's name", &config.node_name, &wanted.node_name),
    ];
    match fixed.into_iter().find(|(_, now, wanted)| now != wanted) {
        None => Ok(()),
        Some((what, now, wanted)) => Err(MigrateError::Differs { what, now: now.clone(), wanted: wanted.clone() }),
    }
}

async fn move_state(config: &Config, member: &Config, membership: &Membership) -> Result<copy::Copied, MigrateError> {
    let sealer = Sealer::load_or_create(config.config_dir.join("store.key"), stores::sealed());
    let sealer = sealer.map_err(StartError::from)?;
    let mut old = store::Options::new(config.store_file());
    old.seal = Some(Arc::new(sealer));
    let old = Embedded::open(old)?;
    // etcd stays when this is dropped: the server finds it.
    let new = Stores::open(member, Some(membership), identity::names(member)?).await?;
    let copied = copy::copy(&*old, &*new.store()).await;
    old.close();
    Ok(copied?)
}

/// The old store's files, under a name that says what they are.
fn put_aside(config: &Config) -> Result<PathBuf, MigrateError> {
    let from = config.store_file();
    let to = from.with_file_name(format!("before-etcd-{}.db", SystemClock.now().secs()));
    for suffix in ["", "-wal", "-shm"] {
        let add = |path: &PathBuf| PathBuf::from(format!("{}{suffix}", path.display()));
        match std::fs::rename(add(&from), add(&to)) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                return Err(MigrateError::File { path: add(&from), source });
            }
            _ => {}
        }
    }
    Ok(to)
}

/// A file that says that an etcd on this machine is a copy that was not finished, and may go.
struct Unfinished(PathBuf);

impl Unfinished {
    /// Takes away what an attempt before this one left.
    async fn clean(&self, member: Option<MemberConfig>) -> Result<(), MigrateError> {
        let Some(member) = member.filter(|_| self.0.exists()) else { return Ok(()) };
        etcd::stop(&member).await?;
        Ok(etcd::traces(&member).iter().try_for_each(|path| reset::remove(path))?)
    }

    fn begin(&self) -> Result<(), MigrateError> {
        stdx::write_atomically(&self.0, b"", 0o600)
            .map_err(|source| MigrateError::File { path: self.0.clone(), source })
    }

    fn end(self) -> Result<(), MigrateError> {
        Ok(reset::remove(&self.0)?)
    }
}
