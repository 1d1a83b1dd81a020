//! A container's environment, in upstream's order: services, then envFrom, then env; later ones win.
//!
//! Upstream: `kubelet_pods.go` (`makeEnvironmentVariables`), `third_party/forked/golang/expansion`.

use super::{config_error, field, resource_field};
use crate::agent::Agent;
use apimachinery::GroupVersionResource;
use client::{Object, Scope, resources};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{ConfigMap, Container, EnvVarSource, Pod, Secret, Service};
use pods::Trouble;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

pub(crate) type Lookup = HashMap<String, String>;
/// Entries of a ConfigMap or Secret.
pub(crate) type Data = BTreeMap<String, Vec<u8>>;

pub(crate) async fn build(
    agent: &Agent,
    pod: &Pod,
    container: &Container,
    ips: &[IpAddr],
) -> Result<Vec<(String, String)>, Trouble> {
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    let mut env = services(agent, pod, namespace);
    let mut own: Vec<(String, String)> = Vec::new();
    for from in container.env_from.iter().flatten() {
        let prefix = from.prefix.as_deref().unwrap_or_default();
        let data = if let Some(source) = &from.config_map_ref {
            config_map(agent, namespace, &source.name, source.optional).await?
        } else if let Some(source) = &from.secret_ref {
            secret(agent, namespace, &source.name, source.optional).await?
        } else {
            None
        };
        for (key, value) in data.into_iter().flatten() {
            set(&mut own, format!("{prefix}{key}"), String::from_utf8_lossy(&value).into_owned());
        }
    }
    for var in container.env.iter().flatten() {
        let value = match &var.value_from {
            None => {
                let known: Lookup = env.iter().chain(&own).cloned().collect();
                expand(var.value.as_deref().unwrap_or_default(), &known)
            }
            Some(source) => match from_source(agent, pod, container, source, ips).await? {
                Some(value) => value,
                None => continue,
            },
        };
        set(&mut own, var.name.clone(), value);
    }
    env.retain(|(name, _)| !own.iter().any(|(own, _)| own == name));
    env.extend(own);
    Ok(env)
}

fn set(env: &mut Vec<(String, String)>, name: String, value: String) {
    match env.iter_mut().find(|(known, _)| *known == name) {
        Some(entry) => entry.1 = value,
        None => env.push((name, value)),
    }
}

async fn from_source(
    agent: &Agent,
    pod: &Pod,
    container: &Container,
    source: &EnvVarSource,
    ips: &[IpAddr],
) -> Result<Option<String>, Trouble> {
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    if let Some(of) = &source.field_ref {
        return field(agent, pod, &of.field_path, ips).map(Some).map_err(config_error);
    }
    if let Some(of) = &source.resource_field_ref {
        return resource_field(agent, pod, Some(container), of).map(Some).map_err(config_error);
    }
    let (kind, name, key, optional, data) = if let Some(of) = &source.config_map_key_ref {
        ("ConfigMap", &of.name, &of.key, of.optional, config_map(agent, namespace, &of.name, of.optional).await?)
    } else if let Some(of) = &source.secret_key_ref {
        ("Secret", &of.name, &of.key, of.optional, secret(agent, namespace, &of.name, of.optional).await?)
    } else {
        return Err(config_error("valueFrom names no source that this node knows"));
    };
    match data.and_then(|mut data| data.remove(key)) {
        Some(value) => Ok(Some(String::from_utf8_lossy(&value).into_owned())),
        None if optional == Some(true) => Ok(None),
        None => Err(config_error(format!("couldn't find key {key} in {kind} {namespace}/{name}"))),
    }
}

/// The entries of a ConfigMap; None if it is missing and may be.
pub(crate) async fn config_map(
    agent: &Agent,
    namespace: &str,
    name: &str,
    optional: Option<bool>,
) -> Result<Option<Data>, Trouble> {
    let Some(object) = get(agent, &resources::CONFIG_MAPS, "configmap", namespace, name, optional).await? else {
        return Ok(None);
    };
    let map: ConfigMap = object.decode().map_err(|error| config_error(error.to_string()))?;
    let text = map.data.into_iter().flatten().map(|(key, value)| (key, value.into_bytes()));
    let binary = map.binary_data.into_iter().flatten().map(|(key, ByteString(value))| (key, value));
    Ok(Some(text.chain(binary).collect()))
}

/// The entries of a Secret; None if it is missing and may be.
pub(crate) async fn secret(
    agent: &Agent,
    namespace: &str,
    name: &str,
    optional: Option<bool>,
) -> Result<Option<Data>, Trouble> {
    let Some(object) = get(agent, &resources::SECRETS, "secret", namespace, name, optional).await? else {
        return Ok(None);
    };
    let secret: Secret = object.decode().map_err(|error| config_error(error.to_string()))?;
    Ok(Some(secret.data.into_iter().flatten().map(|(key, ByteString(value))| (key, value)).collect()))
}

/// Asks the API, not the informer: a pod may come right after what it refers to.
async fn get(
    agent: &Agent,
    of: &GroupVersionResource,
    word: &str,
    namespace: &str,
    name: &str,
    optional: Option<bool>,
) -> Result<Option<Arc<Object>>, Trouble> {
    match agent.api.get(of, namespace, name).await {
        Ok(object) => Ok(Some(object)),
        Err(error) if error.is_not_found() && optional == Some(true) => Ok(None),
        Err(error) if error.is_not_found() => Err(config_error(format!("{word} \"{name}\" not found"))),
        Err(error) => Err(config_error(error.to_string())),
    }
}

