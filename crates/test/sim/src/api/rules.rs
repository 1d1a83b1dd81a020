//! What holds at every moment, faults or not: looked at with each write.

use apimachinery::{GroupVersionResource as Gvr, Object, Value, meta};
use kinds::resources::{JOBS, NODES, PODS};
use std::collections::{BTreeMap, BTreeSet};
use stdx::Timestamp;

#[derive(Debug, Default)]
pub struct Memory {
    /// Who has a range of pod addresses.
    ranges: BTreeMap<String, String>,
    uids: BTreeSet<String>,
}

impl Memory {
    /// # Errors
    /// Which rule is broken.
    pub fn check(
        &mut self,
        of: &Gvr,
        old: Option<&Object>,
        new: Option<&Object>,
        _now: Timestamp,
    ) -> Result<(), String> {
        if let (None, Some(new)) = (old, new)
            && !self.uids.insert(new.head.uid.clone())
        {
            return Err(format!("uid {} came back", new.head.uid));
        }
        if let (Some(old), Some(new)) = (old, new) {
            lasting(old, new)?;
        }
        let value = |object: Option<&Object>| object.map(Object::to_value).unwrap_or_default();
        match of {
            _ if *of == PODS => pod(&value(old), &value(new)),
            _ if *of == JOBS => job(&value(old), &value(new)),
            _ if *of == NODES => self.node(&value(old), &value(new)),
            _ => Ok(()),
        }
    }

    fn node(&mut self, old: &Value, new: &Value) -> Result<(), String> {
        let range = |node: &Value| node["spec"]["podCIDR"].as_str().map(str::to_owned);
        if let Some(had) = range(old) {
            match range(new) {
                None if !new.is_null() => return Err(format!("it lost its range {had}")),
                Some(has) if has != had => return Err(format!("its range changed from {had} to {has}")),
                _ => _ = self.ranges.remove(&had),
            }
        }
        if let Some(has) = range(new) {
            let name = meta::name(new).to_owned();
            if let Some(other) = self.ranges.insert(has.clone(), name) {
                return Err(format!("it got the range {has} that {other} has"));
            }
        }
        Ok(())
    }
}

/// Of all objects: a deletion is for good, an object stays itself.
fn lasting(old: &Object, new: &Object) -> Result<(), String> {
    if old.head.is_deleting() && !new.head.is_deleting() {
        return Err("it is being deleted no more".to_owned());
    }
    if old.head.uid != new.head.uid {
        return Err("it became another object".to_owned());
    }
    let controllers = new.head.owner_references.iter().filter(|owner| owner.controller).count();
    if controllers > 1 {
        return Err(format!("it has {controllers} controllers"));
    }
    Ok(())
}

fn pod(old: &Value, new: &Value) -> Result<(), String> {
    if old.is_null() || new.is_null() {
        return Ok(());
    }
    let node = |pod: &Value| pod["spec"]["nodeName"].as_str().unwrap_or_default().to_owned();
    if !node(old).is_empty() && node(old) != node(new) {
        return Err(format!("it moved from {} to {}", node(old), node(new)));
    }
    let phase = |pod: &Value| pod["status"]["phase"].as_str().unwrap_or_default().to_owned();
    // As which of the two it ended is the word of whoever speaks last: its node, or the collector that gave it up.
    let has_ended = |pod: &Value| matches!(&*phase(pod), "Succeeded" | "Failed");
    if has_ended(old) && !has_ended(new) {
        return Err(format!("it had ended as {} and is now {:?}", phase(old), phase(new)));
    }
    Ok(())
}

/// What was counted stays counted.
fn job(old: &Value, new: &Value) -> Result<(), String> {
    if old.is_null() || new.is_null() {
        return Ok(());
    }
    for count in ["succeeded", "failed"] {
        let of = |job: &Value| job["status"][count].as_i64().unwrap_or(0);
        if of(new) < of(old) {
            return Err(format!("{count} went from {} to {}", of(old), of(new)));
        }
    }
    let ended = |job: &Value| {
        let conditions = job["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let end = conditions.into_iter().find(|condition| {
            matches!(condition["type"].as_str(), Some("Complete" | "Failed")) && condition["status"] == "True"
        });
        end.map(|condition| condition["type"].clone())
    };
    if ended(old).is_some() && ended(old) != ended(new) {
        return Err(format!("it had ended with {:?} and now {:?}", ended(old), ended(new)));
    }
    Ok(())
}
