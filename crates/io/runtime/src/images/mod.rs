//! Images: references, pulling, importing, layers on disk.

use crate::config::Config;
use crate::error::{Error, Result};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// What an image says about running it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ImageConfig {
    pub entrypoint: Vec<String>,
    pub cmd: Vec<String>,
    /// `NAME=value`
    pub env: Vec<String>,
    pub working_dir: String,
    /// `user[:group]`, names or numbers; empty means root.
    pub user: String,
    /// `SIGQUIT` and the like; empty means `SIGTERM`.
    pub stop_signal: String,
}

/// An image that is present.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Image {
    /// Digest of the image's config: `sha256:...`.
    pub id: String,
    /// `docker.io/library/nginx:1.15`
    pub repo_tags: Vec<String>,
    /// `docker.io/library/nginx@sha256:...`; status' `imageID` shows the first, else the id.
    pub repo_digests: Vec<String>,
    /// Bytes of its layers, unpacked.
    pub size: u64,
    pub config: ImageConfig,
    /// diffIDs, lowest first.
    pub layers: Vec<String>,
    /// When it came here.
    pub pulled_at: Timestamp,
}

/// Credentials for a pull: the contents of `imagePullSecrets`, in order.
#[derive(Debug, Clone, Default)]
pub struct PullAuth {
    /// `.dockerconfigjson` values.
    pub docker_config_json: Vec<Vec<u8>>,
    /// `.dockercfg` values (the old form).
    pub docker_cfg: Vec<Vec<u8>>,
}

/// Images on this node. Cheap to clone.
#[derive(Clone)]
pub struct ImageStore {}

fn absent<T>() -> Result<T> {
    Err(Error::Other("not in this build yet".into()))
}

impl ImageStore {
    pub(crate) async fn open(_config: &Config) -> Result<Self> {
        Ok(Self {})
    }

    /// The image of a reference or id, if present. [`Error::InvalidImageName`] when the reference is malformed.
    pub fn get(&self, _reference: &str) -> Result<Option<Image>> {
        absent()
    }

    /// Fetches from the registry (or a mirror) even if present; unchanged layers are not fetched again. Callers that
    /// pull the same reference at the same time share one pull. The pull policy is the caller's.
    pub async fn pull(&self, _reference: &str, _auth: &PullAuth) -> Result<Image> {
        absent()
    }

    /// Imports an OCI archive or a `docker save` archive (also gzipped). `tag` names it when the archive does not.
    pub async fn import(&self, _archive: &Path, _tag: Option<&str>) -> Result<Vec<Image>> {
        absent()
    }

    pub fn list(&self) -> Vec<Image> {
        Vec::new()
    }

    /// Removes a tag, digest or id; the image goes with its last name. Layers in use by containers stay until they
    /// are removed.
    pub async fn remove(&self, _reference: &str) -> Result<()> {
        absent()
    }

    /// Bytes used by layers.
    pub fn usage(&self) -> u64 {
        0
    }

    /// Removes the least recently used images that `in_use` (image ids) does not name until the file system of the
    /// data folder is filled at most `target_percent`; does nothing below `threshold_percent`. Gives what it removed.
    pub async fn collect_garbage(
        &self,
        _in_use: &[String],
        _threshold_percent: u8,
        _target_percent: u8,
    ) -> Result<Vec<Image>> {
        absent()
    }
}
