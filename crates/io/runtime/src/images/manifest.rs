//! Manifests, indexes and image configurations as registries and archives hold them (OCI and Docker forms).

use super::ImageConfig;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Media types asked for and understood.
pub const ACCEPTED: &[&str] = &[
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
];
/// Layers of one image, at most. Upstream: overlayfs allows 500.
const MAX_LAYERS: usize = 500;

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Descriptor {
    pub media_type: String,
    pub digest: String,
    pub size: u64,
    pub platform: Option<Platform>,
    pub annotations: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Platform {
    pub os: String,
    pub architecture: String,
    pub variant: String,
}

/// A manifest or an index: which one, its fields say.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Manifest {
    pub schema_version: u32,
    pub manifests: Vec<Descriptor>,
    pub config: Option<Descriptor>,
    pub layers: Vec<Descriptor>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ConfigFile {
    os: String,
    architecture: String,
    config: Option<RunConfig>,
    pub rootfs: RootFs,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct RootFs {
    pub diff_ids: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct RunConfig {
    entrypoint: Option<Vec<String>>,
    cmd: Option<Vec<String>>,
    env: Option<Vec<String>>,
    working_dir: Option<String>,
    user: Option<String>,
    stop_signal: Option<String>,
}

/// Our platform in OCI words.
pub fn own_platform() -> (&'static str, &'static str) {
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    ("linux", architecture)
}

impl Manifest {
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let manifest: Self = serde_json::from_slice(bytes).map_err(|e| format!("the manifest is not valid: {e}"))?;
        if manifest.schema_version == 1 {
            return Err("the image has the old Docker schema 1, which is not supported: push it again".into());
        }
        if manifest.layers.len() > MAX_LAYERS {
            return Err(format!("the image has {} layers, at most {MAX_LAYERS} can be used", manifest.layers.len()));
        }
        Ok(manifest)
    }

    /// The entry of an index for this machine.
    pub fn select(&self) -> Result<&Descriptor, String> {
        let (os, architecture) = own_platform();
        let fits = |d: &&Descriptor| match &d.platform {
            Some(p) => p.os == os && p.architecture == architecture,
            None => self.manifests.len() == 1,
        };
        self.manifests.iter().find(fits).ok_or_else(|| {
            let mut others: Vec<String> = self.manifests.iter().filter_map(|d| d.platform.as_ref()).map(show).collect();
            others.dedup();
            format!(
                "no match for platform in manifest: the image exists for {}, this node is {os}/{architecture}",
                if others.is_empty() { "no named platform".into() } else { others.join(", ") }
            )
        })
    }
}

fn show(platform: &Platform) -> String {
    format!("{}/{}", platform.os, platform.architecture)
}

impl ConfigFile {
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(bytes).map_err(|e| format!("the image's configuration is not valid: {e}"))
    }

    /// Images built elsewhere without an index carry their platform only here.
    pub fn check_platform(&self) -> Result<(), String> {
        let (os, architecture) = own_platform();
        let same = |a: &str, b: &str| a.is_empty() || a == b;
        if same(&self.os, os) && same(&self.architecture, architecture) {
            return Ok(());
        }
        Err(format!(
            "no match for platform in manifest: the image is for {}/{}, this node is {os}/{architecture}",
            self.os, self.architecture
        ))
    }

    pub fn run_config(self) -> ImageConfig {
        let config = self.config.unwrap_or_default();
        ImageConfig {
            entrypoint: config.entrypoint.unwrap_or_default(),
            cmd: config.cmd.unwrap_or_default(),
            env: config.env.unwrap_or_default(),
            working_dir: config.working_dir.unwrap_or_default(),
            user: config.user.unwrap_or_default(),
            stop_signal: config.stop_signal.unwrap_or_default(),
        }
    }
}
