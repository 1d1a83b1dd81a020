//! Control groups of pods and containers, version 1 (also hybrid) and version 2: making, limits, usage, removal.
//!
//! Layout: `/<root>/shims` and `/<root>/<qos>/pod<uid>/<container>`, the same in every hierarchy.

use crate::spec::{Qos, Resources};
use crate::stats::Usage;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

const MOUNTS: &str = "/sys/fs/cgroup";
/// Controllers wanted on version 2.
const CONTROLLERS: [&str; 5] = ["cpu", "memory", "pids", "cpuset", "io"];
/// A group whose last process has just been killed may be busy for a moment.
const REMOVE_TRIES: u32 = 50;

/// The machine's control groups below our root.
#[derive(Debug, Clone)]
pub struct Tree {
    root: String,
    unified: bool,
    /// Where hierarchies are mounted; on version 2 the only one.
    base: PathBuf,
    /// Mount points of the hierarchies; one on version 2.
    mounts: Vec<PathBuf>,
}

impl Tree {
    pub fn open(root: &str) -> io::Result<Self> {
        if root.is_empty() || root.contains('/') || root.starts_with('.') {
            return Err(io::Error::other(format!("cgroup root {root:?} must be one plain name")));
        }
        let unified = Path::new(MOUNTS).join("cgroup.controllers").exists();
        let mounts = if unified { vec![PathBuf::from(MOUNTS)] } else { v1_mounts()? };
        if mounts.is_empty() {
            return Err(io::Error::other("no cgroup hierarchy is mounted below /sys/fs/cgroup"));
        }
        Ok(Self { root: root.into(), unified, base: MOUNTS.into(), mounts })
    }

    pub fn is_unified(&self) -> bool {
        self.unified
    }

    /// Mount points of the hierarchies of version 1; none on version 2.
    pub fn hierarchies(&self) -> &[PathBuf] {
        if self.unified { &[] } else { &self.mounts }
    }

    /// Settings of version 2 that every container gets, where the kernel has them. Upstream: the kubelet's
    /// `generateLinuxContainerResources` (`NoSwap`, `singleProcessOOMKill: false`): memory beyond the limit is not
    /// swapped, and a container that runs out of it ends as a whole.
    pub fn of_containers(&self) -> Vec<(&'static str, &'static str)> {
        let has = |file: &str| self.unified && self.base.join(&self.root).join(file).exists();
        [("memory.oom.group", "1"), ("memory.swap.max", "0")].into_iter().filter(|(file, _)| has(file)).collect()
    }

    /// A pod's path below every mount point.
    pub fn pod(&self, qos: Qos, uid: &str) -> PathBuf {
        let qos = match qos {
            Qos::Guaranteed => "guaranteed",
            Qos::Burstable => "burstable",
            Qos::BestEffort => "besteffort",
        };
        Path::new(&self.root).join(qos).join(format!("pod{uid}"))
    }

    pub fn shims(&self) -> PathBuf {
        Path::new(&self.root).join("shims")
    }

    /// Makes a group with its parents in every hierarchy. On version 2 only the parents hand controllers on: a group
    /// that does takes no processes.
    pub fn make(&self, group: &Path) -> io::Result<()> {
        for mount in &self.mounts {
            let mut at = mount.clone();
            for part in group {
                if self.unified {
                    enable_controllers(&at);
                }
                let parent = at.clone();
                at.push(part);
                match std::fs::create_dir(&at) {
                    Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                    _ => {}
                }
                inherit_cpuset(&parent, &at);
            }
        }
        Ok(())
    }

    /// `cgroup.procs` in every hierarchy.
    pub fn procs_files(&self, group: &Path) -> Vec<PathBuf> {
        self.mounts.iter().map(|mount| mount.join(group).join("cgroup.procs")).collect()
    }

    /// `cgroup.procs` of one hierarchy that has all of a group's processes.
    pub fn procs_file(&self, group: &Path) -> PathBuf {
        self.controller("pids", group).join("cgroup.procs")
    }

    /// The file that counts kills for want of memory.
    pub fn oom_file(&self, group: &Path) -> PathBuf {
        self.controller("memory", group).join(if self.unified { "memory.events" } else { "memory.oom_control" })
    }

    fn controller(&self, name: &str, group: &Path) -> PathBuf {
        if self.unified { self.base.join(group) } else { self.base.join(name).join(group) }
    }

