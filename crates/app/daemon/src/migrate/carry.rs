//! The state from the old store into an etcd of this machine, and whether it arrived.

use super::{MigrateError, mark, remove};
use crate::{Config, identity, stores};
use cluster::etcd::{self, Binary, MemberConfig, Supervisor};
use cluster::{EtcdPki, Membership};
use std::path::PathBuf;
use std::sync::Arc;
use stdx::{Clock, SystemClock};
use store::{Embedded, KeyValue, Range, RangeResult, Sealer, Store};

/// Where the store has nodes.
const NODES: &str = "/registry/core/nodes/";

/// The state on its way, with all Secrets sealed.
pub fn file(config: &Config) -> PathBuf {
    config.data_dir.join("migrating.snapshot")
}

/// Ends with `cluster.yaml` written, from which on etcd is in force. etcd runs on. `config`: as of the member.
///
/// # Errors
/// Before that.
pub async fn over(
    config: &Config,
    member: &MemberConfig,
    membership: &Membership,
    say: &impl Fn(&str),
) -> Result<(), MigrateError> {
    let sealer = stores::sealer(config)?;
    let old = stores::embedded(config, Arc::clone(&sealer))?;
    is_same_node(config, &old.range(Range::under(NODES)).await?.items)?;
    mark(config)?;
    let state = write(config, member, &old, &sealer).await?;
    say(&format!("[etcd] Restoring {} keys at revision {}", state.items.len(), state.revision));
    let pki = EtcdPki::load_or_create(&config.pki_dir(), identity::names(config)?, SystemClock.now())?;
    let binary = Binary::find()?;
    etcd::snapshot_restore(&binary, &file(config), member).await?;
    let supervisor = Supervisor::start(binary, member.clone()).await?;
    supervisor.ready(stores::PATIENCE).await?;
    say("[verify] Reading every key back");
    let new = stores::connect(vec![member.local_url()], pki.client_tls(), sealer).await?;
    // At that revision: what expires meanwhile is no difference.
    let found = new.range(Range { at: Some(state.revision), ..Range::under("") }).await?;
    if let Some(difference) = difference(&state, &found) {
        return Err(MigrateError::Different(difference));
    }
    say("[verify] Every key has its value and its revisions; Secrets are sealed with the same key as before");
    remove(&file(config))?;
    membership.save(&config.config_dir)?;
    // Not before: nobody may write to it as long as it is in force.
    old.close();
    Ok(())
}

async fn write(
    config: &Config,
    member: &MemberConfig,
    old: &Embedded,
    sealer: &Arc<Sealer>,
) -> Result<RangeResult, MigrateError> {
    let path = file(config);
    remove(&path)?;
    let state = old.carry_to_etcd(&path, Some(Arc::clone(sealer))).await?;
    let bytes = path.metadata().map_err(|source| MigrateError::File { path, source })?.len();
    let quota = member.quota_bytes;
    if bytes >= quota { Err(MigrateError::TooLarge { bytes, quota }) } else { Ok(state) }
}

/// By another name this machine would be another node, whose pods nobody runs.
fn is_same_node(config: &Config, nodes: &[KeyValue]) -> Result<(), MigrateError> {
    let names: Vec<&str> = nodes.iter().filter_map(|node| node.key.strip_prefix(NODES)).collect();
    if names.is_empty() || names.contains(&config.node_name.as_str()) {
        return Ok(());
    }
    Err(MigrateError::Node { wanted: config.node_name.clone(), found: names.join(", ") })
}

/// The first thing that is not the same. Both in the order of keys.
fn difference(old: &RangeResult, new: &RangeResult) -> Option<String> {
    let count = (old.items.len(), new.items.len());
    if count.0 != count.1 {
        return Some(format!("{} keys of {}", count.1, count.0));
    }
    if new.revision < old.revision {
        return Some(format!("revision {} of {}", new.revision, old.revision));
    }
    let (old, _) = old.items.iter().zip(&new.items).find(|(old, new)| old != new)?;
    Some(format!("{}, last changed at revision {}", old.key, old.modified))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(revision: u64, keys: &[(&str, u64)]) -> RangeResult {
        let item =
            |&(key, modified): &(&str, u64)| KeyValue { key: key.into(), value: "v".into(), created: 1, modified };
        RangeResult { items: keys.iter().map(item).collect(), revision, remaining: 0 }
    }

    #[test]
    fn nothing_may_differ_but_a_later_revision() {
        let old = state(9, &[("/a", 3), ("/b", 5)]);
        let check = |new: RangeResult| difference(&old, &new);
        assert_eq!(check(state(9, &[("/a", 3), ("/b", 5)])), None);
        assert_eq!(check(state(11, &[("/a", 3), ("/b", 5)])), None);
        assert_eq!(check(state(9, &[("/a", 3)])).unwrap(), "1 keys of 2");
        assert_eq!(check(state(8, &[("/a", 3), ("/b", 5)])).unwrap(), "revision 8 of 9");
        assert_eq!(check(state(9, &[("/a", 3), ("/b", 6)])).unwrap(), "/b, last changed at revision 5");
        assert_eq!(check(state(9, &[("/a", 3), ("/c", 5)])).unwrap(), "/b, last changed at revision 5");
    }

    #[test]
    fn a_machine_by_another_name_is_refused() {
        let config = Config { node_name: "m1".to_owned(), ..Config::default() };
        let nodes = |name: &str| state(1, &[(&format!("{NODES}{name}"), 1)]).items;
        assert!(is_same_node(&config, &nodes("m1")).is_ok() && is_same_node(&config, &[]).is_ok());
        let error = is_same_node(&config, &nodes("old")).unwrap_err().to_string();
        assert!(error.contains("no node m1, but old") && error.contains("nodeName"), "{error}");
    }
}
