//! Seccomp filters: the built-in default profile and OCI profiles from files, compiled to BPF by us.
//!
//! The kernel caches calls that are always allowed, so a plain list of ranges is as fast as a tree.
//! Only the native calling convention is known: calls of 32-bit programs fail with EPERM under a filter.
//!
//! Upstream: moby `profiles/seccomp/default_linux.go` (the list), runtime-spec `config-linux.md` (the file format).

use super::capabilities;
use super::syscalls;
use nix::libc;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Allowed whatever the capabilities.
const ALWAYS: &str = "accept accept4 access adjtimex alarm arch_prctl bind brk cachestat capget capset chdir chmod chown \
    clock_adjtime clock_getres clock_gettime clock_nanosleep close close_range connect copy_file_range creat dup dup2 \
    dup3 epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old eventfd \
    eventfd2 execve execveat exit exit_group faccessat faccessat2 fadvise64 fallocate fanotify_mark fchdir fchmod \
    fchmodat fchmodat2 fchown fchownat fcntl fdatasync fgetxattr flistxattr flock fork fremovexattr fsetxattr fstat \
    fstatfs fsync ftruncate futex futex_requeue futex_wait futex_waitv futex_wake futimesat getcpu getcwd getdents \
    getdents64 getegid geteuid getgid getgroups getitimer getpeername getpgid getpgrp getpid getppid getpriority \
    getrandom getresgid getresuid getrlimit get_robust_list getrusage getsid getsockname getsockopt get_thread_area \
    gettid gettimeofday getuid getxattr inotify_add_watch inotify_init inotify_init1 inotify_rm_watch io_cancel ioctl \
    io_destroy io_getevents io_pgetevents ioprio_get ioprio_set io_setup io_submit kill landlock_add_rule \
    landlock_create_ruleset landlock_restrict_self lchown lgetxattr link linkat listen listmount listxattr llistxattr \
    lremovexattr lseek lsetxattr lstat madvise map_shadow_stack membarrier memfd_create memfd_secret mincore mkdir \
    mkdirat mknod mknodat mlock mlock2 mlockall mmap modify_ldt mprotect mq_getsetattr mq_notify mq_open \
    mq_timedreceive mq_timedsend mq_unlink mremap mseal msgctl msgget msgrcv msgsnd msync munlock munlockall munmap \
    name_to_handle_at nanosleep newfstatat open openat openat2 pause pidfd_open pidfd_send_signal pipe pipe2 \
    pkey_alloc pkey_free pkey_mprotect poll ppoll prctl pread64 preadv preadv2 prlimit64 process_mrelease \
    process_vm_readv process_vm_writev pselect6 ptrace pwrite64 pwritev pwritev2 read readahead readlink readlinkat \
    readv recvfrom recvmmsg recvmsg remap_file_pages removexattr rename renameat renameat2 restart_syscall rmdir rseq \
    rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait \
    rt_tgsigqueueinfo sched_getaffinity sched_getattr sched_getparam sched_get_priority_max sched_get_priority_min \
    sched_getscheduler sched_rr_get_interval sched_setaffinity sched_setattr sched_setparam sched_setscheduler \
    sched_yield seccomp select semctl semget semop semtimedop sendfile sendmmsg sendmsg sendto setfsgid setfsuid \
    setgid setgroups setitimer setpgid setpriority setregid setresgid setresuid setreuid setrlimit set_robust_list \
    setsid setsockopt set_thread_area set_tid_address setuid setxattr shmat shmctl shmdt shmget shutdown sigaltstack \
    signalfd signalfd4 socketpair splice stat statfs statmount statx symlink symlinkat sync sync_file_range syncfs \
    sysinfo tee tgkill time timer_create timer_delete timer_getoverrun timer_gettime timer_settime timerfd_create \
    timerfd_gettime timerfd_settime times tkill truncate umask uname unlink unlinkat utime utimensat utimes vfork \
    vmsplice wait4 waitid write writev";