    /// Sets limits. What is absent becomes unlimited.
    pub fn limit(&self, group: &Path, resources: &Resources) -> io::Result<()> {
        let period = resources.cpu_period_us.unwrap_or(100_000);
        let pids = resources.pids_limit.filter(|n| *n > 0).map_or("max".to_string(), |n| n.max(2).to_string());
        if self.unified {
            let at = self.base.join(group);
            let quota =
                resources.cpu_quota_us.filter(|q| *q > 0).map_or("max".to_string(), |q| q.max(1000).to_string());
            write(&at.join("cpu.max"), &format!("{quota} {period}"))?;
            write(&at.join("cpu.weight"), &weight(resources.cpu_shares.unwrap_or(1024)).to_string())?;
            let memory = resources.memory_limit.filter(|m| *m > 0).map_or("max".to_string(), |m| m.to_string());
            write(&at.join("memory.max"), &memory)?;
            return write(&at.join("pids.max"), &pids);
        }
        let cpu = self.controller("cpu", group);
        write(&cpu.join("cpu.shares"), &resources.cpu_shares.unwrap_or(1024).max(2).to_string())?;
        write(&cpu.join("cpu.cfs_period_us"), &period.to_string())?;
        let quota = resources.cpu_quota_us.filter(|q| *q > 0).map_or(-1, |q| q.max(1000));
        write(&cpu.join("cpu.cfs_quota_us"), &quota.to_string())?;
        let memory = resources.memory_limit.filter(|m| *m > 0).unwrap_or(-1);
        write(&self.controller("memory", group).join("memory.limit_in_bytes"), &memory.to_string())?;
        write(&self.controller("pids", group).join("pids.max"), &pids)
    }

    /// Usage now; `None` when the group is gone.
    pub fn usage(&self, group: &Path) -> Option<Usage> {
        let memory = self.controller("memory", group);
        let stat = std::fs::read_to_string(memory.join("memory.stat")).ok()?;
        let field = |name: &str| field(&stat, name);
        let pids = number(&self.controller("pids", group).join("pids.current")).unwrap_or(0);
        let mut usage = if self.unified {
            let cpu = std::fs::read_to_string(memory.join("cpu.stat")).unwrap_or_default();
            let cpu = |name: &str| self::field(&cpu, name).unwrap_or(0);
            // "max 100000" or "50000 100000".
            let limit = std::fs::read_to_string(memory.join("cpu.max")).unwrap_or_default();
            let (quota, period) = limit.trim().split_once(' ').unwrap_or_default();
            Usage {
                cpu_ns: cpu("usage_usec") * 1000,
                cpu_user_ns: cpu("user_usec") * 1000,
                cpu_system_ns: cpu("system_usec") * 1000,
                cpu_quota_us: quota.parse().unwrap_or(0),
                cpu_period_us: period.parse().unwrap_or(0),
                cpu_periods: cpu("nr_periods"),
                cpu_throttled_periods: cpu("nr_throttled"),
                cpu_throttled_ns: cpu("throttled_usec") * 1000,
                memory_usage: number(&memory.join("memory.current"))?,
                memory_working_set: field("inactive_file").unwrap_or(0),
                memory_rss: field("anon").unwrap_or(0),
                memory_cache: field("file").unwrap_or(0),
                memory_mapped_file: field("file_mapped").unwrap_or(0),
                memory_swap: number(&memory.join("memory.swap.current")).unwrap_or(0),
                memory_limit: number(&memory.join("memory.max")).unwrap_or(0),
                page_faults: field("pgfault").unwrap_or(0),
                major_page_faults: field("pgmajfault").unwrap_or(0),
                pids,
            }
        } else {
            let spent = self.controller("cpuacct", group);
            let spent = |file: &str| number(&spent.join(file)).unwrap_or(0);
            let limits = self.controller("cpu", group);
            let cpu = std::fs::read_to_string(limits.join("cpu.stat")).unwrap_or_default();
            let cpu = |name: &str| self::field(&cpu, name).unwrap_or(0);
            Usage {
                cpu_ns: spent("cpuacct.usage"),
                cpu_user_ns: spent("cpuacct.usage_user"),
                cpu_system_ns: spent("cpuacct.usage_sys"),
                // -1 where there is no limit.
                cpu_quota_us: number(&limits.join("cpu.cfs_quota_us")).unwrap_or(0),
                cpu_period_us: number(&limits.join("cpu.cfs_period_us")).unwrap_or(0),
                cpu_periods: cpu("nr_periods"),
                cpu_throttled_periods: cpu("nr_throttled"),
                cpu_throttled_ns: cpu("throttled_time"),
                memory_usage: number(&memory.join("memory.usage_in_bytes"))?,
                memory_working_set: field("total_inactive_file").unwrap_or(0),
                memory_rss: field("total_rss").unwrap_or(0),
                memory_cache: field("total_cache").unwrap_or(0),
                memory_mapped_file: field("total_mapped_file").unwrap_or(0),
                memory_swap: field("total_swap").unwrap_or(0),
                memory_limit: number(&memory.join("memory.limit_in_bytes")).filter(|l| *l < 1 << 62).unwrap_or(0),
                page_faults: field("total_pgfault").unwrap_or(0),
                major_page_faults: field("total_pgmajfault").unwrap_or(0),
                pids,
            }
        };
        usage.memory_working_set = usage.memory_usage.saturating_sub(usage.memory_working_set);
        Some(usage)
    }

