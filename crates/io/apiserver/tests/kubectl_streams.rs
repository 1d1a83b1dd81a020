//! The real kubectl through exec, attach, cp, logs and port-forward, over WebSocket and over SPDY.
//!
//! The node behind the API runs the commands on this machine, without any container.

mod world;

use apimachinery::{ApiError, ApiResult, Reason, Value};
use apiserver::auth::UserInfo;
use apiserver::{ApiServer, Config};
use async_trait::async_trait;
use bytes::Bytes;
use client::door::*;
use client::resources::PODS;
use client::{Api, WriteOptions};
use serde_json::json;
use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, oneshot};

struct Host;

#[async_trait]
impl Doors for Host {
    async fn door(&self, _: &str) -> ApiResult<Arc<dyn NodeDoor>> {
        Ok(Arc::new(Self))
    }
}

#[async_trait]
impl NodeDoor for Host {
    async fn logs(&self, _: Target, options: LogOptions) -> ApiResult<LogChunks> {
        let (lines, receiver) = mpsc::channel(8);
        tokio::spawn(async move {
            for number in 0..options.tail_lines.unwrap_or(100) {
                if lines.send(Ok(format!("line {number}\n").into())).await.is_err() {
                    return;
                }
            }
            if options.follow {
                // Until the client has enough.
                lines.closed().await;
            }
        });
        Ok(receiver)
    }

    async fn exec(&self, target: Target, options: ExecOptions) -> ApiResult<ExecSession> {
        if target.container == "dead" {
            return Err(ApiError::new(Reason::Unknown, "container not found (\"dead\")"));
        }
        let attached = ["sh", "-c", "echo attached; cat"].map(str::to_owned);
        let command = if options.command.is_empty() { &attached[..] } else { &options.command[..] };
        let mut child = Command::new(&command[0])
            .args(&command[1..])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| ApiError::new(Reason::Unknown, error.to_string()))?;
        let (stdin, input) = mpsc::channel(1);
        let (resize, _) = mpsc::channel(1);
        let stdout = pump_out(child.stdout.take().unwrap());
        let stderr = pump_out(child.stderr.take().unwrap());
        pump_in(input, child.stdin.take().unwrap());
        let (ended, status) = oneshot::channel();
        tokio::spawn(async move {
            let code = child.wait().await.unwrap().code().unwrap_or(-1);
            // A client that left does not want to know.
            _ = ended.send(ExitStatus::Exited(code));
        });
        let stdin = options.stdin.then_some(stdin);
        Ok(ExecSession { stdin, stdout: Some(stdout), stderr: Some(stderr), resize: Some(resize), status })
    }

    async fn port_forward(&self, _: Target, port: u16) -> ApiResult<Box<dyn PortStream>> {
        if port == 9 {
            return Err(ApiError::new(Reason::Unknown, "connection refused"));
        }
        let (near, far) = tokio::io::duplex(1024);
        tokio::spawn(async move {
            let (mut read, mut write) = tokio::io::split(far);
            tokio::io::copy(&mut read, &mut write).await
        });
        Ok(Box::new(near))
    }

    async fn stats(&self) -> ApiResult<Value> {
        Err(ApiError::bad_request("no statistics here"))
    }

    async fn metrics(&self, _: NodeMetrics) -> ApiResult<String> {
        Err(ApiError::bad_request("no metrics here"))
    }
}

fn pump_out(mut from: impl tokio::io::AsyncRead + Unpin + Send + 'static) -> mpsc::Receiver<Bytes> {
    let (to, receiver) = mpsc::channel(4);
    tokio::spawn(async move {
        let mut buffer = vec![0; 32 * 1024];
        while let Ok(length @ 1..) = from.read(&mut buffer).await {
            if to.send(Bytes::copy_from_slice(&buffer[..length])).await.is_err() {
                return;
            }
        }
    });
    receiver
}

fn pump_in(mut from: mpsc::Receiver<Bytes>, mut to: impl tokio::io::AsyncWrite + Unpin + Send + 'static) {
    tokio::spawn(async move {
        while let Some(data) = from.recv().await {
            if to.write_all(&data).await.is_err() {
                return;
            }
        }
    });
}

/// The kubectl to try; `KUBECTL` names another one than that of the search path.
fn kubectl() -> String {
    std::env::var("KUBECTL").unwrap_or_else(|_| "kubectl".to_owned())
}

struct Cluster {
    folder: tempfile::TempDir,
    kubeconfig: PathBuf,
    _server: ApiServer,
}

