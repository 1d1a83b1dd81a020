//! Whole configurations: what they mean, and that no text whatever stops the reader.

use super::model::{Capability, Config, Proxy};
use super::{Env, Files, NoFiles, Source, parse};
use expect_test::{Expect, expect, expect_file};
use proptest::prelude::*;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Answers, as those that every configuration of Debian names; nothing else is there.
struct Answers;

impl Files for Answers {
    fn read(&self, path: &Path) -> Result<Vec<u8>, String> {
        match path.extension() {
            Some(extension) if extension == "http" => Ok(b"HTTP/1.0 503 No\r\n\r\nno\n".to_vec()),
            _ => Err("No such file or directory".into()),
        }
    }

    fn list(&self, path: &Path) -> Result<Vec<PathBuf>, String> {
        NoFiles.list(path)
    }

    fn is_folder(&self, path: &Path) -> bool {
        NoFiles.is_folder(path)
    }
}

fn read(text: &str) -> String {
    let source = Source { name: "f.cfg".into(), text: text.into() };
    match parse(&[source], &Env::new(), &Answers) {
        Ok(parsed) => {
            let said: String =
                parsed.warnings.iter().map(|problem| format!("{}: {}\n", problem.level, problem.text)).collect();
            said + &brief(&parsed.config)
        }
        Err(problems) => problems.0.iter().map(|problem| format!("{}: {}\n", problem.level, problem.text)).collect(),
    }
}

#[track_caller]
fn check(text: &str, expected: Expect) {
    expected.assert_eq(&read(text));
}

/// What differs from a section that says nothing, one line for each proxy, bind and server.
fn brief(config: &Config) -> String {
    let mut out = String::new();
    for proxy in &config.proxies {
        let _ = writeln!(out, "{}", proxy_line(proxy));
        for bind in &proxy.binds {
            let _ = writeln!(out, "  bind {:?} ids {:?}", bind.listen, bind.ids);
        }
        for server in &proxy.servers {
            let _ = write!(
                out,
                "  server {} {}: {:?} {:?} weight {}",
                server.id, server.name, server.host, server.port, server.weight
            );
            let check = &server.check;
            if server.checked {
                let _ = write!(out, " check {:?} rise {} fall {}", check.inter, check.rise, check.fall);
            }
            if server.maxconn > 0 {
                let _ = write!(out, " maxconn {} maxqueue {}", server.maxconn, server.maxqueue);
            }
            let _ =
                writeln!(out, "{}", server.slowstart.map(|time| format!(" slowstart {time:?}")).unwrap_or_default());
        }
    }
    out
}

fn proxy_line(proxy: &Proxy) -> String {
    let kind = match proxy.capability {
        Capability::Frontend => "frontend",
        Capability::Backend => "backend",
        Capability::Listen => "listen",
        Capability::Defaults => "defaults",
    };
    let timeouts = &proxy.timeouts;
    let times = [("client", timeouts.client), ("connect", timeouts.connect), ("server", timeouts.server)];
    let times = times.iter().filter_map(|(name, time)| Some(format!(" {name} {:?}", (*time)?))).collect::<String>();
    format!(
        "{} {kind} {} {:?}{times} retries {} logs {} errors {:?} default_backend {:?}",
        proxy.id,
        proxy.name,
        proxy.mode,
        proxy.retries,
        proxy.logs.len(),
        proxy.errors.keys().collect::<Vec<_>>(),
        proxy.default_backend
    )
}

#[test]
fn debian() {
    expect_file!["testdata/debian.txt"].assert_eq(&read(include_str!("testdata/debian.cfg")));
}

/// An entry to a cluster's API servers, as kubeadm's guides have it.
#[test]
fn api_servers() {
    expect_file!["testdata/api_servers.txt"].assert_eq(&read(include_str!("testdata/api_servers.cfg")));
}

/// The idioms of kubespray: default-server, template, checks over TLS.
#[test]
fn kubespray() {
    expect_file!["testdata/kubespray.txt"].assert_eq(&read(include_str!("testdata/kubespray.cfg")));
}

