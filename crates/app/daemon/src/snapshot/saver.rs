//! Who makes snapshots: the running server, when it is asked and every so often.

use super::archive::{self, About, Backend};
use super::{ASKED, SCHEDULED, Saved, SnapshotError, folder, list, schedule};
use crate::Config;
use cluster::etcd::{MemberConfig, MemberError};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use stdx::chain;
use store::Embedded;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

/// Where the state is taken from.
pub(crate) enum Source {
    Embedded(Arc<Embedded>),
    Etcd(Box<MemberConfig>),
    External,
}

pub(crate) struct Saver {
    config: Config,
    source: Source,
    /// One at a time.
    busy: Mutex<()>,
}

impl Saver {
    pub fn new(config: Config, source: Source) -> Arc<Self> {
        Arc::new(Self { config, source, busy: Mutex::new(()) })
    }

    /// To this file, or to one in the folder for them, which is returned.
    ///
    /// # Errors
    /// [`SnapshotError`]; no file is left then.
    pub async fn save(&self, to: Option<PathBuf>) -> Result<PathBuf, SnapshotError> {
        self.save_as(to.unwrap_or_else(|| self.name(ASKED))).await
    }

    /// [`Config::snapshot_interval`] after the last, keeping [`Config::snapshot_retention`] of its own, until `stop`.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let every = self.config.snapshot_every().unwrap_or_default();
        if every.is_zero() || matches!(self.source, Source::External) {
            return;
        }
        while stop.run_until_cancelled(tokio::time::sleep(self.wait(every))).await.is_some() {
            match self.save_as(self.name(SCHEDULED)).await {
                Ok(path) => tracing::info!(file = %path.display(), "saved a snapshot"),
                Err(error) => tracing::warn!(error = %chain(&error), "no snapshot could be saved; will try again"),
            }
            self.prune();
        }
    }

    fn wait(&self, every: Duration) -> Duration {
        let newest = self.scheduled().last().map(|saved| saved.at);
        schedule::wait(newest, jiff::Timestamp::now(), every)
    }

    async fn save_as(&self, path: PathBuf) -> Result<PathBuf, SnapshotError> {
        let _busy = self.busy.lock().await;
        if path.exists() {
            return Err(SnapshotError::Exists(path));
        }
        let folder = folder(&self.config);
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder);
        made.map_err(|source| SnapshotError::File { path: folder.clone(), source })?;
        let copy = folder.join(".store");
        // Left by a crash.
        _ = std::fs::remove_file(&copy);
        let saved = self.save_by(&copy, &path).await;
        _ = std::fs::remove_file(&copy);
        saved.map(|()| path)
    }

    async fn save_by(&self, copy: &Path, path: &Path) -> Result<(), SnapshotError> {
        let backend = match &self.source {
            Source::Embedded(store) => {
                let copied = store.snapshot_to(copy).await;
                copied.map_err(|error| SnapshotError::Store(error.to_string()))?;
                Backend::Embedded
            }
            Source::Etcd(member) => {
                let admin = member.admin([member.local_url()])?;
                admin.snapshot_save(copy).await.map_err(MemberError::from)?;
                Backend::Etcd
            }
            Source::External => return Err(SnapshotError::External),
        };
        let about = About::new(backend, &self.config.node_name);
        let (path, copy, config_dir) = (path.to_owned(), copy.to_owned(), self.config.config_dir.clone());
        let written = tokio::task::spawn_blocking(move || archive::write(&path, &about, &copy, &config_dir)).await;
        written.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
    }

    fn name(&self, kind: &str) -> PathBuf {
        let time = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
        folder(&self.config).join(format!("{kind}-{}-{time}.tar", self.config.node_name))
    }

    /// Those made by time, oldest first.
    fn scheduled(&self) -> Vec<Saved> {
        let is_ours = |path: &Path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(SCHEDULED));
        list(&self.config).into_iter().filter(|saved| is_ours(&saved.path)).collect()
    }

    /// Removes the oldest of those made by time.
    fn prune(&self) {
        let ours = self.scheduled();
        let surplus = ours.len().saturating_sub(self.config.snapshot_retention.max(1));
        for old in &ours[..surplus] {
            if let Err(error) = std::fs::remove_file(&old.path) {
                tracing::warn!(%error, file = %old.path.display(), "an old snapshot cannot be removed");
            }
        }
    }
}
