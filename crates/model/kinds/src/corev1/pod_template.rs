//! `v1` PodTemplate: a pod to be made by somebody, kept under a name. No controller of ours reads it.

use crate::KindDef;
use crate::cells::{AGE, NAME, column, labels, of_containers};
use crate::corev1::pod::defaults::set_template_defaults;
use crate::corev1::pod::validate::template;
use crate::path::Path;
use apimachinery::{Problems, Value};

pub const KIND: KindDef = KindDef {
    generation: true,
    set_defaults: set_template_defaults,
    columns: &[
        NAME,
        column("Containers", "Names of each container in the template.", |it, _| of_containers(it, "name")),
        column("Images", "Images referenced by each container in the template.", |it, _| of_containers(it, "image")),
        column("Pod Labels", "The labels for the pod template.", |it, _| labels(&it["template"]["metadata"]["labels"])),
        AGE,
    ],
    validate,
    ..KindDef::new(("", "v1", "PodTemplate"), ("podtemplates", "podtemplate"), "io.k8s.api.core.v1.PodTemplate")
};

fn validate(it: &Value, problems: &mut Problems) {
    template(&it["template"], Path::new("template"), problems);
}
