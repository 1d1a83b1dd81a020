//! What a container finds mounted: its volumes, and the pod's own files (hosts, resolv.conf, hostname, termination log).

use crate::agent::Agent;
use crate::config::Config;
use crate::container::{config_error, env};
use crate::pod::Surroundings;
use crate::volumes::sub_path;
use k8s_openapi::api::core::v1::{Container, Pod, VolumeMount};
use netplan::PodKey;
use network::{DnsPolicy, HostAlias, PodDns, Resolv};
use pods::Trouble;
use runtime::{Mount, MountPropagation};
use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

const MAX_HOSTNAME: usize = 63;
/// Linux' own limit, with a full domain name.
const MAX_FQDN: usize = 64;

/// Where a container writes the message about its end.
pub(crate) fn termination_file(config: &Config, uid: &str, container: &str, attempt: u32) -> PathBuf {
    config.pod_dir(uid).join("containers").join(container).join(attempt.to_string())
}

/// The pod's host name. Upstream: `GeneratePodHostNameAndDomain`.
pub(crate) fn hostname(pod: &Pod, config: &Config) -> Result<String, String> {
    let spec = pod.spec.as_ref();
    if let Some(name) = spec.and_then(|spec| spec.hostname_override.clone()).filter(|name| !name.is_empty()) {
        return Ok(name);
    }
    let short = short_name(pod);
    let domain = domain(pod, config);
    if spec.and_then(|spec| spec.set_hostname_as_fqdn) != Some(true) || domain.is_empty() {
        return Ok(short);
    }
    let full = format!("{short}.{domain}");
    match full.len() > MAX_FQDN {
        true => Err(format!(
            "Failed to create pod sandbox: failed to construct FQDN from Pod hostname and cluster domain, FQDN {full} is too long ({MAX_FQDN} characters is the max, {} characters requested)",
            full.len()
        )),
        false => Ok(full),
    }
}

fn short_name(pod: &Pod) -> String {
    let spec = pod.spec.as_ref();
    let own = spec.and_then(|spec| spec.hostname.clone()).filter(|name| !name.is_empty());
    let mut name = own.or_else(|| pod.metadata.name.clone()).unwrap_or_default();
    name.truncate(MAX_HOSTNAME);
    name.trim_end_matches(['-', '.']).to_owned()
}

/// `subdomain.namespace.svc.cluster.local`; empty without subdomain.
fn domain(pod: &Pod, config: &Config) -> String {
    let subdomain = pod.spec.as_ref().and_then(|spec| spec.subdomain.as_deref()).unwrap_or_default();
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    match subdomain {
        "" => String::new(),
        subdomain => format!("{subdomain}.{namespace}.svc.{}", config.cluster_domain),
    }
}

/// Writes the files that all containers of the pod share.
pub(crate) fn write_pod_files(
    agent: &Agent,
    pod: &Pod,
    key: &PodKey,
    ips: &[IpAddr],
    hostname: &str,
) -> Result<(), String> {
    let folder = agent.config.pod_dir(&key.uid);
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        // In place: containers have the file itself mounted, not its name.
        let written =
            fs::write(&path, text).and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(0o644)));
        written.map_err(|error| format!("cannot write {}: {error}", path.display()))
    };
    fs::create_dir_all(&folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
    write("etc-hosts", &hosts(agent, pod, ips))?;
    write("resolv.conf", &resolv_conf(agent, pod))?;
    write("hostname", &format!("{hostname}\n"))
}

fn hosts(agent: &Agent, pod: &Pod, ips: &[IpAddr]) -> String {
    let spec = pod.spec.as_ref();
    let aliases = spec.and_then(|spec| spec.host_aliases.as_ref()).into_iter().flatten();
    let aliases: Vec<HostAlias> = aliases
        .map(|alias| HostAlias { ip: alias.ip.clone(), hostnames: alias.hostnames.clone().unwrap_or_default() })
        .collect();
    if spec.and_then(|spec| spec.host_network) == Some(true) {
        let of_node = fs::read_to_string("/etc/hosts").unwrap_or_default();
        return network::host_network_hosts(&of_node, &aliases);
    }
    network::pod_hosts(ips, &short_name(pod), &domain(pod, &agent.config), &aliases)
}

