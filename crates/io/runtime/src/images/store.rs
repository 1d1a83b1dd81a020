//! The images of this node and their layers on disk.
//!
//! Layout below `<data_dir>/images`: `index.json` (what is present), `layers/<id>/diff` (unpacked, named by their
//! diffID), `tmp` (work in progress).
//!
//! Invariants
//! - A layer is renamed into place after its digests agreed; the index names only layers that were synced before.
//! - What a crash leaves behind is in no index and goes at the next start.
//! - A layer stays while an image, a pull or a container holds it.

use super::reference::Reference;
use super::unpack;
use super::{Image, PullAuth, archive, pull};
use crate::config::Config;
use crate::error::{Error, Result};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Images on this node. Cheap to clone.
#[derive(Clone)]
pub struct ImageStore {
    inner: Arc<Inner>,
}

struct Inner {
    root: PathBuf,
    config: Config,
    state: Mutex<State>,
    /// One unpack per layer at a time.
    unpacking: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
    pulls: pull::Shared,
}

#[derive(Default)]
struct State {
    images: Vec<Image>,
    /// Layers held by containers and pulls, by the holder's name.
    holds: HashMap<String, Vec<String>>,
    used_at: HashMap<String, Timestamp>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct LayerRecord {
    diff_id: String,
    size: u64,
}

impl ImageStore {
    /// Opens the store; `held` names the layers of containers that exist, by holder.
    pub(crate) fn open(config: &Config, held: HashMap<String, Vec<String>>) -> Result<Self> {
        let root = config.data_dir.join("images");
        let make =
            |path: &Path| std::fs::create_dir_all(path).map_err(Error::io(format!("cannot make {}", path.display())));
        make(&root.join("layers"))?;
        let tmp = root.join("tmp");
        unpack::remove_folder(&tmp).map_err(Error::io("cannot empty the image store's tmp folder"))?;
        make(&tmp)?;
        let index = root.join("index.json");
        let images = match std::fs::read(&index) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map_err(|e| Error::Other(format!("{} is damaged ({e}): remove it and pull again", index.display())))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(Error::io(format!("cannot read {}", index.display()))(error)),
        };
        let state = State { images, holds: held, used_at: HashMap::new() };
        let inner = Inner {
            root,
            config: config.clone(),
            state: Mutex::new(state),
            unpacking: Mutex::default(),
            pulls: pull::Shared::default(),
        };
        let store = Self { inner: Arc::new(inner) };
        store.drop_images_without_layers()?;
        store.sweep();
        Ok(store)
    }

    /// The image of a reference or id, if present. [`Error::InvalidImageName`] when the reference is malformed.
    pub fn get(&self, reference: &str) -> Result<Option<Image>> {
        if let Some(image) = self.by_id(reference) {
            return Ok(Some(image));
        }
        let name = Reference::parse(reference)?.to_string();
        let mut state = self.state();
        let found =
            state.images.iter().find(|i| i.repo_tags.contains(&name) || i.repo_digests.contains(&name)).cloned();
        if let Some(image) = &found {
            state.used_at.insert(image.id.clone(), Timestamp::now());
        }
        Ok(found)
    }

    pub(crate) fn by_id(&self, id: &str) -> Option<Image> {
        self.state().images.iter().find(|image| image.id == id).cloned()
    }

    /// Fetches from the registry (or a mirror) even if present; unchanged layers are not fetched again. Callers that
    /// pull the same reference with the same credentials at the same time share one pull. The pull policy is the
    /// caller's.
    pub async fn pull(&self, reference: &str, auth: &PullAuth) -> Result<Image> {
        let parsed = Reference::parse(reference)?;
        pull::shared(self, &self.inner.pulls, &parsed, auth).await
    }

    /// Imports an OCI archive or a `docker save` archive (also gzipped). `tag` names it when the archive does not,
    /// and replaces the archive's name when it holds one image.
    pub async fn import(&self, archive: &Path, tag: Option<&str>) -> Result<Vec<Image>> {
        let tag = tag.map(Reference::parse).transpose()?;
        let (store, path) = (self.clone(), archive.to_path_buf());
        blocking(move || archive::import(&store, &path, tag)).await
    }

    pub fn list(&self) -> Vec<Image> {
        self.state().images.clone()
    }

    /// Removes a tag, digest or id; the image goes with its last name. Layers in use by containers stay until they
    /// are removed.
    pub async fn remove(&self, reference: &str) -> Result<()> {
        {
            let mut state = self.state();
            let by_id = |i: &Image| {
                i.id == reference || (reference.len() >= 12 && i.id["sha256:".len()..].starts_with(reference))
            };
            if let Some(at) = state.images.iter().position(by_id) {
                state.images.remove(at);
            } else {
                let parsed = Reference::parse(reference)?;
                let name = parsed.to_string();
                let named = |i: &Image| i.repo_tags.contains(&name) || i.repo_digests.contains(&name);
                let at = state.images.iter().position(named).ok_or_else(|| Error::ImageNotFound(name.clone()))?;
                let image = &mut state.images[at];
                image.repo_tags.retain(|t| *t != name);
                image.repo_digests.retain(|d| *d != name);
                let prefix = format!("{}:", parsed.name());
                if !image.repo_tags.iter().any(|t| t.starts_with(&prefix)) {
                    let prefix = format!("{}@", parsed.name());
                    image.repo_digests.retain(|d| !d.starts_with(&prefix));
                }
                if image.repo_tags.is_empty() && image.repo_digests.is_empty() {
                    state.images.remove(at);
                }
            }
            self.write_index(&state)?;
        }
        self.sweep_later().await;
        Ok(())
    }

