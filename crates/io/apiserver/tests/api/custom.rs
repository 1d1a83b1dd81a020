//! A custom kind from its definition to its end.

use crate::world::{Served, served};
use apimachinery::GroupVersionResource as Gvr;
use expect_test::expect;
use serde_json::{Value, json};

const DEFINITIONS: Gvr = Gvr::of("apiextensions.k8s.io", "v1", "customresourcedefinitions");

const DEFINITION: &str = r#"
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: crontabs.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {plural: crontabs, kind: CronTab, shortNames: [ct]}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}, scale: {specReplicasPath: .spec.replicas, statusReplicasPath: .status.replicas}}
    additionalPrinterColumns:
    - {name: Spec, type: string, jsonPath: .spec.cronSpec}
    - {name: Replicas, type: integer, jsonPath: .spec.replicas}
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            required: [cronSpec]
            properties:
              cronSpec: {type: string}
              replicas: {type: integer, default: 1, minimum: 0}
          status: {type: object, properties: {replicas: {type: integer}}}
  - {name: v1beta1, served: true, storage: false, deprecated: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}
"#;

const OBJECT: &str = "apiVersion: example.com/v1\nkind: CronTab\nmetadata: {name: a}\nspec: {cronSpec: '* *'}\n";

#[tokio::test]
async fn a_custom_kind_lives_and_ends() {
    let served = served().await;
    let mut said = String::new();
    for (arguments, stdin) in [
        ("apply -f -", DEFINITION),
        ("wait --for=condition=established crd/crontabs.example.com --timeout=10s", ""),
        ("apply -f -", OBJECT),
        ("apply -f -", OBJECT),
        ("apply --server-side -f -", OBJECT),
        ("get ct a", ""),
        ("scale ct a --replicas=3", ""),
        ("get crontabs.v1beta1.example.com a -o jsonpath={.apiVersion}/{.spec.replicas}", ""),
        ("patch ct a --type=merge -p {\"spec\":{\"replicas\":-1}}", ""),
        ("apply -f -", &OBJECT.replace("cronSpec: ", "wrong: 1, cronSpec: ")),
        ("delete crd crontabs.example.com", ""),
        ("get crontabs.v1.example.com", ""),
    ] {
        said += &served.kubectl(arguments, stdin).await;
        if !said.ends_with('\n') {
            said.push('\n');
        }
    }
    // kubectl shows the whole patch before the error.
    let kept: Vec<&str> = said.lines().map(|line| line.rsplit_once("}\": ").map_or(line, |(_, why)| why)).collect();
    expect![[r#"
        customresourcedefinition.apiextensions.k8s.io/crontabs.example.com created
        customresourcedefinition.apiextensions.k8s.io/crontabs.example.com condition met
        crontab.example.com/a created
        crontab.example.com/a unchanged
        crontab.example.com/a serverside-applied
        NAME   SPEC   REPLICAS
        a      * *    1
        crontab.example.com/a scaled
        example.com/v1beta1/3Warning: example.com/v1beta1 CronTab is deprecated
        The CronTab "a" is invalid: spec.replicas: Invalid value: -1: spec.replicas in body should be greater than or equal to 0
        strict decoding error: unknown field "spec.wrong"
        customresourcedefinition.apiextensions.k8s.io "crontabs.example.com" deleted
        Error from server (NotFound): Unable to list "example.com/v1, Resource=crontabs": the server could not find the requested resource"#]].assert_eq(&kept.join("\n"));
}

/// A definition of `foos.example.com` (or of another plural), whose spec has these properties.
fn foos(plural: &str, spec: Value) -> Value {
    let spec = json!({"type": "object", "properties": spec});
    json!({
        "metadata": {"name": format!("{plural}.example.com")},
        "spec": {
            "group": "example.com", "scope": "Cluster", "names": {"plural": plural, "kind": "Foo"},
            "versions": [{
                "name": "v1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec}}},
            }],
        },
    })
}

async fn define(served: &Served, definition: Value) {
    let name = definition["metadata"]["name"].as_str().unwrap().to_owned();
    served.world.create(&DEFINITIONS, "", definition).await.unwrap();
    let said = served.kubectl(&format!("wait --for=condition=established crd/{name} --timeout=10s"), "").await;
    assert!(said.contains("condition met"), "{said}");
}

#[tokio::test]
async fn stored_objects_follow_their_schema() {
    let served = served().await;
    define(&served, foos("foos", json!({"a": {"type": "string"}, "b": {"type": "string"}}))).await;
    let foo = |name: &str, spec: &str| {
        format!("apiVersion: example.com/v1\nkind: Foo\nmetadata: {{name: {name}}}\nspec: {spec}\n")
    };
    let said = served.kubectl("create -f -", &foo("one", "{b: x}")).await;
    assert!(said.contains("created"), "{said}");
    let change = async |patch: Value, wanted: &str| {
        served.kubectl(&format!("patch crd foos.example.com --type=json -p {patch}"), "").await;
        let get = async || served.kubectl("get foos -o jsonpath={.items[*].spec}", "").await;
        // The table follows the definition; there is nothing that says when.
        for _ in 0..100 {
            if get().await == wanted {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        assert_eq!(get().await, wanted);
    };
    const SPEC: &str = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties";
    let to = |op: &str, field: &str, value: &str| json!({"op": op, "path": format!("{SPEC}/{field}"), "value": value});
    change(json!([to("add", "a/default", "A")]), r#"{"a":"A","b":"x"}"#).await;
    served.kubectl("create -f -", &foo("two", "{}")).await;
    // What was stored with a default keeps it; what the schema does not know any more is not shown.
    let next = json!([to("remove", "a/default", ""), to("add", "b/default", "B")]);
    change(next, r#"{"b":"x"} {"a":"A","b":"B"}"#).await;
    change(json!([to("remove", "a", "")]), r#"{"b":"x"} {"b":"B"}"#).await;
}

#[tokio::test]
async fn a_name_that_becomes_free_is_given_to_who_waits() {
    let served = served().await;
    define(&served, foos("foos", json!({}))).await;
    served.world.create(&DEFINITIONS, "", foos("bars", json!({}))).await.unwrap();
    let said = served.kubectl("wait --for=condition=NamesAccepted=false crd/bars.example.com --timeout=10s", "").await;
    assert!(said.contains("condition met"), "{said}");
    served.kubectl("delete crd foos.example.com", "").await;
    let said = served.kubectl("wait --for=condition=Established crd/bars.example.com --timeout=10s", "").await;
    assert!(said.contains("condition met"), "{said}");
}

#[tokio::test]
async fn objects_inside_of_objects_are_objects() {
    let served = served().await;
    let embedded = json!({
        "type": "object", "x-kubernetes-embedded-resource": true, "x-kubernetes-preserve-unknown-fields": true,
    });
    define(&served, foos("foos", json!({"in": embedded}))).await;
    let foo = |name: &str, inside: &str| {
        format!("apiVersion: example.com/v1\nkind: Foo\nmetadata: {{name: {name}}}\nspec: {{in: {inside}}}\n")
    };
    let said = served.kubectl("create -f -", &foo("a", "{x: 1}")).await;
    assert!(said.contains("spec.in.apiVersion: Required value: must not be empty"), "{said}");
    let good = "{apiVersion: v1, kind: X, metadata: {name: x, wrong: 1}, x: 1}";
    let said = served.kubectl("create --validate=strict -f -", &foo("a", good)).await;
    assert!(said.contains("strict decoding error: unknown field \"spec.in.metadata.wrong\""), "{said}");
    let absent = r#"{"apiVersion":"example.com/v1","kind":"Foo","metadata":{"name":"b"},"spec":{}}"#;
    let said = served.kubectl("replace --raw /apis/example.com/v1/foos/b -f -", absent).await;
    assert!(said.contains("NotFound"), "{said}");
    served.kubectl("create --validate=ignore -f -", &foo("a", good)).await;
    let said = served.kubectl("get foo a -o jsonpath={.spec.in}", "").await;
    assert_eq!(said, r#"{"apiVersion":"v1","kind":"X","metadata":{"name":"x"},"x":1}"#);
    let said = served.kubectl("apply --server-side --validate=ignore -f -", &foo("b", good)).await;
    assert!(said.contains(".spec.in.metadata.wrong: field not declared in schema"), "{said}");
}

#[tokio::test]
async fn every_version_has_its_selectable_fields() {
    let served = served().await;
    let mut definition = foos("foos", json!({"a": {"type": "string"}, "b": {"type": "string"}}));
    let versions = definition["spec"]["versions"].as_array_mut().unwrap();
    let mut newer = versions[0].clone();
    versions[0]["selectableFields"] = json!([{"jsonPath": ".spec.a"}]);
    newer["name"] = "v2".into();
    newer["storage"] = false.into();
    newer["selectableFields"] = json!([{"jsonPath": ".spec.b"}]);
    versions.push(newer);
    define(&served, definition).await;
    for name in ["one", "two"] {
        let object = format!(
            "apiVersion: example.com/v1\nkind: Foo\nmetadata: {{name: {name}}}\nspec: {{a: {name}, b: {name}}}\n"
        );
        served.kubectl("create -f -", &object).await;
    }
    let get = async |query: &str| served.kubectl(&format!("get {query} -o name"), "").await;
    assert_eq!(get("foos.v1.example.com --field-selector=spec.a=one").await, "foo.example.com/one\n");
    assert_eq!(get("foos.v2.example.com --field-selector=spec.b!=one").await, "foo.example.com/two\n");
}
