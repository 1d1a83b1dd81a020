//! `cargo xtask vm`: boots a machine as they are in production (Debian, systemd, cgroup version 2) and checks barque in
//! it: `xtask/vm/check.sh`. No network card, no KVM needed. Not part of `cargo xtask test`: it takes minutes.

use crate::packages::{self, Need};
use crate::steps::{cargo, run};
use crate::{Error, root};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

#[derive(clap::Args)]
pub struct Args {
    /// Debian's release: bookworm, trixie
    #[arg(long, default_value = "bookworm")]
    release: String,
    /// The barque to check; built in the release profile where it is not given
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
}

/// What a server of Debian has, and the kernel for virtual machines.
const PACKAGES: &str = "systemd,systemd-sysv,systemd-resolved,udev,dbus,nftables,libseccomp2,iproute2,kmod,\
                        ca-certificates,procps,util-linux,mount,curl,busybox-static,linux-image-cloud-amd64";
/// The longest that all checks may take, twice what they do without KVM.
const SECONDS: &str = "1200";
/// As the hosts of the end-to-end tests: an address that leads nowhere.
const CABLE: &str = "\
[Unit]
DefaultDependencies=no
After=systemd-modules-load.service
Before=network-online.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'ip link set lo up; ip link add eth0 type veth peer name nowhere; ip link set nowhere up; \
ip addr add 10.0.42.1/24 dev eth0; ip link set eth0 up; ip route add default via 10.0.42.254'
[Install]
WantedBy=multi-user.target network-online.target
";
const CHECK: &str = "\
[Unit]
After=multi-user.target
[Service]
Type=oneshot
ExecStart=/root/check.sh
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS0
TimeoutStartSec=infinity
[Install]
WantedBy=graphical.target
";

pub fn run_checks(args: &Args) -> Result<(), Error> {
    if !packages::is_root() {
        return Err(Error::NotRoot("the machine's files belong to root"));
    }
    packages::ensure(&[Need::Build, Need::Kubectl, Need::Images, Need::Machine])?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), Into::into);
    let binary = match &args.binary {
        Some(binary) => binary.clone(),
        None => {
            run(&mut cargo(&["build", "--locked", "--release", "--package", "cli"]))?;
            target.join("release/barque")
        }
    };
    let folder = target.join("vm").join(&args.release);
    fs::create_dir_all(&folder).map_err(|error| Error::File(folder.clone(), error))?;
    let machine = folder.join("root");
    // Made once; its files change with every run. A run that was broken off leaves no half of it under this name.
    if !machine.exists() {
        let part = folder.join("root.part");
        run(Command::new("rm").args(["-rf", "--one-file-system"]).arg(&part))?;
        let include = format!("--include={PACKAGES}");
        let arguments: [&OsStr; 4] =
            ["--variant=minbase".as_ref(), include.as_ref(), args.release.as_ref(), part.as_ref()];
        run(Command::new("mmdebstrap").args(arguments))?;
        fs::rename(&part, &machine).map_err(|error| Error::File(part, error))?;
    }
    furnish(&machine, &binary)?;
    let disk = folder.join("disk.img");
    run(Command::new("truncate").args(["--size=0"]).arg(&disk))?;
    run(Command::new("truncate").args(["--size=4G"]).arg(&disk))?;
    run(Command::new("mke2fs").args(["-q", "-F", "-t", "ext4", "-d"]).arg(&machine).arg(&disk))?;
    boot(&machine, &disk, &folder.join("console"))
}

