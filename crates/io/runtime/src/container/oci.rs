//! From a wanted container and its image to the files the shim works from: the OCI bundle's `config.json` (file
//! systems, namespaces, cgroup) and the launch file (identity, command).

use super::capabilities;
use super::launch::Launch;
use super::seccomp;
use super::user::UserRequest;
use crate::images::ImageConfig;
use crate::spec::{ContainerSpec, Mount, MountPropagation, Resources, Seccomp};
use nix::libc;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

const DEFAULT_PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Upstream: containerd `defaultMaskedPaths`.
const MASKED: [&str; 13] = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
    "/sys/fs/selinux",
];
const CGROUPS: &str = "/sys/fs/cgroup";
/// Upstream: containerd `defaultReadonlyPaths`.
const READ_ONLY: [&str; 5] = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/// What surrounds the container.
pub struct Place<'a> {
    /// Below every hierarchy, without leading slash.
    pub cgroup: &'a Path,
    /// The pod's /dev/shm.
    pub shm: &'a Path,
    /// `None`: its own PID namespace; `Some(None)`: the host's; `Some(path)`: the pod's.
    pub shared_pid: Option<Option<String>>,
    /// Where the host has the hierarchies of version 1; none on version 2.
    pub hierarchies: &'a [PathBuf],
    /// Further files of the container's cgroup on version 2, with their text.
    pub unified: Vec<(&'static str, &'static str)>,
}

/// Command, environment and identity. Errors are sentences for the user.
pub fn launch(
    spec: &ContainerSpec,
    image: &ImageConfig,
    hostname: &str,
    unified_cgroups: bool,
) -> Result<(Launch, UserRequest), String> {
    let security = &spec.security;
    let mut caps = capabilities::wanted(&security.capabilities, security.privileged)?;
    if unified_cgroups && !security.privileged && !security.capabilities.add.iter().any(|c| c.contains("MKNOD")) {
        // No device controller there yet: without MKNOD a container cannot make itself a host's disk.
        caps &= !(1 << 27);
    }
    let launch = Launch {
        args: command(spec, image)?,
        env: environment(spec, image, hostname),
        cwd: [&spec.working_dir, &image.working_dir].into_iter().find(|d| !d.is_empty()).cloned().unwrap_or("/".into()),
        capabilities: caps,
        no_new_privileges: security.no_new_privileges,
        seccomp_path: None,
        rlimits: rlimits(spec)?,
        oom_score_adj: spec.oom_score_adj.clamp(-1000, 1000),
        terminal: spec.tty,
    };
    Ok((launch, UserRequest::new(security, &image.user)))
}

/// The compiled filter, if one is wanted.
pub fn filter(spec: &ContainerSpec, capabilities: u64) -> Result<Option<Vec<u8>>, String> {
    match &spec.security.seccomp {
        _ if spec.security.privileged => Ok(None),
        Seccomp::Unconfined => Ok(None),
        Seccomp::RuntimeDefault => Ok(Some(seccomp::runtime_default(capabilities))),
        Seccomp::Localhost(path) => {
            let json =
                std::fs::read(path).map_err(|e| format!("cannot load seccomp profile \"{}\": {e}", path.display()))?;
            seccomp::from_profile(&json, capabilities).map(Some)
        }
    }
}

/// `command` replaces entrypoint and cmd; `args` alone replace cmd.
fn command(spec: &ContainerSpec, image: &ImageConfig) -> Result<Vec<String>, String> {
    let mut all = if spec.command.is_empty() { image.entrypoint.clone() } else { spec.command.clone() };
    match (spec.args.is_empty(), spec.command.is_empty()) {
        (false, _) => all.extend(spec.args.iter().cloned()),
        (true, true) => all.extend(image.cmd.iter().cloned()),
        (true, false) => {}
    }
    if all.is_empty() { Err("no command specified".into()) } else { Ok(all) }
}

