//! Probes and lifecycle hooks.

use crate::checks::{follows, non_negative, one_of, port_number, port_or_name, required};
use crate::path::Path;
use crate::read::{count, has, is_empty, list, number, text};
use apimachinery::validate::is_http_header_name;
use apimachinery::{Problems, Value};

/// Ways to ask a container how it is, in upstream's order.
const HANDLERS: [&str; 5] = ["exec", "httpGet", "tcpSocket", "grpc", "sleep"];

/// Probes and hooks of one container.
pub fn probes(container: &Value, spec: &Value, at: Path, problems: &mut Problems) {
    for moment in ["postStart", "preStop"].iter().filter(|moment| has(&container["lifecycle"], moment)) {
        let hook = &container["lifecycle"][*moment];
        let at = at.field("lifecycle");
        let at = at.field(moment);
        handler(hook, at, problems);
        sleep(hook, spec, at, problems);
    }
    for name in ["livenessProbe", "readinessProbe", "startupProbe"].iter().filter(|name| has(container, name)) {
        probe(&container[*name], name, at.field(name), problems);
    }
}

fn probe(probe: &Value, name: &str, at: Path, problems: &mut Problems) {
    handler(probe, at, problems);
    let counts = ["initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"];
    non_negative(probe, &counts, at, problems);
    let grace = at.field("terminationGracePeriodSeconds");
    if has(probe, "terminationGracePeriodSeconds") {
        let seconds = number(probe, "terminationGracePeriodSeconds");
        if name == "readinessProbe" {
            problems.invalid(grace, seconds, "must not be set for readinessProbes");
        } else if seconds <= 0 {
            problems.invalid(grace, seconds, "must be greater than 0");
        }
    }
    let successes = number(probe, "successThreshold");
    if name != "readinessProbe" && successes != 1 {
        problems.invalid(at.field("successThreshold"), successes, "must be 1");
    }
}

fn handler(handler: &Value, at: Path, problems: &mut Problems) {
    let mut seen = 0;
    for name in HANDLERS.iter().filter(|name| has(handler, name)) {
        seen += 1;
        let (action, at) = (&handler[*name], at.field(name));
        if seen > 1 {
            problems.forbidden(at, "may not specify more than 1 handler type");
            continue;
        }
        match *name {
            "exec" if count(action, "command") == 0 => problems.required(at.field("command"), ""),
            "httpGet" => http_get(action, at, problems),
            "tcpSocket" => port_or_name(action, "port", at, problems),
            "grpc" => port_number(number(action, "port"), at.field("port"), problems),
            _ => {}
        }
    }
    if seen == 0 {
        problems.required(at, "must specify a handler type");
    }
}

fn http_get(action: &Value, at: Path, problems: &mut Problems) {
    required(action, "path", at, problems);
    port_or_name(action, "port", at, problems);
    one_of(action, "scheme", at, &["HTTP", "HTTPS"], problems);
    let headers = at.field("httpHeaders");
    for (index, header) in list(action, "httpHeaders").iter().enumerate() {
        follows(text(header, "name"), headers.index(index).field("name"), is_http_header_name, problems);
    }
}

fn sleep(hook: &Value, spec: &Value, at: Path, problems: &mut Problems) {
    if is_empty(hook, "sleep") {
        return;
    }
    let (seconds, grace) = (number(&hook["sleep"], "seconds"), number(spec, "terminationGracePeriodSeconds"));
    if seconds < 0 || seconds > grace {
        let message = format!("must be non-negative and less than terminationGracePeriodSeconds ({grace})");
        problems.invalid(at.field("sleep"), seconds, &message);
    }
}
