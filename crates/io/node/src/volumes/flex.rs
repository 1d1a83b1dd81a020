//! `flexVolume`: drivers that are programs, called with `init`, `mount` and `unmount`.
//!
//! A driver has a deadline: one that hangs delays its own pod, with an event that says so.
//!
//! Upstream: `pkg/volume/flexvolume`, `sig-storage/flexvolume.md`.

use super::{Kind, Place, Ready, make_folder, mount_table, ownership};
use crate::agent::Agent;
use crate::container::env;
use async_trait::async_trait;
use base64::Engine;
use k8s_openapi::api::core::v1::{FlexVolumeSource, Volume};
use serde_json::{Map, Value};
use std::collections::HashSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::process::Command;

/// How long one call of a driver may take.
const TIMEOUT: Duration = Duration::from_secs(60);

pub(super) struct Flex;

/// Drivers that have been initialised by this agent. As many as are installed.
#[derive(Default)]
pub(crate) struct FlexDrivers(Mutex<HashSet<PathBuf>>);

#[async_trait]
impl Kind for Flex {
    fn handles(&self, volume: &Volume) -> bool {
        volume.flex_volume.is_some()
    }

    fn folder(&self, volume: &Volume) -> String {
        volume.flex_volume.as_ref().map(|source| folder_name(&source.driver)).unwrap_or_default()
    }

    async fn set_up(&self, place: &Place<'_>, volume: &Volume) -> Result<Ready, String> {
        let source = volume.flex_volume.clone().unwrap_or_default();
        let read_only = source.read_only.unwrap_or(false);
        let ready = Ready { path: place.folder.clone(), read_only, ..Ready::default() };
        if mount_table::is_mount_point(&place.folder) {
            return Ok(ready);
        }
        let driver = find(place.agent, &source.driver)?;
        initialise(place.agent, &driver).await?;
        make_folder(&place.folder)?;
        let options = options(place, volume, &source).await?;
        let options = serde_json::to_string(&options).map_err(|error| error.to_string())?;
        let answer = call(&driver, &[OsStr::new("mount"), place.folder.as_os_str(), OsStr::new(&options)]).await?;
        // Some drivers keep files on the node's own disk and do not mount: their folder is the volume then.
        if !read_only && answer["capabilities"]["fsGroup"] != Value::Bool(false) {
            ownership::give_to_group(place, &place.folder)?;
        }
        Ok(ready)
    }
}

/// `vendor/driver` is `vendor~driver` on disk.
fn folder_name(driver: &str) -> String {
    driver.replace('/', "~")
}

fn find(agent: &Agent, driver: &str) -> Result<PathBuf, String> {
    let folder = folder_name(driver);
    let program = driver.rsplit('/').next().unwrap_or(driver);
    let candidates = agent.config.flex_volume_dirs.iter().map(|dir| dir.join(&folder).join(program));
    candidates.clone().find(|path| path.is_file()).ok_or_else(|| {
        let looked: Vec<String> = candidates.map(|path| path.display().to_string()).collect();
        format!("flexVolume driver \"{driver}\" is not installed: looked for {}", looked.join(" and "))
    })
}

async fn initialise(agent: &Agent, driver: &Path) -> Result<(), String> {
    let known = |drivers: &FlexDrivers| drivers.0.lock().unwrap_or_else(PoisonError::into_inner).contains(driver);
    if known(&agent.flex) {
        return Ok(());
    }
    let answer = call(driver, &[OsStr::new("init")]).await?;
    if answer["capabilities"]["attach"] == Value::Bool(true) {
        let text = "wants to attach devices (\"attach\": true); this node only calls mount and unmount";
        return Err(format!("flexVolume driver {} {text}", driver.display()));
    }
    agent.flex.0.lock().unwrap_or_else(PoisonError::into_inner).insert(driver.to_owned());
    Ok(())
}

