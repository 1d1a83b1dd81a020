//! `cargo xtask up`: from a fresh Debian with Rust to a cluster that kubectl talks to.
//!
//! Builds in the release profile: it is what one keeps, and what docs/PERFORMANCE.md measures.
//!
//! Invariants
//! - A kubeconfig that is not ours is never changed.
//! - Running it again is an upgrade: containers go on, the server is replaced.

mod demo;
pub mod down;
mod kubeconfig;
mod service;

use crate::Error;
use crate::packages::{self, Need};
use crate::steps::{self, cargo};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// Where the binary is put, so that a new build does not change the one that runs.
const BARQUE: &str = "/usr/local/bin/barque";

/// How long the node may take to be Ready. It takes a second; a machine that is busy or slow may need more.
const PATIENCE: Duration = Duration::from_secs(120);

#[derive(clap::Args)]
pub struct Args {
    /// Also run the example: nginx and php-fpm in one pod behind a NodePort
    #[arg(long)]
    demo: bool,
    /// The build: release is what one keeps, ci builds faster
    #[arg(long, default_value = "release", value_name = "PROFILE")]
    profile: String,
}

pub fn run(args: &Args) -> Result<(), Error> {
    if !packages::is_root() {
        return Err(Error::NotRoot("a cluster makes namespaces, mounts and firewall rules"));
    }
    let mut needs = vec![Need::Build, Need::Run];
    if packages::program("kubectl").is_none() {
        needs.push(Need::Kubectl);
    }
    if args.demo {
        needs.push(Need::Images);
    }
    packages::ensure(&needs)?;
    println!("building barque ({} profile)", args.profile);
    steps::run(&mut cargo(&["build", "--locked", "--profile", &args.profile, "-p", "cli"]))?;
    let kubectl = kubectl()?;
    let started = Instant::now();
    install(&built(&args.profile), Path::new(BARQUE))?;
    service::start()?;
    let node = wait_ready(&kubectl)?;
    let time = started.elapsed().as_secs_f64();
    let place = kubeconfig::place(&text_of(Command::new(BARQUE).arg("kubeconfig"))?)?;
    if args.demo {
        demo::run(&kubectl)?;
    }
    println!("\nnode {node} is Ready after {time:.1} s. {}", place.said());
    println!("next: {}kubectl get pods --all-namespaces      stop and remove: cargo xtask down", place.prefix());
    Ok(())
}

/// The built binary, wherever cargo was told to put it.
fn built(profile: &str) -> PathBuf {
    let folder = if profile == "dev" { "debug" } else { profile };
    testbed::target().join(folder).join("barque")
}

/// Copies beside the place and renames, so that a running program keeps its own file.
fn install(from: &Path, to: &Path) -> Result<(), Error> {
    let beside = to.with_extension("new");
    std::fs::copy(from, &beside).map_err(|error| Error::File(from.to_owned(), error))?;
    std::fs::rename(&beside, to).map_err(|error| Error::File(to.to_owned(), error))
}

/// kubectl from PATH; where there is none, the current one is put there.
fn kubectl() -> Result<PathBuf, Error> {
    if let Some(found) = packages::program("kubectl") {
        return Ok(found);
    }
    println!("fetching kubectl");
    let place = PathBuf::from("/usr/local/bin/kubectl");
    install(&testbed::tools::kubectl(), &place)?;
    Ok(place)
}

/// kubectl as the administrator of the cluster just started.
fn admin(kubectl: &Path) -> Command {
    let mut command = Command::new(kubectl);
    command.arg("--kubeconfig").arg("/etc/barque/admin.conf");
    command
}

/// Waits until the node is Ready, saying what is waited for whenever it changes.
fn wait_ready(kubectl: &Path) -> Result<String, Error> {
    let end = Instant::now() + PATIENCE;
    let mut said = String::new();
    loop {
        let now = match state(kubectl) {
            Ok(node) => return Ok(node),
            Err(waiting) => waiting,
        };
        if now != said {
            println!("waiting: {now}");
            said = now;
        }
        if !service::is_running() {
            return Err(Error::NotReady(format!("barque ended. Its last words:\n{}", service::last_words())));
        }
        if Instant::now() > end {
            let status = text_of(Command::new(BARQUE).arg("status")).unwrap_or_else(|error| error.to_string());
            let words = service::last_words();
            return Err(Error::NotReady(format!("not Ready after {PATIENCE:?}: {said}\n{status}\n{words}")));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// The name of the Ready node, or what is missing.
fn state(kubectl: &Path) -> Result<String, String> {
    if !Path::new("/etc/barque/admin.conf").exists() {
        return Err("the server makes its keys".to_owned());
    }
    let wanted = r#"jsonpath={range .items[*]}{.metadata.name}{"|"}{.status.conditions[?(@.type=="Ready")].status}{"|"}{.status.conditions[?(@.type=="Ready")].message}{"\n"}{end}"#;
    let nodes = text_of(admin(kubectl).args(["get", "nodes", "--request-timeout=5s", "-o", wanted]));
    let nodes = nodes.map_err(|_| "the API does not answer yet".to_owned())?;
    let node: Vec<&str> = nodes.lines().next().unwrap_or_default().split('|').collect();
    match node[..] {
        [name, "True", ..] => Ok(name.to_owned()),
        [name, _, message] if !message.is_empty() => Err(format!("node {name}: {message}")),
        [name, ..] if !name.is_empty() => Err(format!("node {name} is not Ready yet")),
        _ => Err("the node is not registered yet".to_owned()),
    }
}

/// What a program prints, if it succeeds.
fn text_of(command: &mut Command) -> Result<String, Error> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| Error::Start(name.clone(), error))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(Error::Failed(name, String::from_utf8_lossy(&output.stderr).trim().to_owned()))
}
