//! `v1` Secret: keys and values not to be shown.

use crate::cells::{AGE, NAME, column};
use crate::edit::{default_text, object_or_new};
use crate::read::{count, text};
use crate::{KindDef, Prepare};
use apimachinery::Value;
use base64::Engine;
use base64::prelude::BASE64_STANDARD as STANDARD;

pub const KIND: KindDef = KindDef {
    selectable: &[("type", "/type")],
    set_defaults,
    prepare: Prepare { create: merge_string_data, update: |new, _| merge_string_data(new), ..Prepare::NOTHING },
    columns: &[
        NAME,
        column("Type", "What the secret is for.", |secret, _| text(secret, "type").into()),
        column("Data", "How many keys there are.", |secret, _| count(secret, "data").into()),
        AGE,
    ],
    ..KindDef::new(("", "v1", "Secret"), ("secrets", "secret"), "io.k8s.api.core.v1.Secret")
};

fn set_defaults(secret: &mut Value) {
    default_text(secret, "type", "Opaque");
    merge_string_data(secret);
}

/// `stringData` is for writing only: its entries win over `data` and are kept there, in base64.
fn merge_string_data(secret: &mut Value) {
    let Some(Value::Object(texts)) = secret.as_object_mut().and_then(|fields| fields.remove("stringData")) else {
        return;
    };
    let Some(data) = object_or_new(secret, "data") else { return };
    for (key, text) in texts {
        data[key] = STANDARD.encode(text.as_str().unwrap_or("")).into();
    }
}
