//! Taking everything away again: pods, mounts, namespaces, interfaces, rules, cgroups, files. Nothing else.

use crate::{Config, parts};
use network::Network;
use runtime::Runtime;
use std::path::{Path, PathBuf};

/// Why something was left behind.
#[derive(Debug, thiserror::Error)]
pub enum ResetError {
    #[error("a server still runs on {0}: stop it first (systemctl stop barque)")]
    Running(PathBuf),
    #[error("the containers were not all removed")]
    Runtime(#[from] runtime::Error),
    #[error("the pods' volumes were not all unmounted: {0}")]
    Volumes(String),
    #[error("the pod network was not all removed")]
    Network(#[from] network::NetworkError),
    #[error("cannot remove {path}")]
    File { path: PathBuf, source: std::io::Error },
}

/// Removes what a server with this configuration made.
///
/// # Errors
/// Names the first thing that could not be removed; call it again after mending that.
pub async fn reset(config: &Config) -> Result<(), ResetError> {
    match crate::admin::ask(config, &crate::admin::Question::Images).await {
        // What cannot be read is the answer of a server of another version.
        Err(error) if error.kind() != std::io::ErrorKind::InvalidData => {}
        _ => return Err(ResetError::Running(config.data_dir.clone())),
    }
    Runtime::purge(&parts::runtime_config(config)).await?;
    // Files of a volume that stays mounted would be deleted as ours.
    node::purge(&parts::node_config(config)).map_err(ResetError::Volumes)?;
    Network::purge_all(&parts::network_config(config)).await?;
    // The configuration file is the user's own and stays.
    let ours = [config.pki_dir(), config.kubeconfig(), config.config_dir.join("store.key")];
    for path in [config.data_dir.clone(), config.run_dir.clone()].iter().chain(&ours) {
        remove(path)?;
    }
    // Fails while the user's own files are in it, and then it stays.
    _ = std::fs::remove_dir(&config.config_dir);
    Ok(())
}

fn remove(path: &Path) -> Result<(), ResetError> {
    let removed = if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
    match removed {
        // A file system of its own, mounted here by the user, is emptied and stays.
        Err(error) if error.kind() == std::io::ErrorKind::ResourceBusy && is_empty(path) => Ok(()),
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(ResetError::File { path: path.to_owned(), source: error })
        }
        _ => Ok(()),
    }
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none())
}
