//! The shape of a controller.

use crate::{Change, Plan, View, Wanted};
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
}