    /// All processes in a group and below.
    pub fn processes(&self, group: &Path) -> Vec<i32> {
        let mut found = Vec::new();
        for mount in &self.mounts {
            walk(&mount.join(group), &mut |folder| {
                let text = std::fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
                found.extend(text.lines().filter_map(|line| line.parse::<i32>().ok()));
            });
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Kills all processes of a group and below.
    pub fn kill(&self, group: &Path) {
        // Kernels since 5.14 do it at one go, so that nobody escapes by forking.
        if self.unified && std::fs::write(self.base.join(group).join("cgroup.kill"), "1").is_ok() {
            return;
        }
        for pid in self.processes(group).into_iter().filter(|pid| *pid > 1) {
            let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::SIGKILL);
        }
    }

    /// Removes a group and those below it. Its processes must have ended, or be ending. Blocks for 0.3 s at most.
    pub fn remove(&self, group: &Path) -> io::Result<()> {
        for mount in &self.mounts {
            let mut folders = Vec::new();
            walk(&mount.join(group), &mut |folder| folders.push(folder.to_path_buf()));
            for folder in folders.iter().rev() {
                remove_folder(folder)?;
            }
        }
        Ok(())
    }

    pub fn root(&self) -> PathBuf {
        PathBuf::from(&self.root)
    }
}

/// The curve of runc since 1.3.2, as libcontainer has it: shares 2, 1024 and 262144 become weights 1, 100 and 10000.
fn weight(shares: u64) -> u64 {
    match shares {
        0..=2 => 1,
        262_144.. => 10_000,
        _ => {
            let log = (shares as f64).log2();
            let exponent = (log * log + 125.0 * log) / 612.0 - 7.0 / 34.0;
            (10f64.powf(exponent).ceil() as u64).clamp(1, 10_000)
        }
    }
}

fn v1_mounts() -> io::Result<Vec<PathBuf>> {
    let text = std::fs::read_to_string("/proc/self/mountinfo")?;
    let mount = |line: &str| -> Option<PathBuf> {
        let (before, after) = line.split_once(" - ")?;
        let path = before.split(' ').nth(4)?;
        (after.starts_with("cgroup ") && path.starts_with(MOUNTS)).then(|| path.into())
    };
    Ok(text.lines().filter_map(mount).collect())
}

/// Children can use only what their parent hands on. The kernel refuses controllers it does not have: that is fine.
fn enable_controllers(folder: &Path) {
    for controller in CONTROLLERS {
        let _ = std::fs::write(folder.join("cgroup.subtree_control"), format!("+{controller}"));
    }
}

/// A version 1 cpuset group takes processes only after its sets are filled.
fn inherit_cpuset(parent: &Path, child: &Path) {
    for file in ["cpuset.cpus", "cpuset.mems"] {
        let Ok(own) = std::fs::read_to_string(child.join(file)) else { return };
        if own.trim().is_empty()
            && let Ok(value) = std::fs::read_to_string(parent.join(file))
        {
            let _ = std::fs::write(child.join(file), value.trim());
        }
    }
}

fn walk(folder: &Path, visit: &mut dyn FnMut(&Path)) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    visit(folder);
    for entry in entries.flatten().filter(|e| e.file_type().is_ok_and(|t| t.is_dir())) {
        walk(&entry.path(), visit);
    }
}

fn remove_folder(folder: &Path) -> io::Result<()> {
    for attempt in 0.. {
        match std::fs::remove_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) if error.raw_os_error() == Some(nix::libc::EBUSY) && attempt < REMOVE_TRIES => {
                std::thread::sleep(Duration::from_millis(if attempt < 10 { 1 } else { 7 }));
            }
            other => return other,
        }
    }
    Ok(())
}

fn write(path: &Path, value: &str) -> io::Result<()> {
    std::fs::write(path, value).map_err(|e| io::Error::other(format!("{} = {value}: {e}", path.display())))
}

fn field(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok())
}

