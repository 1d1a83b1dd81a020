//! What is asked of a node agent, as paths of the kubelet: written by the API server, read by the agent.
//!
//! Upstream: `pkg/kubelet/server/server.go`. What upstream has no place for is a query parameter: the pod's `uid` of
//! `containerLogs`. Streams speak [`super::link::PROTOCOL`].

use super::{ExecOptions, LogOptions, NodeMetrics, Target};
use apimachinery::{ApiError, ApiResult};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AgentRequest {
    Logs(Target, LogOptions),
    /// Without a command: attach.
    Exec(Target, ExecOptions),
    PortForward(Target, u16),
    Stats,
    Metrics(NodeMetrics),
    Pods,
    Health,
}

impl AgentRequest {
    /// Path and query.
    pub fn uri(&self) -> String {
        match self {
            Self::Logs(target, options) => {
                let path = path("containerLogs", &[&target.namespace, &target.pod, &target.container]);
                path + &log_query(target, options)
            }
            Self::Exec(target, options) => {
                let what = if options.command.is_empty() { "attach" } else { "exec" };
                let path = path(what, &[&target.namespace, &target.pod, &target.uid, &target.container]);
                path + &exec_query(options)
            }
            Self::PortForward(target, port) => {
                let path = path("portForward", &[&target.namespace, &target.pod, &target.uid]);
                path + &query(vec![("port", port.to_string())])
            }
            Self::Stats => "/stats/summary".to_owned(),
            Self::Metrics(NodeMetrics::Agent) => "/metrics".to_owned(),
            Self::Metrics(NodeMetrics::Cadvisor) => "/metrics/cadvisor".to_owned(),
            Self::Metrics(NodeMetrics::Resource) => "/metrics/resource".to_owned(),
            Self::Pods => "/pods".to_owned(),
            Self::Health => "/healthz".to_owned(),
        }
    }

    /// None if there is nothing at this path.
    ///
    /// # Errors
    /// 400 if a parameter cannot be read or is missing.
    pub fn read(path: &str, query: &str) -> ApiResult<Option<Self>> {
        let parts: Vec<String> = path.split('/').skip(1).map(decoded).collect();
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let query = Query::read(query);
        Ok(Some(match parts[..] {
            ["containerLogs", namespace, pod, container] => {
                let uid = query.text("uid").unwrap_or_default();
                Self::Logs(target(namespace, pod, uid, container), log_options(&query)?)
            }
            ["exec", namespace, pod, container] => exec(target(namespace, pod, "", container), &query)?,
            ["exec", namespace, pod, uid, container] => exec(target(namespace, pod, uid, container), &query)?,
            ["attach", namespace, pod, container] => attach(target(namespace, pod, "", container), &query),
            ["attach", namespace, pod, uid, container] => attach(target(namespace, pod, uid, container), &query),
            ["portForward", namespace, pod] => port_forward(target(namespace, pod, "", ""), &query)?,
            ["portForward", namespace, pod, uid] => port_forward(target(namespace, pod, uid, ""), &query)?,
            ["stats", "summary"] => Self::Stats,
            ["metrics"] => Self::Metrics(NodeMetrics::Agent),
            ["metrics", "cadvisor"] => Self::Metrics(NodeMetrics::Cadvisor),
            ["metrics", "resource"] => Self::Metrics(NodeMetrics::Resource),
            ["pods"] => Self::Pods,
            ["healthz"] | ["healthz", "ping" | "syncloop"] => Self::Health,
            _ => return Ok(None),
        }))
    }

    /// Whether it is answered by a stream both ways.
    pub fn is_session(&self) -> bool {
        matches!(self, Self::Exec(..) | Self::PortForward(..))
    }
}

fn path(what: &str, parts: &[&str]) -> String {
    parts.iter().fold(format!("/{what}"), |path, part| path + "/" + &encoded(part))
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

fn query(pairs: Vec<(&str, String)>) -> String {
    let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) }
}

