//! Bodies of requests, JSON and YAML: any bytes give a document or an error.

#![no_main]

use apimachinery::codec::{json, yaml};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(decoded) = json::decode(data) {
        let bytes = serde_json::to_vec(&decoded.value).expect("a document can be written");
        let again = json::decode(&bytes).expect("what was written can be read");
        assert_eq!(again.value, decoded.value);
    }
    // Whatever it is, it is read or refused.
    _ = json::decode_lenient(data);
    if let Ok(decoded) = yaml::decode(data) {
        _ = yaml::encode(&decoded.value);
    }
});
