//! The running server's own door on this machine: a unix socket only root can open, one JSON line each way.
//!
//! `barque status` and `barque image` ask here; the API is for everything else.

use crate::Config;
use crate::snapshot::Saver;
use crate::status::{Status, report::Report};
use runtime::{Image, Runtime};
use serde::{Deserialize, Serialize};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};

/// A question fits easily; more is not one of ours.
const MAX_QUESTION: u64 = 64 * 1024;

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Question {
    Status,
    Images,
    Import {
        archive: PathBuf,
        tag: Option<String>,
    },
    Remove {
        image: String,
    },
    /// To this absolute path, or to one of the server's choice.
    Snapshot {
        file: Option<PathBuf>,
    },
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Answer {
    Status(Report),
    Images(Vec<Image>),
    Done,
    /// Where a snapshot is.
    Saved(PathBuf),
    Refused(String),
}

pub(crate) struct Admin {
    pub runtime: Runtime,
    pub status: Status,
    /// On a master.
    pub saver: Option<Arc<Saver>>,
}

pub fn socket(config: &Config) -> PathBuf {
    config.run_dir.join("admin.sock")
}

/// Asks the running server; `NotFound` or `ConnectionRefused` where none runs.
pub async fn ask(config: &Config, question: &Question) -> io::Result<Answer> {
    let mut stream = UnixStream::connect(socket(config)).await?;
    let mut line = serde_json::to_vec(question)?;
    line.push(b'\n');
    stream.write_all(&line).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(serde_json::from_slice(&answer)?)
}

impl Admin {
    pub fn listen(config: &Config) -> io::Result<UnixListener> {
        let path = socket(config);
        // Left by a killed server; the store's lock has made sure that none runs.
        if path.exists() {
            std::fs::remove_file(&path)?;
        }
        let listener = UnixListener::bind(&path)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
        Ok(listener)
    }

    pub async fn serve(self, listener: UnixListener) {
        let admin = Arc::new(self);
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    let admin = Arc::clone(&admin);
                    tokio::spawn(async move { admin.converse(stream).await });
                }
                Err(error) => {
                    // Out of descriptors, usually: the next one may be accepted.
                    tracing::warn!(%error, "the admin socket did not accept a connection");
                    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
                }
            }
        }
    }

    async fn converse(&self, stream: UnixStream) {
        let (read, mut write) = stream.into_split();
        let mut line = String::new();
        let mut reader = BufReader::new(read.take(MAX_QUESTION));
        let answer = match reader.read_line(&mut line).await {
            Ok(_) => match serde_json::from_str(&line) {
                Ok(question) => self.answer(question).await,
                Err(error) => Answer::Refused(format!("not a question: {error}")),
            },
            Err(error) => Answer::Refused(error.to_string()),
        };
        if let Ok(text) = serde_json::to_vec(&answer)
            && let Err(error) = write.write_all(&text).await
        {
            tracing::debug!(%error, "an answer on the admin socket was not read");
        }
    }

    async fn save(&self, file: Option<PathBuf>) -> Answer {
        let Some(saver) = &self.saver else {
            return Answer::Refused(
                "this is a worker: the masters have the cluster's state, save it on one".to_owned(),
            );
        };
        match saver.save(file).await {
            Ok(path) => Answer::Saved(path),
            Err(error) => Answer::Refused(stdx::chain(&error)),
        }
    }

    async fn answer(&self, question: Question) -> Answer {
        let images = self.runtime.images();
        let done = match question {
            Question::Status => return Answer::Status(self.status.report().await),
            Question::Snapshot { file } => return self.save(file).await,
            Question::Images => return Answer::Images(images.list()),
            Question::Import { archive, tag } => images.import(&archive, tag.as_deref()).await.map(Answer::Images),
            Question::Remove { image } => images.remove(&image).await.map(|()| Answer::Done),
        };
        done.unwrap_or_else(|error| Answer::Refused(error.to_string()))
    }
}
