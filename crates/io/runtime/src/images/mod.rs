//! Images: references, pulling, importing, layers on disk.

mod archive;
mod auth;
mod confined;
mod digest;
mod manifest;
mod pull;
mod reference;
mod store;
mod unpack;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use reference::Reference;
pub use store::ImageStore;
pub(crate) use unpack::remove_folder;

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
#[derive(Debug, Clone, Default, Hash)]
pub struct PullAuth {
    /// `.dockerconfigjson` values.
    pub docker_config_json: Vec<Vec<u8>>,
    /// `.dockercfg` values (the old form).
    pub docker_cfg: Vec<Vec<u8>>,
}