    /// Bytes used by layers.
    pub fn usage(&self) -> u64 {
        let state = self.state();
        let layers: HashSet<&String> =
            state.images.iter().flat_map(|i| &i.layers).chain(state.holds.values().flatten()).collect();
        layers.into_iter().filter_map(|layer| self.layer_size(layer)).sum()
    }

    /// Removes the least recently used images that `in_use` (image ids) does not name until the file system of the
    /// data folder is filled at most `target_percent`; does nothing below `threshold_percent`. Gives what it removed.
    pub async fn collect_garbage(
        &self,
        in_use: &[String],
        threshold_percent: u8,
        target_percent: u8,
    ) -> Result<Vec<Image>> {
        let mut removed = Vec::new();
        let mut limit = threshold_percent;
        while self.disk_percent()? >= limit {
            limit = target_percent;
            let candidate = {
                let state = self.state();
                let used = |i: &Image| state.used_at.get(&i.id).copied().unwrap_or(i.pulled_at);
                state.images.iter().filter(|i| !in_use.contains(&i.id)).min_by_key(|i| used(i)).cloned()
            };
            let Some(image) = candidate else { break };
            self.remove(&image.id).await?;
            removed.push(image);
        }
        Ok(removed)
    }

    /// How full the file system of the data folder is, 0..=100.
    pub fn disk_percent(&self) -> Result<u8> {
        let stat =
            rustix::fs::statvfs(&self.inner.root).map_err(|e| Error::io("cannot look at the data folder")(e.into()))?;
        let total = (stat.f_blocks - stat.f_bfree + stat.f_bavail).max(1);
        Ok((100 - stat.f_bavail * 100 / total) as u8)
    }

    // For containers and pulls.

    /// Keeps layers until [`Self::release`] is called with the same name.
    pub(crate) fn hold(&self, holder: &str, layers: &[String]) {
        self.state().holds.insert(holder.into(), layers.to_vec());
    }

    pub(crate) async fn release(&self, holder: &str) {
        if self.forget_holder(holder) {
            self.sweep_later().await;
        }
    }

    pub(super) fn release_blocking(&self, holder: &str) {
        if self.forget_holder(holder) {
            self.sweep();
        }
    }

    /// True when layers became unused.
    fn forget_holder(&self, holder: &str) -> bool {
        let mut state = self.state();
        let held = state.holds.remove(holder).unwrap_or_default();
        let used = used_layers(&state);
        held.iter().any(|layer| !used.contains(&layer_id(layer)))
    }

    /// Lower directories for overlayfs, topmost first.
    pub(crate) fn lower_dirs(&self, image: &Image) -> Vec<PathBuf> {
        image.layers.iter().rev().map(|layer| self.layer_dir(layer).join("diff")).collect()
    }

    pub(super) fn config(&self) -> &Config {
        &self.inner.config
    }

    pub(super) fn has_layer(&self, diff_id: &str) -> bool {
        self.layer_dir(diff_id).join("layer.json").exists()
    }

    /// A lock for one layer, so that two pulls do not unpack the same one.
    pub(super) fn layer_lock(&self, diff_id: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut locks = self.inner.unpacking.lock().unwrap_or_else(PoisonError::into_inner);
        locks.retain(|_, lock| Arc::strong_count(lock) > 1);
        locks.entry(diff_id.into()).or_default().clone()
    }

    /// Unpacks a layer and puts it into place if both digests are as expected. Blocks.
    pub(super) fn add_layer(&self, stream: impl Read, digest: Option<&str>, diff_id: &str) -> Result<()> {
        let work = self.scratch()?;
        let diff = work.join("diff");
        let outcome = std::fs::create_dir(&diff)
            .map_err(|e| e.to_string())
            .and_then(|()| unpack::layer(stream, &diff))
            .and_then(|unpacked| check_digests(&unpacked, digest, diff_id).map(|()| unpacked))
            .and_then(|unpacked| {
                let record = LayerRecord { diff_id: diff_id.into(), size: unpacked.size };
                let bytes = serde_json::to_vec(&record).map_err(|e| e.to_string())?;
                std::fs::write(work.join("layer.json"), bytes).map_err(|e| e.to_string())?;
                let target = self.layer_dir(diff_id);
                unpack::remove_folder(&target).map_err(|e| e.to_string())?;
                std::fs::rename(&work, &target).map_err(|e| e.to_string())
            });
        outcome.map_err(|problem| {
            let _ = unpack::remove_folder(&work);
            Error::BadLayer { digest: digest.unwrap_or(diff_id).into(), problem }
        })
    }