async fn cluster() -> Cluster {
    let folder = tempfile::tempdir().unwrap();
    let pki = world::tls::pki();
    let config =
        Config { doors: Arc::new(Host), tls: Some(pki.server.clone()), ..world::config(&folder.path().join("data")) };
    let server = ApiServer::start(config).await.unwrap();
    let api = server.local(UserInfo::system("test"));
    let account = json!({"metadata": {"name": "default"}});
    api.create(&client::resources::SERVICE_ACCOUNTS, "default", account, WriteOptions::default()).await.unwrap();
    for (name, node) in [("web", "n1"), ("waiting", "")] {
        let containers = json!([{"name": "app", "image": "i", "stdin": true}, {"name": "dead", "image": "i"}]);
        let mut pod = json!({"metadata": {"name": name}, "spec": {"containers": containers}});
        if !node.is_empty() {
            pod["spec"]["nodeName"] = node.into();
        }
        api.create(&PODS, "default", pod, WriteOptions::default()).await.unwrap();
    }
    let mut pod = api.get(&PODS, "default", "web").await.unwrap().to_value();
    let state = json!({"name": "app", "ready": true, "restartCount": 0, "image": "i", "imageID": "i", "state": {"running": {}}});
    pod["status"] = json!({"phase": "Running", "containerStatuses": [state]});
    let status = WriteOptions { subresource: "status", ..WriteOptions::default() };
    api.update(&PODS, "default", "web", pod, status).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let kubeconfig = folder.path().join("kubeconfig");
    std::fs::write(&kubeconfig, pki.kubeconfig(listener.local_addr().unwrap().port())).unwrap();
    server.serve(listener);
    Cluster { folder, kubeconfig, _server: server }
}

