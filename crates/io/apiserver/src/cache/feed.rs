//! Keeps the cache equal to the store: one load of a state not long ago, then one watch, for ever.
//!
//! Invariants
//! - After a cut watch the feed goes on from the last revision it has put; if that has been compacted, it lists
//!   again and puts the differences, so that readers never miss a change (they may miss states in between).

use super::Cache;
use apimachinery::Object;
use bytes::Bytes;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use store::{Change, Key, Range, ReadError, Revision, WatchError};
use tokio_util::sync::CancellationToken;

const ROOT: &str = "/registry/";
/// Objects read from the store at once, so that a start holds no second copy of everything.
const PAGE: usize = 1000;
/// Changes that are read at the start, at most: those of a minute of a busy cluster, in which clients come back.
const HISTORY: Revision = 1000;
/// Longest wait for them; a list does as well.
const CATCHING_UP: Duration = Duration::from_secs(5);
/// Pause before the store is asked again after it failed.
const PAUSE: Duration = Duration::from_millis(200);

impl Cache {
    /// Loads what the store holds, and its newest changes: watches that another server began, or this one before a
    /// restart, go on here without listing again.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn load(&self) -> Result<(), ReadError> {
        let newest = self.store.revision().await?;
        let past = newest.saturating_sub(HISTORY).max(1).min(newest);
        match self.load_at(past).await {
            Err(ReadError::Compacted { oldest, .. }) => match self.load_at(oldest.min(newest)).await {
                // Compacted again meanwhile.
                Err(ReadError::Compacted { .. }) => self.load_at(self.store.revision().await?).await?,
                loaded => loaded?,
            },
            loaded => loaded?,
        }
        let caught_up = tokio::time::timeout(CATCHING_UP, self.catch_up(newest)).await;
        let why = match caught_up {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("it took longer than {CATCHING_UP:?}"),
        };
        tracing::warn!(why, "cannot follow the store's newest changes, lists it instead");
        self.resync().await
    }

    /// Puts what has changed since the state that was loaded.
    async fn catch_up(&self, newest: Revision) -> Result<(), WatchError> {
        if self.revision() >= newest {
            return Ok(());
        }
        let mut watch = self.store.watch(ROOT, self.revision()).await?;
        while self.revision() < newest {
            self.apply(watch.next().await?);
        }
        Ok(())
    }

    async fn load_at(&self, at: Revision) -> Result<(), ReadError> {
        let objects = self.read_all(at).await?;
        let revision = at;
        let mut by_shelf: HashMap<&str, Vec<(Key, Object)>> = HashMap::new();
        for (key, object) in &objects {
            if let Some(prefix) = prefix_of(key) {
                by_shelf.entry(prefix).or_default().push((key.clone(), object.clone()));
            }
        }
        for (prefix, objects) in by_shelf {
            self.shelf_of(prefix).load(objects, revision);
        }
        for (_, shelf) in self.all_shelves() {
            shelf.load(Vec::new(), revision);
        }
        self.revision.send_replace(revision);
        Ok(())
    }

    /// Follows the store until `stop`.
    pub async fn follow(self: Arc<Self>, stop: CancellationToken) {
        while let Some(error) = stop.run_until_cancelled(self.follow_once()).await {
            tracing::warn!(%error, "the watch of the store ended, starting it again");
            let compacted = matches!(error, WatchError::Compacted { .. });
            if compacted && let Err(error) = self.resync().await {
                tracing::warn!(%error, "cannot list the store, will try again");
            }
            if stop.run_until_cancelled(tokio::time::sleep(PAUSE)).await.is_none() {
                return;
            }
        }
    }

    async fn follow_once(&self) -> WatchError {
        let mut watch = match self.store.watch(ROOT, self.revision()).await {
            Ok(watch) => watch,
            Err(error) => return error,
        };
        loop {
            match watch.next().await {
                Ok(changes) => self.apply(changes),
                Err(error) => return error,
            }
        }
    }

    /// Puts a batch of changes, transaction by transaction.
    fn apply(&self, changes: Vec<Change>) {
        let Some(newest) = changes.last().map(|change| change.revision) else { return };
        let mut rest = changes.into_iter().peekable();
        while let Some(first) = rest.next() {
            let revision = first.revision;
            let Some(prefix) = prefix_of(&first.key).map(str::to_owned) else { continue };
            let mut group = vec![decoded(first.key, first.value, revision)];
            while let Some(next) = rest.next_if(|c| c.revision == revision && c.key.starts_with(&prefix)) {
                group.push(decoded(next.key, next.value, revision));
            }
            self.shelf_of(&prefix).apply(revision, group);
        }
        self.revision.send_if_modified(|now| std::mem::replace(now, newest.max(*now)) < newest);
    }

    /// Lists the store and puts what differs from the cache.
    async fn resync(&self) -> Result<(), ReadError> {
        let revision = self.store.revision().await?;
        let objects = self.read_all(revision).await?;
        let there: HashSet<&Key> = objects.iter().map(|(key, _)| key).collect();
        let mut known: HashMap<Key, Revision> = HashMap::new();
        for (_, shelf) in self.all_shelves() {
            known.extend(shelf.keys());
        }
        let gone: Vec<Key> = known.keys().filter(|key| !there.contains(key)).cloned().collect();
        let mut fresh: Vec<(Key, Object)> =
            objects.iter().filter(|(key, o)| known.get(key) != Some(&o.head.revision)).cloned().collect();
        fresh.sort_by_key(|(_, object)| object.head.revision);
        for (key, object) in fresh {
            let Some(prefix) = prefix_of(&key).map(str::to_owned) else { continue };
            self.shelf_of(&prefix).apply(object.head.revision, vec![(key, Some(object))]);
        }
        for key in gone {
            let Some(prefix) = prefix_of(&key).map(str::to_owned) else { continue };
            self.shelf_of(&prefix).apply(revision, vec![(key, None)]);
        }
        self.revision.send_replace(revision);
        Ok(())
    }

    /// Everything, as of one revision.
    async fn read_all(&self, at: Revision) -> Result<Vec<(Key, Object)>, ReadError> {
        let mut objects = Vec::new();
        let mut after = None;
        loop {
            // The revision 0 of an empty store cannot be asked for by number.
            let range = Range { prefix: ROOT.to_owned(), after, at: (at > 0).then_some(at), limit: PAGE };
            let page = self.store.range(range).await?;
            after = page.items.last().map(|item| item.key.to_string());
            for item in page.items {
                if prefix_of(&item.key).is_some()
                    && let (key, Some(object)) = decoded(item.key, Some(item.value), item.modified)
                {
                    objects.push((key, object));
                }
            }
            if page.remaining == 0 || after.is_none() {
                return Ok(objects);
            }
        }
    }
}

/// `/registry/core/pods/` of `/registry/core/pods/default/web-0`.
fn prefix_of(key: &str) -> Option<&str> {
    let group = key.strip_prefix(ROOT)?.find('/')? + ROOT.len() + 1;
    let plural = key[group..].find('/')? + group + 1;
    Some(&key[..plural])
}

/// An object that cannot be read is left out, with a line in the log: one damaged object must not stop all others.
fn decoded(key: Key, value: Option<Bytes>, revision: Revision) -> (Key, Option<Object>) {
    let object = value.and_then(|bytes| match Object::from_stored(&bytes, revision) {
        Ok(object) => Some(object),
        Err(error) => {
            tracing::error!(%key, revision, %error, "left out an object that is not readable JSON");
            None
        }
    });
    (key, object)
}

#[cfg(test)]
mod tests {
    use super::prefix_of;

    #[test]
    fn prefixes() {
        assert_eq!(prefix_of("/registry/core/pods/default/a"), Some("/registry/core/pods/"));
        assert_eq!(prefix_of("/registry/core/nodes/a"), Some("/registry/core/nodes/"));
        assert_eq!(prefix_of("/other/core/nodes/a"), None);
    }
}