fn resolv_conf(agent: &Agent, pod: &Pod) -> String {
    let spec = pod.spec.as_ref();
    let own = spec.and_then(|spec| spec.dns_config.as_ref()).map(|config| Resolv {
        nameservers: config.nameservers.clone().unwrap_or_default(),
        searches: config.searches.clone().unwrap_or_default(),
        options: config
            .options
            .iter()
            .flatten()
            .map(|option| match (&option.name, &option.value) {
                (name, Some(value)) => format!("{}:{value}", name.as_deref().unwrap_or_default()),
                (name, None) => name.clone().unwrap_or_default(),
            })
            .collect(),
    });
    let node = network::node_resolv(&agent.config.resolv_conf, agent.config.cluster_dns);
    network::resolv_conf(&PodDns {
        policy: DnsPolicy::from_name(spec.and_then(|spec| spec.dns_policy.as_deref()).unwrap_or_default()),
        config: own.as_ref(),
        host_network: spec.and_then(|spec| spec.host_network).unwrap_or(false),
        namespace: pod.metadata.namespace.as_deref().unwrap_or_default(),
        cluster_domain: &agent.config.cluster_domain,
        cluster_dns: agent.config.cluster_dns,
        node: &node,
    })
}

/// Where a container is to be: what its mounts depend on.
pub(crate) struct Place<'a> {
    pub agent: &'a Agent,
    pub pod: &'a Pod,
    pub key: &'a PodKey,
    pub around: &'a Surroundings,
    pub attempt: u32,
}

/// All mounts of a container; files that must exist are made.
pub(crate) fn of_container(place: &Place<'_>, container: &Container, env: &env::Lookup) -> Result<Vec<Mount>, Trouble> {
    let Place { agent, pod, key, attempt, .. } = *place;
    let mut mounts = Vec::new();
    for (index, wanted) in container.volume_mounts.iter().flatten().enumerate() {
        mounts.push(volume(place, &container.name, index, wanted, env)?);
    }
    let folder = agent.config.pod_dir(&key.uid);
    let privileged = container.security_context.as_ref().and_then(|own| own.privileged).unwrap_or(false);
    let read_only = container.security_context.as_ref().and_then(|own| own.read_only_root_filesystem).unwrap_or(false);
    let host_network = pod.spec.as_ref().and_then(|spec| spec.host_network).unwrap_or(false);
    let files = [("etc-hosts", "/etc/hosts"), ("resolv.conf", "/etc/resolv.conf"), ("hostname", "/etc/hostname")];
    for (name, at) in files {
        // In the node's network the host name is the node's, whose file the image need not show.
        if (name == "hostname" && host_network) || mounts.iter().any(|mount: &Mount| mount.destination == Path::new(at))
        {
            continue;
        }
        mounts.push(bind(folder.join(name), at, read_only && !privileged));
    }
    let message = container.termination_message_path.as_deref().unwrap_or("/dev/termination-log");
    if !message.is_empty() {
        let file = termination_file(&agent.config, &key.uid, &container.name, attempt);
        make_message_file(&file).map_err(|error| config_error(format!("cannot make {}: {error}", file.display())))?;
        mounts.push(bind(file, message, false));
    }
    Ok(mounts)
}

fn bind(source: PathBuf, destination: &str, read_only: bool) -> Mount {
    Mount { source, destination: destination.into(), read_only, ..Mount::default() }
}

/// Writable for whoever the container runs as.
fn make_message_file(file: &Path) -> std::io::Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(file, "")?;
    fs::set_permissions(file, fs::Permissions::from_mode(0o666))
}

fn volume(
    place: &Place<'_>,
    container: &str,
    index: usize,
    wanted: &VolumeMount,
    env: &env::Lookup,
) -> Result<Mount, Trouble> {
    let Place { agent, key, around, .. } = *place;
    let known = around.volumes.get(&wanted.name);
    let known = known.ok_or_else(|| {
        config_error(format!("cannot find volume \"{}\" to mount into container \"{container}\"", wanted.name))
    })?;
    let inside = match (wanted.sub_path.as_deref(), wanted.sub_path_expr.as_deref()) {
        (_, Some(expression)) if !expression.is_empty() => env::expand_all(expression, env).map_err(config_error)?,
        (Some(path), _) => path.to_owned(),
        _ => String::new(),
    };
    sub_path::check(&inside).map_err(config_error)?;
    let source = match inside.as_str() {
        "" => known.path.clone(),
        inside => {
            let target = agent.config.pod_dir(&key.uid).join("volume-subpaths").join(&wanted.name).join(container);
            sub_path::mount(&known.path, inside, &target.join(index.to_string())).map_err(|error| {
                config_error(format!(
                    "failed to prepare subPath for volumeMount \"{}\" of container \"{container}\": {error}",
                    wanted.name
                ))
            })?
        }
    };
    let read_only = wanted.read_only.unwrap_or(false) || known.read_only;
    Ok(Mount {
        source,
        destination: Path::new("/").join(&wanted.mount_path),
        read_only,
        recursive_read_only: read_only
            && matches!(wanted.recursive_read_only.as_deref(), Some("Enabled" | "IfPossible")),
        propagation: match wanted.mount_propagation.as_deref() {
            Some("HostToContainer") => MountPropagation::HostToContainer,
            Some("Bidirectional") => MountPropagation::Bidirectional,
            _ => MountPropagation::Private,
        },
        ..Mount::default()
    })
}