/// `HOSTNAME` as containerd has it: image and container may say otherwise.
fn environment(spec: &ContainerSpec, image: &ImageConfig, hostname: &str) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    if !image.env.iter().any(|e| e.starts_with("HOSTNAME=")) {
        all.push(format!("HOSTNAME={hostname}"));
    }
    if !image.env.iter().any(|e| e.starts_with("PATH=")) {
        all.push(DEFAULT_PATH.into());
    }
    all.extend(image.env.iter().cloned());
    if spec.tty {
        all.push("TERM=xterm".into());
    }
    for (name, value) in &spec.env {
        let prefix = format!("{name}=");
        let entry = format!("{name}={value}");
        match all.iter_mut().find(|e| e.starts_with(&prefix)) {
            Some(known) => *known = entry,
            None => all.push(entry),
        }
    }
    all
}

fn rlimits(spec: &ContainerSpec) -> Result<Vec<(u32, u64, u64)>, String> {
    spec.rlimits
        .iter()
        .map(|limit| {
            let number = rlimit_number(&limit.name).ok_or_else(|| format!("unknown resource limit {}", limit.name))?;
            let (_, most) = host_limit(number);
            // More than we have ourselves cannot be given without CAP_SYS_RESOURCE.
            Ok((number, limit.soft.min(most), limit.hard.min(most)))
        })
        .collect()
}

fn rlimit_number(name: &str) -> Option<u32> {
    Some(match name.strip_prefix("RLIMIT_")? {
        "AS" => libc::RLIMIT_AS,
        "CORE" => libc::RLIMIT_CORE,
        "CPU" => libc::RLIMIT_CPU,
        "DATA" => libc::RLIMIT_DATA,
        "FSIZE" => libc::RLIMIT_FSIZE,
        "LOCKS" => libc::RLIMIT_LOCKS,
        "MEMLOCK" => libc::RLIMIT_MEMLOCK,
        "MSGQUEUE" => libc::RLIMIT_MSGQUEUE,
        "NICE" => libc::RLIMIT_NICE,
        "NOFILE" => libc::RLIMIT_NOFILE,
        "NPROC" => libc::RLIMIT_NPROC,
        "RSS" => libc::RLIMIT_RSS,
        "RTPRIO" => libc::RLIMIT_RTPRIO,
        "RTTIME" => libc::RLIMIT_RTTIME,
        "SIGPENDING" => libc::RLIMIT_SIGPENDING,
        "STACK" => libc::RLIMIT_STACK,
        _ => return None,
    })
}

fn host_limit(number: u32) -> (u64, u64) {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: u64::MAX };
    // SAFETY: the pointer is to a valid rlimit, written during the call only.
    unsafe { libc::getrlimit(number as libc::__rlimit_resource_t, &mut limit) };
    (limit.rlim_cur, limit.rlim_max)
}

