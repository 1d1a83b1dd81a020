//! One lease, the ways to it, and a ledger of who worked when.

use crate::api::{DeleteOptions, Discovered, ListOptions, ObjectList, PatchKind, Scope, WatchStream, WriteOptions};
use crate::election::Election;
use crate::resources::LEASES;
use crate::{Api, ApiError, ApiResult, Object};
use apimachinery::{GroupVersionResource as Gvr, Reason, Value, meta};
use async_trait::async_trait;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use stdx::{Clock, Timestamp};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The way from one candidate to the API.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Way {
    Open,
    Refused,
    /// Requests get nowhere.
    Hangs,
    /// Requests arrive this late; answers never.
    Late(Duration),
}

#[derive(Default)]
pub struct World {
    lease: Mutex<Option<Value>>,
    revision: Mutex<u64>,
    works: Mutex<Vec<String>>,
    /// `a begins at 0`, `a ends at 12`, in whole seconds.
    log: Mutex<Vec<String>>,
}

/// A candidate at work.
pub struct Member {
    pub way: Arc<Mutex<Way>>,
    pub stop: CancellationToken,
    pub running: JoinHandle<()>,
}

struct Door {
    world: Arc<World>,
    way: Arc<Mutex<Way>>,
}

struct At(u64);

impl Clock for At {
    fn now(&self) -> Timestamp {
        Timestamp::from_secs(self.0)
    }
}

/// What a leader's work does when it is told to end.
#[derive(Clone, Copy, PartialEq)]
pub enum Manners {
    Ends,
    Stays,
}

/// Takes itself off the list of those who work when it is dropped, as killed work is.
struct Working {
    world: Arc<World>,
    name: String,
    start: Instant,
}

impl Working {
    fn begin(world: &Arc<World>, name: &str, start: Instant) -> Self {
        let mut works = world.works.lock().unwrap();
        let beside = if works.is_empty() { String::new() } else { format!(" beside {works:?}") };
        works.push(name.to_owned());
        world.note(format!("{name} begins at {}{beside}", start.elapsed().as_secs()));
        Self { world: world.clone(), name: name.to_owned(), start }
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        self.world.works.lock().unwrap().retain(|name| *name != self.name);
        self.world.note(format!("{} ends at {}", self.name, self.start.elapsed().as_secs()));
    }
}

impl World {
    pub fn join(self: &Arc<Self>, name: &'static str, manners: Manners, start: Instant) -> Member {
        let way = Arc::new(Mutex::new(Way::Open));
        let api = Arc::new(Door { world: self.clone(), way: way.clone() });
        let mut election = Election::new(api, "boss", name);
        // Wall clocks that are wrong by years change nothing.
        election.clock = Arc::new(At(name.len() as u64 * 100_000_000));
        let (world, stop) = (self.clone(), CancellationToken::new());
        let running = tokio::spawn(election.run(stop.clone(), move |token| {
            let world = world.clone();
            async move {
                let _working = Working::begin(&world, name, start);
                if manners == Manners::Ends {
                    token.cancelled().await;
                } else {
                    std::future::pending::<()>().await;
                }
            }
        }));
        Member { way, stop, running }
    }

    /// A way that does not fail.
    pub fn door(self: &Arc<Self>) -> Arc<dyn Api> {
        Arc::new(Door { world: self.clone(), way: Arc::new(Mutex::new(Way::Open)) })
    }

    pub fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    fn note(&self, text: String) {
        self.log.lock().unwrap().push(text);
    }

    pub fn lease(&self) -> Value {
        self.lease.lock().unwrap().clone().unwrap_or_default()
    }

    /// Writes as somebody else would, or deletes.
    pub fn put(&self, lease: Option<Value>) {
        let mut revision = self.revision.lock().unwrap();
        *revision += 1;
        *self.lease.lock().unwrap() = lease.map(|mut lease| {
            lease["metadata"]["resourceVersion"] = revision.to_string().into();
            lease
        });
    }

