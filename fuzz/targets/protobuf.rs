//! Protobuf bodies: any bytes give a document or an error; what was read can be written.

#![no_main]

use libfuzzer_sys::fuzz_target;
use schema::protobuf;

/// Types with maps, oneof-like unions, quantities, times and deep nesting among them.
const TYPES: [&str; 4] = [
    "io.k8s.api.core.v1.Pod",
    "io.k8s.api.apps.v1.Deployment",
    "io.k8s.api.core.v1.Service",
    "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions",
];

fuzz_target!(|data: &[u8]| {
    _ = protobuf::decode_object(data);
    let enveloped = [b"k8s\0", data].concat();
    _ = protobuf::decode_object(&enveloped);
    let Some((first, bytes)) = data.split_first() else { return };
    let name = TYPES[usize::from(*first) % TYPES.len()];
    if let Ok(value) = protobuf::from_protobuf(name, bytes) {
        _ = protobuf::to_protobuf(name, &value);
    }
});
