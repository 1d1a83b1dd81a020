//! Helm, the Python client with a watch, and a client that speaks protobuf.

use testbed::cluster::PATIENCE;
use testbed::run::run;
use testbed::{Cluster, example, tools, wait_for};

pub fn helm(cluster: &Cluster) {
    let chart = example("chart").display().to_string();
    let helm = |words: &[&str]| run(&mut cluster.client(&tools::helm(), words));
    let said = helm(&["install", "greeter", &chart, "--wait", "--timeout=5m"]).expect_ok();
    assert!(said.contains("STATUS: deployed\nREVISION: 1"), "{said}");
    let address = cluster.jsonpath(&["svc", "greeter"], "{.spec.clusterIP}");
    let page = |wanted: &str| {
        wait_for(wanted, PATIENCE, || {
            let answer = cluster.curl(&[&format!("http://{address}/")]);
            if answer.stdout == wanted { Ok(()) } else { Err(format!("{answer}\n{}", cluster.explain())) }
        });
    };
    page("hello\n");
    helm(&["upgrade", "greeter", &chart, "--set", "greeting=welcome,replicas=2", "--wait", "--timeout=5m"]).expect_ok();
    // The mounted ConfigMap is brought up to date while the pod runs.
    page("welcome\n");
    assert!(helm(&["list"]).expect_ok().contains("greeter"));
    helm(&["rollback", "greeter", "1", "--wait", "--timeout=5m"]).expect_ok();
    page("hello\n");
    helm(&["uninstall", "greeter", "--wait"]).expect_ok();
    assert!(cluster.kubectl(&["get", "svc", "greeter"]).expect_failure().contains("(NotFound)"));
}

const WATCHER: &str = r#"
import threading
from kubernetes import client, config, watch
config.load_kube_config()
core = client.CoreV1Api()
listed = core.list_namespaced_config_map("default")
def change():
    core.create_namespaced_config_map("default", {"metadata": {"name": "py"}, "data": {"a": "1"}})
    core.patch_namespaced_config_map("py", "default", {"data": {"a": "2"}})
    core.delete_namespaced_config_map("py", "default")
changer = threading.Thread(target=change)
changer.start()
seen = []
watcher = watch.Watch()
version = listed.metadata.resource_version
for event in watcher.stream(core.list_namespaced_config_map, "default", resource_version=version, timeout_seconds=60):
    if event["object"].metadata.name == "py":
        seen.append((event["type"], (event["object"].data or {}).get("a")))
    if event["type"] == "DELETED":
        watcher.stop()
changer.join()
try:
    core.read_namespaced_config_map("py", "default")
except client.ApiException as error:
    seen.append((error.status, error.reason))
print(seen)
"#;

/// The client's shared informer: its cache follows what is there, over relists too.
const INFORMER: &str = r#"
import threading
from kubernetes import client, config
from kubernetes.informer import SharedInformer
config.load_kube_config()
core = client.CoreV1Api()
def body(name):
    return {"metadata": {"name": name, "labels": {"informed": "yes"}}, "data": {"a": "1"}}
core.create_namespaced_config_map("default", body("inf-0"))
informer = SharedInformer(
    core.list_namespaced_config_map, namespace="default", label_selector="informed=yes", resync_period=1)
gone = threading.Event()
informer.add_event_handler("DELETED", lambda object: gone.set() if object.metadata.name == "inf-1" else None)
def wait(name, value):
    for _ in range(3000):
        found = informer.cache.get_by_key("default/" + name)
        if found is not None and found.data["a"] == value:
            return
        gone.wait(0.02)
    raise SystemExit("the informer never saw %s at %s: %s" % (name, value, informer.cache.list_keys()))
informer.start()
core.create_namespaced_config_map("default", body("inf-1"))
core.patch_namespaced_config_map("inf-0", "default", {"data": {"a": "2"}})
wait("inf-0", "2")
wait("inf-1", "1")
core.delete_namespaced_config_map("inf-1", "default")
assert gone.wait(60), informer.cache.list_keys()
print(informer.cache.list_keys())
informer.stop()
"#;

pub fn python(cluster: &Cluster) {
    let said = run(&mut cluster.client(&tools::python(), &["-c", WATCHER])).expect_ok();
    assert_eq!(said, "[('ADDED', '1'), ('MODIFIED', '2'), ('DELETED', '2'), (404, 'Not Found')]\n");
    let said = run(&mut cluster.client(&tools::python(), &["-c", INFORMER])).expect_ok();
    assert_eq!(said, "['default/inf-0']\n");
}

/// Bodies as client-go sends and reads them: `k8s\0`, then `Unknown` around the message.
pub fn protobuf(cluster: &Cluster) {
    let (body, got) = (cluster.folder().join("body.pb"), cluster.folder().join("got.pb"));
    std::fs::write(&body, config_map("pb", "key", "value")).expect("a file of the test");
    let address =
        cluster.kubectl(&["config", "view", "--raw", "-o", "jsonpath={.clusters[0].cluster.server}"]).expect_ok();
    let token = cluster.kubectl(&["create", "token", "default", "-n", "kube-system"]).expect_ok();
    cluster
        .kubectl(&[
            "create",
            "clusterrolebinding",
            "pb",
            "--clusterrole=cluster-admin",
            "--serviceaccount=kube-system:default",
        ])
        .expect_ok();
    let authorization = format!("Authorization: Bearer {}", token.trim());
    let protobuf = "application/vnd.kubernetes.protobuf";
    let url = format!("{address}/api/v1/namespaces/default/configmaps");
    let data = format!("@{}", body.display());
    let out = got.display().to_string();
    let common = ["-k", "-H", &authorization, "-o", &out, "-w", "%{http_code} %{content_type}"];
    let accept = format!("Accept: {protobuf}");
    let content = format!("Content-Type: {protobuf}");
    let post: Vec<&str> =
        common.iter().copied().chain(["-H", &accept, "-H", &content, "--data-binary", &data, &url]).collect();
    assert_eq!(cluster.curl(&post).expect_ok(), format!("201 {protobuf}"));
    let answer = std::fs::read(&got).expect("curl wrote it");
    assert!(answer.starts_with(b"k8s\0") && answer.windows(9).any(|bytes| bytes == b"ConfigMap"), "{answer:?}");
    assert_eq!(cluster.jsonpath(&["cm", "pb"], "{.data.key}"), "value");
    let list: Vec<&str> = common.iter().copied().chain(["-H", &accept, &url]).collect();
    assert_eq!(cluster.curl(&list).expect_ok(), format!("200 {protobuf}"));
    let answer = std::fs::read(&got).expect("curl wrote it");
    assert!(answer.windows(13).any(|bytes| bytes == b"ConfigMapList"), "a list, in protobuf");
    std::fs::write(&body, b"k8s\0\xff\xff\xff\xff").expect("a file of the test");
    assert!(cluster.curl(&post).expect_ok().starts_with("400 "), "broken protobuf is refused");
}

fn config_map(name: &str, key: &str, value: &str) -> Vec<u8> {
    let entry = [field(1, key.as_bytes()), field(2, value.as_bytes())].concat();
    let object = [field(1, &field(1, name.as_bytes())), field(2, &entry)].concat();
    let kind = [field(1, b"v1"), field(2, b"ConfigMap")].concat();
    [b"k8s\0".to_vec(), field(1, &kind), field(2, &object)].concat()
}

/// A field of bytes: its tag, its length (below 128 here), itself.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let length = u8::try_from(bytes.len()).ok().filter(|length| *length < 128).expect("small messages only");
    [&[number << 3 | 2, length], bytes].concat()
}