    /// The holder, and how often it has changed.
    pub fn holder(&self) -> (String, i64) {
        let spec = &self.lease()["spec"];
        (
            spec["holderIdentity"].as_str().unwrap_or_default().to_owned(),
            spec["leaseTransitions"].as_i64().unwrap_or(-1),
        )
    }

    fn get(&self, name: &str) -> ApiResult<Arc<Object>> {
        match &*self.lease.lock().unwrap() {
            Some(lease) => Ok(Arc::new(Object::from_value(lease).unwrap())),
            None => Err(ApiError::not_found(&LEASES, name)),
        }
    }

    fn write(&self, name: &str, body: &Value, create: bool) -> ApiResult<Arc<Object>> {
        let kept = self.lease.lock().unwrap().clone();
        match kept {
            Some(_) if create => return Err(ApiError::already_exists(&LEASES, name)),
            None if !create => return Err(ApiError::not_found(&LEASES, name)),
            Some(kept) if meta::resource_version(&kept) != meta::resource_version(body) => {
                return Err(ApiError::modified(&LEASES, name));
            }
            _ => {}
        }
        self.put(Some(body.clone()));
        self.get(name)
    }
}

impl Member {
    pub fn set(&self, way: Way) {
        *self.way.lock().unwrap() = way;
    }

    pub async fn end(self) {
        self.stop.cancel();
        self.running.await.unwrap();
    }
}

impl Door {
    async fn pass<T: Send + 'static>(
        &self,
        request: impl FnOnce(&World) -> ApiResult<T> + Send + 'static,
    ) -> ApiResult<T> {
        // Even on a good way nothing is done in no time.
        tokio::time::sleep(Duration::from_millis(7)).await;
        let way = *self.way.lock().unwrap();
        match way {
            Way::Open => request(&self.world),
            Way::Refused => Err(ApiError::new(Reason::ServiceUnavailable, "the way is cut")),
            Way::Hangs => std::future::pending().await,
            Way::Late(by) => {
                let world = self.world.clone();
                tokio::spawn(async move {
                    tokio::time::sleep(by).await;
                    drop(request(&world));
                });
                std::future::pending().await
            }
        }
    }
}

#[async_trait]
impl Api for Door {
    async fn get(&self, _: &Gvr, _: &str, name: &str) -> ApiResult<Arc<Object>> {
        let name = name.to_owned();
        self.pass(move |world| world.get(&name)).await
    }

    async fn create(&self, _: &Gvr, _: &str, body: Value, _: WriteOptions<'_>) -> ApiResult<Arc<Object>> {
        self.pass(move |world| world.write(meta::name(&body), &body, true)).await
    }

    async fn update(&self, _: &Gvr, _: &str, name: &str, body: Value, _: WriteOptions<'_>) -> ApiResult<Arc<Object>> {
        let name = name.to_owned();
        self.pass(move |world| world.write(&name, &body, false)).await
    }

    async fn list(&self, _: &Gvr, _: Scope<'_>, _: &ListOptions) -> ApiResult<ObjectList> {
        unused()
    }

    async fn watch(&self, _: &Gvr, _: Scope<'_>, _: &ListOptions, _: u64) -> ApiResult<WatchStream> {
        unused()
    }

    async fn patch(
        &self,
        _: &Gvr,
        _: &str,
        _: &str,
        _: PatchKind,
        _: Value,
        _: WriteOptions<'_>,
    ) -> ApiResult<Arc<Object>> {
        unused()
    }

    async fn delete(&self, _: &Gvr, _: &str, _: &str, _: &DeleteOptions) -> ApiResult<()> {
        unused()
    }

    async fn discover(&self) -> ApiResult<Vec<Discovered>> {
        unused()
    }
}

fn unused<T>() -> ApiResult<T> {
    Err(ApiError::internal("an election does not ask for this"))
}
