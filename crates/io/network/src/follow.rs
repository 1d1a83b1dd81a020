//! Keeps a [`World`] equal to the API's Services and EndpointSlices, and tells when it changed.

use apimachinery::GroupVersionResource;
use client::informer::{Delta, Informer, Subscription};
use client::{Api, ListOptions, Object, Scope, resources};
use netplan::World;
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Shared by proxy and DNS. Clone it freely.
#[derive(Clone)]
pub struct Known {
    world: Arc<RwLock<World>>,
    /// Counts changes; 0 until everything was read once.
    version: Arc<watch::Sender<u64>>,
}

#[derive(Clone, Copy)]
enum Resource {
    Services,
    Slices,
}

impl Known {
    /// Starts to follow until `stop`.
    pub fn start(api: &Arc<dyn Api>, stop: &CancellationToken) -> Self {
        let known = Self { world: Arc::default(), version: Arc::new(watch::Sender::new(0)) };
        let informer = |resource: &GroupVersionResource| {
            Informer::start(api.clone(), resource.clone(), ListOptions::default(), stop.clone())
        };
        let (services, slices) = (informer(&resources::SERVICES), informer(&resources::ENDPOINT_SLICES));
        let (task, stop) = (known.clone(), stop.clone());
        tokio::spawn(async move { stop.run_until_cancelled(task.follow(services, slices)).await });
        known
    }

    pub fn read<T>(&self, look: impl FnOnce(&World) -> T) -> T {
        look(&self.world.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Yields the number of changes so far whenever it grew.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    /// Tells that something the rules depend on changed besides the world.
    pub fn touch(&self) {
        self.version.send_if_modified(|version| {
            let complete = *version > 0;
            *version += u64::from(complete);
            complete
        });
    }

    pub fn is_complete(&self) -> bool {
        *self.version.borrow() > 0
    }

    async fn follow(self, services: Informer, slices: Informer) {
        let mut changes = (services.subscribe(), slices.subscribe());
        services.wait_for(1).await;
        slices.wait_for(1).await;
        self.rebuild(&services, &slices);
        loop {
            let (resource, delta) = tokio::select! {
                delta = next(&mut changes.0) => (Resource::Services, delta),
                delta = next(&mut changes.1) => (Resource::Slices, delta),
            };
            match delta {
                Some(Delta::Change { old, new }) => self.change(resource, old.as_deref(), new.as_deref()),
                Some(Delta::Reset) => self.rebuild(&services, &slices),
                None => return,
            }
        }
    }

    fn rebuild(&self, services: &Informer, slices: &Informer) {
        let mut world = World::default();
        for service in services.list(Scope::All) {
            put(&mut world, Resource::Services, &service);
        }
        for slice in slices.list(Scope::All) {
            put(&mut world, Resource::Slices, &slice);
        }
        *self.world.write().unwrap_or_else(PoisonError::into_inner) = world;
        self.version.send_modify(|version| *version += 1);
    }

    fn change(&self, resource: Resource, old: Option<&Object>, new: Option<&Object>) {
        let mut world = self.world.write().unwrap_or_else(PoisonError::into_inner);
        match (resource, old, new) {
            (_, _, Some(new)) => put(&mut world, resource, new),
            (Resource::Services, Some(old), None) => world.remove_service(old),
            (Resource::Slices, Some(old), None) => world.remove_slice(old),
            (_, None, None) => {}
        }
        drop(world);
        self.version.send_modify(|version| *version += 1);
    }
}

async fn next(changes: &mut Subscription) -> Option<Delta> {
    changes.next().await
}

/// An object we cannot read is left as it was: the API server should not have let it in.
fn put(world: &mut World, resource: Resource, object: &Object) {
    let taken = match resource {
        Resource::Services => world.put_service(object),
        Resource::Slices => world.put_slice(object),
    };
    if let Err(error) = taken {
        tracing::warn!(object = %object.key(), %error, "ignored an object that does not read as what it should be");
    }
}
