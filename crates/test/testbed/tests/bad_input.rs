//! Bad input: a clear error each time, and a server that goes on.

use testbed::cluster::PATIENCE;
use testbed::images::{BUSYBOX, Image};
use testbed::run::{run, run_with_input};
use testbed::{Cluster, wait_for};

const IMAGES: &[Image] = &[Image { name: "library/busybox:1", recipe: BUSYBOX }];

#[test]
fn bad_input_is_refused_kindly() {
    let cluster = Cluster::start_with_images("bad", IMAGES);
    let pid = cluster.pid();
    manifests(&cluster);
    bodies(&cluster);
    pods_that_cannot_start(&cluster);
    hostile_layers(&cluster);
    cluster.kubectl(&["create", "configmap", "still-there"]).expect_ok();
    assert_eq!(cluster.pid(), pid);
    cluster.wait_ready();
}

fn manifests(cluster: &Cluster) {
    let map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\n";
    for (manifest, why) in [
        (format!("{map}data: [\n"), "error parsing STDIN"),
        (format!("{map}date: {{a: b}}\n"), "unknown field \"date\""),
        (format!("{map}data: {{a: {{b: c}}}}\n"), "data"),
        (
            map.replace("name: m", "name: M_M"),
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters",
        ),
        (map.replace("v1", "v7"), "no matches for kind \"ConfigMap\" in version \"v7\""),
    ] {
        let said = cluster.apply(&manifest).expect_failure();
        assert!(said.contains(why), "{manifest}\n{said}");
    }
}

