//! Converters that HAProxy 2.6 knows and we refuse, each with the reason.

use crate::sample::keyword::{Converter, refused_converter as refused};

const PROTOCOL: &str = "its protocol is not read";

pub const CONVERTERS: &[Converter] = &[
    refused("fix_is_valid", PROTOCOL),
    refused("fix_tag_value", PROTOCOL),
    refused("mqtt_field_value", PROTOCOL),
    refused("mqtt_is_valid", PROTOCOL),
    refused("aes_gcm_dec", "the proxy decrypts nothing but TLS"),
];
