//! After a disaster: a cluster of one from the data of one member, or from a snapshot.
//!
//! Both forget the other members. These must not come back with their data: they join anew, and [`super::join`] puts
//! their data aside.

use super::process::Process;
use super::state::Disk;
use super::supervisor::{self, Supervisor};
use super::{Binary, Initial, MemberConfig, MemberError, binary};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use store::SnapshotInfo;

/// Makes etcd forget the others, when it starts with it.
pub(super) const FLAG: &str = "--force-new-cluster";

/// `<data dir>.restoring`: a snapshot's data until they are whole.
pub(super) const RESTORING: &str = "restoring";

/// Starts a cluster of this member alone from its data: for when the majority of the others is lost. What the others
/// had acknowledged without this member is lost too. Calling it again does no harm but that.
///
/// # Errors
/// If there are no data, or etcd does not become ready in `limit`.
pub async fn recover(binary: &Binary, config: &MemberConfig, limit: Duration) -> Result<Supervisor, MemberError> {
    if !Disk(config).has_data() {
        return Err(MemberError::NoData(config.data_dir.clone()));
    }
    let lock = supervisor::lock(&Disk(config)).await?;
    if let Some(process) = Process::find(config) {
        process.stop(&config.data_dir).await?;
    }
    let config = MemberConfig { initial: Initial::Alone, ..config.clone() };
    let mut arguments = config.arguments(binary.version);
    arguments.push(FLAG.to_owned());
    // With the flag, but found and kept by the supervisor, who starts it without the flag from then on.
    drop(Process::start(binary, &config, arguments)?);
    drop(lock);
    let supervisor = Supervisor::start(binary.clone(), config.clone()).await?;
    let status = supervisor.ready(limit).await?;
    // The address may be another than before.
    supervisor.admin().update(status.member_id, &config.peer_url()).await?;
    Ok(supervisor)
}

/// Makes a data directory out of a snapshot (of [`store::EtcdAdmin::snapshot_save`] or `etcdctl`), for a cluster of this
/// member alone; start it then. Revisions go back to the snapshot's: whoever watches has to list anew.
///
/// The work is done by etcd's own tool, `etcdutl` or (before 3.6) `etcdctl`, Debian's package etcd-client: it rewrites
/// the member list and the raft position inside the database, whose format is etcd's own business.
///
/// # Errors
/// If the snapshot is damaged, the directory has data, or the tool is missing or fails. Nothing has been changed then.
pub async fn snapshot_restore(binary: &Binary, snapshot: &Path, config: &MemberConfig) -> Result<(), MemberError> {
    let disk = Disk(config);
    if disk.has_data() {
        return Err(MemberError::HasData(config.data_dir.clone()));
    }
    let program = restore_tool(binary)?;
    let (snapshot, config) = (snapshot.to_owned(), config.clone());
    let done = tokio::task::spawn_blocking(move || restore(&program, &snapshot, &config)).await;
    done.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
}

fn restore(program: &Path, snapshot: &Path, config: &MemberConfig) -> Result<(), MemberError> {
    SnapshotInfo::check(snapshot)?;
    let disk = Disk(config);
    let beside = disk.beside(RESTORING);
    remove(&beside)?;
    let restored = run(program, snapshot, &beside, config);
    if restored.is_err() {
        // The error worth reporting is the first one.
        _ = remove(&beside);
        return restored;
    }
    // What is in the way is empty, or not etcd's: nothing that began to write.
    disk.put_aside()?;
    std::fs::rename(&beside, &config.data_dir).map_err(|source| disk.failed(&config.data_dir, source))
}

fn run(program: &Path, snapshot: &Path, to: &Path, config: &MemberConfig) -> Result<(), MemberError> {
    let failed = |why: String| MemberError::Restore { program: program.into(), path: snapshot.into(), why };
    let mut command = Command::new(program);
    command.env_clear().env("ETCDCTL_API", "3").args(["snapshot", "restore"]).arg(snapshot);
    command.arg("--data-dir").arg(to).args(["--name", &config.name]);
    command.args(["--initial-cluster", &format!("{}={}", config.name, config.peer_url())]);
    command.args(["--initial-advertise-peer-urls", &config.peer_url()]);
    let output = command.output().map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        return Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
    }
    Ok(())
}

/// What [`snapshot_restore`] needs: of the same version, if it is where etcd is; else any.
///
/// # Errors
/// If there is none.
pub fn restore_tool(binary: &Binary) -> Result<PathBuf, MemberError> {
    let names = ["etcdutl", "etcdctl"];
    let beside = names.map(|name| binary.path.with_file_name(name)).into_iter().find(|path| path.is_file());
    let found = beside.or_else(|| names.into_iter().find_map(binary::program));
    found.ok_or(MemberError::NoProgram { program: "etcdctl", package: "etcd-client" })
}

pub(super) fn remove(folder: &Path) -> Result<(), MemberError> {
    match std::fs::remove_dir_all(folder) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(MemberError::File { path: folder.to_owned(), source })
        }
        _ => Ok(()),
    }
}
