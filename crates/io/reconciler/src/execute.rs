//! Actions become calls of the API.

use apimachinery::{ApiResult, GroupVersionResource, Object, Value};
use client::{Api, DeleteOptions, EventRecorder, ObjectRef, PatchKind, WriteOptions};
use controllers::{Action, Announce, Regarding};
use futures_util::StreamExt;
use futures_util::stream;
use std::sync::Arc;

/// Creates and deletes in flight for one key: enough to share commits, not enough to crowd out others.
const SIDE_BY_SIDE: usize = 16;

/// What a round wrote: the view has to show all of it before the key is decided on again.
pub type Written = Vec<Write>;

/// One write, as the view will show it.
#[derive(Debug)]
pub enum Write {
    /// The resource as of this revision.
    Revision(&'static GroupVersionResource, u64),
    /// The object of this key and uid gone, or being deleted.
    Deletion(&'static GroupVersionResource, String, String),
}

impl Write {
    pub fn of(&self) -> &'static GroupVersionResource {
        match self {
            Self::Revision(of, _) | Self::Deletion(of, ..) => of,
        }
    }
}

pub struct Executor<'a> {
    pub api: &'a dyn Api,
    pub events: &'a EventRecorder,
    pub manager: &'static str,
}

impl Executor<'_> {
    /// Runs the actions in order; neighbouring creates and deletes side by side. Ends at the first failure.
    pub async fn run(&self, actions: Vec<Action>, written: &mut Written) -> ApiResult<()> {
        let mut rest = actions.into_iter().peekable();
        while let Some(first) = rest.next() {
            let mut batch = vec![first];
            while independent(&batch[0]) && rest.peek().is_some_and(independent) {
                batch.extend(rest.next());
            }
            self.batch(batch, written).await?;
        }
        Ok(())
    }

    async fn batch(&self, batch: Vec<Action>, written: &mut Written) -> ApiResult<()> {
        let mut results = stream::iter(batch.into_iter().map(|action| self.one(action))).buffered(SIDE_BY_SIDE);
        let mut failure = None;
        while let Some(result) = results.next().await {
            match result {
                Ok(write) => written.extend(write),
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        failure.map_or(Ok(()), Err)
    }

    async fn one(&self, action: Action) -> ApiResult<Option<Write>> {
        match action {
            Action::Create { of, namespace, body, announce } => {
                let created = self.api.create(of, &namespace, body, self.options("")).await;
                self.announce(announce.as_ref(), &created);
                Ok(Some(Write::Revision(of, created?.head.revision)))
            }
            Action::Update { of, subresource, body } => {
                let (namespace, name) = place(&body);
                let updated = self.api.update(of, &namespace, &name, body, self.options(subresource)).await?;
                Ok(Some(Write::Revision(of, updated.head.revision)))
            }
            Action::Patch { of, namespace, name, subresource, body } => {
                let options = self.options(subresource);
                let patched = self.api.patch(of, &namespace, &name, PatchKind::Merge, body, options).await?;
                Ok(Some(Write::Revision(of, patched.head.revision)))
            }
            Action::Delete { of, namespace, name, uid, propagation, grace_seconds } => {
                let key = if namespace.is_empty() { name.clone() } else { format!("{namespace}/{name}") };
                let deletion = Write::Deletion(of, key, uid.clone());
                let options =
                    DeleteOptions { uid: Some(uid.clone()), propagation, grace_seconds, ..DeleteOptions::default() };
                match self.api.delete(of, &namespace, &name, &options).await {
                    Err(error) if error.is_conflict() => {
                        // Another object by now: what was asked for holds. Or others wrote it so often that the delete
                        // gave up: it lives, and waiting for its end would be in vain.
                        let lives = match self.api.get(of, &namespace, &name).await {
                            Ok(object) => object.head.uid == uid && !object.head.is_deleting(),
                            Err(problem) => !problem.is_not_found(),
                        };
                        if lives { Err(error) } else { Ok(Some(deletion)) }
                    }
                    Err(error) if !error.is_not_found() => Err(error),
                    _ => Ok(Some(deletion)),
                }
            }
            Action::Event { about, warning, reason, message } => {
                self.events.record(&reference(&about), warning, reason, message);
                Ok(None)
            }
        }
    }

    fn options(&self, subresource: &'static str) -> WriteOptions<'static> {
        WriteOptions { subresource, field_manager: self.manager }
    }

    fn announce(&self, announce: Option<&Announce>, outcome: &ApiResult<Arc<Object>>) {
        let Some(Announce { about, created, failed }) = announce else { return };
        let about = reference(about);
        match outcome {
            Ok(object) => self.events.normal(&about, "SuccessfulCreate", format!("{created} {}", object.head.name)),
            Err(error) => self.events.warning(&about, "FailedCreate", format!("{failed} {error}")),
        }
    }
}

fn independent(action: &Action) -> bool {
    matches!(action, Action::Create { .. } | Action::Delete { .. })
}

fn place(body: &Value) -> (String, String) {
    let text = |field: &str| body["metadata"][field].as_str().unwrap_or_default().to_owned();
    (text("namespace"), text("name"))
}

fn reference(about: &Regarding) -> ObjectRef {
    ObjectRef {
        api_version: about.api_version.clone(),
        kind: about.kind.to_owned(),
        namespace: about.namespace.clone(),
        name: about.name.clone(),
        uid: about.uid.clone(),
        field_path: String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use apimachinery::ApiError;
    use client::resources::PODS;
    use client::{Discovered, ListOptions, ObjectList, Scope, WatchStream};
    use serde_json::json;

    /// Every delete loses its race; the object is as it is.
    struct Contended(Option<&'static str>);

    #[async_trait::async_trait]
    impl Api for Contended {
        async fn get(&self, of: &GroupVersionResource, _: &str, name: &str) -> ApiResult<Arc<Object>> {
            let uid = self.0.ok_or_else(|| ApiError::not_found(of, name))?;
            let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "uid": uid}});
            Ok(Arc::new(Object::from_value(&pod).unwrap()))
        }

        async fn delete(&self, of: &GroupVersionResource, _: &str, name: &str, _: &DeleteOptions) -> ApiResult<()> {
            Err(ApiError::conflict(of, name, "the object has been modified"))
        }

        async fn list(&self, _: &GroupVersionResource, _: Scope<'_>, _: &ListOptions) -> ApiResult<ObjectList> {
            unreachable!()
        }

        async fn watch(
            &self,
            _: &GroupVersionResource,
            _: Scope<'_>,
            _: &ListOptions,
            _: u64,
        ) -> ApiResult<WatchStream> {
            unreachable!()
        }

        async fn create(
            &self,
            _: &GroupVersionResource,
            _: &str,
            _: Value,
            _: WriteOptions<'_>,
        ) -> ApiResult<Arc<Object>> {
            unreachable!()
        }

        async fn update(
            &self,
            _: &GroupVersionResource,
            _: &str,
            _: &str,
            _: Value,
            _: WriteOptions<'_>,
        ) -> ApiResult<Arc<Object>> {
            unreachable!()
        }

        async fn patch(
            &self,
            _: &GroupVersionResource,
            _: &str,
            _: &str,
            _: PatchKind,
            _: Value,
            _: WriteOptions<'_>,
        ) -> ApiResult<Arc<Object>> {
            unreachable!()
        }

        async fn discover(&self) -> ApiResult<Vec<Discovered>> {
            unreachable!()
        }
    }

    #[tokio::test]
    async fn a_delete_that_lost_its_races_is_tried_again_only_where_the_object_lives() {
        for (now, is_done) in [(Some("u"), false), (Some("another"), true), (None, true)] {
            let api: Arc<dyn Api> = Arc::new(Contended(now));
            let events = EventRecorder::start(Arc::clone(&api), "test", "");
            let action = Action::Delete {
                of: &PODS,
                namespace: "default".into(),
                name: "p".into(),
                uid: "u".into(),
                propagation: None,
                grace_seconds: None,
            };
            let mut written = Written::new();
            let executor = Executor { api: &*api, events: &events, manager: "test" };
            let outcome = executor.run(vec![action], &mut written).await;
            assert_eq!((outcome.is_ok(), written.len()), (is_done, usize::from(is_done)), "{now:?}");
        }
    }
}