/// The bundle's `config.json`. Identity is not in it: the launch file has it.
pub fn config(spec: &ContainerSpec, place: &Place<'_>) -> Result<Value, String> {
    let privileged = spec.security.privileged;
    let mut namespaces = vec![json!({"type": "mount"}), json!({"type": "cgroup"})];
    match &place.shared_pid {
        None => namespaces.push(json!({"type": "pid"})),
        Some(Some(path)) => namespaces.push(json!({"type": "pid", "path": path})),
        Some(None) => {}
    }
    let unmasked = privileged || spec.security.unmasked_proc;
    let (masked, read_only): (&[&str], &[&str]) = if unmasked { (&[], &[]) } else { (&MASKED, &READ_ONLY) };
    let mut mounts = default_mounts(spec, place);
    for mount in &spec.mounts {
        mounts.push(mount_entry(mount)?);
    }
    let devices = devices(spec)?;
    let mut rules = vec![json!({"allow": privileged, "access": "rwm"})];
    rules.extend(devices.iter().map(|(device, access)| {
        json!({"allow": true, "type": device["type"], "major": device["major"], "minor": device["minor"], "access": access})
    }));
    let mut resources = resources(&spec.resources);
    resources["devices"] = Value::Array(rules);
    if !place.unified.is_empty() {
        resources["unified"] = place.unified.iter().map(|(file, text)| ((*file).to_owned(), json!(text))).collect();
    }
    let propagation = spec.mounts.iter().map(|m| m.propagation).fold("rprivate", |found, p| match p {
        MountPropagation::Bidirectional => "shared",
        MountPropagation::HostToContainer if found != "shared" => "slave",
        _ => found,
    });
    let mut linux = json!({
        "namespaces": namespaces,
        "cgroupsPath": Path::new("/").join(place.cgroup),
        "resources": resources,
        "devices": devices.into_iter().map(|(device, _)| device).collect::<Vec<_>>(),
        "maskedPaths": masked,
        "readonlyPaths": read_only,
    });
    if propagation != "rprivate" {
        linux["rootfsPropagation"] = propagation.into();
    }
    Ok(json!({
        "ociVersion": "1.0.2",
        "process": {
            "terminal": spec.tty, "user": {"uid": 0, "gid": 0}, "args": ["-"], "env": [DEFAULT_PATH], "cwd": "/",
        },
        "root": {"path": "rootfs", "readonly": spec.security.read_only_root},
        "mounts": mounts,
        "linux": linux,
    }))
}

