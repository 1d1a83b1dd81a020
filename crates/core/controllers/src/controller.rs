//! The shape of a controller.

use crate::{Action, Change, Plan, View, Wanted};
use stdx::Timestamp;

/// Decides for one object at a time, named by its key.
pub trait Controller: Send + Sync + 'static {
    /// `deployment-controller`: the source of its events, its field manager and its metrics' label.
    fn name(&self) -> &'static str;

    /// The resources it reads. The first is its own: every object of it is a key.
    fn reads(&self) -> &'static [Wanted];

    /// Keys of own objects that this change of a resource may concern. For a change of the own resource the driver
    /// adds the object's key by itself.
    fn affected(&self, change: Change<'_>, view: &dyn View) -> Vec<String>;

    /// What to do about the object under `key` (which may be gone).
    fn reconcile(&self, key: &str, view: &dyn View, now: Timestamp) -> Plan;

    /// What to write when the API refused one of the plan's actions, with this message. The key is tried again anyway.
    fn refused(&self, _key: &str, _view: &dyn View, _now: Timestamp, _why: &str) -> Vec<Action> {
        Vec::new()
    }
}