/// Allowed to processes whose container has the capability.
const WITH_CAPABILITY: &[(&str, &str)] = &[
    ("DAC_READ_SEARCH", "open_by_handle_at"),
    (
        "SYS_ADMIN",
        "bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie mount mount_setattr move_mount \
         open_tree perf_event_open quotactl quotactl_fd setdomainname sethostname setns syslog umount2 unshare",
    ),
    ("SYS_BOOT", "reboot"),
    ("SYS_CHROOT", "chroot"),
    ("SYS_MODULE", "delete_module init_module finit_module"),
    ("SYS_PACCT", "acct"),
    ("SYS_PTRACE", "kcmp pidfd_getfd process_madvise"),
    ("SYS_RAWIO", "iopl ioperm"),
    ("SYS_TIME", "settimeofday clock_settime"),
    ("SYS_TTY_CONFIG", "vhangup"),
    ("SYS_NICE", "get_mempolicy mbind set_mempolicy set_mempolicy_home_node"),
    ("SYSLOG", "syslog"),
    ("BPF", "bpf"),
    ("PERFMON", "perf_event_open"),
];

/// Namespace flags of clone(2): not without SYS_ADMIN.
const CLONE_NAMESPACES: u64 = 0x7E02_0000;
/// personality(2) values that change nothing dangerous: PER_LINUX, ADDR_NO_RANDOMIZE-free variants, query.
const PERSONALITIES: [u64; 5] = [0, 8, 0x20000, 0x20008, 0xffff_ffff];
const AF_VSOCK: u64 = 40;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Allow,
    Errno(u16),
    KillProcess,
    KillThread,
    Trap,
    Log,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Op {
    Ne,
    Lt,
    Le,
    Eq,
    Ge,
    Gt,
    /// With the mask.
    Masked(u64),
}

#[derive(Debug, Clone, Copy)]
struct Condition {
    index: u32,
    op: Op,
    value: u64,
}

/// What to do on calls, by number. Several rules of a call are tried in order.
struct Policy {
    default: Action,
    calls: BTreeMap<u32, Vec<(Vec<Condition>, Action)>>,
}

impl Policy {
    fn rule(&mut self, names: &str, conditions: &[Condition], action: Action) {
        for number in names.split_whitespace().filter_map(syscalls::number) {
            self.calls.entry(number).or_default().push((conditions.to_vec(), action));
        }
    }
}

