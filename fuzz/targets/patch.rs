//! Patches of all kinds and server-side apply against a Pod: any patch gives a document or an error.

#![no_main]

use apimachinery::apply::{self, Writer};
use apimachinery::codec::{json, negotiate::PatchType};
use apimachinery::{Value, patch};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static POD: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../seeds/decode/pod.json")).expect("the seed is a document"));

fuzz_target!(|data: &[u8]| {
    let Some((first, bytes)) = data.split_first() else { return };
    let schema = schema::builtin("io.k8s.api.core.v1.Pod").expect("pods are built in");
    let kind = match first % 4 {
        0 => PatchType::Json,
        1 => PatchType::Merge,
        2 => PatchType::Strategic,
        _ => return applied(bytes, schema),
    };
    _ = patch::apply(kind, POD.clone(), bytes, schema);
});

/// Applied twice by the same manager, the second changes nothing.
fn applied(bytes: &[u8], schema: schema::SchemaRef<'_>) {
    let Ok(patch) = json::decode_lenient(bytes) else { return };
    let writer =
        Writer { manager: "fuzz", api_version: "v1", subresource: "", now: "2024-01-01T00:00:00Z", reset: &[] };
    if let Ok(once) = apply::apply(Some(&POD), &patch, schema, &writer, true) {
        let twice = apply::apply(Some(&once), &patch, schema, &writer, true);
        assert_eq!(twice.as_ref(), Ok(&once), "applied twice");
    }
}
