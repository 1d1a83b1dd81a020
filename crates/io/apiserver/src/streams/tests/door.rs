//! A node whose processes are a few lines of Rust.

use apimachinery::{ApiError, ApiResult, Object, Reason, Value};
use async_trait::async_trait;
use bytes::Bytes;
use client::door::*;
use serde_json::json;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

pub struct FakeNode;

pub fn pod() -> Object {
    Object::from_value(&json!({
        "kind": "Pod", "apiVersion": "v1", "metadata": {"name": "web", "namespace": "default", "uid": "u1"},
        "spec": {
            "nodeName": "n1",
            "containers": [{"name": "app"}, {"name": "side"}],
            "initContainers": [{"name": "prepare"}],
        },
    }))
    .unwrap()
}

#[async_trait]
impl Doors for FakeNode {
    async fn door(&self, node: &str) -> ApiResult<Arc<dyn NodeDoor>> {
        assert_eq!(node, "n1");
        Ok(Arc::new(Self))
    }
}

#[async_trait]
impl NodeDoor for FakeNode {
    async fn logs(&self, target: Target, options: LogOptions) -> ApiResult<LogChunks> {
        assert_eq!(target.container, "app");
        let (lines, receiver) = mpsc::channel(8);
        for number in 1..=options.tail_lines.unwrap_or(10) {
            lines.try_send(Ok(format!("line {number}").into())).unwrap();
        }
        Ok(receiver)
    }

    async fn exec(&self, _target: Target, options: ExecOptions) -> ApiResult<ExecSession> {
        let name = options.command.first().map(String::as_str).unwrap_or_default().to_owned();
        if name == "missing" {
            return Err(ApiError::new(Reason::Unknown, "container not found (\"app\")"));
        }
        let (stdin, input) = mpsc::channel(1);
        let (output, stdout) = mpsc::channel(1);
        let (errors, stderr) = mpsc::channel(1);
        let (resize, sizes) = mpsc::channel(1);
        let (ended, status) = oneshot::channel();
        tokio::spawn(process(name, input, output, errors, sizes, ended));
        Ok(ExecSession { stdin: Some(stdin), stdout: Some(stdout), stderr: Some(stderr), resize: Some(resize), status })
    }

    async fn port_forward(&self, _target: Target, port: u16) -> ApiResult<Box<dyn PortStream>> {
        if port != 7 {
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

async fn process(
    name: String,
    mut input: mpsc::Receiver<Bytes>,
    output: mpsc::Sender<Bytes>,
    errors: mpsc::Sender<Bytes>,
    mut sizes: mpsc::Receiver<TerminalSize>,
    ended: oneshot::Sender<ExitStatus>,
) {
    let status = match name.as_str() {
        "cat" => {
            while let Some(data) = input.recv().await {
                output.send(data).await.unwrap();
            }
            ExitStatus::Exited(0)
        }
        "exit" => {
            output.send("out".into()).await.unwrap();
            errors.send("err".into()).await.unwrap();
            ExitStatus::Exited(3)
        }
        "size" => {
            let size = sizes.recv().await.unwrap();
            output.send(format!("{}x{}", size.columns, size.rows).into()).await.unwrap();
            ExitStatus::Exited(0)
        }
        // 4 MB, more than all buffers on the way hold.
        "flood" => {
            for number in 0..256_u32 {
                output.send(vec![number as u8; 16 * 1024].into()).await.unwrap();
            }
            ExitStatus::Exited(0)
        }
        other => ExitStatus::Failed(format!("no such program {other:?}")),
    };
    // A client that left does not want to know.
    _ = ended.send(status);
}