    /// A fresh folder for work in progress.
    pub(super) fn scratch(&self) -> Result<PathBuf> {
        let path = self.inner.root.join("tmp").join(format!("{:016x}", rand::random::<u64>()));
        std::fs::create_dir(&path).map_err(Error::io(format!("cannot make {}", path.display())))?;
        Ok(path)
    }

    /// Makes an image whose layers are in place known under its names, which leave other images.
    pub(super) fn add_image(&self, mut image: Image) -> Result<Image> {
        image.size = image.layers.iter().filter_map(|layer| self.layer_size(layer)).sum();
        self.sync()?;
        let mut state = self.state();
        for other in &mut state.images {
            other.repo_tags.retain(|tag| !image.repo_tags.contains(tag));
        }
        if let Some(known) = state.images.iter_mut().find(|known| known.id == image.id) {
            merge(&mut known.repo_tags, &image.repo_tags);
            merge(&mut known.repo_digests, &image.repo_digests);
            known.layers = image.layers.clone();
            image = known.clone();
        } else {
            state.images.push(image.clone());
        }
        state.images.retain(|i| i.id == image.id || !i.repo_tags.is_empty() || !i.repo_digests.is_empty());
        self.write_index(&state)?;
        Ok(image)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn layer_dir(&self, diff_id: &str) -> PathBuf {
        self.inner.root.join("layers").join(layer_id(diff_id))
    }

    fn layer_size(&self, diff_id: &str) -> Option<u64> {
        let bytes = std::fs::read(self.layer_dir(diff_id).join("layer.json")).ok()?;
        Some(serde_json::from_slice::<LayerRecord>(&bytes).ok()?.size)
    }

    /// Layers must be on disk before an index that names them.
    fn sync(&self) -> Result<()> {
        let open = std::fs::File::open(&self.inner.root).and_then(|folder| Ok(rustix::fs::syncfs(&folder)?));
        open.map_err(Error::io("cannot sync the image store"))
    }

    fn write_index(&self, state: &State) -> Result<()> {
        let bytes = serde_json::to_vec(&state.images).map_err(|e| Error::Other(e.to_string()))?;
        crate::shim::write_atomically(&self.inner.root.join("index.json"), &bytes, true)
            .map_err(Error::io("cannot write the image index"))
    }

    fn drop_images_without_layers(&self) -> Result<()> {
        let mut state = self.state();
        let before = state.images.len();
        state.images.retain(|image| image.layers.iter().all(|layer| self.has_layer(layer)));
        if state.images.len() != before {
            tracing::warn!(
                count = before - state.images.len(),
                "images with missing layers were dropped: pull them again"
            );
            self.write_index(&state)?;
        }
        Ok(())
    }

    async fn sweep_later(&self) {
        let store = self.clone();
        let _ = blocking(move || {
            store.sweep();
            Ok(())
        })
        .await;
    }

    /// Deletes layers that nobody holds. They leave their place under the lock, so that nobody can take them again.
    fn sweep(&self) {
        let doomed: Vec<PathBuf> = {
            let state = self.state();
            let used = used_layers(&state);
            let Ok(entries) = std::fs::read_dir(self.inner.root.join("layers")) else { return };
            let unused = entries.flatten().filter(|e| !used.contains(&*e.file_name().to_string_lossy()));
            unused
                .filter_map(|entry| {
                    let away = self.inner.root.join("tmp").join(format!("gone-{:016x}", rand::random::<u64>()));
                    std::fs::rename(entry.path(), &away).ok().map(|()| away)
                })
                .collect()
        };
        for path in doomed {
            if let Err(error) = unpack::remove_folder(&path) {
                tracing::warn!(path = %path.display(), %error, "cannot remove a layer; the next start tries again");
            }
        }
    }
}

fn used_layers(state: &State) -> HashSet<String> {
    state.images.iter().flat_map(|i| &i.layers).chain(state.holds.values().flatten()).map(|l| layer_id(l)).collect()
}

/// 128 bits of the diffID: short for mount options, long enough against made collisions.
fn layer_id(diff_id: &str) -> String {
    diff_id.trim_start_matches("sha256:").chars().take(32).collect()
}

fn merge(known: &mut Vec<String>, new: &[String]) {
    for name in new {
        if !known.contains(name) {
            known.push(name.clone());
        }
    }
}

fn check_digests(unpacked: &unpack::Unpacked, digest: Option<&str>, diff_id: &str) -> Result<(), String> {
    if let Some(digest) = digest.filter(|d| *d != unpacked.digest) {
        return Err(format!("digest mismatch: expected {digest}, the data is {}", unpacked.digest));
    }
    if unpacked.diff_id != diff_id {
        return Err(format!(
            "wrong diff id calculated on extraction: expected {diff_id}, the data is {}",
            unpacked.diff_id
        ));
    }
    Ok(())
}

/// Runs blocking work (unpacking, deleting) off the async workers.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|e| Err(Error::Other(format!("image work failed: {e}"))))
}