/// The `RuntimeDefault` profile for a container with these capabilities.
pub fn runtime_default(capabilities: u64) -> Vec<u8> {
    let mut policy = Policy { default: Action::Errno(libc::EPERM as u16), calls: BTreeMap::new() };
    policy.rule(ALWAYS, &[], Action::Allow);
    for (name, calls) in WITH_CAPABILITY {
        if capabilities::has(capabilities, name) {
            policy.rule(calls, &[], Action::Allow);
        }
    }
    for value in PERSONALITIES {
        policy.rule("personality", &[Condition { index: 0, op: Op::Eq, value }], Action::Allow);
    }
    policy.rule("socket", &[Condition { index: 0, op: Op::Ne, value: AF_VSOCK }], Action::Allow);
    if !capabilities::has(capabilities, "SYS_ADMIN") {
        let condition = Condition { index: 0, op: Op::Masked(CLONE_NAMESPACES), value: 0 };
        policy.rule("clone", &[condition], Action::Allow);
        // Its flags are behind a pointer: programs must fall back to clone.
        policy.rule("clone3", &[], Action::Errno(libc::ENOSYS as u16));
    }
    compile(&policy)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Profile {
    default_action: String,
    default_errno_ret: Option<u16>,
    #[serde(default)]
    syscalls: Vec<ProfileRule>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ProfileRule {
    #[serde(default)]
    names: Vec<String>,
    name: Option<String>,
    action: String,
    errno_ret: Option<u16>,
    #[serde(default)]
    args: Option<Vec<ProfileArg>>,
    #[serde(default)]
    includes: Only,
    #[serde(default)]
    excludes: Only,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Only {
    caps: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ProfileArg {
    index: u32,
    value: u64,
    #[serde(default)]
    value_two: u64,
    op: String,
}

/// A profile from a file (`Localhost`), OCI or Docker form.
pub fn from_profile(json: &[u8], capabilities: u64) -> Result<Vec<u8>, String> {
    let profile: Profile =
        serde_json::from_slice(json).map_err(|e| format!("the seccomp profile is not valid: {e}"))?;
    let default = action(&profile.default_action, profile.default_errno_ret)?;
    let mut policy = Policy { default, calls: BTreeMap::new() };
    for rule in &profile.syscalls {
        let has = |cap: &String| capabilities::has(capabilities, cap);
        if !rule.includes.caps.iter().all(has) || rule.excludes.caps.iter().any(has) {
            continue;
        }
        let conditions = rule.args.iter().flatten().map(condition).collect::<Result<Vec<_>, _>>()?;
        let action = action(&rule.action, rule.errno_ret)?;
        for name in rule.names.iter().chain(&rule.name) {
            policy.rule(name, &conditions, action);
        }
    }
    Ok(compile(&policy))
}

fn action(name: &str, errno: Option<u16>) -> Result<Action, String> {
    Ok(match name {
        "SCMP_ACT_ALLOW" => Action::Allow,
        "SCMP_ACT_ERRNO" => Action::Errno(errno.unwrap_or(libc::EPERM as u16)),
        "SCMP_ACT_KILL" | "SCMP_ACT_KILL_THREAD" => Action::KillThread,
        "SCMP_ACT_KILL_PROCESS" => Action::KillProcess,
        "SCMP_ACT_TRAP" => Action::Trap,
        "SCMP_ACT_LOG" => Action::Log,
        other => return Err(format!("seccomp action {other} is not supported")),
    })
}

fn condition(arg: &ProfileArg) -> Result<Condition, String> {
    let (op, value) = match arg.op.as_str() {
        "SCMP_CMP_NE" => (Op::Ne, arg.value),
        "SCMP_CMP_LT" => (Op::Lt, arg.value),
        "SCMP_CMP_LE" => (Op::Le, arg.value),
        "SCMP_CMP_EQ" => (Op::Eq, arg.value),
        "SCMP_CMP_GE" => (Op::Ge, arg.value),
        "SCMP_CMP_GT" => (Op::Gt, arg.value),
        "SCMP_CMP_MASKED_EQ" => (Op::Masked(arg.value), arg.value_two),
        other => return Err(format!("seccomp comparison {other} is not known")),
    };
    if arg.index > 5 {
        return Err(format!("seccomp argument index {} is above 5", arg.index));
    }
    Ok(Condition { index: arg.index, op, value })
}

// BPF, as of linux/filter.h and linux/seccomp.h.
const LOAD: u16 = 0x20;
const AND: u16 = 0x54;
const RETURN: u16 = 0x06;
const JUMP_EQ: u16 = 0x15;
const JUMP_GT: u16 = 0x25;
const JUMP_GE: u16 = 0x35;
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;
const ARGUMENTS: u32 = 16;
#[cfg(target_arch = "x86_64")]
const NATIVE: u32 = 0xC000_003E;
#[cfg(target_arch = "aarch64")]
const NATIVE: u32 = 0xC000_00B7;

/// One instruction: `struct sock_filter`.
type Instruction = (u16, u8, u8, u32);

fn compile(policy: &Policy) -> Vec<u8> {
    let foreign = returning(Action::Errno(libc::EPERM as u16));
    let mut code: Vec<Instruction> =
        vec![(LOAD, 0, 0, ARCHITECTURE), (JUMP_EQ, 1, 0, NATIVE), foreign, (LOAD, 0, 0, NUMBER)];
    let plain = |rules: &[(Vec<Condition>, Action)]| rules.iter().find(|(c, _)| c.is_empty()).map(|(_, a)| *a);
    let mut ranges: Vec<(u32, u32, Action)> = Vec::new();
    for (number, rules) in &policy.calls {
        match plain(rules) {
            // An unconditional rule settles it, as in libseccomp.
            Some(action) => match ranges.last_mut() {
                Some((_, end, known)) if *end + 1 == *number && *known == action => *end = *number,
                _ => ranges.push((*number, *number, action)),
            },
            None => conditional(&mut code, *number, rules, policy.default),
        }
    }
    for (first, last, action) in ranges {
        code.extend([(JUMP_GE, 0, 2, first), (JUMP_GT, 1, 0, last), returning(action)]);
    }
    code.push(returning(policy.default));
    code.iter()
        .flat_map(|(op, yes, no, k)| {
            let mut bytes = op.to_ne_bytes().to_vec();
            bytes.extend([*yes, *no]);
            bytes.extend(k.to_ne_bytes());
            bytes
        })
        .collect()
}

/// Rules of one call: each is skipped when a condition fails; after the last comes the default.
fn conditional(code: &mut Vec<Instruction>, number: u32, rules: &[(Vec<Condition>, Action)], default: Action) {
    let mut body: Vec<Instruction> = Vec::new();
    for (conditions, action) in rules {
        let blocks: Vec<Vec<Step>> = conditions.iter().map(steps).collect();
        let total: usize = blocks.iter().map(Vec::len).sum();
        let mut done = 0;
        for block in &blocks {
            for (at, step) in block.iter().enumerate() {
                let failed = (total - done - 1) as u8 + 1;
                let matched = (block.len() - at - 1) as u8;
                let target = |to: To| match to {
                    To::Next => 0,
                    To::Matched => matched,
                    To::Failed => failed,
                };
                body.push((step.0, target(step.1), target(step.2), step.3));
                done += 1;
            }
        }
        body.push(returning(*action));
    }
    body.push(returning(default));
    // The body ends in a return on every path, so the number stays loaded for whoever jumps over it. Jumps have
    // 8 bits: a longer body is reached through an unconditional one.
    code.push((JUMP_EQ, 1, 0, number));
    code.push((0x05, 0, 0, body.len() as u32));
    code.extend(body);
}

#[derive(Clone, Copy)]
enum To {
    Next,
    Matched,
    Failed,
}

type Step = (u16, To, To, u32);

/// A comparison of 64 bits, high half first.
fn steps(condition: &Condition) -> Vec<Step> {
    use To::{Failed, Matched, Next};
    let (low, high) = (condition.value as u32, (condition.value >> 32) as u32);
    let load_low: Step = (LOAD, Next, Next, ARGUMENTS + 8 * condition.index);
    let load_high: Step = (LOAD, Next, Next, ARGUMENTS + 8 * condition.index + 4);
    match condition.op {
        Op::Eq => vec![load_high, (JUMP_EQ, Next, Failed, high), load_low, (JUMP_EQ, Matched, Failed, low)],
        Op::Ne => vec![load_high, (JUMP_EQ, Next, Matched, high), load_low, (JUMP_EQ, Failed, Matched, low)],
        Op::Masked(mask) => vec![
            load_high,
            (AND, Next, Next, (mask >> 32) as u32),
            (JUMP_EQ, Next, Failed, high),
            load_low,
            (AND, Next, Next, mask as u32),
            (JUMP_EQ, Matched, Failed, low),
        ],
        Op::Ge => ordered(load_high, load_low, high, (JUMP_GE, Matched, Failed, low), Matched, Failed),
        Op::Gt => ordered(load_high, load_low, high, (JUMP_GT, Matched, Failed, low), Matched, Failed),
        Op::Le => ordered(load_high, load_low, high, (JUMP_GT, Failed, Matched, low), Failed, Matched),
        Op::Lt => ordered(load_high, load_low, high, (JUMP_GE, Failed, Matched, low), Failed, Matched),
    }
}

fn ordered(load_high: Step, load_low: Step, high: u32, last: Step, above: To, below: To) -> Vec<Step> {
    vec![load_high, (JUMP_GT, above, To::Next, high), (JUMP_EQ, To::Next, below, high), load_low, last]
}

fn returning(action: Action) -> Instruction {
    let value = match action {
        Action::Allow => 0x7fff_0000,
        Action::Errno(errno) => 0x0005_0000 | errno as u32,
        Action::KillProcess => 0x8000_0000,
        Action::KillThread => 0,
        Action::Trap => 0x0003_0000,
        Action::Log => 0x7ffc_0000,
    };
    (RETURN, 0, 0, value)
}

/// Puts this process under a compiled filter. Needs no_new_privs or CAP_SYS_ADMIN.
pub fn install(program: &[u8]) -> nix::Result<()> {
    let program =
        libc::sock_fprog { len: (program.len() / 8) as u16, filter: program.as_ptr() as *mut libc::sock_filter };
    let mode = libc::SECCOMP_SET_MODE_FILTER;
    // SAFETY: the program outlives the call; the kernel copies it and checks it. Unaligned is fine: it is copied.
    nix::errno::Errno::result(unsafe { libc::syscall(libc::SYS_seccomp, mode, 0u64, &program) }).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tiny interpreter of the instructions used here.
    fn verdict(program: &[u8], number: u32, args: [u64; 6]) -> u32 {
        let mut data = [0u8; 64];
        data[0..4].copy_from_slice(&number.to_ne_bytes());
        data[4..8].copy_from_slice(&NATIVE.to_ne_bytes());
        for (i, arg) in args.iter().enumerate() {
            data[16 + 8 * i..24 + 8 * i].copy_from_slice(&arg.to_ne_bytes());
        }
        let (mut at, mut a) = (0usize, 0u32);
        loop {
            let i = &program[at * 8..at * 8 + 8];
            let op = u16::from_ne_bytes([i[0], i[1]]);
            let k = u32::from_ne_bytes([i[4], i[5], i[6], i[7]]);
            at += 1;
            let yes = match op {
                LOAD => {
                    a = u32::from_ne_bytes(data[k as usize..k as usize + 4].try_into().unwrap());
                    continue;
                }
                AND => {
                    a &= k;
                    continue;
                }
                RETURN => return k,
                0x05 => {
                    at += k as usize;
                    continue;
                }
                JUMP_EQ => a == k,
                JUMP_GT => a > k,
                JUMP_GE => a >= k,
                other => panic!("{other:#x}"),
            };
            at += if yes { i[2] } else { i[3] } as usize;
        }
    }

    const ALLOW: u32 = 0x7fff_0000;
    const EPERM: u32 = 0x0005_0001;

    #[track_caller]
    fn check(program: &[u8], name: &str, first: u64, expected: u32) {
        let got = verdict(program, syscalls::number(name).unwrap(), [first, 0, 0, 0, 0, 0]);
        assert_eq!(got, expected, "{name}({first:#x})");
    }

    #[test]
    fn the_default_profile() {
        let program = runtime_default(capabilities::wanted(&Default::default(), false).unwrap());
        for name in ["read", "execve", "futex", "openat", "clone", "chroot", "socket", "capset", "setresuid"] {
            check(&program, name, 0, ALLOW);
        }
        for name in
            ["mount", "unshare", "setns", "bpf", "reboot", "init_module", "kexec_load", "keyctl", "io_uring_setup"]
        {
            check(&program, name, 0, EPERM);
        }
        check(&program, "clone", 0x1000_0000, EPERM);
        check(&program, "clone", 0x11, ALLOW);
        check(&program, "clone3", 0, 0x0005_0000 | libc::ENOSYS as u32);
        check(&program, "personality", 0xffff_ffff, ALLOW);
        check(&program, "personality", 4, EPERM);
        check(&program, "socket", 40, EPERM);
        let admin = runtime_default(1 << 21);
        check(&admin, "mount", 0, ALLOW);
        check(&admin, "clone", 0x1000_0000, ALLOW);
    }

    #[test]
    fn all_comparisons() {
        let ops = [
            ("NE", [1, 0, 1]),
            ("LT", [1, 0, 0]),
            ("LE", [1, 1, 0]),
            ("EQ", [0, 1, 0]),
            ("GE", [0, 1, 1]),
            ("GT", [0, 0, 1]),
        ];
        let value = 0x2_0000_0005u64;
        for (op, expected) in ops {
            let json = format!(
                r#"{{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{{"names":["read"],"action":"SCMP_ACT_ALLOW",
                "args":[{{"index":0,"value":{value},"op":"SCMP_CMP_{op}"}}]}}]}}"#
            );
            let program = from_profile(json.as_bytes(), 0).unwrap();
            for (given, allowed) in [value - 6, value, value + (1 << 33)].into_iter().zip(expected) {
                check(&program, "read", given, if allowed == 1 { ALLOW } else { EPERM });
            }
        }
        assert!(from_profile(b"{}", 0).is_err());
    }
}