fn number(path: &Path) -> Option<u64> {
    std::fs::read_to_string(path).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// A version 2 hierarchy in a folder of its own; files stand for the kernel's.
    struct Unified(Tree);

    impl Unified {
        fn new(name: &str) -> Self {
            let base = std::env::temp_dir().join(format!("barque-cgroup-{name}-{}", std::process::id()));
            fs::create_dir_all(&base).unwrap();
            Self(Tree { root: "barque".into(), unified: true, base: base.clone(), mounts: vec![base] })
        }

        fn text(&self, file: &str) -> Option<String> {
            fs::read_to_string(self.0.base.join(file)).ok()
        }

        fn put(&self, file: &str, text: &str) {
            fs::write(self.0.base.join(file), text).unwrap();
        }
    }

    impl Drop for Unified {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0.base);
        }
    }

    #[test]
    fn a_group_for_processes_hands_no_controllers_on() {
        let unified = Unified::new("make");
        unified.0.make(&unified.0.shims()).unwrap();
        for parent in ["", "barque/"] {
            assert!(unified.text(&format!("{parent}cgroup.subtree_control")).is_some(), "{parent}");
        }
        // The kernel would refuse processes here: "no internal processes".
        assert_eq!(unified.text("barque/shims/cgroup.subtree_control"), None);
    }

    #[test]
    fn limits_are_written_in_words_of_version_2() {
        let unified = Unified::new("limit");
        let group = unified.0.pod(Qos::Burstable, "1");
        unified.0.make(&group).unwrap();
        let written = |resources: &Resources| {
            unified.0.limit(&group, resources).unwrap();
            ["cpu.max", "cpu.weight", "memory.max", "pids.max"]
                .map(|file| unified.text(&format!("barque/burstable/pod1/{file}")).unwrap())
        };
        let some = Resources {
            cpu_shares: Some(256),
            cpu_quota_us: Some(50_000),
            memory_limit: Some(64 << 20),
            pids_limit: Some(100),
            ..Resources::default()
        };
        assert_eq!(written(&some), ["50000 100000", "35", "67108864", "100"]);
        assert_eq!(written(&Resources::default()), ["max 100000", "100", "max", "max"]);
    }

    #[test]
    fn shares_become_weights_as_runc_has_it() {
        assert_eq!([0, 2, 102, 1024, 262_144, u64::MAX].map(weight), [1, 1, 17, 100, 10_000, 10_000]);
    }

    #[test]
    fn usage_is_read_in_words_of_version_2() {
        let unified = Unified::new("usage");
        let group = unified.0.pod(Qos::BestEffort, "1");
        unified.0.make(&group).unwrap();
        let put = |file: &str, text: &str| unified.put(&format!("barque/besteffort/pod1/{file}"), text);
        assert_eq!(unified.0.usage(&group), None);
        put("memory.stat", "anon 4096\nfile 8192\nfile_mapped 512\ninactive_file 1000\npgfault 7\npgmajfault 2\n");
        put("memory.swap.current", "300\n");
        put("memory.current", "10000\n");
        put("memory.max", "max\n");
        let throttled = "nr_periods 9\nnr_throttled 4\nthrottled_usec 6\n";
        put("cpu.stat", &format!("usage_usec 25\nuser_usec 20\nsystem_usec 5\n{throttled}"));
        put("cpu.max", "max 100000\n");
        put("pids.current", "3\n");
        let wanted = Usage {
            cpu_ns: 25_000,
            cpu_user_ns: 20_000,
            cpu_system_ns: 5_000,
            cpu_quota_us: 0,
            cpu_period_us: 100_000,
            cpu_periods: 9,
            cpu_throttled_periods: 4,
            cpu_throttled_ns: 6_000,
            memory_usage: 10_000,
            memory_working_set: 9_000,
            memory_rss: 4096,
            memory_cache: 8192,
            memory_mapped_file: 512,
            memory_swap: 300,
            memory_limit: 0,
            page_faults: 7,
            major_page_faults: 2,
            pids: 3,
        };
        assert_eq!(unified.0.usage(&group), Some(wanted));
        put("memory.max", "20000\n");
        put("cpu.max", "50000 100000\n");
        let limits = unified.0.usage(&group).map(|usage| (usage.memory_limit, usage.cpu_quota_us));
        assert_eq!(limits, Some((20_000, 50_000)));
    }

    #[test]
    fn containers_get_only_settings_that_the_kernel_has() {
        let mut unified = Unified::new("extras");
        unified.0.make(&unified.0.root()).unwrap();
        unified.put("barque/memory.oom.group", "0\n");
        assert_eq!(unified.0.of_containers(), [("memory.oom.group", "1")]);
        unified.put("barque/memory.swap.max", "max\n");
        assert_eq!(unified.0.of_containers(), [("memory.oom.group", "1"), ("memory.swap.max", "0")]);
        unified.0.unified = false;
        assert_eq!(unified.0.of_containers(), []);
    }
}
