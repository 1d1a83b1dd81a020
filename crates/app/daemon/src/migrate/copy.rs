//! The objects of one store in another, in the order of their last changes.

use std::time::Duration;
use store::{BASE_KEY, Compare, KeyValue, Op, Outcome, Range, ReadError, Revision, Store, WriteError};

/// All that is the API's.
const ROOT: &str = "/registry/";

/// What is of the moment, or of one server: it comes back by itself.
const LEFT: [&str; 2] = ["/registry/progress", "/registry/masterleases/"];

/// Events live an hour (upstream: `--event-ttl`); how much of it is over is not known outside of the old store.
const EVENTS: &str = "/registry/core/events/";
const EVENT_TTL: Duration = Duration::from_secs(3600);

/// What was copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copied {
    pub objects: usize,
    /// The new store's revisions are above it.
    pub base: Revision,
}

#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    #[error("the old store cannot be read")]
    Read(#[source] ReadError),
    #[error("etcd cannot be read")]
    ReadNew(#[source] ReadError),
    #[error("etcd cannot be written")]
    Write(#[from] WriteError),
    #[error(
        "etcd has objects already, such as {0}. Is it another cluster's? Else empty it: etcdctl del --prefix /registry/"
    )]
    NotEmpty(String),
    #[error("{0} is not in etcd as it was in the old store. Nothing has been changed; try again")]
    Differs(String),
}

/// Copies everything and compares it then.
///
/// # Errors
/// If `to` has objects, one of the stores fails, or both are not the same in the end. `from` is only read.
pub async fn copy(from: &dyn Store, to: &dyn Store) -> Result<Copied, CopyError> {
    let found = to.range(Range { limit: 1, ..Range::under(ROOT) }).await.map_err(CopyError::ReadNew)?;
    if let Some(found) = found.items.first() {
        return Err(CopyError::NotEmpty(found.key.to_string()));
    }
    let all = from.range(Range::under(ROOT)).await.map_err(CopyError::Read)?;
    let base = all.revision;
    write(to, vec![Compare::missing(BASE_KEY)], Op::put(BASE_KEY, base.to_string())).await?;
    let mut items = all.items;
    items.retain(|item| !LEFT.iter().any(|left| item.key.starts_with(left)));
    items.sort_by(|a, b| (a.modified, &a.key).cmp(&(b.modified, &b.key)));
    // One after the other, each durable before the next: their order is that of the new revisions.
    for item in &items {
        let ttl = item.key.starts_with(EVENTS).then_some(EVENT_TTL);
        let put = Op::Put { key: item.key.clone(), value: item.value.clone(), ttl };
        write(to, Vec::new(), put).await?;
    }
    compare(&items, to).await?;
    Ok(Copied { objects: items.len(), base })
}

async fn write(to: &dyn Store, compares: Vec<Compare>, op: Op) -> Result<(), CopyError> {
    match to.txn(compares, vec![op]).await? {
        Outcome::Done { .. } => Ok(()),
        Outcome::Refused { .. } => Err(CopyError::NotEmpty(BASE_KEY.to_owned())),
    }
}

/// `items` are in the order in which they were written.
async fn compare(items: &[KeyValue], to: &dyn Store) -> Result<(), CopyError> {
    let mut there = to.range(Range::under(ROOT)).await.map_err(CopyError::ReadNew)?.items;
    there.sort_by_key(|item| item.modified);
    let same = |(old, new): &(&KeyValue, &KeyValue)| old.key == new.key && old.value == new.value;
    if let Some((old, _)) = items.iter().zip(&there).find(|pair| !same(pair)) {
        return Err(CopyError::Differs(old.key.to_string()));
    }
    match items.len() == there.len() {
        true => Ok(()),
        false => Err(CopyError::Differs(format!("{} objects and {}: one of them", items.len(), there.len()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use store::{Embedded, Options, Shifted};

    fn open(folder: &tempfile::TempDir, name: &str) -> Arc<dyn Store> {
        Embedded::open(Options::new(folder.path().join(name))).unwrap()
    }

    async fn put(store: &dyn Store, key: &str, value: &str) {
        store.txn(Vec::new(), vec![Op::put(key, value.to_owned())]).await.unwrap();
    }

    #[tokio::test]
    async fn everything_in_its_order_and_revisions_go_on() {
        let folder = tempfile::tempdir().unwrap();
        let (old, new) = (open(&folder, "old"), open(&folder, "new"));
        for (key, value) in [
            ("/registry/core/pods/d/b", "1"),
            ("/registry/core/secrets/d/a", "2"),
            ("/registry/core/pods/d/a", "3"),
            ("/registry/core/events/d/e", "4"),
            ("/registry/progress", "5"),
            ("/registry/core/pods/d/b", "6"),
        ] {
            put(&*old, key, value).await;
        }
        let copied = copy(&*old, &*new).await.unwrap();
        assert_eq!(copied, Copied { objects: 4, base: 6 });
        let store = Shifted::over(new.clone()).await.unwrap();
        let mut items = store.range(Range::under("/registry/")).await.unwrap().items;
        items.sort_by_key(|item| item.modified);
        let values: Vec<_> = items.iter().map(|item| String::from_utf8_lossy(&item.value).into_owned()).collect();
        assert_eq!(values, ["2", "3", "4", "6"], "by the last change");
        assert!(items.iter().all(|item| item.modified > copied.base));
        let again = copy(&*old, &*new).await.unwrap_err().to_string();
        assert!(again.starts_with("etcd has objects already, such as /registry/core/events/d/e"), "{again}");
    }

    #[tokio::test]
    async fn what_is_not_the_same_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let (old, new) = (open(&folder, "old"), open(&folder, "new"));
        put(&*old, "/registry/a", "1").await;
        put(&*new, "/registry/a", "2").await;
        let items = old.range(Range::under("/registry/")).await.unwrap().items;
        assert!(matches!(compare(&items, &*new).await, Err(CopyError::Differs(key)) if key == "/registry/a"));
        put(&*new, "/registry/a", "1").await;
        put(&*new, "/registry/b", "1").await;
        assert!(matches!(compare(&items, &*new).await, Err(CopyError::Differs(_))));
    }
}