fn default_mounts(spec: &ContainerSpec, place: &Place<'_>) -> Vec<Value> {
    let privileged = spec.security.privileged;
    let mode = if privileged { "rw" } else { "ro" };
    let entry = |destination: &str, kind: &str, source: &str, options: &[&str]| json!({"destination": destination, "type": kind, "source": source, "options": options});
    let shm = place.shm.display().to_string();
    let all = [
        entry("/proc", "proc", "proc", &["nosuid", "noexec", "nodev"]),
        entry("/dev", "tmpfs", "tmpfs", &["nosuid", "strictatime", "mode=755", "size=65536k"]),
        entry(
            "/dev/pts",
            "devpts",
            "devpts",
            &["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
        ),
        entry("/dev/mqueue", "mqueue", "mqueue", &["nosuid", "noexec", "nodev"]),
        entry("/sys", "sysfs", "sysfs", &["nosuid", "noexec", "nodev", mode]),
        entry("/dev/shm", "bind", &shm, &["rbind", "rprivate", "nosuid", "noexec", "nodev"]),
    ];
    let mut all = all.to_vec();
    if place.hierarchies.is_empty() {
        all.push(entry(CGROUPS, "cgroup", "cgroup", &["nosuid", "noexec", "nodev", "relatime", mode]));
    } else if !spec.mounts.iter().any(|m| m.destination == Path::new(CGROUPS)) {
        // libcontainer mounts version 1 writable whatever the options say, so that root could raise its own limits, and
        // takes the wrong process's group for its own in a PID namespace that is another's.
        all.push(entry(CGROUPS, "tmpfs", "tmpfs", &["nosuid", "noexec", "nodev", "mode=755", "size=64k"]));
        all.extend(place.hierarchies.iter().map(|mount| {
            let group = mount.join(place.cgroup).display().to_string();
            entry(&mount.display().to_string(), "bind", &group, &["bind", "nosuid", "noexec", "nodev", mode])
        }));
    }
    let named = |destination: &str| spec.mounts.iter().any(|m| m.destination == Path::new(destination));
    all.into_iter().filter(|m| !named(m["destination"].as_str().unwrap_or_default())).collect()
}

fn mount_entry(mount: &Mount) -> Result<Value, String> {
    if !mount.destination.is_absolute() {
        return Err(format!("mount path {} must be absolute", mount.destination.display()));
    }
    let mut options: Vec<String> = Vec::new();
    if mount.fs_type.is_empty() {
        let source = mount.source.display();
        std::fs::metadata(&mount.source).map_err(|e| {
            let words = super::launch::words(e.raw_os_error().unwrap_or(libc::EIO));
            format!("failed to generate spec: failed to stat \"{source}\": stat {source}: {words}")
        })?;
        options.push("rbind".into());
        options.push(
            match mount.propagation {
                MountPropagation::Private => "rprivate",
                MountPropagation::HostToContainer => "rslave",
                MountPropagation::Bidirectional => "rshared",
            }
            .into(),
        );
    }
    options.push(match (mount.read_only, mount.recursive_read_only) {
        (_, true) => "rro".into(),
        (true, false) => "ro".into(),
        (false, false) => "rw".into(),
    });
    options.extend(mount.options.iter().cloned());
    let kind = if mount.fs_type.is_empty() { "bind" } else { &mount.fs_type };
    let source = if mount.source.as_os_str().is_empty() { Path::new(kind) } else { &mount.source };
    Ok(json!({"destination": mount.destination, "type": kind, "source": source, "options": options}))
}

/// Devices shown, with their access. Privileged containers get all of the host's.
fn devices(spec: &ContainerSpec) -> Result<Vec<(Value, String)>, String> {
    let mut all = Vec::new();
    if spec.security.privileged {
        host_devices(Path::new("/dev"), &mut all);
    }
    for device in &spec.devices {
        let entry = device_entry(&device.host_path, &device.container_path).ok_or_else(|| {
            format!("error gathering device information: {} is not a device", device.host_path.display())
        })?;
        let access = if device.permissions.is_empty() { "rwm" } else { &device.permissions };
        all.push((entry, access.to_string()));
    }
    Ok(all)
}

fn device_entry(host: &Path, container: &Path) -> Option<Value> {
    let stat = rustix::fs::stat(host).ok()?;
    let kind = match rustix::fs::FileType::from_raw_mode(stat.st_mode) {
        rustix::fs::FileType::CharacterDevice => "c",
        rustix::fs::FileType::BlockDevice => "b",
        _ => return None,
    };
    let (major, minor) = (rustix::fs::major(stat.st_rdev), rustix::fs::minor(stat.st_rdev));
    Some(json!({
        "path": container, "type": kind, "major": major, "minor": minor,
        "fileMode": stat.st_mode & 0o777, "uid": stat.st_uid, "gid": stat.st_gid,
    }))
}

/// Upstream: containerd `HostDevices`: terminals, shared memory and the console are the container's own.
fn host_devices(folder: &Path, all: &mut Vec<(Value, String)>) {
    const OWN: [&str; 14] = [
        "pts",
        "shm",
        "fd",
        "mqueue",
        ".lxc",
        ".lxd-mounts",
        ".udev",
        "console",
        "null",
        "zero",
        "full",
        "random",
        "urandom",
        "tty",
    ];
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_symlink() || OWN.iter().any(|own| entry.file_name() == *own) || entry.file_name() == "ptmx" {
            continue;
        }
        if kind.is_dir() {
            host_devices(&entry.path(), all);
        } else if let Some(device) = device_entry(&entry.path(), &entry.path()) {
            all.push((device, "rwm".into()));
        }
    }
}

fn resources(resources: &Resources) -> Value {
    let mut cpu = json!({});
    if let Some(shares) = resources.cpu_shares {
        cpu["shares"] = shares.clamp(2, 262_144).into();
    }
    if let Some(quota) = resources.cpu_quota_us.filter(|q| *q > 0) {
        cpu["quota"] = quota.max(1000).into();
        cpu["period"] = resources.cpu_period_us.unwrap_or(100_000).into();
    }
    let mut all = json!({"cpu": cpu});
    if let Some(limit) = resources.memory_limit.filter(|l| *l > 0) {
        all["memory"] = json!({"limit": limit});
    }
    if let Some(limit) = resources.pids_limit.filter(|l| *l > 0) {
        all["pids"] = json!({"limit": limit.max(2)});
    }
    all
}
