//! A connection to a pod of the Service, which echoes: kept for all of the test, a word now and then.

use super::Shared;
use super::log::now;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const PACE: Duration = Duration::from_millis(200);
/// A word that is not echoed for this long is lost.
const PATIENCE: Duration = Duration::from_secs(5);

/// Leaves `NAME-NUMBER.connection`: how many words came back, the longest wait, and what broke it, if anything did.
pub async fn run(shared: Arc<Shared>, service: String, number: usize) {
    let (mut words, mut longest) = (0_u64, 0);
    let end = keep(&shared, &service, &mut words, &mut longest).await;
    let end = end.map_or_else(|error| format!("broken: {error}"), |()| "whole".to_owned());
    let text = format!("{end}; {words} words, the slowest took {} ms", longest / 1000);
    let name = format!("{}-{number}.connection", shared.plan.name);
    std::fs::write(shared.plan.folder.join(name), text).expect("a file of the test");
}

async fn keep(shared: &Shared, service: &str, words: &mut u64, longest: &mut u64) -> io::Result<()> {
    let mut stream = TcpStream::connect(service).await?;
    stream.set_nodelay(true)?;
    while !shared.is_stopped() {
        let (begin, word) = (now(), words.to_be_bytes());
        let mut echo = [0; 8];
        let said = async {
            stream.write_all(&word).await?;
            stream.read_exact(&mut echo).await
        };
        tokio::time::timeout(PATIENCE, said).await.map_err(|_| io::Error::other("no echo"))??;
        if echo != word {
            return Err(io::Error::other("another word came back"));
        }
        *words += 1;
        *longest = (*longest).max(now() - begin);
        tokio::time::sleep(PACE).await;
    }
    Ok(())
}
