//! Running nft(8): one transaction, one short-lived process. Nothing is ever listed but chains, at start and when asked.

use crate::NetworkError;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// Ten thousand Services load in a few seconds even on a busy machine; what takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// Carries out commands; all or none of them.
pub async fn apply(commands: &str) -> Result<(), NetworkError> {
    run(&["-f", "-"], commands).await.map(|_| ())
}

/// All base chains of the host, as JSON.
pub async fn chains() -> Result<serde_json::Value, NetworkError> {
    let listing = run(&["-j", "list", "chains"], "").await?;
    serde_json::from_str(&listing).map_err(|error| NetworkError::Nft { stderr: format!("unreadable listing: {error}") })
}

/// Whether a table mentions the text.
pub async fn table_mentions(family: &str, table: &str, text: &str) -> bool {
    run(&["-s", "list", "table", family, table], "").await.is_ok_and(|listing| listing.contains(text))
}

async fn run(arguments: &[&str], input: &str) -> Result<String, NetworkError> {
    let spawned = Command::new("nft")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn();
    let mut child = spawned.map_err(|source| NetworkError::NoNft { source })?;
    let stdin = child.stdin.take();
    let talk = async {
        if let Some(mut stdin) = stdin {
            stdin.write_all(input.as_bytes()).await?;
        }
        child.wait_with_output().await
    };
    let output = match tokio::time::timeout(PATIENCE, talk).await {
        Ok(output) => output.map_err(|source| NetworkError::NoNft { source })?,
        Err(_) => return Err(NetworkError::Nft { stderr: format!("no answer within {PATIENCE:?}") }),
    };
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(NetworkError::Nft { stderr: String::from_utf8_lossy(&output.stderr).trim().to_owned() })
}
