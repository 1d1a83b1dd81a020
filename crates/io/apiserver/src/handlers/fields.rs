//! Who owns which field: `metadata.managedFields` on every write.

use super::Call;
use apimachinery::{ApiResult, Value};

/// How a change is made, as far as ownership of fields goes.
#[derive(Debug, Clone, Copy)]
pub enum Way<'a> {
    /// The whole object or a patch of it: what differs is the manager's now.
    Update,
    /// Server-side apply: already merged, with this list of managers.
    Applied(std::marker::PhantomData<&'a ()>),
}

pub fn on_create(_call: &Call<'_>, _object: &mut Value) -> ApiResult<()> {
    Ok(())
}

pub fn on_update(_call: &Call<'_>, _new: &mut Value, _old: &Value, _way: Way<'_>) -> ApiResult<()> {
    Ok(())
}
