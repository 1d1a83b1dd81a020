//! Watchers of ConfigMaps, as client-go has them: list, watch, go on after the last revision, list again if that is gone.

use super::log::now;
use super::{MARK, Shared, remote};
use apimachinery::{ApiError, EventType, Object, Reason};
use client::resources::CONFIG_MAPS;
use client::{Api, ListOptions, Remote, Scope};
use futures_util::StreamExt;
use std::sync::Arc;
use std::time::Duration;
use testbed::history::{Kind, List, Record, Revision};
use tokio::task::JoinHandle;

/// Watchers of one connection; a server lets 250 streams be on one.
const ON_ONE: usize = 50;
/// Between two attempts. Upstream: client-go's reflector waits 800 ms and doubles that.
const WAIT: Duration = Duration::from_millis(300);

struct Watcher {
    shared: Arc<Shared>,
    remote: Remote,
    name: String,
    namespace: String,
}

/// Starts all of the load; each has its list when this returns.
pub async fn start_all(shared: &Arc<Shared>) -> Vec<JoinHandle<()>> {
    let mut tasks = Vec::new();
    let mut remote = remote::connect(&shared.plan);
    let mut lists: Vec<Option<List>> = vec![None; shared.plan.namespaces.len()];
    for number in 0..shared.plan.watchers {
        if number % ON_ONE == 0 {
            remote = remote::connect(&shared.plan);
        }
        let name = format!("{}-watcher{number}", shared.plan.name);
        let namespace = shared.namespace(number).to_owned();
        let watcher = Watcher { shared: Arc::clone(shared), remote: remote.clone(), name, namespace };
        // One list for all of a namespace: a thousand of them would be a load of their own.
        let slot = number % lists.len();
        let list = match lists[slot].clone() {
            Some(list) => list,
            None => lists[slot].insert(watcher.list().await).clone(),
        };
        shared.log.note(&Record::Listed { watcher: watcher.name.clone(), list: list.clone() });
        tasks.push(tokio::spawn(watcher.run(list)));
    }
    tasks
}

/// How a stream ended.
enum End {
    Marked,
    Broken(ApiError),
    /// At its time.
    Closed,
}

impl Watcher {
    async fn run(self, list: List) {
        let mut told = list.revision;
        if list.items.keys().any(|key| is_mark(key)) {
            return self.note_end();
        }
        loop {
            let why = match self.follow(&mut told).await {
                End::Marked => return self.note_end(),
                End::Closed => "it ended".to_owned(),
                End::Broken(error) if matches!(error.reason(), Reason::Expired | Reason::Gone) => {
                    let list = self.list().await;
                    told = list.revision;
                    let marked = list.items.keys().any(|key| is_mark(key));
                    self.shared.log.note(&Record::Listed { watcher: self.name.clone(), list });
                    if marked {
                        return self.note_end();
                    }
                    continue;
                }
                End::Broken(error) => error.message().to_owned(),
            };
            self.shared.log.note(&Record::Broke { watcher: self.name.clone(), at: now(), why });
            tokio::time::sleep(WAIT).await;
        }
    }

    /// One stream from what was told last, to its end.
    async fn follow(&self, told: &mut Revision) -> End {
        let scope = Scope::Namespace(&self.namespace);
        let mut stream = match self.remote.watch(&CONFIG_MAPS, scope, &ListOptions::default(), *told).await {
            Ok(stream) => stream,
            Err(error) => return End::Broken(error),
        };
        while let Some(event) = stream.next().await {
            let event = match event {
                Ok(event) => event,
                Err(error) => return End::Broken(error),
            };
            let revision = event.object.head.revision;
            let watcher = self.name.clone();
            let kind = match event.kind {
                EventType::Added => Kind::Added,
                EventType::Modified => Kind::Modified,
                EventType::Deleted => Kind::Deleted,
                EventType::Bookmark => {
                    self.shared.log.note(&Record::Bookmark { watcher, revision });
                    *told = (*told).max(revision);
                    continue;
                }
            };
            let (key, write) = of(&event.object);
            *told = (*told).max(revision);
            let ends = is_mark(&key);
            self.shared.log.note(&Record::Event { watcher, kind, key, revision, write });
            if ends {
                return End::Marked;
            }
        }
        End::Closed
    }

    /// Tries until it is given.
    async fn list(&self) -> List {
        let scope = Scope::Namespace(&self.namespace);
        loop {
            match self.remote.list(&CONFIG_MAPS, scope, &ListOptions::default()).await {
                Ok(found) => {
                    let item = |object: &Arc<Object>| {
                        let (key, write) = of(object);
                        (key, (object.head.revision, write))
                    };
                    let items = found.items.iter().map(item).collect();
                    return List { namespace: self.namespace.clone(), revision: found.revision, items };
                }
                Err(_) => tokio::time::sleep(WAIT).await,
            }
        }
    }

    fn note_end(&self) {
        self.shared.log.note(&Record::Ended { watcher: self.name.clone() });
    }
}

fn is_mark(key: &str) -> bool {
    key.split('/').nth(1) == Some(MARK)
}

/// Its key, and the write that made it so.
fn of(object: &Object) -> (String, String) {
    let key = format!("{}/{}", object.head.namespace, object.head.name);
    let write = object.to_value()["data"]["write"].as_str().unwrap_or_default().to_owned();
    (key, write)
}
