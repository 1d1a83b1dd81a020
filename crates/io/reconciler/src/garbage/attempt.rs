//! One attempt: live reads, the verdict, and what it asks for.

use super::resources::{Place, Resources};
use apimachinery::object::Owner;
use apimachinery::{ApiError, ApiResult, Object, Value};
use client::{Api, DeleteOptions, EventRecorder, ObjectRef, PatchKind, WriteOptions};
use controllers::garbage::{
    FOREGROUND, Identity, ORPHAN, OwnerState, Uid, Verdict, Work, judge, unblock_owners, without_finalizer,
    without_owners,
};
use futures_util::{FutureExt, StreamExt, stream};
use std::sync::Arc;

/// Dependents orphaned at the same time.
const SIDE_BY_SIDE: usize = 16;

pub struct Attempter {
    pub api: Arc<dyn Api>,
    pub events: EventRecorder,
    pub resources: Arc<Resources>,
    pub work: Work,
    /// Uids of owners known to be gone.
    pub absent: Vec<Uid>,
}

/// What an attempt came to, besides the writes.
pub struct Done {
    pub result: ApiResult<()>,
    /// Objects (namespace, uid) found to be gone that the graph still knows.
    pub gone: Vec<(String, Uid)>,
    /// Owners (namespace, uid) found to be gone.
    pub absent: Vec<(String, String)>,
    /// Dependents to look at next.
    pub look_at: Vec<Uid>,
    /// An owner's kind is not served: try again when that changes.
    pub unknown_kind: bool,
}

impl Done {
    fn new() -> Self {
        Self { result: Ok(()), gone: Vec::new(), absent: Vec::new(), look_at: Vec::new(), unknown_kind: false }
    }
}

impl Attempter {
    pub async fn delete(self) -> Done {
        let mut done = Done::new();
        done.result = self.try_delete(&mut done).await;
        done
    }

    async fn try_delete(&self, done: &mut Done) -> ApiResult<()> {
        let me = &self.work.object;
        let Some(object) = self.live(me).await? else {
            done.gone.push((me.namespace.clone(), Arc::clone(&me.uid)));
            return Ok(());
        };
        if object.head.is_deleting() {
            return if has(&object, FOREGROUND) { self.finish_foreground(&object, done).await } else { Ok(()) };
        }
        let mut states = Vec::with_capacity(object.head.owner_references.len());
        for owner in &object.head.owner_references {
            if !self.resources.knows(owner) {
                done.unknown_kind = true;
                return Ok(());
            }
            states.push(self.state(&object, owner, done).await?);
        }
        self.carry_out(&object, judge(&object, &states, &self.work)).await
    }

    /// Deletes the dependents that block; when there are none any more, lets the owner go.
    async fn finish_foreground(&self, object: &Object, done: &mut Done) -> ApiResult<()> {
        if self.work.blocking.is_empty() {
            return self.patch(&self.work.object, without_finalizer(object, FOREGROUND)).await;
        }
        done.look_at.clone_from(&self.work.blocking);
        Ok(())
    }

    async fn state(&self, object: &Object, owner: &Owner, done: &mut Done) -> ApiResult<OwnerState> {
        if self.absent.iter().any(|uid| **uid == *owner.uid) {
            return Ok(OwnerState::Absent);
        }
        let Some(Place { of, namespace, name }) = self.resources.resolve(owner, &object.head.namespace) else {
            self.complain(object, owner);
            return Ok(OwnerState::Unresolvable);
        };
        let found = match self.api.get(&of, &namespace, &name).await {
            Err(error) if !error.is_not_found() => return Err(error),
            found => found.ok().filter(|found| found.head.uid == owner.uid),
        };
        let Some(found) = found else {
            done.absent.push((object.head.namespace.clone(), owner.uid.clone()));
            return Ok(OwnerState::Absent);
        };
        let waits = found.head.is_deleting() && has(&found, FOREGROUND);
        Ok(if waits { OwnerState::Waiting } else { OwnerState::Solid })
    }

