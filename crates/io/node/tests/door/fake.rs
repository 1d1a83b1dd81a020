//! A node whose processes are a few lines of Rust.

use apimachinery::{ApiError, ApiResult, Value};
use async_trait::async_trait;
use bytes::Bytes;
use client::door::*;
use client::resources::PODS;
use serde_json::json;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio_util::io::StreamReader;

/// What a process writes at once.
pub const CHUNK: usize = 32 << 10;
/// A port that sends back what it gets; one that does so only when all has come; one that breaks; one that never reads.
pub const ECHO: u16 = 7;
pub const LATE_ECHO: u16 = 8;
pub const BREAKS: u16 = 9;
pub const DEAF: u16 = 10;

pub struct Fake {
    /// Takes the lines of the log that is followed.
    pub log: Mutex<Option<mpsc::Sender<io::Result<Bytes>>>>,
    /// Bytes that `flood` could get rid of.
    pub flooded: Arc<AtomicUsize>,
    /// A permit for each session whose client is gone.
    pub left: Arc<Semaphore>,
}

impl Default for Fake {
    fn default() -> Self {
        Self { log: Mutex::default(), flooded: Arc::default(), left: Arc::new(Semaphore::new(0)) }
    }
}

impl Fake {
    /// Waits until a session has been left by its client.
    pub async fn was_left(&self) {
        crate::world::soon(self.left.acquire()).await.unwrap().forget();
    }
}

#[async_trait]
impl NodeDoor for Fake {
    async fn logs(&self, target: Target, options: LogOptions) -> ApiResult<LogChunks> {
        if target.pod != "web" {
            return Err(ApiError::not_found(&PODS, &target.pod));
        }
        assert_eq!(target, crate::world::target());
        assert_eq!(options, LogOptions { follow: true, tail_lines: Some(2), ..LogOptions::default() });
        let (lines, receiver) = mpsc::channel(1);
        *self.log.lock().unwrap() = Some(lines);
        Ok(receiver)
    }

    async fn exec(&self, target: Target, options: ExecOptions) -> ApiResult<ExecSession> {
        assert_eq!(target, crate::world::target());
        let (stdin, input) = mpsc::channel(1);
        let (output, stdout) = mpsc::channel(1);
        let (errors, stderr) = mpsc::channel(1);
        let (resize, sizes) = mpsc::channel(1);
        let (ended, status) = oneshot::channel();
        let process = Process { input, output, errors, sizes };
        tokio::spawn(process.run(options.command.join(" "), ended, self.flooded.clone(), self.left.clone()));
        let stderr = options.stderr.then_some(stderr);
        let resize = options.tty.then_some(resize);
        Ok(ExecSession { stdin: options.stdin.then_some(stdin), stdout: Some(stdout), stderr, resize, status })
    }

    async fn port_forward(&self, target: Target, port: u16) -> ApiResult<Box<dyn PortStream>> {
        assert_eq!((target.pod.as_str(), target.uid.as_str()), ("web", "u1"));
        let (near, far) = tokio::io::duplex(CHUNK);
        match port {
            BREAKS => return Ok(Box::new(tokio::io::join(StreamReader::new(broken()), tokio::io::sink()))),
            ECHO | LATE_ECHO => drop(tokio::spawn(echo(far, port == LATE_ECHO))),
            DEAF => {
                let left = self.left.clone();
                tokio::spawn(async move {
                    // Writing fails once the other half is dropped.
                    let mut far = far;
                    while far.write_all(b"?").await.is_ok() {
                        tokio::task::yield_now().await;
                    }
                    left.add_permits(1);
                });
            }
            _ => return Err(ApiError::internal("connection refused")),
        }
        Ok(Box::new(near))
    }

    async fn stats(&self) -> ApiResult<Value> {
        Ok(json!({"node": {"nodeName": "w1"}}))
    }

    async fn metrics(&self, of: NodeMetrics) -> ApiResult<String> {
        Ok(format!("of_{of:?} 1\n"))
    }

    async fn pods(&self) -> ApiResult<Value> {
        Ok(json!({"kind": "PodList", "items": []}))
    }
}

/// The near end of a process.
struct Process {
    input: mpsc::Receiver<Bytes>,
    output: mpsc::Sender<Bytes>,
    errors: mpsc::Sender<Bytes>,
    sizes: mpsc::Receiver<TerminalSize>,
}

impl Process {
    async fn run(
        self,
        command: String,
        mut ended: oneshot::Sender<ExitStatus>,
        flooded: Arc<AtomicUsize>,
        left: Arc<Semaphore>,
    ) {
        let status = tokio::select! {
            status = self.work(&command, &flooded) => status,
            () = ended.closed() => return left.add_permits(1),
        };
        if ended.send(status).is_err() {
            left.add_permits(1);
        }
    }

    async fn work(self, command: &str, flooded: &AtomicUsize) -> ExitStatus {
        let Self { mut input, output, errors, mut sizes } = self;
        match command {
            "cat" => {
                while let Some(chunk) = input.recv().await {
                    output.send(chunk).await.unwrap();
                }
                ExitStatus::Exited(0)
            }
            "both" => {
                output.send("out".into()).await.unwrap();
                errors.send("err".into()).await.unwrap();
                ExitStatus::Exited(3)
            }
            "size" => {
                let size = sizes.recv().await.unwrap();
                output.send(format!("{}x{}", size.columns, size.rows).into()).await.unwrap();
                ExitStatus::Exited(0)
            }
            // Without end; answers on stderr meanwhile.
            "flood" => {
                let flood = async {
                    while output.send(vec![7; CHUNK].into()).await.is_ok() {
                        flooded.fetch_add(CHUNK, Ordering::SeqCst);
                    }
                };
                let answers = async {
                    while let Some(chunk) = input.recv().await {
                        errors.send(chunk).await.unwrap();
                    }
                };
                tokio::join!(flood, answers);
                ExitStatus::Exited(0)
            }
            // Closes its stdin and waits for a new size.
            "close" => {
                drop(input);
                _ = sizes.recv().await;
                ExitStatus::Exited(0)
            }
            // Keeps its stdin, but reads nothing.
            "deaf" => std::future::pending().await,
            other => {
                output.send("last words".into()).await.unwrap();
                ExitStatus::Failed(format!("no such program {other:?}"))
            }
        }
    }
}

async fn echo(far: DuplexStream, late: bool) {
    let (mut read, mut write) = tokio::io::split(far);
    if late {
        let mut all = Vec::new();
        read.read_to_end(&mut all).await.unwrap();
        write.write_all(&all).await.unwrap();
    } else {
        tokio::io::copy(&mut read, &mut write).await.unwrap();
    }
    write.shutdown().await.unwrap();
}

/// A stream that says something and is then reset.
fn broken() -> impl futures_util::Stream<Item = io::Result<Bytes>> + Send + Unpin {
    let reset = || io::Error::new(io::ErrorKind::ConnectionReset, "connection reset by peer");
    futures_util::stream::iter([Ok(Bytes::from("half")), Err(reset())])
}
