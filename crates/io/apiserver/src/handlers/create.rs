//! POST of a new object.
//!
//! Upstream: `endpoints/handlers/create.go`, `registry/rest/create.go`.

use super::fields::{self, Way};
use super::write::{Put, meta_mut, meta_text, name_of, namespace_of, now_text};
use super::{Call, Written, check};
use crate::admission::Operation;
use crate::server::Server;
use crate::special::Claims;
use apimachinery::{ApiError, ApiResult, Reason, Value};
use rand::seq::IndexedRandom;
use serde_json::json;

/// Tries to find a free name under `generateName`. Upstream: `maxNameGenerationCreateAttempts`.
const NAME_TRIES: usize = 8;
/// Times that numbers are chosen again because another server was quicker.
pub(super) const CLAIM_TRIES: usize = 100;
/// Letters of a generated suffix: no vowels, and nothing that looks like another. Upstream: `rand.String`.
const ALPHANUMS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
const SUFFIX_LEN: usize = 5;
/// A generated name keeps at most so many characters of its start, so that it fits a DNS label.
const MAX_GENERATED_BASE: usize = 63 - SUFFIX_LEN;

impl Server {
    /// # Errors
    /// 409 if the name is taken, 422 for an invalid object, 404 or 403 for a namespace that is not there or ends.
    pub async fn create(&self, call: &Call<'_>, object: Value) -> ApiResult<Written> {
        self.create_as(call, object, Way::Update).await
    }

    /// The same for an object whose fields' owners may be recorded already.
    pub(super) async fn create_as(&self, call: &Call<'_>, mut object: Value, way: Way) -> ApiResult<Written> {
        check::identity(call, &mut object)?;
        check::body(call, &mut object)?;
        if !meta_text(&object, "resourceVersion").is_empty() {
            return Err(ApiError::bad_request("resourceVersion should not be set on objects to be created"));
        }
        call.resource.set_defaults(&mut object);
        let base = generated_base(&object);
        for _ in 0..NAME_TRIES {
            let mut draft = object.clone();
            if let Some(base) = &base {
                meta_mut(&mut draft).insert("name".into(), format!("{base}{}", suffix()).into());
            }
            match self.create_once(call, draft, way).await {
                Err(error) if error.is_already_exists() && base.is_some() => {}
                other => return other,
            }
        }
        let base = base.unwrap_or_default();
        let message = format!(
            "{} {base:?} already exists, the server was not able to generate a unique name for the object",
            call.resource.gvr.qualified()
        );
        Err(ApiError::new(Reason::AlreadyExists, message))
    }

    async fn create_once(&self, call: &Call<'_>, mut object: Value, way: Way) -> ApiResult<Written> {
        fill_system_fields(call, &mut object);
        call.resource.prepare_create(&mut object);
        fields::on_create(call, &mut object, way);
        self.admit(call, Operation::Create, &mut object, None).await?;
        check::create(call, &object)?;
        let habit = self.special.habit(&call.resource).filter(|habit| habit.claims());
        for _ in 0..CLAIM_TRIES {
            let mut draft = if habit.is_some() { object.clone() } else { std::mem::take(&mut object) };
            let claims = match habit {
                Some(habit) => habit.claim_create(self, &mut draft, call.params.dry_run)?,
                None => Claims::default(),
            };
            self.admit_final(call, Operation::Create, &draft, None).await?;
            let (namespace, name) = (namespace_of(&draft).to_owned(), name_of(&draft).to_owned());
            match self.put_claiming(call, draft, 0, &claims).await? {
                Put::Done(stored) => return Ok(Written::shown(call, &stored, true)),
                Put::Raced => return self.taken(call, &namespace, &name).await,
                Put::Taken(_, Some(refusal)) => return Err(refusal),
                // The next choice knows of it.
                Put::Taken(revision, None) => self.cache.wait_until(revision).await?,
            }
        }
        Err(contended())
    }

    /// Why a name could not be had.
    async fn taken<T>(&self, call: &Call<'_>, namespace: &str, name: &str) -> ApiResult<T> {
        self.cache.wait_fresh().await?;
        let holder = self.cache.shelf(&call.resource.place).get(&call.resource.key(namespace, name));
        if holder.is_some_and(|object| object.head.is_deleting()) {
            let message = format!("object is being deleted: {} {name:?} already exists", call.resource.gvr.qualified());
            return Err(ApiError::new(Reason::AlreadyExists, message));
        }
        Err(ApiError::already_exists(&call.resource.gvr, name))
    }
}

/// The refusal of a write whose numbers were taken by others each time.
pub(super) fn contended() -> ApiError {
    ApiError::new(Reason::Timeout, "others took each number that was chosen for this object; try again")
        .with_details(json!({"retryAfterSeconds": 1}))
}

/// The start of the name, if the name is to be generated.
fn generated_base(object: &Value) -> Option<String> {
    let base = meta_text(object, "generateName");
    let wanted = name_of(object).is_empty() && !base.is_empty();
    wanted.then(|| base.chars().take(MAX_GENERATED_BASE).collect())
}

/// Five characters as upstream puts behind `generateName`.
pub fn suffix() -> String {
    let mut rng = rand::rng();
    (0..SUFFIX_LEN).filter_map(|_| ALPHANUMS.choose(&mut rng).map(|byte| char::from(*byte))).collect()
}

/// Upstream: `FillObjectMetaSystemFields` and `BeforeCreate`.
fn fill_system_fields(call: &Call<'_>, object: &mut Value) {
    let generation = call.resource.has_generation();
    let meta = meta_mut(object);
    for cleared in ["deletionTimestamp", "deletionGracePeriodSeconds", "selfLink"] {
        meta.remove(cleared);
    }
    meta.insert("creationTimestamp".into(), now_text().into());
    meta.insert("uid".into(), uuid::Uuid::new_v4().to_string().into());
    if generation {
        meta.insert("generation".into(), 1.into());
    } else {
        meta.remove("generation");
    }
}
