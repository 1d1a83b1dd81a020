//! `batch/v1beta1` CronJob: the same under its former version.

use crate::{KindDef, Prepare, Subresource};

pub const KIND: KindDef = KindDef {
    short_names: &["cj"],
    categories: &["all"],
    subresources: &[Subresource::Status],
    stored_as: ("batch", "cronjobs", "v1"),
    generation: true,
    prepare: Prepare::STATUS,
    ..KindDef::new(("batch", "v1beta1", "CronJob"), ("cronjobs", "cronjob"), "io.k8s.api.batch.v1beta1.CronJob")
};