fn flags(given: &[(&'static str, bool)]) -> Vec<(&'static str, String)> {
    given.iter().filter(|(_, is)| *is).map(|(name, _)| (*name, "true".to_owned())).collect()
}

fn log_query(target: &Target, options: &LogOptions) -> String {
    let mut pairs =
        flags(&[("follow", options.follow), ("previous", options.previous), ("timestamps", options.timestamps)]);
    let number = |value: Option<i64>| value.map(|value| value.to_string());
    let given = [
        ("sinceSeconds", number(options.since_seconds)),
        ("sinceTime", options.since_time.clone()),
        ("tailLines", number(options.tail_lines)),
        ("limitBytes", number(options.limit_bytes)),
        ("stream", options.stream.clone()),
        ("uid", Some(target.uid.clone()).filter(|uid| !uid.is_empty())),
    ];
    pairs.extend(given.into_iter().filter_map(|(name, value)| Some((name, value?))));
    query(pairs)
}

fn log_options(query: &Query) -> ApiResult<LogOptions> {
    Ok(LogOptions {
        follow: query.flag("follow"),
        previous: query.flag("previous"),
        timestamps: query.flag("timestamps"),
        since_seconds: query.number("sinceSeconds")?,
        since_time: query.text("sinceTime").map(str::to_owned),
        tail_lines: query.number("tailLines")?,
        limit_bytes: query.number("limitBytes")?,
        stream: query.text("stream").map(str::to_owned),
    })
}

fn exec_query(options: &ExecOptions) -> String {
    let mut pairs: Vec<_> = options.command.iter().map(|word| ("command", word.clone())).collect();
    pairs.extend(flags(&[
        ("stdin", options.stdin),
        ("stdout", options.stdout),
        ("stderr", options.stderr),
        ("tty", options.tty),
    ]));
    query(pairs)
}

fn exec(target: Target, query: &Query) -> ApiResult<AgentRequest> {
    let options = exec_options(query);
    match options.command.is_empty() {
        true => Err(ApiError::bad_request("you must specify at least one command for the container")),
        false => Ok(AgentRequest::Exec(target, options)),
    }
}

fn attach(target: Target, query: &Query) -> AgentRequest {
    AgentRequest::Exec(target, ExecOptions { command: Vec::new(), ..exec_options(query) })
}

fn exec_options(query: &Query) -> ExecOptions {
    ExecOptions {
        command: query.all("command"),
        stdin: query.flag("stdin"),
        stdout: query.flag("stdout"),
        stderr: query.flag("stderr"),
        tty: query.flag("tty"),
    }
}

fn port_forward(target: Target, query: &Query) -> ApiResult<AgentRequest> {
    let text = query.text("port").ok_or_else(|| ApiError::bad_request("query parameter \"port\" is required"))?;
    match text.parse() {
        Ok(port @ 1..) => Ok(AgentRequest::PortForward(target, port)),
        _ => Err(ApiError::bad_request(format!("{text:?} is not a port; ports are 1 to 65535"))),
    }
}

fn target(namespace: &str, pod: &str, uid: &str, container: &str) -> Target {
    let [namespace, pod, uid, container] = [namespace, pod, uid, container].map(str::to_owned);
    Target { namespace, pod, uid, container }
}

/// Decoded pairs, in order.
struct Query(Vec<(String, String)>);

impl Query {
    fn read(query: &str) -> Self {
        let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(&name.replace('+', " ")), decoded(&value.replace('+', " ")))
        });
        Self(pairs.collect())
    }

    fn all(&self, name: &str) -> Vec<String> {
        self.0.iter().filter(|(own, _)| own == name).map(|(_, value)| value.clone()).collect()
    }

    fn text(&self, name: &str) -> Option<&str> {
        let value = self.0.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str());
        value.filter(|value| !value.is_empty())
    }

    /// Given is true, unless it says `false` or `0`.
    fn flag(&self, name: &str) -> bool {
        let value = self.0.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str());
        value.is_some_and(|value| !value.eq_ignore_ascii_case("false") && value != "0")
    }

    fn number(&self, name: &str) -> ApiResult<Option<i64>> {
        let Some(text) = self.text(name) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| ApiError::bad_request(format!("{name}={text} is not a number")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(request: AgentRequest, uri: &str) {
        assert_eq!(request.uri(), uri);
        let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
        assert_eq!(AgentRequest::read(path, query).unwrap(), Some(request));
    }

    #[test]
    fn requests_are_read_as_they_were_written() {
        let whole = target("default", "web", "u1", "app");
        let options = LogOptions { follow: true, tail_lines: Some(3), ..LogOptions::default() };
        check(
            AgentRequest::Logs(whole.clone(), options),
            "/containerLogs/default/web/app?follow=true&tailLines=3&uid=u1",
        );
        let command = vec!["sh".to_owned(), "-c".to_owned(), "a/b & \u{e4}?".to_owned()];
        let options = ExecOptions { command, stdin: true, stdout: true, ..ExecOptions::default() };
        let query = "command=sh&command=%2Dc&command=a%2Fb%20%26%20%C3%A4%3F&stdin=true&stdout=true";
        check(AgentRequest::Exec(whole.clone(), options), &format!("/exec/default/web/u1/app?{query}"));
        let options = ExecOptions { stdout: true, tty: true, ..ExecOptions::default() };
        check(AgentRequest::Exec(whole, options), "/attach/default/web/u1/app?stdout=true&tty=true");
        check(AgentRequest::PortForward(target("a", "b", "c", ""), 80), "/portForward/a/b/c?port=80");
        check(AgentRequest::Metrics(NodeMetrics::Cadvisor), "/metrics/cadvisor");
        check(AgentRequest::Health, "/healthz");
    }

    #[test]
    fn short_forms_and_nonsense() {
        let read =
            |path: &str, query: &str| AgentRequest::read(path, query).map_err(|error| error.message().to_owned());
        let expected = ExecOptions { command: vec!["a b".to_owned()], tty: true, ..ExecOptions::default() };
        let expected = AgentRequest::Exec(target("n", "p", "", "c"), expected);
        assert_eq!(read("/exec/n/p/c", "command=a+b&tty=1&stdin=0"), Ok(Some(expected)));
        assert_eq!(read("/runningpods", ""), Ok(None));
        assert!(read("/exec/n/p/c", "").is_err());
        assert!(read("/portForward/n/p", "port=0").is_err());
        assert!(read("/containerLogs/n/p/c", "tailLines=x").is_err());
    }
}
