//! The checks: facts to problems.

use super::{Facts, Problem, Wanted};

/// kubeadm's number; the API server and etcd want one each when they are busy.
const CPUS: usize = 2;

/// MiB. kubeadm asks for 1700; the whole of us and etcd fit into a quarter of that.
const MEMORY: u64 = 900;

type Check = fn(&Facts, &Wanted) -> Option<Problem>;

const CHECKS: &[Check] =
    &[privileged, cpus, memory, member, hostname, address, etcd_program, nft, cgroups, etcd_folder];

pub fn all(facts: &Facts, wanted: &Wanted) -> Vec<Problem> {
    let single = CHECKS.iter().filter_map(|check| check(facts, wanted));
    single.chain(ports(facts, wanted)).collect()
}

fn problem(check: impl Into<String>, cause: impl Into<String>, cure: impl Into<String>) -> Option<Problem> {
    Some(Problem { check: check.into(), cause: cause.into(), cure: cure.into() })
}

fn privileged(facts: &Facts, _: &Wanted) -> Option<Problem> {
    if facts.uid == 0 {
        return None;
    }
    problem("IsPrivilegedUser", "the user is not root", "run it with sudo")
}

fn cpus(facts: &Facts, wanted: &Wanted) -> Option<Problem> {
    if !wanted.control_plane || facts.cpus >= CPUS {
        return None;
    }
    let cause = format!("the number of available CPUs {} is less than the required {CPUS}", facts.cpus);
    problem("NumCPU", cause, "take a larger machine, or accept that it is slow")
}

fn memory(facts: &Facts, wanted: &Wanted) -> Option<Problem> {
    let mib = facts.memory >> 20;
    if !wanted.control_plane || mib >= MEMORY {
        return None;
    }
    problem("Mem", format!("the machine has {mib} MiB of memory, less than {MEMORY}"), "take a larger machine")
}

fn member(facts: &Facts, wanted: &Wanted) -> Option<Problem> {
    if !facts.is_member {
        return None;
    }
    let file = crate::Membership::file(&wanted.config_dir);
    let cause = format!("{} exists: this machine is a member of a cluster already", file.display());
    problem("FileAvailable--etc-barque-cluster.yaml", cause, "`barque reset` takes it out")
}

/// RFC 1123 section 2.1, as Kubernetes wants names of nodes.
fn hostname(_: &Facts, wanted: &Wanted) -> Option<Problem> {
    let name = &wanted.node_name;
    let is_label = |label: &str| {
        let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
        edge(label.chars().next())
            && edge(label.chars().last())
            && label.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    };
    if name.len() <= 253 && name.split('.').all(is_label) {
        return None;
    }
    let cause = format!("{name:?} cannot be the name of a node: letters a-z, digits, '-' and '.' are allowed");
    problem("Hostname", cause, "give another by --node-name, or change the host's name")
}

fn address(facts: &Facts, wanted: &Wanted) -> Option<Problem> {
    let at = wanted.address;
    if at.is_loopback() || at.is_unspecified() {
        let cause = format!("other machines cannot reach this one at {at}");
        return problem("AdvertiseAddress", cause, "name its address by --apiserver-advertise-address");
    }
    if facts.has_address {
        return None;
    }
    problem("AdvertiseAddress", format!("no interface has the address {at}"), "name one of `ip -brief address`")
}

fn etcd_program(facts: &Facts, wanted: &Wanted) -> Option<Problem> {
    if !wanted.etcd || facts.has_etcd {
        return None;
    }
    let cure = "apt install etcd-server && systemctl disable --now etcd, or name a cluster by --etcd-servers";
    problem("FileExisting-etcd", "etcd is not found in the path", cure)
}

fn nft(facts: &Facts, _: &Wanted) -> Option<Problem> {
    if facts.has_nft {
        return None;
    }
    problem("FileExisting-nft", "nft is not found in the path", "apt install nftables")
}

fn cgroups(facts: &Facts, _: &Wanted) -> Option<Problem> {
    if facts.has_cgroups {
        return None;
    }
    let cure = "mount them (systemd does), or in a container start it with the host's";
    problem("SystemVerification", "no control groups are mounted at /sys/fs/cgroup", cure)
}

fn etcd_folder(facts: &Facts, wanted: &Wanted) -> Option<Problem> {
    if !wanted.etcd || facts.etcd_folder_is_free {
        return None;
    }
    let cause = format!("{} is not empty", wanted.etcd_dir.display());
    let cure = "it holds the state of another etcd: move it away if nobody needs it";
    problem(format!("DirAvailable{}", wanted.etcd_dir.display().to_string().replace('/', "-")), cause, cure)
}

/// Ports that have to be free, and who usually has them.
fn ports(facts: &Facts, wanted: &Wanted) -> Vec<Problem> {
    let of_master = [(wanted.control_plane, wanted.port), (wanted.etcd, 2379), (wanted.etcd, 2380)];
    let all = of_master.into_iter().chain([(true, 10250), (true, wanted.local_api_port)]);
    let taken = all.filter(|(needed, port)| *needed && facts.taken_ports.contains(port));
    let say = |(_, port): (bool, u16)| {
        let cure = match port {
            2379 | 2380 => "another etcd runs here: systemctl disable --now etcd",
            10250 => "a kubelet runs here: stop it, or take another machine",
            _ => "stop what listens there (`ss -ltnp`)",
        };
        problem(format!("Port-{port}"), format!("port {port} is in use"), cure)
    };
    taken.filter_map(say).collect()
}