    async fn carry_out(&self, object: &Object, verdict: Verdict) -> ApiResult<()> {
        let me = &self.work.object;
        match verdict {
            Verdict::Keep => Ok(()),
            Verdict::Forget(lost) => self.patch(me, without_owners(object, &lost)).await,
            Verdict::Delete { propagation, unblock } => {
                let mut revision = object.head.revision;
                if unblock {
                    revision = self.patched(me, unblock_owners(object)).await?.head.revision;
                }
                let options = DeleteOptions {
                    uid: Some(object.head.uid.clone()),
                    revision: Some(revision),
                    propagation: Some(propagation),
                    grace_seconds: None,
                };
                match self.api.delete(&me.of, &me.namespace, &me.name, &options).await {
                    Err(error) if !error.is_not_found() => Err(error),
                    _ => Ok(()),
                }
            }
        }
    }

    /// Makes every dependent forget the owner, then lets it go.
    pub async fn orphan(self) -> Done {
        let mut done = Done::new();
        done.result = self.try_orphan().await;
        done
    }

    async fn try_orphan(&self) -> ApiResult<()> {
        let me = &self.work.object;
        let Some(owner) = self.live(me).await?.filter(|owner| owner.head.is_deleting() && has(owner, ORPHAN)) else {
            return Ok(());
        };
        let mut forgets = Vec::with_capacity(self.work.dependents.len());
        for dependent in &self.work.dependents {
            forgets.push(self.forget(dependent, &owner.head.uid).boxed());
        }
        let mut forgets = stream::iter(forgets).buffer_unordered(SIDE_BY_SIDE);
        let mut failure = None;
        while let Some(result) = forgets.next().await {
            failure = failure.or(result.err());
        }
        if let Some(failure) = failure {
            return Err(failure);
        }
        self.patch(me, without_finalizer(&owner, ORPHAN)).await
    }

    async fn forget(&self, dependent: &Identity, owner: &str) -> ApiResult<()> {
        let Some(object) = self.live(dependent).await? else { return Ok(()) };
        if object.head.owner_references.iter().all(|own| own.uid != owner) {
            return Ok(());
        }
        self.patch(dependent, without_owners(&object, &[owner.to_owned()])).await
    }

    /// The object as it is now; None if it is gone (another one may have its name).
    async fn live(&self, object: &Identity) -> ApiResult<Option<Arc<Object>>> {
        match self.api.get(&object.of, &object.namespace, &object.name).await {
            Ok(found) => Ok(Some(found).filter(|found| *found.head.uid == *object.uid)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn patch(&self, object: &Identity, body: Value) -> ApiResult<()> {
        match self.patched(object, body).await {
            Err(error) if !error.is_not_found() => Err(error),
            _ => Ok(()),
        }
    }

    async fn patched(&self, object: &Identity, body: Value) -> Result<Arc<Object>, ApiError> {
        let options = WriteOptions { subresource: "", field_manager: "garbage-collector-controller" };
        self.api.patch(&object.of, &object.namespace, &object.name, PatchKind::Merge, body, options).await
    }

    fn complain(&self, object: &Object, owner: &Owner) {
        let Owner { api_version, kind, name, uid, .. } = owner;
        let namespace = &object.head.namespace;
        let message = format!(
            "ownerRef [{api_version}/{kind}, namespace: {namespace}, name: {name}, uid: {uid}] does not exist in namespace {namespace:?}"
        );
        let value = object.to_value();
        let text = |field: &str| value[field].as_str().unwrap_or_default().to_owned();
        self.events.warning(
            &ObjectRef::to(object, &text("apiVersion"), &text("kind")),
            "OwnerRefInvalidNamespace",
            message,
        );
    }
}

fn has(object: &Object, finalizer: &str) -> bool {
    object.head.finalizers.iter().any(|own| own == finalizer)
}