/// What kubectl would not send.
fn bodies(cluster: &Cluster) {
    let post = |kind: &str, body: &[u8]| {
        let file = cluster.folder().join("body");
        std::fs::write(&file, body).expect("a file of the test");
        let certificate = |what: &str| {
            let path = format!("jsonpath={{.users[0].user.{what}}}");
            let text = cluster.kubectl(&["config", "view", "--raw", "-o", &path]).expect_ok();
            let file = cluster.folder().join(what);
            let decoded = run_with_input(std::process::Command::new("base64").arg("-d"), &text).expect_ok();
            std::fs::write(&file, decoded).expect("a file of the test");
            file.display().to_string()
        };
        let (cert, key) = (certificate("client-certificate-data"), certificate("client-key-data"));
        let url = format!(
            "https://{}:6443/api/v1/namespaces/default/configmaps?fieldValidation=Strict",
            testbed::host::ADDRESS
        );
        let (kind, data) = (format!("Content-Type: {kind}"), format!("@{}", file.display()));
        let words =
            ["-k", "--cert", &cert, "--key", &key, "-H", &kind, "--data-binary", &data, "-w", "\n%{http_code}", &url];
        let answer = cluster.curl(&words).stdout;
        let (body, code) = answer.rsplit_once('\n').expect("a code");
        assert!(body.contains("\"kind\":\"Status\"") || body.contains("\"kind\": \"Status\""), "a Status: {body}");
        (code.to_owned(), body.to_owned())
    };
    let twice = br#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"m"},"data":{"a":"1"},"data":{"a":"2"}}"#;
    let (code, said) = post("application/json", twice);
    assert!(code == "400" && said.contains(r#"duplicate field \"data\""#), "{code} {said}");
    assert_eq!(post("application/json", b"{\"kind\":").0, "400");
    assert_eq!(post("application/yaml", b"a: [\n").0, "400");
    assert_eq!(post("application/vnd.kubernetes.protobuf", b"k8s\0\xff\xff\xff\xff\xff").0, "400");
    assert_eq!(post("application/vnd.kubernetes.protobuf", b"").0, "400");
    assert_eq!(post("text/plain", b"x").0, "415");
    let deep = format!("{}1{}", "{\"a\":".repeat(200_000), "}".repeat(200_000));
    assert_eq!(post("application/json", deep.as_bytes()).0, "400");
    let huge = format!(
        "{{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\",\"metadata\":{{\"name\":\"h\"}},\"data\":{{\"a\":\"{}\"}}}}",
        "x".repeat(4 << 20)
    );
    let (code, said) = post("application/json", huge.as_bytes());
    assert!(code == "413" || code == "422", "{code} {said}");
}

fn pod(name: &str, image: &str, more: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\nspec:\n  containers: [{{name: c, image: '{image}', command: [sleep, '1000']}}]\n{more}"
    )
}

fn pods_that_cannot_start(cluster: &Cluster) {
    let volume = |text: &str| format!("  volumes: [{{name: v, {text}}}]\n");
    let cases = [
        pod("name", "Not A Name", ""),
        pod("registry", "127.0.0.1:9/nobody:1", ""),
        pod("missing", "busybox:no-such-tag", ""),
        pod("driver", "busybox:1", &volume("flexVolume: {driver: test/hangs}")),
        pod("nodriver", "busybox:1", &volume("flexVolume: {driver: test/none}")),
        pod("path", "busybox:1", &volume("hostPath: {path: /no/such/folder, type: Directory}")),
        pod("well", "busybox:1", ""),
    ];
    cluster.install_hanging_driver();
    for manifest in &cases {
        cluster.apply(manifest).expect_ok();
    }
    // One that can start is not held up by those that cannot.
    cluster.kubectl(&["wait", "pod/well", "--for=condition=Ready", "--timeout=300s"]).expect_ok();
    for (name, why) in [
        ("name", "InvalidImageName"),
        ("registry", "connection refused"),
        ("missing", "ImagePullBackOff"),
        ("nodriver", "flex/test~none/none"),
        ("path", "hostPath type check failed: /no/such/folder is not a directory"),
        ("driver", "60"),
    ] {
        wait_for(&format!("{why:?} of {name}"), PATIENCE, || {
            let said = cluster.kubectl(&["describe", "pod", name]).stdout.to_owned();
            if said.to_lowercase().contains(&why.to_lowercase()) { Ok(()) } else { Err(said) }
        });
    }
    for manifest in cases {
        let name = manifest.split("{name: ").nth(1).and_then(|rest| rest.split('}').next()).expect("a name").to_owned();
        cluster.kubectl(&["delete", "pod", &name, "--grace-period=1", "--wait=false"]).expect_ok();
    }
    wait_for("all pods gone", PATIENCE, || {
        let pods = cluster.kubectl(&["get", "pods", "--no-headers"]).stdout;
        if pods.is_empty() { Ok(()) } else { Err(pods) }
    });
}

/// Makes OCI layouts whose layer wants out of its root, and one of another machine.
const HOSTILE: &str = r#"
import hashlib, io, json, os, sys, tarfile
where = sys.argv[1]
def image(name, entries, arch):
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        for path, link, kind in entries:
            info = tarfile.TarInfo(path)
            info.type = kind
            info.linkname = link
            data = b"escaped" if kind == tarfile.REGTYPE else b""
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    blobs = {}
    def blob(data, media):
        digest = hashlib.sha256(data).hexdigest()
        blobs["blobs/sha256/" + digest] = data
        return {"mediaType": media, "digest": "sha256:" + digest, "size": len(data)}
    base = "application/vnd.oci.image."
    layer = blob(raw.getvalue(), base + "layer.v1.tar")
    config = blob(json.dumps({"architecture": arch, "os": "linux", "config": {"Cmd": ["/x"]},
        "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]}}).encode(), base + "config.v1+json")
    manifest = blob(json.dumps({"schemaVersion": 2, "mediaType": base + "manifest.v1+json", "config": config,
        "layers": [layer]}).encode(), base + "manifest.v1+json")
    manifest["annotations"] = {"org.opencontainers.image.ref.name": name + ":1", "io.containerd.image.name": "docker.io/library/" + name + ":1"}
    manifest["platform"] = {"architecture": arch, "os": "linux"}
    blobs["index.json"] = json.dumps({"schemaVersion": 2, "manifests": [manifest]}).encode()
    blobs["oci-layout"] = b'{"imageLayoutVersion":"1.0.0"}'
    with tarfile.open(os.path.join(where, name + ".tar"), "w") as tar:
        for path, data in blobs.items():
            info = tarfile.TarInfo(path)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
F, L, H = tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE
victim = where + "/victim"
up = "../" * 12
image("dots", [(up + where[1:] + "/escaped", "", F)], "amd64")
image("linked", [("out", where, L), ("out/escaped", "", F)], "amd64")
image("hard", [("hard", victim, H), ("hard", "", F)], "amd64")
image("whiteout", [("out", where, L), ("out/.wh.victim", "", F)], "amd64")
image("foreign", [("x", "", F)], "s390x")
"#;

fn hostile_layers(cluster: &Cluster) {
    let folder = cluster.folder().join("hostile");
    std::fs::create_dir_all(&folder).expect("a folder of the test");
    let victim = folder.join("victim");
    std::fs::write(&victim, "untouched").expect("a file of the test");
    run(std::process::Command::new("python3").args(["-c", HOSTILE]).arg(&folder)).expect_ok();
    for name in ["dots", "linked", "hard", "whiteout"] {
        let archive = folder.join(format!("{name}.tar"));
        let said = cluster.barque(&["image", "import", &archive.display().to_string()]);
        // Refused, or unpacked inside its root; never outside.
        assert!(said.ok || !said.stderr.is_empty(), "{name}: an error says why: {said}");
        assert!(!folder.join("escaped").exists(), "{name} wrote outside its root: {said}");
        assert_eq!(std::fs::read_to_string(&victim).expect("the victim is there"), "untouched", "{name}: {said}");
    }
    let foreign = cluster.barque(&["image", "import", &folder.join("foreign.tar").display().to_string()]);
    let said = foreign.expect_failure();
    assert!(said.contains("s390x") || said.contains("amd64") || said.contains("architecture"), "{said}");
}
