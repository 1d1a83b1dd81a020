//! Giving rights up: `chroot`, `user`, `group`, `uid`, `gid`.
//!
//! Workers keep none. The control thread may still raise two, to read a new configuration and to open its ports; it does
//! so for as long as that takes.

use crate::disk;
use balance::config::model::Global;
use nix::unistd::{Gid, Group, Uid, User, chroot, setgid, setgroups, setuid};
use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities, set_keep_capabilities};

/// What the control thread can raise: to read files that belong to root, such as keys, and to open ports below 1024.
const RAISABLE: CapabilitySet = CapabilitySet::DAC_READ_SEARCH.union(CapabilitySet::NET_BIND_SERVICE);

/// Goes into the chroot and becomes the user the configuration names. All threads do, whenever they were started.
///
/// # Errors
/// What was refused, in HAProxy's words. The process must not serve then.
pub fn give_up(global: &Global) -> Result<(), String> {
    let uid = user(global)?;
    let gid = group(global)?;
    if let Some(folder) = &global.chroot {
        let refused = |_| format!("[haproxy.main()] Cannot chroot({}).", folder.display());
        disk::remember_root().map_err(refused)?;
        chroot(folder).map_err(|error| refused(error.into()))?;
        std::env::set_current_dir("/").map_err(refused)?;
    }
    let is_root = Uid::effective().is_root();
    if let Some(gid) = gid {
        // Other groups would be rights, too. Only root has some to lose.
        let refused = |_| format!("[haproxy.main()] Cannot set gid {gid}.");
        if is_root {
            setgroups(&[]).map_err(refused)?;
        }
        setgid(gid).map_err(refused)?;
    }
    if let Some(uid) = uid.filter(|uid| !uid.is_root()) {
        let refused = |_| format!("[haproxy.main()] Cannot set uid {uid}.");
        // Of this thread alone: the others lose all of theirs.
        set_keep_capabilities(true).map_err(|error| refused(nix::Error::from_raw(error.raw_os_error())))?;
        setuid(uid).map_err(refused)?;
        keep_raisable().map_err(|error| refused(nix::Error::from_raw(error.raw_os_error())))?;
    }
    Ok(())
}

fn user(global: &Global) -> Result<Option<Uid>, String> {
    match &global.user {
        None => Ok(global.uid.map(Uid::from_raw)),
        Some(name) => match User::from_name(name) {
            Ok(Some(user)) => Ok(Some(user.uid)),
            _ => Err(format!("cannot find user id for '{name}'")),
        },
    }
}

fn group(global: &Global) -> Result<Option<Gid>, String> {
    match &global.group {
        None => Ok(global.gid.map(Gid::from_raw)),
        Some(name) => match Group::from_name(name) {
            Ok(Some(group)) => Ok(Some(group.gid)),
            _ => Err(format!("cannot find group id for '{name}'")),
        },
    }
}

fn keep_raisable() -> rustix::io::Result<()> {
    set_keep_capabilities(false)?;
    let kept = capabilities(None)?.permitted & RAISABLE;
    let none = CapabilitySet::empty();
    set_capabilities(None, CapabilitySets { effective: none, permitted: kept, inheritable: none })
}

/// What the control thread may raise is in effect while this lives. Changes nothing for who never gave rights up.
pub struct Raised {
    before: Option<CapabilitySets>,
}

pub fn raise() -> Raised {
    let before = capabilities(None).ok();
    if let Some(sets) = &before {
        set(sets, sets.permitted);
    }
    Raised { before }
}

impl Drop for Raised {
    fn drop(&mut self) {
        if let Some(sets) = &self.before {
            set(sets, sets.effective);
        }
    }
}

/// Puts some of what is permitted in effect, which the kernel does not refuse.
fn set(sets: &CapabilitySets, effective: CapabilitySet) {
    let &CapabilitySets { permitted, inheritable, .. } = sets;
    _ = set_capabilities(None, CapabilitySets { effective, permitted, inheritable });
}
