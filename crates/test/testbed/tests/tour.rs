//! A tour with real clients: kubectl of today and of 1.20, Helm, Python, and protobuf.

mod tour_parts {
    pub mod clients;
    pub mod objects;
    pub mod pods;
    pub mod rollouts;
}

use testbed::Cluster;
use testbed::images::{BUSYBOX, Image};
use tour_parts::{clients, objects, pods, rollouts};

const IMAGES: &[Image] = &[Image { name: "library/busybox:1", recipe: BUSYBOX }];

/// One cluster for all stops; each uses a namespace of its own.
#[test]
fn the_tour() {
    let mut cluster = Cluster::start_with_images("tour", IMAGES);
    for kubectl in [testbed::tools::kubectl(), testbed::tools::kubectl_old()] {
        objects::tour(&cluster, &kubectl);
    }
    clients::helm(&cluster);
    clients::python(&cluster);
    clients::protobuf(&cluster);
    // SPDY with the old one, WebSocket with the current one.
    for kubectl in [testbed::tools::kubectl_old(), testbed::tools::kubectl()] {
        cluster.use_kubectl(kubectl);
        pods::tour(&cluster);
    }
    rollouts::tour(&cluster);
    pods::drain(&cluster);
}
