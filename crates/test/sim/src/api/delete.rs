//! Deletions: at once, gracefully, or when the finalizers are gone.

use super::Api;
use super::call::Delete;
use apimachinery::{ApiError, ApiResult, GroupVersionResource as Gvr, Value, meta, time};
use kinds::resources::{JOBS, NAMESPACES, PODS};
use serde_json::json;

const ORPHAN: &str = "orphan";
const FOREGROUND: &str = "foregroundDeletion";
const DEFAULT_GRACE: i64 = 30;

impl Api {
    /// # Errors
    /// 404; 409 if a precondition does not hold.
    pub fn delete(&mut self, of: &Gvr, delete: &Delete, who: &str) -> ApiResult<()> {
        let current = self.get(of, &delete.namespace, &delete.name)?;
        let is_other = !delete.uid.is_empty() && delete.uid != current.head.uid;
        if is_other || delete.revision.is_some_and(|revision| revision != current.head.revision) {
            return Err(ApiError::conflict(of, &delete.name, "a precondition of the delete does not hold"));
        }
        let old = current.to_value();
        let mut new = old.clone();
        let graceful = if current.head.is_deleting() {
            match shorten(delete, &mut new) {
                Some(graceful) => graceful,
                None => return Ok(()),
            }
        } else {
            let grace = (*of == PODS).then(|| grace(&old, delete.grace_seconds));
            if let Some(seconds) = grace {
                self.mark(&mut new, seconds);
            }
            grace
        };
        let keep = collector_finalizers(of, delete, &old);
        set_finalizers(&mut new, &keep);
        let held = !keep.is_empty() || holds(of, &new);
        match graceful {
            Some(seconds) if held || seconds > 0 => drop(self.put(of, new, &format!("{who} delete {seconds}s"))?),
            None if held => {
                if !current.head.is_deleting() {
                    self.mark(&mut new, 0);
                }
                mark_namespace(of, &mut new);
                if new != old {
                    self.put(of, new, &format!("{who} delete, held"))?;
                }
            }
            _ => self.remove(of, &current.key(), &format!("{who} delete")),
        }
        Ok(())
    }

    /// Sets the time at which the object is to be gone.
    fn mark(&self, object: &mut Value, seconds: i64) {
        meta::set(object, "deletionTimestamp", time::format_seconds(self.now.secs() + seconds));
        meta::set(object, "deletionGracePeriodSeconds", seconds);
        let generation = meta::generation(object);
        if generation > 0 {
            meta::set(object, "generation", generation + 1);
        }
    }
}

/// What beside finalizers holds a deleted object.
pub fn holds(of: &Gvr, object: &Value) -> bool {
    *of == NAMESPACES && object["spec"]["finalizers"].as_array().is_some_and(|held| !held.is_empty())
}

fn mark_namespace(of: &Gvr, object: &mut Value) {
    if *of == NAMESPACES {
        meta::remove(object, "deletionGracePeriodSeconds");
        object["status"]["phase"] = "Terminating".into();
    }
}

fn grace(pod: &Value, asked: Option<i64>) -> i64 {
    let own = pod["spec"]["terminationGracePeriodSeconds"].as_i64().unwrap_or(DEFAULT_GRACE);
    let is_unbound = pod["spec"]["nodeName"].as_str().unwrap_or_default().is_empty();
    let has_ended = matches!(pod["status"]["phase"].as_str(), Some("Failed" | "Succeeded"));
    if is_unbound || has_ended { 0 } else { asked.unwrap_or(own).max(0) }
}

/// A second delete of a marked object. None: it stays pending. Some: how it goes on.
fn shorten(delete: &Delete, new: &mut Value) -> Option<Option<i64>> {
    let grace = new["metadata"]["deletionGracePeriodSeconds"].as_i64().unwrap_or(0);
    if grace == 0 {
        return Some(None);
    }
    let asked = delete.grace_seconds.filter(|asked| *asked < grace)?.max(0);
    let since = time::parse_seconds(meta::deletion_timestamp(new)?)?;
    meta::set(new, "deletionTimestamp", time::format_seconds(since - grace + asked));
    meta::set(new, "deletionGracePeriodSeconds", asked);
    Some(Some(asked))
}

fn collector_finalizers(of: &Gvr, delete: &Delete, old: &Value) -> Vec<String> {
    let before: Vec<String> = meta::finalizers(old).into_iter().map(str::to_owned).collect();
    let has = |name: &str| before.iter().any(|own| own == name);
    let wish = match delete.propagation {
        Some(wish) => wish,
        None if has(ORPHAN) => "Orphan",
        None if has(FOREGROUND) => "Foreground",
        None if *of == JOBS => "Orphan",
        None => "Background",
    };
    let mut after: Vec<String> = before.iter().filter(|own| *own != ORPHAN && *own != FOREGROUND).cloned().collect();
    match wish {
        "Foreground" => after.push(FOREGROUND.to_owned()),
        "Orphan" => after.push(ORPHAN.to_owned()),
        _ => {}
    }
    after
}

fn set_finalizers(object: &mut Value, list: &[String]) {
    if list.is_empty() {
        meta::remove(object, "finalizers");
    } else {
        meta::set(object, "finalizers", json!(list));
    }
}
