//! A custom kind from its definition to its end.

use crate::world::served;
use expect_test::expect;

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
    let kept: Vec<&str> =
        said.lines().filter(|line| !line.starts_with('{') && !line.starts_with("Resource:")).collect();
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
        Error from server (BadRequest): error when applying patch:
        to:
        Name: "a", Namespace: "default"
        for: "STDIN": error when patching "STDIN": CronTab in version "v1" cannot be handled as a CronTab: strict decoding error: unknown field "spec.wrong"
        customresourcedefinition.apiextensions.k8s.io "crontabs.example.com" deleted
        Error from server (NotFound): Unable to list "example.com/v1, Resource=crontabs": the server could not find the requested resource"#]].assert_eq(&kept.join("\n"));
}
