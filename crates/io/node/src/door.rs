//! The node's door: logs, exec, attach, port-forward, stats.

use crate::agent::Node;
use crate::container::{newest, previous};
use crate::pod::log_path;
use apimachinery::{ApiError, ApiResult, Reason, Value};
use async_trait::async_trait;
use bytes::Bytes;
use client::door::{
    ExecOptions, ExecSession, ExitStatus, LogChunks, LogOptions, NodeDoor, NodeMetrics, PortStream, Target,
    TerminalSize,
};
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use netplan::PodKey;
use runtime::{ContainerKey, ContainerState, ExecSpec, InputStream, OutputStream, Sandbox, StreamControl};
use serde_json::json;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

/// Chunks on their way between a container and a client: enough to keep both busy, little to hold.
const CHUNKS: usize = 16;
const CHUNK: usize = 16 << 10;
/// What a container still says to a client whose input has ended, and who therefore leaves.
const LAST_WORDS: Duration = Duration::from_millis(200);

#[async_trait]
impl NodeDoor for Node {
    async fn logs(&self, target: Target, options: LogOptions) -> ApiResult<LogChunks> {
        let pod = self.pod(&target)?;
        let container = container_name(&pod, &target)?;
        let key = PodKey { namespace: target.namespace, name: target.pod, uid: uid(&pod) };
        let wanted = log_options(&options)?;
        let sandbox = self.agent.runtime.get(&key.uid);
        let of_runtime = sandbox.as_ref().and_then(|sandbox| newest(sandbox, &container));
        let source = match (of_runtime, options.previous) {
            (Some(status), false) if status.state != ContainerState::Created => Ok(status.key),
            (Some(status), true) => previous(&status.key).ok_or(status.key),
            (_, is_previous) => attempt_of_status(&pod, &container, is_previous),
        };
        let Ok(attempt) = source else {
            return Err(ApiError::bad_request(no_log(&pod, &container, options.previous)));
        };
        let known = sandbox.filter(|sandbox| sandbox.container(&attempt).is_some());
        let stream = match known {
            Some(sandbox) => sandbox.logs(&attempt, wanted).await,
            None => {
                let path = log_path(&self.agent.config, &key, &container, attempt.attempt);
                if !path.exists() {
                    return Err(ApiError::bad_request(no_log(&pod, &container, options.previous)));
                }
                let ended = CancellationToken::new();
                ended.cancel();
                runtime::logs::read(&path, wanted, ended).await
            }
        };
        stream.map_err(|error| ApiError::internal(stdx::chain(&error)))
    }

    async fn exec(&self, target: Target, options: ExecOptions) -> ApiResult<ExecSession> {
        let pod = self.pod(&target)?;
        let container = container_name(&pod, &target)?;
        let (sandbox, key) = self.running(&pod, &container)?;
        let is_exec = !options.command.is_empty();
        let streams = if is_exec {
            let spec = ExecSpec {
                command: options.command.clone(),
                tty: options.tty,
                stdin: options.stdin,
                stdout: options.stdout,
                stderr: options.stderr,
            };
            sandbox.exec(&key, spec).await
        } else {
            sandbox.attach(&key).await
        };
        let streams = match streams {
            Ok(streams) => streams,
            Err(error) => return Ok(failed_session(&error, &options)),
        };
        let (stdin, stdin_end) = unzip(streams.stdin.filter(|_| options.stdin).map(write_to));
        // The container goes on without its client, who has nothing more to say.
        let detaches = !is_exec && keeps_stdin(&pod, &container);
        let (stdout, stdout_end) = unzip(streams.stdout.filter(|_| options.stdout || options.tty).map(read_from));
        let (stderr, stderr_end) = unzip(streams.stderr.filter(|_| options.stderr).map(read_from));
        let (resize, sizes) = mpsc::channel(1);
        let (ended, status) = oneshot::channel();
        tokio::spawn(supervise(
            streams.control,
            sizes,
            ended,
            stdin_end.filter(|_| detaches),
            [stdout_end, stderr_end],
        ));
        Ok(ExecSession { stdin, stdout, stderr, resize: options.tty.then_some(resize), status })
    }

    async fn port_forward(&self, target: Target, port: u16) -> ApiResult<Box<dyn PortStream>> {
        let pod = self.pod(&target)?;
        let sandbox = self.agent.runtime.get(&uid(&pod)).filter(Sandbox::is_alive);
        let sandbox = sandbox.ok_or_else(|| {
            let name = pod.metadata.name.clone().unwrap_or_default();
            ApiError::bad_request(format!("unable to forward port because pod {name} is not running"))
        })?;
        let stream = sandbox.dial(port).await;
        Ok(Box::new(stream.map_err(|error| ApiError::internal(stdx::chain(&error)))?))
    }

