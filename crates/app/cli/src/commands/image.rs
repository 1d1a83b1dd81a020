//! `barque image`: the node's images, with the server running or not.

use crate::output::{fail, table};
use daemon::Config;
use daemon::admin::{self, Answer, Question};
use runtime::{Image, Runtime};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(clap::Subcommand)]
pub enum Command {
    /// Import an OCI or docker archive (a tar file)
    Import {
        archive: PathBuf,
        /// The name to give it, where the archive holds one image
        #[arg(long)]
        tag: Option<String>,
    },
    /// List images
    #[command(alias = "ls")]
    List,
    /// Remove images by name or id
    #[command(alias = "remove")]
    Rm {
        #[arg(required = true)]
        images: Vec<String>,
    },
}

#[derive(Debug, thiserror::Error)]
enum ImageError {
    #[error("{0}")]
    Refused(String),
    #[error("cannot read {path}")]
    Archive { path: PathBuf, source: std::io::Error },
    #[error(transparent)]
    Runtime(#[from] runtime::Error),
}

pub fn run(config: &Config, command: Command) -> ExitCode {
    match super::block_on(execute(config, command)) {
        Ok(Ok(text)) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Ok(Err(error)) => fail(&error),
        Err(error) => fail(&error),
    }
}

async fn execute(config: &Config, command: Command) -> Result<String, ImageError> {
    match command {
        Command::Import { archive, tag } => {
            let archive = archive.canonicalize().map_err(|source| ImageError::Archive { path: archive, source })?;
            let imported = images(ask(config, Question::Import { archive, tag }).await?);
            Ok(imported.iter().map(|image| format!("imported {}\n", names(image).join(", "))).collect())
        }
        Command::List => Ok(listing(&images(ask(config, Question::Images).await?))),
        Command::Rm { images } => {
            let mut said = String::new();
            for image in images {
                ask(config, Question::Remove { image: image.clone() }).await?;
                said += &format!("removed {image}\n");
            }
            Ok(said)
        }
    }
}

/// Asks the running server, or does it here where none runs.
async fn ask(config: &Config, question: Question) -> Result<Answer, ImageError> {
    match admin::ask(config, &question).await {
        Ok(Answer::Refused(why)) => Err(ImageError::Refused(why)),
        Ok(answer) => Ok(answer),
        Err(_) => here(config, question).await,
    }
}

async fn here(config: &Config, question: Question) -> Result<Answer, ImageError> {
    let runtime = Runtime::open(daemon::parts::runtime_config(config)).await?;
    let images = runtime.images();
    Ok(match question {
        Question::Import { archive, tag } => Answer::Images(images.import(&archive, tag.as_deref()).await?),
        Question::Remove { image } => {
            images.remove(&image).await?;
            Answer::Done
        }
        Question::Images | Question::Status | Question::Snapshot { .. } => Answer::Images(images.list()),
    })
}

fn images(answer: Answer) -> Vec<Image> {
    if let Answer::Images(images) = answer { images } else { Vec::new() }
}

fn names(image: &Image) -> Vec<String> {
    let named = if image.repo_tags.is_empty() { &image.repo_digests } else { &image.repo_tags };
    if named.is_empty() { vec![short(&image.id).to_owned()] } else { named.clone() }
}

fn short(id: &str) -> &str {
    let digest = id.trim_start_matches("sha256:");
    digest.get(..12).unwrap_or(digest)
}

fn listing(images: &[Image]) -> String {
    let mut rows = vec![["IMAGE", "ID", "SIZE"].map(str::to_owned).to_vec()];
    for image in images {
        let size = format!("{:.1}MB", image.size as f64 / 1e6);
        rows.extend(names(image).into_iter().map(|name| vec![name, short(&image.id).to_owned(), size.clone()]));
    }
    table(&rows)
}
