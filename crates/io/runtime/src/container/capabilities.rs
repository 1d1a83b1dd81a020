//! Capability names, the default set, and giving up what is not wanted.

use crate::spec::Capabilities;
use nix::libc;

/// By number. Upstream: linux/capability.h.
const NAMES: [&str; 41] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
];

/// What containers get when nothing is said. Upstream: containerd `defaultUnixCaps`.
const DEFAULT: [&str; 14] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "FSETID",
    "FOWNER",
    "MKNOD",
    "NET_RAW",
    "SETGID",
    "SETUID",
    "SETFCAP",
    "SETPCAP",
    "NET_BIND_SERVICE",
    "SYS_CHROOT",
    "KILL",
    "AUDIT_WRITE",
];

const ALL: u64 = (1 << NAMES.len()) - 1;

/// The wanted set as bits. `ALL` works in both lists; what is added wins over `drop: [ALL]`.
pub fn wanted(capabilities: &Capabilities, privileged: bool) -> Result<u64, String> {
    if privileged {
        return Ok(ALL);
    }
    let all = |list: &[String]| list.iter().any(|c| c.eq_ignore_ascii_case("ALL"));
    let mut set = DEFAULT.iter().fold(0, |set, name| set | bit(name).unwrap_or(0));
    if all(&capabilities.add) {
        set = ALL;
    }
    if all(&capabilities.drop) {
        set = 0;
    }
    for name in capabilities.add.iter().filter(|c| !c.eq_ignore_ascii_case("ALL")) {
        set |= bit(name).ok_or_else(|| unknown(name))?;
    }
    for name in capabilities.drop.iter().filter(|c| !c.eq_ignore_ascii_case("ALL")) {
        set &= !bit(name).ok_or_else(|| unknown(name))?;
    }
    Ok(set)
}

fn unknown(name: &str) -> String {
    let plain = name.to_uppercase();
    let plain = plain.strip_prefix("CAP_").unwrap_or(&plain);
    format!("unknown capability \"CAP_{plain}\"")
}

/// Whether `name` is in `set`.
pub fn has(set: u64, name: &str) -> bool {
    bit(name).is_some_and(|bit| set & bit != 0)
}

fn bit(name: &str) -> Option<u64> {
    let upper = name.to_uppercase();
    let plain = upper.strip_prefix("CAP_").unwrap_or(&upper);
    NAMES.iter().position(|n| *n == plain).map(|number| 1 << number)
}

/// `struct __user_cap_header_struct`
#[repr(C)]
struct Header {
    version: u32,
    pid: i32,
}

/// `struct __user_cap_data_struct`, twice for 64 bits.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Data {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

const VERSION_3: u32 = 0x2008_0522;

fn get() -> nix::Result<[Data; 2]> {
    let mut header = Header { version: VERSION_3, pid: 0 };
    let mut data = [Data::default(); 2];
    // SAFETY: both pointers are to structures of the layout that version 3 of the call wants.
    nix::errno::Errno::result(unsafe { libc::syscall(libc::SYS_capget, &mut header, data.as_mut_ptr()) })?;
    Ok(data)
}

fn set(data: &[Data; 2]) -> nix::Result<()> {
    let mut header = Header { version: VERSION_3, pid: 0 };
    // SAFETY: as in `get`.
    nix::errno::Errno::result(unsafe { libc::syscall(libc::SYS_capset, &mut header, data.as_ptr()) }).map(drop)
}

/// Our own permitted set.
pub fn own() -> u64 {
    get().map_or(0, |d| d[0].permitted as u64 | (d[1].permitted as u64) << 32)
}

fn prctl(option: i32, a: u64, b: u64) -> nix::Result<i32> {
    // SAFETY: the options used here take numbers only.
    nix::errno::Errno::result(unsafe { libc::prctl(option, a, b, 0u64, 0u64) })
}

/// Takes on user, group and exactly the wanted capabilities, as far as we have them ourselves. They stay for the
/// program to be executed if it runs as root; other users get them through the bounding set only, as with runc.
pub fn become_user(uid: u32, gid: u32, wanted: u64) -> nix::Result<()> {
    let wanted = wanted & own();
    for number in 0..64u64 {
        if wanted & (1 << number) == 0 && prctl(libc::PR_CAPBSET_READ, number, 0) == Ok(1) {
            prctl(libc::PR_CAPBSET_DROP, number, 0)?;
        }
    }
    prctl(libc::PR_SET_KEEPCAPS, 1, 0)?;
    nix::unistd::setresgid(gid.into(), gid.into(), gid.into())?;
    nix::unistd::setresuid(uid.into(), uid.into(), uid.into())?;
    prctl(libc::PR_SET_KEEPCAPS, 0, 0)?;
    let half = |shift: u32| {
        let bits = (wanted >> shift) as u32;
        Data { effective: bits, permitted: bits, inheritable: 0 }
    };
    set(&[half(0), half(32)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn add_and_drop() {
        let caps = |add: &[&str], drop: &[&str]| Capabilities {
            add: add.iter().map(|s| s.to_string()).collect(),
            drop: drop.iter().map(|s| s.to_string()).collect(),
        };
        let default = wanted(&caps(&[], &[]), false).unwrap();
        assert_eq!(default.count_ones(), 14);
        assert!(has(default, "NET_RAW") && !has(default, "SYS_ADMIN"));
        assert_eq!(wanted(&caps(&["NET_BIND_SERVICE"], &["ALL"]), false), Ok(1 << 10));
        assert_eq!(wanted(&caps(&["CAP_sys_admin"], &[]), false), Ok(default | 1 << 21));
        assert_eq!(wanted(&caps(&["ALL"], &["CHOWN"]), false), Ok(ALL & !1));
        assert_eq!(wanted(&caps(&["FLY"], &[]), false), Err("unknown capability \"CAP_FLY\"".into()));
        assert_eq!(wanted(&caps(&[], &["ALL"]), true), Ok(ALL));
    }
}