/// Upstream: `pkg/kubelet/envvars/envvars.go`.
fn services(agent: &Agent, pod: &Pod, namespace: &str) -> Vec<(String, String)> {
    const KUBERNETES: &str = "default/kubernetes";
    let links = pod.spec.as_ref().and_then(|spec| spec.enable_service_links).unwrap_or(true);
    let mut found: Vec<Arc<Object>> = agent.services.get(KUBERNETES).into_iter().collect();
    if links {
        let of_namespace = agent.services.list(Scope::Namespace(namespace));
        found.extend(of_namespace.into_iter().filter(|service| service.key() != KUBERNETES));
    }
    let typed = found.iter().filter_map(|service| service.decode::<Service>().ok());
    typed.flat_map(|service| of_service(&service)).collect()
}

fn of_service(service: &Service) -> Vec<(String, String)> {
    let Some(spec) = &service.spec else { return Vec::new() };
    let ip = spec.cluster_ip.as_deref().unwrap_or_default();
    let Some(first) = spec.ports.iter().flatten().next().filter(|_| !matches!(ip, "" | "None")) else {
        return Vec::new();
    };
    let upper = |text: &str| text.replace('-', "_").to_uppercase();
    let name = upper(service.metadata.name.as_deref().unwrap_or_default());
    let host = if ip.contains(':') { format!("[{ip}]") } else { ip.to_owned() };
    let mut env =
        vec![(format!("{name}_SERVICE_HOST"), ip.to_owned()), (format!("{name}_SERVICE_PORT"), first.port.to_string())];
    for port in spec.ports.iter().flatten() {
        if let Some(port_name) = port.name.as_deref().filter(|name| !name.is_empty()) {
            env.push((format!("{name}_SERVICE_PORT_{}", upper(port_name)), port.port.to_string()));
        }
    }
    for (index, port) in spec.ports.iter().flatten().enumerate() {
        let protocol = port.protocol.as_deref().unwrap_or("TCP");
        let url = format!("{}://{host}:{}", protocol.to_lowercase(), port.port);
        if index == 0 {
            env.push((format!("{name}_PORT"), url.clone()));
        }
        let prefix = format!("{name}_PORT_{}_{}", port.port, protocol.to_uppercase());
        env.push((prefix.clone(), url));
        env.push((format!("{prefix}_PROTO"), protocol.to_lowercase()));
        env.push((format!("{prefix}_PORT"), port.port.to_string()));
        env.push((format!("{prefix}_ADDR"), ip.to_owned()));
    }
    env
}

/// Replaces `$(NAME)`; `$$` is a dollar sign; a name that is not known stays as written.
pub(crate) fn expand(text: &str, known: &Lookup) -> String {
    expand_noting(text, known, &mut BTreeSet::new())
}

/// As [`expand`]; the error names what is not known or empty. Upstream: `ExpandContainerVolumeMounts`.
pub(crate) fn expand_all(text: &str, known: &Lookup) -> Result<String, String> {
    let mut missing = BTreeSet::new();
    let full = known.iter().filter(|(_, value)| !value.is_empty());
    let full = full.map(|(name, value)| (name.clone(), value.clone())).collect();
    let expanded = expand_noting(text, &full, &mut missing);
    match missing.is_empty() {
        true => Ok(expanded),
        false => Err(format!("missing value for {}", missing.into_iter().collect::<Vec<_>>().join(", "))),
    }
}

fn expand_noting(text: &str, known: &Lookup, missing: &mut BTreeSet<String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(after) = rest.strip_prefix("$$") {
            out.push('$');
            rest = after;
        } else if let Some((name, after)) = rest.strip_prefix("$(").and_then(|inner| inner.split_once(')')) {
            match known.get(name) {
                Some(value) => out.push_str(value),
                None => {
                    missing.insert(name.to_owned());
                    out.push_str(&rest[..name.len() + 3]);
                }
            }
            rest = after;
        } else {
            out.push('$');
            rest = &rest[1..];
        }
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn references_are_expanded_once() {
        let known = Lookup::from([("A".to_owned(), "1".to_owned()), ("B".to_owned(), "$(A)".to_owned())]);
        for (text, expanded) in [
            ("x$(A)y", "x1y"),
            ("$(B)", "$(A)"),
            ("$$(A)", "$(A)"),
            ("$(C) $(A", "$(C) $(A"),
            ("$A $", "$A $"),
            ("$$$$(A)", "$$(A)"),
        ] {
            assert_eq!(expand(text, &known), expanded, "{text}");
        }
        assert_eq!(expand_all("$(A)/$$(C)", &known), Ok("1/$(C)".to_owned()));
        assert_eq!(expand_all("$(A)/$(C)/$(D)", &known), Err("missing value for C, D".to_owned()));
        let empty = Lookup::from([("A".to_owned(), String::new())]);
        assert_eq!(expand_all("$(A)", &empty), Err("missing value for A".to_owned()));
    }

    #[test]
    fn a_service_gives_its_variables() {
        let service = serde_json::json!({
            "metadata": {"name": "my-db"},
            "spec": {"clusterIP": "10.0.0.1", "ports": [{"port": 5432, "name": "sql", "protocol": "TCP"}]},
        });
        let env = of_service(&serde_json::from_value(service).unwrap());
        let text: Vec<String> = env.iter().map(|(name, value)| format!("{name}={value}")).collect();
        expect![[r#"
            MY_DB_SERVICE_HOST=10.0.0.1
            MY_DB_SERVICE_PORT=5432
            MY_DB_SERVICE_PORT_SQL=5432
            MY_DB_PORT=tcp://10.0.0.1:5432
            MY_DB_PORT_5432_TCP=tcp://10.0.0.1:5432
            MY_DB_PORT_5432_TCP_PROTO=tcp
            MY_DB_PORT_5432_TCP_PORT=5432
            MY_DB_PORT_5432_TCP_ADDR=10.0.0.1"#]]
        .assert_eq(&text.join("\n"));
    }
}
