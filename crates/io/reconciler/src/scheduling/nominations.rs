//! Where room is made for pods, as far as we know better than the view: what we wrote counts until the view shows it, or
//! a decision would be made as if it had never been.

use apimachinery::Object;
use scheduler::PodFacts;
use std::collections::HashMap;

/// By uid. Bounded by the pods that wait: an entry goes when the view catches up, or with its pod.
#[derive(Debug, Default)]
pub struct Nominations(HashMap<String, Own>);

#[derive(Debug)]
struct Own {
    /// Empty: nowhere any more.
    node: String,
    /// The pod's with it; None while the write is on its way.
    revision: Option<u64>,
}

impl Nominations {
    /// A write is on its way.
    pub fn begin(&mut self, uid: &str, node: &str) {
        self.0.insert(uid.to_owned(), Own { node: node.to_owned(), revision: None });
    }

    /// The write is done and gave this revision, or it failed. False: there was none.
    pub fn end(&mut self, uid: &str, revision: Option<u64>) -> bool {
        let Some(own) = self.0.get_mut(uid).filter(|own| own.revision.is_none()) else { return false };
        own.revision = revision;
        if revision.is_none() {
            self.0.remove(uid);
        }
        true
    }

    pub fn forget(&mut self, uid: &str) {
        self.0.remove(uid);
    }

    /// The pod as the view shows it, but for what we know better.
    pub fn facts(&mut self, object: &Object) -> PodFacts {
        let mut pod = PodFacts::of(object);
        let Some(own) = self.0.get(&pod.uid) else { return pod };
        let is_shown = own.revision.is_some_and(|revision| object.head.revision >= revision);
        if is_shown || !pod.node.is_empty() || pod.is_finished {
            self.0.remove(&pod.uid);
        } else {
            pod.nominated.clone_from(&own.node);
        }
        pod
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pod(revision: u64, nominated: &str) -> Object {
        let value = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "default", "uid": "u"},
            "status": {"nominatedNodeName": nominated},
        });
        Object::from_bytes(serde_json::to_vec(&value).unwrap().into(), revision).unwrap()
    }

    #[test]
    fn our_own_write_counts_until_the_view_shows_it() {
        let mut known = Nominations::default();
        known.begin("u", "n");
        assert_eq!(known.facts(&pod(5, "")).nominated, "n", "on its way");
        assert!(known.end("u", Some(8)));
        assert_eq!(known.facts(&pod(7, "")).nominated, "n", "an older view");
        assert_eq!(known.facts(&pod(9, "other")).nominated, "other", "what came after");
        assert_eq!(known.facts(&pod(9, "")).nominated, "", "and nothing is held on to");
    }

    #[test]
    fn what_was_given_up_stays_so_and_what_failed_was_never_there() {
        let mut known = Nominations::default();
        known.begin("u", "");
        assert_eq!(known.facts(&pod(5, "n")).nominated, "");
        assert!(known.end("u", None));
        assert_eq!(known.facts(&pod(5, "n")).nominated, "n");
        assert!(!known.end("u", None));
    }
}
