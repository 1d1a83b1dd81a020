//! What Deployments and ReplicaSets have in common when they are checked.
//!
//! Upstream: `pkg/apis/apps/validation/validation.go`.

use crate::checks::non_negative;
use crate::path::Path;
use apimachinery::{Problems, Value};

pub const SPEC: Path = Path::new("spec");

pub fn counts(object: &Value, problems: &mut Problems) {
    let fields = ["replicas", "minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds"];
    non_negative(&object["spec"], &fields, SPEC, problems);
}