    async fn stats(&self) -> ApiResult<Value> {
        Ok(self.summary().await)
    }

    async fn metrics(&self, of: NodeMetrics) -> ApiResult<String> {
        Ok(self.exposition(of))
    }

    async fn pods(&self) -> ApiResult<Value> {
        let pods = self.agent.pods.list(client::Scope::All);
        let items: Vec<Value> = pods.iter().map(|pod| pod.to_value()).collect();
        Ok(json!({"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": items}))
    }
}

impl Node {
    fn pod(&self, target: &Target) -> ApiResult<Pod> {
        let found = self.agent.pods.get(&format!("{}/{}", target.namespace, target.pod));
        let found = found.filter(|pod| target.uid.is_empty() || pod.head.uid == target.uid);
        let found = found.ok_or_else(|| ApiError::not_found(&client::resources::PODS, &target.pod))?;
        found.decode().map_err(ApiError::internal)
    }

    fn running(&self, pod: &Pod, container: &str) -> ApiResult<(Sandbox, ContainerKey)> {
        let sandbox = self.agent.runtime.get(&uid(pod));
        let running = sandbox.and_then(|sandbox| {
            let status = newest(&sandbox, container).filter(|status| status.state == ContainerState::Running)?;
            Some((sandbox, status.key))
        });
        running.ok_or_else(|| ApiError::new(Reason::InternalError, format!("container not found (\"{container}\")")))
    }
}

fn uid(pod: &Pod) -> String {
    pod.metadata.uid.clone().unwrap_or_default()
}

/// The container that is meant; the first where none is named.
fn container_name(pod: &Pod, target: &Target) -> ApiResult<String> {
    let items = pods::items(pod);
    if target.container.is_empty() {
        let first = items.iter().find(|item| item.role == pods::Role::Main);
        return Ok(first.map(|item| item.name.to_owned()).unwrap_or_default());
    }
    match items.iter().any(|item| item.name == target.container) {
        true => Ok(target.container.clone()),
        false => {
            let text = format!("container {} is not valid for pod {}", target.container, target.pod);
            Err(ApiError::bad_request(text))
        }
    }
}

fn status_of<'a>(pod: &'a Pod, container: &str) -> Option<&'a ContainerStatus> {
    let status = pod.status.as_ref()?;
    let lists = [&status.container_statuses, &status.init_container_statuses, &status.ephemeral_container_statuses];
    lists.into_iter().flatten().flatten().find(|entry| entry.name == container)
}

/// The attempt whose log is meant, by the pod's status: its containers are no longer in the runtime.
fn attempt_of_status(pod: &Pod, container: &str, is_previous: bool) -> Result<ContainerKey, ContainerKey> {
    let none = || ContainerKey::new(container, 0);
    let status = status_of(pod, container).filter(|status| status.container_id.is_some()).ok_or_else(none)?;
    let last = ContainerKey::new(container, status.restart_count.unsigned_abs());
    if is_previous { previous(&last).ok_or_else(none) } else { Ok(last) }
}

fn no_log(pod: &Pod, container: &str, is_previous: bool) -> String {
    let name = pod.metadata.name.clone().unwrap_or_default();
    if is_previous {
        return format!("previous terminated container \"{container}\" in pod \"{name}\" not found");
    }
    let state = status_of(pod, container).and_then(|status| status.state.as_ref());
    let reason = state.and_then(|state| state.waiting.as_ref()).and_then(|waiting| waiting.reason.as_deref());
    match reason {
        Some(reason @ ("ErrImagePull" | "ImagePullBackOff" | "ErrImageNeverPull")) => {
            format!(
                "container \"{container}\" in pod \"{name}\" is waiting to start: trying and failing to pull image ({reason})"
            )
        }
        reason => {
            let reason = reason.unwrap_or("ContainerCreating");
            format!("container \"{container}\" in pod \"{name}\" is waiting to start: {reason}")
        }
    }
}

