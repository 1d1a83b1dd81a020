//! What goes over the wire: codes, texts, forms, limits.

use crate::world::{Served, config_map, served};
use client::Api;
use client::resources::{CONFIG_MAPS, DEPLOYMENTS, NODES, PODS};
use expect_test::expect;
use serde_json::{Value, json};

#[tokio::test]
async fn bad_bodies_are_refused_and_the_server_goes_on() {
    let served = served().await;
    let maps = "/api/v1/namespaces/default/configmaps";
    let json = "application/json";
    check(&served, "POST", maps, json, b"{", 400, "couldn't get version/kind; json parse error").await;
    check(&served, "POST", maps, json, b"", 400, "unexpected end of JSON input").await;
    check(&served, "POST", maps, json, b"[1]", 400, "must be a JSON object").await;
    check(&served, "POST", maps, "text/plain", b"x", 415, "the body of the request was in an unknown format").await;
    check(&served, "POST", maps, "application/yaml", b"a: [", 400, "the object provided is unrecognized").await;
    check(&served, "POST", maps, "application/vnd.kubernetes.protobuf", b"k8s\0\xff\xff", 400, "protobuf").await;
    let deep = "[".repeat(100_000);
    check(&served, "POST", maps, json, deep.as_bytes(), 400, "json parse error").await;
    let large = format!("{{\"data\":{{\"x\":\"{}\"}}}}", "x".repeat(4 << 20));
    check(&served, "POST", maps, json, large.as_bytes(), 413, "Request body is too large: limit is 3145728").await;
    let wrong = br#"{"metadata":{"name":"a"},"data":{"x":1}}"#;
    check(
        &served,
        "POST",
        maps,
        json,
        wrong,
        400,
        "cannot unmarshal number into Go struct field ConfigMap.data of type string",
    )
    .await;
    let double = br#"{"metadata":{"name":"a"},"data":{},"data":{},"foo":1}"#;
    let strict = format!("{maps}?fieldValidation=Strict");
    let said = "strict decoding error: duplicate field \\\"data\\\", unknown field \\\"foo\\\"";
    check(&served, "POST", &strict, json, double, 400, said).await;
    let early = br#"{"foo":1,"metadata":{"name":"a"},"data":{},"data":{}}"#;
    let said = "strict decoding error: unknown field \\\"foo\\\", duplicate field \\\"data\\\"";
    check(&served, "POST", &strict, json, early, 400, said).await;
    let kind = br#"{"kind":"Pod","apiVersion":"v1","metadata":{"name":"a"}}"#;
    check(&served, "POST", maps, json, kind, 400, "ConfigMap in version \\\"v1\\\" cannot be handled").await;
    check(&served, "PATCH", &format!("{maps}/x"), "text/plain", b"{}", 415, "unknown format").await;
    check(&served, "POST", "/api/v1/foos", json, b"{}", 404, "the server could not find the requested resource").await;
    let future = format!("{maps}?resourceVersion=99999999");
    check(&served, "GET", &future, json, b"", 504, "Too large resource version: 99999999").await;
    check(&served, "OPTIONS", maps, json, b"", 405, "does not allow this method").await;
    served.world.create(&CONFIG_MAPS, "default", config_map("fine", json!({}))).await.unwrap();
}

#[tokio::test]
async fn objects_have_many_forms() {
    let served = served().await;
    served.world.create(&CONFIG_MAPS, "default", config_map("a", json!({"k": "v"}))).await.unwrap();
    let url = "/api/v1/namespaces/default/configmaps/a";
    let check = async |accept: &str, expected: &str| {
        let said = curl(&served, "GET", url, &["-H", &format!("Accept: {accept}")], b"").await;
        assert!(said.1.contains(expected), "{accept}: {}", said.1);
    };
    check("application/json", "{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\",\"metadata\":{").await;
    check("application/yaml", "data:\n  k: v").await;
    check("application/vnd.kubernetes.protobuf", "k8s").await;
    check("application/json;as=Table;v=v1;g=meta.k8s.io", "\"cells\":[\"a\",1,").await;
    check("application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io", "{\"kind\":\"PartialObjectMetadata\"").await;
    check("text/html", "only the following media types are accepted").await;
    let old = "{\"kind\":\"Table\",\"apiVersion\":\"meta.k8s.io/v1beta1\"";
    check("application/json;as=Table;v=v1beta1;g=meta.k8s.io", old).await;
    // Rows have no protobuf form: the next wish counts.
    let both =
        "application/vnd.kubernetes.protobuf;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1;g=meta.k8s.io";
    check(both, "\"cells\":[\"a\",1,").await;
}