#[test]
fn defaults_are_inherited() {
    check(
        "defaults a\n timeout client 5s\n retries 7\ndefaults b from a\n mode http\nfrontend f from a\n bind :80\n\
         frontend g from b\n bind :81\nbackend h from b\n retries 2\nlisten i from b\n bind :82\n timeout client 1s\n no option abortonclose\n",
        expect![[r#"
            1 frontend f Tcp client 5s retries 7 logs 0 errors [] default_backend None
              bind [Ip(0.0.0.0:80)] ids [1]
            2 frontend g Http client 5s retries 7 logs 0 errors [] default_backend None
              bind [Ip(0.0.0.0:81)] ids [1]
            3 backend h Http client 5s retries 2 logs 0 errors [] default_backend None
            4 listen i Http client 1s retries 7 logs 0 errors [] default_backend None
              bind [Ip(0.0.0.0:82)] ids [1]
        "#]],
    );
}

#[test]
fn numbers_pass_those_that_are_taken() {
    check(
        "defaults\n timeout client 1s\nfrontend f\n bind :81-83\n bind :84 id 2\n bind :85\nbackend a\n id 3\n server x :1\n \
         server y :1 id 4\n server z :1\n server w :1\nbackend b\nglobal\n stats timeout 3s\nbackend c\n",
        expect![[r#"
            WARNING: config : missing timeouts for backend 'a'.
               | While not properly invalid, you will certainly encounter various problems
               | with such a configuration. To fix this, please ensure that all following
               | timeouts are set to a non-zero value: 'client', 'connect', 'server'.
            1 frontend f Tcp client 1s retries 3 logs 0 errors [] default_backend None
              bind [Ip(0.0.0.0:81), Ip(0.0.0.0:82), Ip(0.0.0.0:83)] ids [1, 3, 4]
              bind [Ip(0.0.0.0:84)] ids [2]
              bind [Ip(0.0.0.0:85)] ids [6]
            3 backend a Tcp client 1s retries 3 logs 0 errors [] default_backend None
              server 1 x: Ip(0.0.0.0) Fixed(1) weight 1
              server 4 y: Ip(0.0.0.0) Fixed(1) weight 1
              server 3 z: Ip(0.0.0.0) Fixed(1) weight 1
              server 5 w: Ip(0.0.0.0) Fixed(1) weight 1
            4 backend b Tcp client 1s retries 3 logs 0 errors [] default_backend None
            6 backend c Tcp client 1s retries 3 logs 0 errors [] default_backend None
        "#]],
    );
}

#[test]
fn templates_and_default_servers() {
    check(
        "backend b\n timeout connect 1s\n timeout server 1s\n default-server check inter 5s weight 9 slowstart 3s\n \
         server-template t 2-3 10.0.0.1:80\n default-server fall 9\n server a 10.0.0.2:+5 check port 3 weight 1 no-check\n",
        expect![[r#"
            1 backend b Tcp connect 1s server 1s retries 3 logs 0 errors [] default_backend None
              server 1 t2: Ip(10.0.0.1) Fixed(80) weight 9 check 5s rise 2 fall 3 slowstart 3s
              server 2 t3: Ip(10.0.0.1) Fixed(80) weight 9 check 5s rise 2 fall 3 slowstart 3s
              server 3 a: Ip(10.0.0.2) Client(5) weight 1 slowstart 3s
        "#]],
    );
}

#[test]
fn what_has_no_effect_is_said_once() {
    check(
        "global\n cpu-map 1 1\n cpu-map 2 2\n nbproc 1\nring r\n size 3\nfrontend f\n bind :1 thread 1 shards 2\n timeout client 1s\n",
        expect![[r#"
            NOTICE: config : [f.cfg:2] : 'cpu-map' is accepted without effect: the kernel places the workers.
            NOTICE: config : [f.cfg:4] : 'nbproc' is accepted without effect: one process with several workers is all there is.
            NOTICE: config : [f.cfg:5] : 'section 'ring'' is accepted without effect: log lines are sent at once.
            NOTICE: config : [f.cfg:8] : 'bind thread' is accepted without effect: every worker accepts on every socket.
            NOTICE: config : [f.cfg:8] : 'bind shards' is accepted without effect: every worker accepts on every socket.
            1 frontend f Tcp client 1s retries 3 logs 0 errors [] default_backend None
              bind [Ip(0.0.0.0:1)] ids [1]
        "#]],
    );
}

#[test]
fn what_would_change_traffic_is_refused() {
    check(
        "global\n lua-load x\nbackend b\n filter spoe engine x config y\n server a :1 namespace x\n",
        expect![[r#"
        ALERT: config : parsing [f.cfg:2] : 'lua-load' is not supported: Lua scripts are not run; express it in rules, or leave the line out.
        ALERT: config : parsing [f.cfg:4] : 'filter spoe' is not supported: SPOE agents are not spoken to; use rules, or a server that decides.
        ALERT: config : [f.cfg:5] : 'server b/a' : 'namespace' is not supported: connections start in the process's own namespace; start it in that namespace.
        ALERT: config : Error(s) found in configuration file : f.cfg
        ALERT: config : Fatal errors found in configuration.
    "#]],
    );
}

#[test]
fn who_has_no_clients_cannot_change_how_they_speak() {
    check(
        "listen l\n bind :1\n tcp-request content switch-mode http\nbackend b\n tcp-request content switch-mode http\n",
        expect![[r#"
            ALERT: config : parsing [f.cfg:5] : 'tcp-request switch-mode' not allowed because backend 'b' has no frontend capability
            ALERT: config : Error(s) found in configuration file : f.cfg
            ALERT: config : Fatal errors found in configuration.
        "#]],
    );
}

/// Words that configurations are made of, so that random ones get far.
const WORDS: [&str; 40] = [
    "global",
    "defaults",
    "frontend",
    "backend",
    "listen",
    "from",
    "bind",
    "server",
    "server-template",
    "default-server",
    "acl",
    "http-request",
    "use_backend",
    "if",
    "option",
    "no",
    "timeout",
    "client",
    ":80",
    "127.0.0.1:1-9",
    "\"$A\"",
    "${.LINE}",
    "check",
    "inter",
    "3s",
    "99999999999",
    "-1",
    "stats",
    "uri",
    "log",
    "global",
    "resolvers",
    "userlist",
    "user",
    "peers",
    "http-errors",
    "errorfile",
    "503",
    "{ path /x }",
    ".if",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_bytes_are_read(text in prop::collection::vec(any::<u8>(), 0..300)) {
        let source = Source { name: "f".into(), text };
        let _ = parse(&[source], &Env::new(), &NoFiles);
    }

    #[test]
    fn any_words_are_read(words in prop::collection::vec((0..WORDS.len(), "[ \n]", "[a-z\\x00-\\x7f]{0,3}"), 0..60)) {
        let text: String = words.iter().map(|(word, end, odd)| format!("{}{odd}{end}", WORDS[*word])).collect();
        let source = Source { name: "f".into(), text: text.into() };
        let _ = parse(&[source], &Env::new(), &NoFiles);
    }
}