impl Cluster {
    /// `sockets` chooses WebSocket (what it does by itself) or SPDY (what older ones do).
    fn kubectl(&self, sockets: bool, arguments: &[&str]) -> Command {
        let mut command = Command::new(kubectl());
        command
            .arg("--kubeconfig")
            .arg(&self.kubeconfig)
            .args(arguments)
            .env("HOME", self.folder.path())
            .env("KUBECTL_REMOTE_COMMAND_WEBSOCKETS", sockets.to_string())
            .env("KUBECTL_PORT_FORWARD_WEBSOCKETS", sockets.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    async fn run(&self, sockets: bool, arguments: &[&str], input: &[u8]) -> Output {
        let mut child = self.kubectl(sockets, arguments).spawn().expect("kubectl is installed");
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        tokio::spawn(async move {
            // A kubectl that reads no input has closed it.
            _ = stdin.write_all(&input).await;
        });
        tokio::time::timeout(Duration::from_secs(60), child.wait_with_output()).await.expect("kubectl hangs").unwrap()
    }
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap().trim_end()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exec_carries_output_and_exit_code() {
    let cluster = cluster().await;
    for sockets in [true, false] {
        let arguments = ["exec", "web", "-c", "app", "--", "sh", "-c", "echo out; echo err >&2; exit 3"];
        let output = cluster.run(sockets, &arguments, b"").await;
        assert_eq!(output.status.code(), Some(3), "{output:?}");
        assert_eq!(text(&output.stdout), "out");
        assert_eq!(text(&output.stderr), "err\ncommand terminated with exit code 3");
    }
}

/// Without this the other tests could pass by going back to SPDY.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn websocket_is_what_kubectl_agrees_on() {
    let cluster = cluster().await;
    let output = cluster.run(true, &["-v=6", "exec", "web", "-c", "app", "--", "true"], b"").await;
    assert!(output.status.success() && text(&output.stderr).contains("v5.channel.k8s.io"), "{}", text(&output.stderr));
    let mut child = cluster.kubectl(true, &["-v=6", "port-forward", "pod/web", ":7"]).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut said = String::new();
    let negotiated = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            said += &line;
            if line.to_lowercase().contains("negotiat") && line.contains("portforward.k8s.io") {
                return;
            }
        }
    };
    let outcome = tokio::time::timeout(Duration::from_secs(30), negotiated).await;
    assert!(outcome.is_ok() && !said.contains("fallback"), "{said}");
    child.kill().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exec_carries_input_to_its_end() {
    let cluster = cluster().await;
    let input: Vec<u8> = (0..3_000_000_u32).map(|number| (number % 251) as u8).collect();
    for sockets in [true, false] {
        let output = cluster.run(sockets, &["exec", "-i", "web", "-c", "app", "--", "cat"], &input).await;
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert!(output.stdout == input, "{} of {} bytes came back", output.stdout.len(), input.len());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_are_copied_both_ways() {
    let cluster = cluster().await;
    let at = |name: &str| cluster.folder.path().join(name).display().to_string();
    std::fs::write(at("here"), vec![b'x'; 500_000]).unwrap();
    for sockets in [true, false] {
        let there = format!("default/web:{}", at("there"));
        let output = cluster.run(sockets, &["cp", &at("here"), &there, "-c", "app"], b"").await;
        assert!(output.status.success(), "{}", text(&output.stderr));
        let output = cluster.run(sockets, &["cp", &there, &at("back"), "-c", "app"], b"").await;
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert_eq!(std::fs::read(at("back")).unwrap().len(), 500_000);
        std::fs::remove_file(at("there")).unwrap();
        std::fs::remove_file(at("back")).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attach_shows_the_process_and_ends_with_it() {
    let cluster = cluster().await;
    for sockets in [true, false] {
        let output = cluster.run(sockets, &["attach", "-i", "web", "-c", "app"], b"hello\n").await;
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert_eq!(text(&output.stdout), "attached\nhello");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logs_are_shown_and_followed() {
    let cluster = cluster().await;
    let output = cluster.run(true, &["logs", "web", "-c", "app", "--tail=2"], b"").await;
    assert_eq!(text(&output.stdout), "line 0\nline 1", "{}", text(&output.stderr));
    let mut child = cluster.kubectl(true, &["logs", "-f", "web", "-c", "app", "--tail=3"]).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    for number in 0..3 {
        assert_eq!(lines.next_line().await.unwrap().unwrap(), format!("line {number}"));
    }
    child.kill().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusals_read_as_upstreams() {
    let cluster = cluster().await;
    for sockets in [true, false] {
        let said = async |arguments: &[&str]| {
            let output = cluster.run(sockets, arguments, b"").await;
            assert!(!output.status.success());
            text(&output.stderr).to_owned()
        };
        let no_host = said(&["exec", "waiting", "-c", "app", "--", "ls"]).await;
        assert!(no_host.ends_with("pod waiting does not have a host assigned"), "{no_host}");
        let dead = said(&["exec", "web", "-c", "dead", "--", "ls"]).await;
        assert!(dead.ends_with("container not found (\"dead\")"), "{dead}");
        let unknown = said(&["exec", "web", "-c", "nope", "--", "ls"]).await;
        assert!(unknown.contains("container nope"), "{unknown}");
    }
}

/// `script` lends kubectl a terminal; its size travels on a stream of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_terminal_is_one_stream() {
    let cluster = cluster().await;
    for sockets in [true, false] {
        let kubectl = format!(
            "{} --kubeconfig {} exec -it web -c app -- sh -c 'echo out; echo done'",
            kubectl(),
            cluster.kubeconfig.display()
        );
        let output = Command::new("script")
            .args(["-qec", &kubectl, "/dev/null"])
            .env("HOME", cluster.folder.path())
            .env("KUBECTL_REMOTE_COMMAND_WEBSOCKETS", sockets.to_string())
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        let output = tokio::time::timeout(Duration::from_secs(60), output).await.expect("kubectl hangs").unwrap();
        assert!(output.status.success(), "{output:?}");
        assert!(text(&output.stdout).contains("out\ndone"), "{output:?}");
    }
}

/// Starts a port-forward and returns its local port.
async fn forwarded(cluster: &Cluster, sockets: bool, port: u16) -> (Child, u16) {
    let mut child = cluster.kubectl(sockets, &["port-forward", "pod/web", &format!(":{port}")]).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = tokio::time::timeout(Duration::from_secs(30), lines.next_line()).await.unwrap().unwrap();
    let Some(line) = line else {
        let mut error = String::new();
        child.stderr.take().unwrap().read_to_string(&mut error).await.unwrap();
        panic!("kubectl gave up: {error}");
    };
    let local = line.split("127.0.0.1:").nth(1).and_then(|rest| rest.split(' ').next()).unwrap().parse().unwrap();
    // It goes on printing; a closed pipe would end it.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    (child, local)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ports_are_forwarded() {
    let cluster = cluster().await;
    for sockets in [true, false] {
        let (mut child, port) = forwarded(&cluster, sockets, 7).await;
        let mut connections = tokio::task::JoinSet::new();
        for number in 0..20_u8 {
            connections.spawn(async move {
                let (mut read, mut write) =
                    tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap().into_split();
                let sent = vec![number; 200_000];
                let copy = sent.clone();
                let writing = async move {
                    write.write_all(&copy).await.unwrap();
                    write.shutdown().await.unwrap();
                    write
                };
                let mut got = Vec::new();
                let (_, read) = tokio::join!(writing, read.read_to_end(&mut got));
                read.unwrap();
                assert!(got == sent, "{} bytes came back", got.len());
            });
        }
        let all = async {
            while let Some(done) = connections.join_next().await {
                done.unwrap()
            }
        };
        tokio::time::timeout(Duration::from_secs(60), all).await.expect("port-forward hangs");
        child.kill().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_where_nobody_listens_is_named() {
    let cluster = cluster().await;
    for sockets in [true, false] {
        let (mut child, port) = forwarded(&cluster, sockets, 9).await;
        let mut connection = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let mut rest = Vec::new();
        // The end may come as a reset.
        _ = connection.read_to_end(&mut rest).await;
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let said = async {
            while let Some(line) = lines.next_line().await.unwrap() {
                if line.contains("error forwarding port 9 to pod web") && line.contains("connection refused") {
                    return;
                }
            }
            panic!("kubectl said nothing of it");
        };
        tokio::time::timeout(Duration::from_secs(30), said).await.expect("kubectl says nothing");
        // It may have ended by itself.
        _ = child.kill().await;
    }
}