fn log_options(options: &LogOptions) -> ApiResult<runtime::logs::LogOptions> {
    let since_time = match &options.since_time {
        Some(text) => Some(text.parse::<jiff::Timestamp>().map_err(|error| ApiError::bad_request(error.to_string()))?),
        None => None,
    };
    let since_seconds =
        options.since_seconds.map(|seconds| jiff::Timestamp::now() - jiff::SignedDuration::from_secs(seconds));
    Ok(runtime::logs::LogOptions {
        follow: options.follow,
        since: since_time.or(since_seconds),
        tail: options.tail_lines.map(|lines| lines.max(0).unsigned_abs()),
        timestamps: options.timestamps,
        limit_bytes: options.limit_bytes.map(|bytes| bytes.max(0).unsigned_abs()),
        stream: match options.stream.as_deref() {
            Some("Stdout") => Some("stdout"),
            Some("Stderr") => Some("stderr"),
            _ => None,
        },
    })
}

/// A session that has ended before it began: the client gets the reason.
fn failed_session(error: &runtime::Error, options: &ExecOptions) -> ExecSession {
    let (ended, status) = oneshot::channel();
    let code = match error {
        runtime::Error::Exec { exit_code, .. } => *exit_code,
        _ => 0,
    };
    let text = match error {
        runtime::Error::Exec { .. } => {
            format!("failed to exec in container: failed to start exec: {error} (exit code {code})")
        }
        error => stdx::chain(error),
    };
    // The receiver is returned below; it is there.
    _ = ended.send(ExitStatus::Failed(text));
    let closed = || mpsc::channel(1).1;
    ExecSession {
        stdin: None,
        stdout: options.stdout.then(closed),
        stderr: options.stderr.then(closed),
        resize: None,
        status,
    }
}

fn unzip<A, B>(pair: Option<(A, B)>) -> (Option<A>, Option<B>) {
    pair.map_or((None, None), |(a, b)| (Some(a), Some(b)))
}

/// Whether the container's stdin stays open when an attached client's ends.
fn keeps_stdin(pod: &Pod, name: &str) -> bool {
    crate::container::Target::find(pod, name).is_none_or(|target| {
        let container = target.container();
        !container.stdin_once.unwrap_or(false) || container.tty.unwrap_or(false)
    })
}

/// Where to send input, and word of its end.
fn write_to(mut stream: InputStream) -> (mpsc::Sender<Bytes>, oneshot::Receiver<()>) {
    let (sender, mut chunks) = mpsc::channel::<Bytes>(CHUNKS);
    let (ended, end) = oneshot::channel();
    tokio::spawn(async move {
        while let Some(chunk) = chunks.recv().await {
            if stream.write_all(&chunk).await.is_err() || stream.flush().await.is_err() {
                return;
            }
        }
        // The process may have closed its end already.
        _ = stream.shutdown().await;
        _ = ended.send(());
    });
    (sender, end)
}

/// The chunks of a stream, and word of its end.
fn read_from(mut stream: OutputStream) -> (mpsc::Receiver<Bytes>, oneshot::Receiver<()>) {
    let (sender, receiver) = mpsc::channel(CHUNKS);
    let (ended, end) = oneshot::channel();
    tokio::spawn(async move {
        let mut buffer = vec![0; CHUNK];
        while let Ok(count @ 1..) = stream.read(&mut buffer).await {
            if sender.send(Bytes::copy_from_slice(&buffer[..count])).await.is_err() {
                break;
            }
        }
        _ = ended.send(());
    });
    (receiver, end)
}

/// Passes on resizes and, once all output has been read, the exit code. A client that is gone ends the session.
async fn supervise(
    mut control: StreamControl,
    mut sizes: mpsc::Receiver<TerminalSize>,
    mut ended: oneshot::Sender<ExitStatus>,
    detach: Option<oneshot::Receiver<()>>,
    outputs: [Option<oneshot::Receiver<()>>; 2],
) {
    let mut detach = std::pin::pin!(async {
        let has_ended = match detach {
            Some(end) => end.await.is_ok(),
            None => false,
        };
        match has_ended {
            true => tokio::time::sleep(LAST_WORDS).await,
            false => std::future::pending().await,
        }
    });
    let status = loop {
        tokio::select! {
            // Upstream: containerd's `Attach`. Letting go of the session ends its outputs.
            () = &mut detach => {
                drop(control);
                break ExitStatus::Exited(0);
            }
            result = control.wait() => break match result {
                Ok(code) => ExitStatus::Exited(code),
                Err(error) => ExitStatus::Failed(stdx::chain(&error)),
            },
            Some(size) = sizes.recv() => {
                if let Err(error) = control.resize(size.columns, size.rows) {
                    tracing::debug!(error = %stdx::chain(&error), "a terminal was not resized");
                }
            }
            () = ended.closed() => return,
        }
    };
    for output in outputs.into_iter().flatten() {
        tokio::select! {
            _ = output => {}
            () = ended.closed() => return,
        }
    }
    _ = ended.send(status);
}
