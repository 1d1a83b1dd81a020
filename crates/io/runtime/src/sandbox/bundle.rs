//! The files from which the shim makes a container.

use super::{Sandbox, Stored};
use crate::container::oci;
use crate::container::overlay::Overlay;
use crate::error::{Error, Result};
use crate::images::Image;
use crate::shim::LaunchFile;
use crate::shim::protocol::Create;
use crate::spec::{ContainerSpec, PidMode, SandboxSpec};
use crate::status::{ContainerKey, ContainerState, ContainerStatus};
use jiff::Timestamp;
use std::path::PathBuf;

impl Sandbox {
    pub(super) fn new_status(&self, key: &ContainerKey, spec: &ContainerSpec, image: &Image) -> ContainerStatus {
        let id: String = (0..4).map(|_| format!("{:016x}", rand::random::<u64>())).collect();
        let stop = &image.config.stop_signal;
        ContainerStatus {
            key: key.clone(),
            id,
            image: spec.image.clone(),
            image_id: image.repo_digests.first().unwrap_or(&image.id).clone(),
            state: ContainerState::Created,
            pid: None,
            created_at: Timestamp::now(),
            started_at: None,
            exit: None,
            log_path: spec.log_path.clone(),
            stop_signal: if stop.is_empty() { "SIGTERM".into() } else { stop.clone() },
            annotations: spec.annotations.clone(),
            user: None,
        }
    }

    /// Writes everything the shim needs. On errors the caller cleans up.
    pub(super) fn write_bundle(
        &self,
        key: &ContainerKey,
        spec: &ContainerSpec,
        image: &Image,
        status: &ContainerStatus,
    ) -> std::result::Result<Create, String> {
        let (shared, folder) = (self.shared(), self.container_folder(key));
        let cgroup = self.inner.cgroup.join(key.dir());
        let unified = shared.tree.is_unified();
        let data = shared.container_data(&self.inner.spec.uid, key);
        let make = |path: PathBuf| -> std::result::Result<PathBuf, String> {
            std::fs::create_dir_all(&path).map_err(|e| format!("cannot make {}: {e}", path.display()))?;
            Ok(path)
        };
        make(folder.join("bundle/rootfs"))?;
        if let Some(parent) = spec.log_path.as_ref().and_then(|path| path.parent()) {
            make(parent.to_path_buf())?;
        }
        let write = |name: &str, bytes: &[u8]| {
            let path = folder.join(name);
            std::fs::write(&path, bytes).map_err(|e| format!("cannot write {}: {e}", path.display()))
        };
        let target = self.target_pid(spec)?;
        if !unified {
            // What is mounted into the container must be there before libcontainer makes it.
            shared.tree.make(&cgroup).map_err(|e| format!("cannot make the container's cgroup: {e}"))?;
        }
        let place = oci::Place {
            cgroup: &cgroup,
            shm: &self.inner.folder.join("shm"),
            hierarchies: shared.tree.hierarchies(),
            unified: shared.tree.of_containers(),
            shared_pid: match self.inner.spec.pid {
                PidMode::Container => target.map(|pid| Some(format!("/proc/{pid}/ns/pid"))),
                PidMode::Host => Some(None),
                PidMode::Pod => Some(self.inner.pod_pid_ns.map(|pid| format!("/proc/{pid}/ns/pid"))),
            },
        };
        let config = oci::config(spec, &place)?;
        let (mut launch, user) = oci::launch(spec, &image.config, &self.hostname(), unified)?;
        if let Some(filter) = oci::filter(spec, launch.capabilities)? {
            write("seccomp.bpf", &filter)?;
            launch.seccomp_path = Some(folder.join("seccomp.bpf").display().to_string());
        }
        let mut lower = shared.images().lower_dirs(image);
        if lower.is_empty() {
            lower.push(make(data.join("empty"))?);
        }
        let overlay = Overlay { lower, upper: make(data.join("upper"))?, work: make(data.join("work"))? };
        let json = |e: serde_json::Error| e.to_string();
        write("bundle/config.json", &serde_json::to_vec(&config).map_err(json)?)?;
        write("launch.json", &serde_json::to_vec(&LaunchFile { launch, user, overlay }).map_err(json)?)?;
        let stored = Stored { status: status.clone(), layers: image.layers.clone() };
        write("container.json", &serde_json::to_vec(&stored).map_err(json)?)?;
        Ok(Create {
            key: key.clone(),
            folder,
            log_path: spec.log_path.clone(),
            log_max_bytes: shared.config.log_max_bytes.max(4096),
            log_max_files: shared.config.log_max_files,
            stdin: spec.stdin,
            stdin_once: spec.stdin_once,
            tty: spec.tty,
            own_pid_ns: self.inner.spec.pid == PidMode::Container && target.is_none(),
            procs_file: shared.tree.procs_file(&cgroup),
            oom_file: shared.tree.oom_file(&cgroup),
        })
    }

    fn hostname(&self) -> String {
        let of_host = || nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
        self.inner.spec.hostname.clone().or_else(of_host).unwrap_or_default()
    }

    /// The first process of the running container that this one is to look at.
    fn target_pid(&self, spec: &ContainerSpec) -> std::result::Result<Option<i32>, String> {
        if spec.target.is_empty() {
            return Ok(None);
        }
        let containers = self.containers();
        let mut running = containers
            .values()
            .map(|entry| &entry.status)
            .filter(|status| status.key.name == spec.target && status.state == ContainerState::Running);
        let pid = running.find_map(|status| status.pid);
        pid.map(Some).ok_or_else(|| format!("target container \"{}\" is not running", spec.target))
    }

    /// Upstream: `verifyRunAsNonRoot` in `pkg/kubelet/kuberuntime/security_context.go`, with its words.
    pub(super) fn check_non_root(&self, spec: &ContainerSpec, image: &Image) -> Result<()> {
        let security = &spec.security;
        if !security.run_as_non_root {
            return Ok(());
        }
        let SandboxSpec { namespace, name, uid, .. } = &self.inner.spec;
        let place = format!("(pod: \"{name}_{namespace}({uid})\", container: {})", spec.name);
        let user = image.config.user.split(':').next().unwrap_or_default();
        let problem = match (security.run_as_user, user.parse::<i64>()) {
            (Some(0), _) => "container's runAsUser breaks non-root policy".to_string(),
            (Some(_), _) => return Ok(()),
            (None, Ok(0)) => "container has runAsNonRoot and image will run as root".to_string(),
            (None, Ok(_)) => return Ok(()),
            (None, Err(_)) if user.is_empty() => "container has runAsNonRoot and image will run as root".to_string(),
            (None, Err(_)) => {
                format!(
                    "container has runAsNonRoot and image has non-numeric user ({user}), cannot verify user is non-root"
                )
            }
        };
        Err(Error::CreateContainerConfig(format!("{problem} {place}")))
    }
}
