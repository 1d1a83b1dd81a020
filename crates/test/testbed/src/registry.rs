//! A real registry on the host's loopback: Debian's `docker-registry` with its own configuration and folder.

use crate::host::Host;
use crate::run::{run, wait_for};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The registry's port; the host is a namespace of its own, so it is free.
pub const PORT: u16 = 5000;

/// Ends when dropped.
pub struct Registry {
    process: Child,
    folder: PathBuf,
}

impl Registry {
    /// Starts it on the host, plain HTTP on 127.0.0.1.
    pub fn start(host: &Host, folder: &Path) -> Self {
        require(&["docker-registry", "skopeo", "curl"]);
        let folder = folder.join("registry");
        std::fs::create_dir_all(&folder).expect("a folder for the registry");
        let config = folder.join("config.yml");
        let text = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage:\n  filesystem: {{rootdirectory: {}/data}}\nhttp: {{addr: 127.0.0.1:{PORT}}}\n",
            folder.display()
        );
        std::fs::write(&config, text).expect("a configuration for the registry");
        let mut command = host.command("docker-registry");
        command.arg("serve").arg(&config).stdout(Stdio::null()).stderr(Stdio::null());
        let process = command.spawn().expect("docker-registry starts");
        let registry = Self { process, folder };
        wait_for("answering", Duration::from_secs(20), || {
            let answer = run(host.command("curl").args(["-sf", &format!("http://127.0.0.1:{PORT}/v2/")]));
            if answer.ok { Ok(()) } else { Err(answer.to_string()) }
        });
        registry
    }

    /// Copies an image, `<OCI layout>:<tag>`, into the registry as `name` (`library/nginx:1.15`).
    pub fn push(&self, host: &Host, image: &str, name: &str) {
        let from = format!("oci:{image}");
        let to = format!("docker://127.0.0.1:{PORT}/{name}");
        run(host.command("skopeo").args(["copy", "--quiet", "--dest-tls-verify=false", &from, &to])).expect_ok();
    }

    /// The body of a path of the registry.
    pub fn get(&self, host: &Host, path: &str) -> String {
        run(host.command("curl").args(["-sf", &format!("http://127.0.0.1:{PORT}{path}")])).expect_ok()
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The `registries` part of a configuration: docker.io is served from here.
    pub fn as_mirror() -> String {
        format!("registries:\n  docker.io:\n    mirrors: [\"http://127.0.0.1:{PORT}\"]\n")
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        // Already ended is as good.
        _ = self.process.kill();
        _ = self.process.wait();
    }
}

/// Whether Debian's packages a test needs are there; says which are not.
pub fn require(programs: &[&str]) {
    for program in programs {
        let found = run(Command::new("sh").args(["-c", &format!("command -v {program}")]));
        assert!(found.ok, "{program} is missing: `cargo xtask test` installs it, or apt install its package");
    }
}