/// The JSON that a driver gets: the user's options and upstream's keys.
async fn options(place: &Place<'_>, volume: &Volume, source: &FlexVolumeSource) -> Result<Map<String, Value>, String> {
    let mut options: Map<String, Value> =
        source.options.iter().flatten().map(|(key, value)| (key.clone(), Value::from(value.as_str()))).collect();
    let account = place.pod.spec.as_ref().and_then(|spec| spec.service_account_name.as_deref());
    for (key, value) in [
        ("kubernetes.io/fsType", source.fs_type.as_deref().unwrap_or_default()),
        ("kubernetes.io/readwrite", if source.read_only == Some(true) { "ro" } else { "rw" }),
        ("kubernetes.io/pod.name", &place.key.name),
        ("kubernetes.io/pod.namespace", &place.key.namespace),
        ("kubernetes.io/pod.uid", &place.key.uid),
        ("kubernetes.io/pvOrVolumeName", &volume.name),
        ("kubernetes.io/serviceAccount.name", account.unwrap_or_default()),
    ] {
        options.insert(key.to_owned(), value.into());
    }
    if let Some(group) = place.fs_group() {
        options.insert("kubernetes.io/mounterArgs.FsGroup".to_owned(), group.to_string().into());
    }
    if let Some(reference) = &source.secret_ref {
        let data = env::secret(place.agent, place.namespace(), &reference.name, None).await;
        for (key, value) in data.map_err(|trouble| trouble.message)?.into_iter().flatten() {
            let value = base64::engine::general_purpose::STANDARD.encode(value);
            options.insert(format!("kubernetes.io/secret/{key}"), value.into());
        }
    }
    Ok(options)
}

/// Runs the driver and reads its answer.
async fn call(driver: &Path, args: &[&OsStr]) -> Result<Value, String> {
    let what = args.first().map(|arg| arg.to_string_lossy()).unwrap_or_default();
    let shown = driver.display();
    let mut command = Command::new(driver);
    command.args(args).stdin(Stdio::null()).kill_on_drop(true);
    let output = match tokio::time::timeout(TIMEOUT, command.output()).await {
        Err(_) => {
            let seconds = TIMEOUT.as_secs();
            return Err(format!("flexVolume driver {shown} did not answer {what} within {seconds} s and was killed"));
        }
        Ok(Err(error)) => return Err(format!("flexVolume driver {shown} cannot be run: {error}")),
        Ok(Ok(output)) => output,
    };
    let said = String::from_utf8_lossy(&output.stdout);
    let answer: Value = serde_json::from_str(said.trim()).unwrap_or(Value::Null);
    match answer["status"].as_str() {
        Some("Success") => Ok(answer),
        Some("Not supported") => Err(format!("flexVolume driver {shown} does not support {what}")),
        _ => {
            let errors = String::from_utf8_lossy(&output.stderr);
            let text =
                answer["message"].as_str().unwrap_or(if said.trim().is_empty() { errors.trim() } else { said.trim() });
            Err(format!("{what} command failed, status: Failure, reason: {text} (driver {shown}, {})", output.status))
        }
    }
}

/// Asks the drivers to unmount what they mounted below a pod's `volumes`. What they leave is unmounted after them.
pub(super) async fn unmount_all(agent: &Agent, volumes: &Path) {
    for kind in entries(volumes).into_iter().filter(|kind| !name_of(kind).starts_with("kubernetes.io~")) {
        let driver = name_of(&kind).replace('~', "/");
        let Ok(driver) = find(agent, &driver) else { continue };
        for volume in entries(&kind) {
            if let Err(error) = call(&driver, &[OsStr::new("unmount"), volume.as_os_str()]).await {
                tracing::warn!(volume = %volume.display(), error, "a flexVolume driver did not unmount");
            }
        }
    }
}

fn name_of(path: &Path) -> &str {
    path.file_name().and_then(OsStr::to_str).unwrap_or_default()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}
