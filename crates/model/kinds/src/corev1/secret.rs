//! `v1` Secret: keys and values not to be shown.

use super::config_map::{MAX_SIZE, decoded_len, sealed};
use crate::cells::{AGE, NAME, column};
use crate::checks::{follows, immutable};
use crate::edit::{default_text, object_or_new};
use crate::path::Path;
use crate::read::{count, entries, has, is_empty, text};
use crate::{KindDef, Prepare};
use apimachinery::validate::is_config_map_key;
use apimachinery::{Problems, Value};
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
    validate,
    validate_update,
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

/// Keys a secret of a type must have.
const KEYS: &[(&str, &[&str])] = &[
    ("kubernetes.io/dockercfg", &[".dockercfg"]),
    ("kubernetes.io/dockerconfigjson", &[".dockerconfigjson"]),
    ("kubernetes.io/ssh-auth", &["ssh-privatekey"]),
    ("kubernetes.io/tls", &["tls.crt", "tls.key"]),
];

/// Of a secret that carries a token: whose it is.
const ACCOUNT_NAME: &str = "kubernetes.io/service-account.name";

const DATA: Path = Path::new("data");

fn validate(secret: &Value, problems: &mut Problems) {
    let mut size = 0;
    for (key, value) in entries(secret, "data") {
        follows(key, DATA.key(key), is_config_map_key, problems);
        size += decoded_len(value.as_str().unwrap_or(""));
    }
    if size > MAX_SIZE {
        problems.too_long(DATA, MAX_SIZE);
    }
    let kind = text(secret, "type");
    let data = &secret["data"];
    for key in KEYS.iter().filter(|(of, _)| *of == kind).flat_map(|(_, keys)| *keys) {
        match data.get(*key).and_then(Value::as_str) {
            None => problems.required(DATA.key(key), ""),
            Some(value) if key.starts_with(".docker") => docker_config(value, DATA.key(key), problems),
            Some(_) => {}
        }
    }
    if kind == "kubernetes.io/basic-auth" && !has(data, "username") && !has(data, "password") {
        problems.required(DATA.key("username"), "");
        problems.required(DATA.key("password"), "");
    }
    if kind == "kubernetes.io/service-account-token" && is_empty(&secret["metadata"]["annotations"], ACCOUNT_NAME) {
        problems.required(Path::new("metadata.annotations").key(ACCOUNT_NAME), "");
    }
}

/// Registry logins must be JSON. What they are is not repeated in the refusal.
fn docker_config(value: &str, at: Path, problems: &mut Problems) {
    let parsed = STANDARD.decode(value).ok().map(|bytes| serde_json::from_slice::<Value>(&bytes));
    match parsed {
        Some(Ok(Value::Object(_))) => {}
        Some(Err(error)) => problems.invalid(at, "<secret contents redacted>", &error.to_string()),
        _ => problems.invalid(at, "<secret contents redacted>", "must be a JSON object"),
    }
}

fn validate_update(new: &Value, old: &Value, problems: &mut Problems) {
    immutable(&new["type"], &old["type"], Path::new("type"), problems);
    sealed(new, old, &["data"], problems);
}