fn furnish(machine: &Path, binary: &Path) -> Result<(), Error> {
    let kubectl = packages::program("kubectl").ok_or_else(|| Error::Lacking("there is no kubectl in PATH".into()))?;
    let packaged = root().join("packaging/barque.service");
    let copies = [
        (kubectl, "usr/local/bin/kubectl", 0o755),
        (binary.to_owned(), "usr/local/bin/barque", 0o755),
        (packaged, "etc/systemd/system/barque.service", 0o644),
        (root().join("xtask/vm/check.sh"), "root/check.sh", 0o755),
    ];
    for (from, to, mode) in copies {
        let to = machine.join(to);
        let copied = fs::copy(&from, &to).and_then(|_| fs::set_permissions(&to, fs::Permissions::from_mode(mode)));
        copied.map_err(|error| Error::File(from, error))?;
    }
    let texts = [
        ("etc/systemd/system/cable.service", CABLE),
        ("etc/systemd/system/check.service", CHECK),
        ("etc/systemd/resolved.conf.d/barque.conf", "[Resolve]\nDNS=10.0.42.254\nFallbackDNS=\n"),
        ("etc/fstab", "/dev/vda / ext4 defaults 0 1\n"),
        ("etc/hostname", "machine\n"),
        ("etc/hosts", "127.0.0.1 localhost\n"),
        ("etc/machine-id", ""),
        // With this folder the journal outlives a reboot.
        ("var/log/journal/.keep", ""),
    ];
    for (file, text) in texts {
        let file = machine.join(file);
        let folder = file.parent().unwrap_or(machine);
        let written = fs::create_dir_all(folder).and_then(|()| fs::write(&file, text));
        written.map_err(|error| Error::File(file.clone(), error))?;
    }
    let systemctl = |arguments: &[&str]| {
        run(Command::new("systemctl").arg(format!("--root={}", machine.display())).arg("--quiet").args(arguments))
    };
    systemctl(&["enable", "cable.service", "check.service", "systemd-resolved.service"])?;
    // The console is the checks' alone.
    systemctl(&["mask", "serial-getty@ttyS0.service", "getty@tty1.service"])?;
    let resolv = machine.join("etc/resolv.conf");
    run(Command::new("ln").args(["-sf", "../run/systemd/resolve/stub-resolv.conf"]).arg(resolv))
}

/// Runs the machine until it switches itself off, and tells what its console said.
fn boot(machine: &Path, disk: &Path, console: &Path) -> Result<(), Error> {
    let kernel = newest(&machine.join("boot"), "vmlinuz-")?;
    let initrd = newest(&machine.join("boot"), "initrd.img-")?;
    println!("checking; the machine's console: {}", console.display());
    let mut qemu = Command::new("timeout");
    qemu.args([SECONDS, "qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max", "-m", "2048", "-smp", "2"]);
    qemu.args(["-nic", "none", "-display", "none", "-monitor", "none", "-kernel"]).arg(kernel).arg("-initrd");
    qemu.arg(initrd).args(["-append", "console=ttyS0 root=/dev/vda rw panic=-1 quiet systemd.show_status=0"]);
    qemu.arg("-drive").arg(format!("file={},if=virtio,format=raw,cache=unsafe", disk.display()));
    qemu.arg("-serial").arg(format!("file:{}", console.display()));
    run(&mut qemu)?;
    let said = fs::read(console).map_err(|error| Error::File(console.to_owned(), error))?;
    let said = String::from_utf8_lossy(&said).replace('\r', "");
    said.lines().filter(|line| is_told(line)).for_each(|line| println!("{line}"));
    match said.lines().rfind(|line| line.starts_with("== ")) {
        Some(sum) if sum.ends_with(" 0 failed") => Ok(()),
        Some(sum) => Err(Error::Failed("checks in the machine".into(), sum.to_owned())),
        None => Err(Error::Failed("checks in the machine".into(), "it did not come to them".into())),
    }
}

/// Outcomes, and what belongs to a failed one.
fn is_told(line: &str) -> bool {
    ["ok   ", "FAIL ", "     ", "== "].iter().any(|start| line.starts_with(start))
}

fn newest(folder: &Path, prefix: &str) -> Result<PathBuf, Error> {
    let entries = fs::read_dir(folder).map_err(|error| Error::File(folder.to_owned(), error))?;
    let mut found: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    found.retain(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(prefix)));
    found.sort();
    found.pop().ok_or_else(|| Error::Lacking(format!("there is no {prefix}* in {}", folder.display())))
}
