//! Which Kubernetes we are: the minor our schema facts are of, and our own build behind the plus.

use apimachinery::Value;
use serde_json::json;

pub const MAJOR: &str = "1";
pub const MINOR: &str = "35";

/// `v1.35.0+barque.0.1.0`
pub fn git_version() -> String {
    format!("v{MAJOR}.{MINOR}.0+barque.{}", env!("CARGO_PKG_VERSION"))
}

/// `/version`
pub fn document() -> Value {
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    json!({
        "major": MAJOR,
        "minor": MINOR,
        "emulationMajor": MAJOR,
        "emulationMinor": MINOR,
        "minCompatibilityMajor": MAJOR,
        "minCompatibilityMinor": "34",
        "gitVersion": git_version(),
        "gitCommit": "",
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "none",
        "compiler": "rustc",
        "platform": format!("linux/{architecture}"),
    })
}
