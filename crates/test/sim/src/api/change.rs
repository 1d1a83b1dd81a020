//! Creates and changes, by the rules of the real server.

use super::{Api, key};
use apimachinery::patch::{self, PatchType};
use apimachinery::{ApiError, ApiResult, GroupVersionKind, GroupVersionResource as Gvr, Object, Problems, Value, meta};
use kinds::{KindDef, Scope};
use schema::SchemaRef;
use std::sync::Arc;

/// Tries to find a free name under `generateName`.
const NAME_TRIES: usize = 8;

/// Makes the wanted object out of the present one.
type Change<'a> = dyn FnMut(&Value) -> ApiResult<Value> + 'a;

impl Api {
    /// # Errors
    /// As the server: taken names, invalid objects, namespaces that are not there or end.
    pub fn create(&mut self, of: &Gvr, namespace: &str, mut body: Value, who: &str) -> ApiResult<Arc<Object>> {
        let def = self.def(of);
        meta::set(&mut body, "namespace", namespace);
        if def.scope == Scope::Cluster {
            meta::remove(&mut body, "namespace");
        }
        body["kind"] = def.kind.into();
        body["apiVersion"] = of.api_version().into();
        (def.set_defaults)(&mut body);
        let is_generated = meta::name(&body).is_empty();
        for _ in 0..NAME_TRIES {
            match self.create_once(of, namespace, body.clone(), who) {
                Err(error) if error.is_already_exists() && is_generated => {}
                other => return other,
            }
        }
        Err(ApiError::already_exists(of, meta::generate_name(&body)))
    }

    fn create_once(&mut self, of: &Gvr, namespace: &str, mut body: Value, who: &str) -> ApiResult<Arc<Object>> {
        let def = self.def(of);
        let (uid, now) = (self.next_uid(), apimachinery::time::format_seconds(self.now.secs()));
        let random = self.rng.next().to_le_bytes();
        meta::prepare_create(&mut body, &uid, &now, [random[0], random[1], random[2], random[3], random[4]]);
        if def.generation {
            meta::set(&mut body, "generation", 1);
        }
        (def.prepare.create)(&mut body);
        self.admit(of, namespace, &mut body)?;
        check(def, &body, None)?;
        let name = meta::name(&body).to_owned();
        if self.shelf(of).contains_key(&key(namespace, &name)) {
            return Err(ApiError::already_exists(of, &name));
        }
        self.put(of, body, &format!("{who} create"))
    }

    /// # Errors
    /// 404; 409 if the body's uid or resourceVersion is not the present one; 422.
    pub fn update(&mut self, of: &Gvr, subresource: &str, body: &Value, who: &str) -> ApiResult<Arc<Object>> {
        let mut body = body.clone();
        (self.def(of).set_defaults)(&mut body);
        let (namespace, name) = (meta::namespace(&body).to_owned(), meta::name(&body).to_owned());
        let what = format!("{who} update/{subresource}");
        self.change(of, (&namespace, &name), subresource, &what, &mut |_| Ok(body.clone()))
    }

    /// # Errors
    /// As [`Self::update`], and for patches that do not fit.
    pub fn patch(
        &mut self,
        of: &Gvr,
        place: (&str, &str),
        subresource: &str,
        kind: PatchType,
        body: &Value,
        who: &str,
    ) -> ApiResult<Arc<Object>> {
        let def = self.def(of);
        let schema = schema::builtin(def.schema).unwrap_or(SchemaRef::Any);
        self.change(of, place, subresource, &format!("{who} patch/{subresource}"), &mut |old| {
            let mut new = patch::apply_value(kind, old.clone(), body, schema)?;
            (def.set_defaults)(&mut new);
            if body["metadata"]["resourceVersion"].is_null() {
                meta::remove(&mut new, "resourceVersion");
            }
            Ok(new)
        })
    }

    /// Every change of an object goes through here.
    ///
    /// # Errors
    /// What `wanted` says; 404, 409, 422.
    pub fn change(
        &mut self,
        of: &Gvr,
        (namespace, name): (&str, &str),
        subresource: &str,
        what: &str,
        wanted: &mut Change<'_>,
    ) -> ApiResult<Arc<Object>> {
        let (def, current) = (self.def(of), self.get(of, namespace, name)?);
        let old = current.to_value();
        let mut new = wanted(&old)?;
        preconditions(of, &new, &current)?;
        keep_system_fields(&mut new, &old);
        match subresource {
            "status" => (def.prepare.status)(&mut new, &old),
            "binding" | "finalize" => {}
            _ => (def.prepare.update)(&mut new, &old),
        }
        if def.generation && subresource.is_empty() && content_differs(&new, &old) {
            meta::set(&mut new, "generation", meta::generation(&old) + 1);
        }
        if !matches!(subresource, "binding" | "finalize") {
            check(def, &new, Some(&old))?;
        }
        let grace = old["metadata"]["deletionGracePeriodSeconds"].as_i64().unwrap_or(0);
        let is_held = !meta::finalizers(&new).is_empty() || super::delete::holds(of, &new);
        if current.head.is_deleting() && grace == 0 && !is_held {
            self.remove(of, &current.key(), &format!("{what}, the last that held"));
            return Ok(Arc::new(Object::from_value(&new).map_err(ApiError::internal)?));
        }
        if new == old { Ok(current) } else { self.put(of, new, what) }
    }
}

fn preconditions(of: &Gvr, new: &Value, current: &Object) -> ApiResult<()> {
    let (uid, revision) = (meta::uid(new), meta::resource_version(new));
    if !uid.is_empty() && uid != current.head.uid {
        return Err(ApiError::conflict(of, &current.head.name, "another object has the name"));
    }
    let is_current = matches!(revision, "" | "0") || revision == current.head.revision.to_string();
    if is_current { Ok(()) } else { Err(ApiError::modified(of, &current.head.name)) }
}

/// What no update changes, whoever writes.
fn keep_system_fields(new: &mut Value, old: &Value) {
    const KEPT: [&str; 7] = [
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "uid",
        "generation",
        "generateName",
        "resourceVersion",
    ];
    for field in KEPT {
        match old["metadata"].get(field).filter(|value| !value.is_null()) {
            Some(value) => meta::set(new, field, value.clone()),
            None => meta::remove(new, field),
        }
    }
}

/// Whether anything but metadata and status differs.
fn content_differs(new: &Value, old: &Value) -> bool {
    const ASIDE: [&str; 4] = ["metadata", "status", "kind", "apiVersion"];
    let content = |value: &Value| {
        let fields = value.as_object().into_iter().flatten();
        let content = fields.filter(|(field, value)| !ASIDE.contains(&field.as_str()) && !value.is_null());
        content.map(|(field, value)| (field.clone(), value.clone())).collect::<Vec<_>>()
    };
    content(new) != content(old)
}

fn check(def: &KindDef, new: &Value, old: Option<&Value>) -> ApiResult<()> {
    let mut problems = Problems::default();
    (def.validate)(new, &mut problems);
    if let Some(old) = old {
        (def.validate_update)(new, old, &mut problems);
    }
    if problems.is_empty() {
        return Ok(());
    }
    let kind = GroupVersionKind::of(def.group, def.version, def.kind);
    Err(ApiError::invalid(&kind, meta::name(new), problems.list()))
}