#[tokio::test]
async fn what_has_no_rows_is_not_acceptable_as_a_table() {
    let served = served().await;
    let table = ["-H", "Accept: application/json;as=Table;v=v1;g=meta.k8s.io", "-H", "Content-Type: application/json"];
    let review = br#"{"spec":{"nonResourceAttributes":{"path":"/","verb":"get"}}}"#;
    let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    assert_eq!(curl(&served, "POST", path, &table, review).await.0, 406);
    let streamed = "/api/v1/pods?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&timeoutSeconds=1";
    assert_eq!(curl(&served, "GET", streamed, &table, b"").await.0, 406);
    assert_eq!(curl(&served, "GET", "/api/v1/pods?watch=1&timeoutSeconds=1", &table, b"").await.0, 200);
}

#[tokio::test]
async fn methods_and_options_that_are_none_change_nothing() {
    let served = served().await;
    let maps = "/api/v1/namespaces/default/configmaps";
    served.world.create(&CONFIG_MAPS, "default", config_map("a", json!({}))).await.unwrap();
    let json = "application/json";
    let refused = "does not allow this method";
    check(&served, "PUT", maps, json, b"{}", 405, refused).await;
    check(&served, "PATCH", maps, "application/merge-patch+json", b"{}", 405, refused).await;
    check(&served, "POST", &format!("{maps}/a"), json, b"{}", 405, refused).await;
    check(&served, "GET", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews/a", json, b"", 405, refused).await;
    let unknown = br#"{"dryRun":["Some"]}"#;
    check(&served, "DELETE", &format!("{maps}/a"), json, unknown, 422, "dryRun: Unsupported value").await;
    assert_eq!(curl(&served, "GET", &format!("{maps}/a"), &[], b"").await.0, 200);
    assert_eq!(curl(&served, "GET", "/healthz/poststarthook/none", &[], b"").await.0, 404);
    let said = "invalid timeout specified in the request URL";
    check(&served, "GET", "/version?timeout=invalid", json, b"", 400, said).await;
    assert_eq!(curl(&served, "GET", "/version?timeout=3m", &[], b"").await.0, 200);
}

#[tokio::test]
async fn a_scale_is_applied_and_owned() {
    let served = served().await;
    let deployment = json!({
        "metadata": {"name": "web"},
        "spec": {
            "replicas": 1, "selector": {"matchLabels": {"a": "b"}},
            "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}},
        },
    });
    served.world.create(&DEPLOYMENTS, "default", deployment).await.unwrap();
    let scale = "/apis/apps/v1/namespaces/default/deployments/web/scale";
    let apply = "application/apply-patch+yaml";
    let body = b"{apiVersion: autoscaling/v1, kind: Scale, metadata: {name: web}, spec: {replicas: 3}}";
    let url = format!("{scale}?fieldManager=scaler");
    check(&served, "PATCH", &url, apply, body, 409, "conflict with \\\"test\\\" using apps/v1: .spec.replicas").await;
    let headers = ["-H", "Content-Type: application/apply-patch+yaml"];
    let (code, said) = curl(&served, "PATCH", &format!("{url}&force=true"), &headers, body).await;
    assert!(code == 200 && said.contains("\"kind\":\"Scale\"") && said.contains("\"replicas\":3"), "{said}");
    let stored = served.world.api.get(&DEPLOYMENTS, "default", "web").await.unwrap().to_value();
    let entries = stored["metadata"]["managedFields"].as_array().unwrap();
    let own = entries.iter().find(|entry| entry["manager"] == "scaler").unwrap();
    assert_eq!((&own["operation"], &own["subresource"]), (&json!("Apply"), &json!("scale")));
    assert_eq!(own["fieldsV1"], json!({"f:spec": {"f:replicas": {}}}));
    check(&served, "PUT", scale, "application/json", br#"{"kind":"Deployment","apiVersion":"apps/v1"}"#, 400, "Scale")
        .await;
    assert_eq!(stored["spec"]["replicas"], 3);
}

#[tokio::test]
async fn writes_follow_their_kind() {
    let served = served().await;
    let json = ["-H", "Content-Type: application/json"];
    let lease = "/apis/coordination.k8s.io/v1/namespaces/default/leases/a";
    let body = br#"{"metadata":{"name":"a"},"spec":{"holderIdentity":"me"}}"#;
    assert_eq!(curl(&served, "PUT", lease, &json, body).await.0, 201);
    assert_eq!(curl(&served, "PUT", lease, &json, body).await.0, 200);
    let maps = "/api/v1/namespaces/default/configmaps";
    let body = br#"{"metadata":{"name":"a","finalizers":["me"]}}"#;
    assert_eq!(curl(&served, "PUT", &format!("{maps}/a"), &json, body).await.0, 404);
    let why = "metadata.finalizers[0]: Invalid value: \\\"me\\\": name is neither a standard finalizer name nor is it";
    check(&served, "POST", maps, "application/json", body, 422, why).await;
    let (_, said) = curl(&served, "POST", &format!("{maps}?dryRun=All"), &json, br#"{"metadata":{"name":"a"}}"#).await;
    assert!(!said.contains("resourceVersion"), "{said}");
    assert_eq!(curl(&served, "GET", &format!("{maps}/a"), &[], b"").await.0, 404);
}

#[tokio::test]
async fn patches_are_refused_in_their_own_words() {
    let served = served().await;
    served.world.create(&CONFIG_MAPS, "default", config_map("a", json!({}))).await.unwrap();
    let map = "/api/v1/namespaces/default/configmaps/a?fieldValidation=Strict&fieldManager=m";
    let body = br#"{"foo":1,"data":{},"data":{}}"#;
    let said = "strict decoding error: duplicate field \\\"data\\\", unknown field \\\"foo\\\"";
    let strategic = format!("patch: Invalid value: \\\"map[data:map[] foo:1]\\\": {said}");
    check(&served, "PATCH", map, "application/strategic-merge-patch+json", body, 422, &strategic).await;
    check(&served, "PATCH", map, "application/merge-patch+json", body, 422, said).await;
    let json = br#"[{"op":"add","path":"/foo","value":1,"value":2}]"#;
    let said = "strict decoding error: json patch duplicate field \\\"[0].value\\\", unknown field \\\"foo\\\"";
    check(&served, "PATCH", map, "application/json-patch+json", json, 422, said).await;
    let apply = "application/apply-patch+yaml";
    let head = "apiVersion: v1\nkind: ConfigMap\n";
    let said = "failed to create typed patch object (/a; /v1, Kind=ConfigMap): .foo: field not declared in schema";
    check(&served, "PATCH", map, apply, format!("{head}foo: 1\n").as_bytes(), 500, said).await;
    let said = "error strict decoding YAML: error converting YAML to JSON: yaml: unmarshal errors:\\n  line 4: key \\\"data\\\"";
    check(&served, "PATCH", map, apply, format!("{head}data: {{}}\ndata: {{}}\n").as_bytes(), 400, said).await;
    let said = "Incorrect object specified in apply patch. Specified patch kind: Pod, expected: ConfigMap";
    check(&served, "PATCH", map, apply, b"{apiVersion: v1, kind: Pod}", 400, said).await;
}

#[tokio::test]
async fn strangers_see_little() {
    let served = served().await;
    let code = async |path: &str| curl(&served, "GET", path, &["--no-cert"], b"").await.0;
    for open in ["/healthz", "/livez", "/readyz", "/version"] {
        assert_eq!(code(open).await, 200, "{open}");
    }
    for closed in ["/api", "/apis", "/metrics", "/api/v1/pods", "/openapi/v2", "/nothing"] {
        assert_eq!(code(closed).await, 403, "{closed}");
    }
}

#[tokio::test]
async fn kubectl_works() {
    let served = served().await;
    let mut said = String::new();
    let deployment = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  selector: {matchLabels: {a: b}}\n  \
                      template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: i}]}}\n";
    for (arguments, stdin) in [
        ("create configmap a --from-literal=x=1", ""),
        ("label cm a l=1", ""),
        ("get cm a --no-headers -o custom-columns=N:.metadata.name,L:.metadata.labels", ""),
        ("apply -f -", deployment),
        ("apply -f -", deployment),
        ("diff -f -", deployment),
        ("scale deploy web --replicas=2", ""),
        ("get deploy web -o jsonpath={.spec.replicas},{.metadata.generation}", ""),
        ("apply --server-side -f -", &deployment.replace("image: i", "image: j")),
        ("apply --server-side --force-conflicts -f -", &deployment.replace("image: i", "image: j")),
        ("set image deploy/web c=k", ""),
        ("get deploy -l a=b,c!=d -o name", ""),
        ("auth can-i delete pods", ""),
        ("auth can-i delete pods --as=nobody", ""),
        ("get cm --as=nobody", ""),
        ("delete cm/a deploy/web", ""),
        ("get cm a", ""),
        ("wait --for=jsonpath={.status.phase}=Active ns/default", ""),
        ("explain configmap.immutable", ""),
    ] {
        said += &served.kubectl(arguments, stdin).await;
        if !said.ends_with('\n') {
            said.push('\n');
        }
    }
    // kubectl indents empty lines.
    let lines: Vec<&str> = said.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    expect![[r#"
        configmap/a created
        configmap/a labeled
        a     map[l:1]
        deployment.apps/web created
        deployment.apps/web unchanged
        deployment.apps/web scaled
        2,2
        deployment.apps/web serverside-applied
        deployment.apps/web serverside-applied
        deployment.apps/web image updated
        yes
        no
        Error from server (Forbidden): configmaps is forbidden: User "nobody" cannot list resource "configmaps" in API group "" in the namespace "default"
        configmap "a" deleted
        deployment.apps "web" deleted
        Error from server (NotFound): configmaps "a" not found
        namespace/default condition met
        KIND:       ConfigMap
        VERSION:    v1
        FIELD: immutable <boolean>
        DESCRIPTION:
            Immutable, if set to true, ensures that data stored in the ConfigMap cannot
            be updated (only object metadata can be modified). If not set to true, the
            field can be modified at any time. Defaulted to nil."#]].assert_eq(&lines.join("\n"));
}

#[tokio::test]
async fn kubectl_top_asks_the_nodes() {
    let served = served().await;
    served.world.service_account().await;
    let node = json!({
        "metadata": {"name": "measured"},
        "status": {"capacity": {"cpu": "1", "memory": "640Mi"}, "allocatable": {"cpu": "1", "memory": "640Mi"}},
    });
    served.world.create(&NODES, "", node).await.unwrap();
    let pod = json!({
        "metadata": {"name": "a"},
        "spec": {"nodeName": "measured", "containers": [{"name": "c", "image": "i"}]},
    });
    served.world.create(&PODS, "default", pod).await.unwrap();
    let said = served.kubectl("top nodes --no-headers", "").await + &served.kubectl("top pods --no-headers", "").await;
    let words: Vec<&str> = said.split_whitespace().collect();
    assert_eq!(words.join(" "), "measured 250m 25% 64Mi 10% a 250m 64Mi");
    for (path, of) in [("metrics", "Agent"), ("metrics/cadvisor", "Cadvisor"), ("metrics/resource", "Resource")] {
        let said = served.kubectl(&format!("get --raw /api/v1/nodes/measured/proxy/{path}"), "").await;
        assert_eq!(said, format!("what{{is=\"{of}\"}} 1\n"));
    }
}

/// Sends a request with curl and compares code and text.
async fn check(served: &Served, method: &str, path: &str, media_type: &str, body: &[u8], code: u16, text: &str) {
    let (got, said) = curl(served, method, path, &["-H", &format!("Content-Type: {media_type}")], body).await;
    assert_eq!(got, code, "{method} {path}: {said}");
    assert!(said.contains(text), "{method} {path}: {said}");
    let status: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((&status["kind"], &status["code"]), (&json!("Status"), &json!(code)));
}

/// Code and body. `--no-cert` goes without the administrator's certificate.
pub async fn curl(served: &Served, method: &str, path: &str, arguments: &[&str], body: &[u8]) -> (u16, String) {
    use tokio::io::AsyncWriteExt;
    let url = format!("https://127.0.0.1:{}{path}", served.port);
    let folder = served.world.folder.path();
    let mut command = tokio::process::Command::new("curl");
    command.args(["-sk", "-X", method, "-A", "test", "-w", "\n%{http_code}", "--data-binary", "@-", &url]);
    if arguments.contains(&"--no-cert") {
        command.args(["-H", "Content-Type: application/json"]);
    } else {
        command.arg("--cert").arg(folder.join("admin.crt")).arg("--key").arg(folder.join("admin.key")).args(arguments);
    }
    let mut child = command
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("curl is installed (Debian: curl)");
    let mut stdin = child.stdin.take().unwrap();
    // A refused body may not be read to its end.
    _ = stdin.write_all(body).await;
    drop(stdin);
    let output = child.wait_with_output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let (body, code) = said.rsplit_once('\n').unwrap();
    (code.parse().unwrap(), body.to_owned())
}
