//! Stories of several writers, told step by step against one object.

use super::*;
use expect_test::{Expect, expect};

const DEPLOYMENT: &str = "io.k8s.api.apps.v1.Deployment";
const CONFIG_MAP: &str = "io.k8s.api.core.v1.ConfigMap";
const SERVICE: &str = "io.k8s.api.core.v1.Service";

/// One object and what happens to it. Times are t01, t02, ... in the order of writes.
struct Story {
    schema: SchemaRef<'static>,
    version: &'static str,
    object: Option<Value>,
    clock: u32,
    said: Vec<String>,
}

impl Story {
    fn of(schema: &str, version: &'static str) -> Self {
        let schema = schema::builtin(schema).expect("the schema table has it");
        Self { schema, version, object: None, clock: 0, said: Vec::new() }
    }

    fn writer<'a>(&self, manager: &'a str, now: &'a str) -> Writer<'a> {
        Writer { manager, api_version: self.version, subresource: "", now, reset: &[&["status"]] }
    }

    fn tick(&mut self) -> String {
        self.clock += 1;
        format!("t{:02}", self.clock)
    }

    fn update(&mut self, manager: &str, mut new: Value) {
        let now = self.tick();
        update(self.object.as_ref(), &mut new, self.schema, &self.writer(manager, &now));
        self.object = Some(new);
    }

    /// Changes what is stored, as a get, edit and put would.
    fn edit(&mut self, manager: &str, change: impl FnOnce(&mut Value)) {
        let mut new = self.object.clone().expect("there is an object");
        change(&mut new);
        self.update(manager, new);
    }

    fn apply(&mut self, manager: &str, patch: Value) {
        self.apply_with(manager, patch, false);
    }

    fn force(&mut self, manager: &str, patch: Value) {
        self.apply_with(manager, patch, true);
    }

    fn apply_with(&mut self, manager: &str, patch: Value, force: bool) {
        let now = self.tick();
        match apply(self.object.as_ref(), &patch, self.schema, &self.writer(manager, &now), force) {
            Ok(new) if self.object.as_ref() == Some(&new) => self.said.push(format!("{now}: unchanged")),
            Ok(new) => self.object = Some(new),
            Err(error) => self.said.push(format!("{now}: {}", ApiError::from(error).message())),
        }
    }

    /// What was said, the object's content, and who owns what.
    #[track_caller]
    fn check(self, expected: Expect) {
        let mut object = self.object.unwrap_or_default();
        let mut lines = self.said;
        let managed = object["metadata"]["managedFields"].take();
        meta::remove(&mut object, "managedFields");
        for part in ["apiVersion", "kind"] {
            object.as_object_mut().map(|map| map.remove(part));
        }
        meta::remove(&mut object, "name");
        lines.push(object.to_string());
        for entry in managed.as_array().into_iter().flatten() {
            let text = |field: &str| entry[field].as_str().unwrap_or_default().to_owned();
            let head = format!("{} {} {}", text("manager"), text("operation"), text("time"));
            lines.push(format!("{head}: {}", entry["fieldsV1"]));
        }
        expected.assert_eq(&lines.join("\n"));
    }
}

fn config_map(data: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": data})
}

fn deployment(spec: Value) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": spec})
}

fn containers(list: Value) -> Value {
    deployment(json!({"template": {"spec": {"containers": list}}}))
}

#[test]
fn a_create_owns_all_but_system_fields() {
    let mut story = Story::of(DEPLOYMENT, "apps/v1");
    let mut new = deployment(json!({
        "replicas": 1, "selector": {"matchLabels": {"app": "a"}}, "strategy": {"type": "Recreate"},
        "template": {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [
            {"name": "a", "image": "i", "ports": [{"containerPort": 80}], "resources": {}, "args": ["x"]}]}},
    }));
    new["metadata"]["uid"] = "u".into();
    new["metadata"]["labels"] = json!({"app": "a"});
    new["status"] = json!({"replicas": 1});
    story.update("kubectl-create", new);
    story.check(expect![[r#"
        {"metadata":{"labels":{"app":"a"},"uid":"u"},"spec":{"replicas":1,"selector":{"matchLabels":{"app":"a"}},"strategy":{"type":"Recreate"},"template":{"metadata":{"labels":{"app":"a"}},"spec":{"containers":[{"args":["x"],"image":"i","name":"a","ports":[{"containerPort":80}],"resources":{}}]}}},"status":{"replicas":1}}
        kubectl-create Update t01: {"f:metadata":{"f:labels":{".":{},"f:app":{}}},"f:spec":{"f:replicas":{},"f:selector":{},"f:strategy":{"f:type":{}},"f:template":{"f:metadata":{"f:labels":{".":{},"f:app":{}}},"f:spec":{"f:containers":{"k:{\"name\":\"a\"}":{".":{},"f:args":{},"f:image":{},"f:name":{},"f:ports":{".":{},"k:{\"containerPort\":80,\"protocol\":\"TCP\"}":{".":{},"f:containerPort":{}}},"f:resources":{}}}}}}}"#]]);
}

#[test]
fn updates_take_what_they_change() {
    let mut story = Story::of(CONFIG_MAP, "v1");
    story.update("a", config_map(json!({"x": "1", "y": "1", "z": "1"})));
    story.edit("b", |object| object["data"]["y"] = "2".into());
    story.edit("c", |object| _ = object["data"].as_object_mut().unwrap().remove("z"));
    story.edit("b", |_| {});
    story.check(expect![[r#"
        {"data":{"x":"1","y":"2"},"metadata":{}}
        a Update t01: {"f:data":{".":{},"f:x":{}}}
        b Update t02: {"f:data":{"f:y":{}}}"#]]);
}

#[test]
fn an_apply_conflicts_with_other_owners() {
    let mut story = Story::of(CONFIG_MAP, "v1");
    story.update("kubectl-edit", config_map(json!({"x": "1", "y": "1", "z": "1"})));
    story.apply("me", config_map(json!({"x": "1", "y": "2"})));
    story.apply("me", config_map(json!({"x": "2", "y": "2", "new": "2"})));
    story.force("me", config_map(json!({"x": "2", "y": "1", "new": "2"})));
    story.check(expect![[r#"
        t02: Apply failed with 1 conflict: conflict with "kubectl-edit" using v1: .data.y
        t03: Apply failed with 2 conflicts: conflicts with "kubectl-edit" using v1:
        - .data.x
        - .data.y
        {"data":{"new":"2","x":"2","y":"1","z":"1"},"metadata":{}}
        me Apply t04: {"f:data":{"f:new":{},"f:x":{},"f:y":{}}}
        kubectl-edit Update t01: {"f:data":{".":{},"f:y":{},"f:z":{}}}"#]]);
}

#[test]
fn fields_no_longer_applied_are_removed() {
    let mut story = Story::of(CONFIG_MAP, "v1");
    story.apply("me", config_map(json!({"x": "1", "y": "1", "z": "1"})));
    story.apply("you", config_map(json!({"y": "1"})));
    story.edit("third", |object| object["data"]["w"] = "1".into());
    story.apply("me", config_map(json!({"x": "1"})));
    story.check(expect![[r#"
        {"data":{"w":"1","x":"1","y":"1"},"metadata":{}}
        you Apply t02: {"f:data":{"f:y":{}}}
        me Apply t04: {"f:data":{"f:x":{}}}
        third Update t03: {"f:data":{"f:w":{}}}"#]]);
}

#[test]
fn the_last_field_goes_with_its_map() {
    let mut story = Story::of(CONFIG_MAP, "v1");
    story.apply("me", config_map(json!({"x": "1"})));
    story.apply("me", json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}}));
    story.check(expect![[r#"{"metadata":{}}"#]]);
}

#[test]
fn the_last_label_goes_but_not_the_metadata() {
    let mut story = Story::of(CONFIG_MAP, "v1");
    let mut first = config_map(json!({}));
    first["metadata"]["labels"] = json!({"a": "1"});
    story.apply("me", first);
    story.object.as_mut().unwrap()["metadata"]["uid"] = "u".into();
    story.apply("me", json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}}));
    assert_eq!(meta::name(story.object.as_ref().unwrap()), "c");
    story.check(expect![[r#"{"metadata":{"uid":"u"}}"#]]);
}

#[test]
fn status_has_owners_of_its_own() {
    let mut story = Story::of(DEPLOYMENT, "apps/v1");
    story.update("creator", deployment(json!({"replicas": 1})));
    let mut new = story.object.clone().unwrap();
    new["status"] = json!({"replicas": 1, "conditions": [{"type": "Available", "status": "True"}]});
    new["spec"]["replicas"] = 2.into();
    let status = Writer { subresource: "status", reset: &[&["spec"]], ..story.writer("controller", "t2") };
    update(story.object.as_ref(), &mut new, story.schema, &status);
    story.object = Some(new);
    story.clock = 2;
    let mut patch = deployment(json!({}));
    patch["status"] = json!({"replicas": 3});
    let other = Writer { manager: "other", ..status };
    let refused = apply(story.object.as_ref(), &patch, story.schema, &other, false).unwrap_err();
    story.said.push(ApiError::from(refused).message().to_owned());
    story.check(expect![[r#"
        Apply failed with 1 conflict: conflict with "controller" with subresource "status" using apps/v1: .status.replicas
        {"metadata":{},"spec":{"replicas":2},"status":{"conditions":[{"status":"True","type":"Available"}],"replicas":1}}
        creator Update t01: {"f:spec":{"f:replicas":{}}}
        controller Update t2: {"f:status":{"f:conditions":{".":{},"k:{\"type\":\"Available\"}":{".":{},"f:status":{},"f:type":{}}},"f:replicas":{}}}"#]]);
}

#[test]
fn custom_resources_are_taken_apart_by_their_schema() {
    let schema = schema::Structural::parse(
        &json!({"type": "object", "properties": {"spec": {"type": "object", "properties": {
            "ports": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["n", "p"],
                "items": {"type": "object", "required": ["n"], "properties": {
                    "n": {"type": "integer"}, "p": {"type": "string", "default": "TCP"}, "x": {"type": "string"}}}},
            "set": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
            "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
        }}}}),
        "",
    )
    .expect("a structural schema");
    let object = json!({"spec": {
        "ports": [{"n": 1, "x": "a"}], "set": ["b", "a"], "free": {"deep": {"er": [1]}}}});
    expect![[r#"
        .spec.free.deep
        .spec.free.deep.er
        .spec.ports[n=1,p="TCP"]
        .spec.ports[n=1,p="TCP"].n
        .spec.ports[n=1,p="TCP"].x
        .spec.set[="a"]
        .spec.set[="b"]"#]]
    .assert_eq(&to_field_set(&object, schema.view()).paths().join("\n"));
}

#[test]
fn applying_the_same_again_changes_nothing() {
    let mut story = Story::of(CONFIG_MAP, "v1");
    let patch = || {
        let mut patch = config_map(json!({"x": "1"}));
        patch["metadata"]["labels"] = json!({"a": "b"});
        patch
    };
    story.apply("me", patch());
    story.apply("me", patch());
    story.edit("other", |object| object["data"]["w"] = "1".into());
    story.apply("me", patch());
    story.check(expect![[r#"
        t02: unchanged
        t04: unchanged
        {"data":{"w":"1","x":"1"},"metadata":{"labels":{"a":"b"}}}
        me Apply t01: {"f:data":{"f:x":{}},"f:metadata":{"f:labels":{"f:a":{}}}}
        other Update t03: {"f:data":{"f:w":{}}}"#]]);
}

#[test]
fn keyed_lists_are_shared() {
    let mut story = Story::of(DEPLOYMENT, "apps/v1");
    story.apply("me", containers(json!([{"name": "a", "image": "1"}, {"name": "b", "image": "1"}])));
    story.apply(
        "injector",
        containers(json!([{"name": "sidecar", "image": "s"}, {"name": "a", "env": [{"name": "E", "value": "1"}]}])),
    );
    story.apply("me", containers(json!([{"name": "a", "image": "2"}])));
    story.apply("injector", containers(json!([{"name": "a", "image": "3"}])));
    story.check(expect![[r#"
        t04: Apply failed with 1 conflict: conflict with "me": .spec.template.spec.containers[name="a"].image
        {"metadata":{},"spec":{"template":{"spec":{"containers":[{"image":"s","name":"sidecar"},{"env":[{"name":"E","value":"1"}],"image":"2","name":"a"}]}}}}
        injector Apply t02: {"f:spec":{"f:template":{"f:spec":{"f:containers":{"k:{\"name\":\"a\"}":{".":{},"f:env":{"k:{\"name\":\"E\"}":{".":{},"f:name":{},"f:value":{}}},"f:name":{}},"k:{\"name\":\"sidecar\"}":{".":{},"f:image":{},"f:name":{}}}}}}}
        me Apply t03: {"f:spec":{"f:template":{"f:spec":{"f:containers":{"k:{\"name\":\"a\"}":{".":{},"f:image":{},"f:name":{}}}}}}}"#]]);
}

#[test]
fn left_out_keys_have_defaults() {
    let service = |ports: Value| json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": {"ports": ports}});
    let mut story = Story::of(SERVICE, "v1");
    story.apply("me", service(json!([{"port": 80}, {"port": 80, "protocol": "UDP"}])));
    story.apply("me", service(json!([{"port": 80, "targetPort": 1}, {"port": 443}])));
    story.check(expect![[r#"
        {"metadata":{},"spec":{"ports":[{"port":80,"targetPort":1},{"port":443}]}}
        me Apply t02: {"f:spec":{"f:ports":{"k:{\"port\":443,\"protocol\":\"TCP\"}":{".":{},"f:port":{}},"k:{\"port\":80,\"protocol\":\"TCP\"}":{".":{},"f:port":{},"f:targetPort":{}}}}}"#]]);
}

#[test]
fn refused_patches() {
    let mut story = Story::of(DEPLOYMENT, "apps/v1");
    story.apply("me", deployment(json!({"replica": 1})));
    story.apply("me", deployment(json!({"replicas": "1"})));
    story.apply("me", containers(json!([{"image": "1"}])));
    story.apply("me", containers(json!([{"name": "a"}, {"name": "a"}])));
    story.apply("me", json!({"apiVersion": "apps/v2", "kind": "Deployment"}));
    story.apply("me", deployment(json!({"template": {"spec": {"tolerations": [{"key": "a", "kez": 1}], "x": {}}}})));
    let mut patch = deployment(json!({}));
    patch["metadata"]["managedFields"] = json!([]);
    story.apply("me", patch);
    story.check(expect![[r#"
        t01: failed to create typed patch object (/d; apps/v1, Kind=Deployment): .spec.replica: field not declared in schema
        t02: failed to create typed patch object (/d; apps/v1, Kind=Deployment): .spec.replicas: expected numeric (int or float), got &value.valueUnstructured{Value:"1"}
        t03: failed to create typed patch object (/d; apps/v1, Kind=Deployment): .spec.template.spec.containers: element 0: associative list with keys has an element that omits key field "name" (and doesn't have default value)
        t04: failed to create typed patch object (/d; apps/v1, Kind=Deployment): .spec.template.spec.containers: duplicate entries for key [name="a"]
        t05: Incorrect version specified in apply patch. Specified patch version: apps/v2, expected: apps/v1
        t06: failed to create typed patch object (/d; apps/v1, Kind=Deployment): errors:
          .spec.template.spec.tolerations[0].kez: field not declared in schema
          .spec.template.spec.x: field not declared in schema
        t07: metadata.managedFields must be nil
        {"metadata":{}}"#]]);
}

#[test]
fn unrecorded_objects_belong_to_before_first_apply() {
    let mut story = Story::of(CONFIG_MAP, "v1");
    story.object = Some(config_map(json!({"x": "1"})));
    story.apply("me", config_map(json!({"x": "2"})));
    story.force("me", config_map(json!({"x": "2", "y": "1"})));
    story.check(expect![[r#"
        t01: Apply failed with 1 conflict: conflict with "before-first-apply" using v1: .data.x
        {"data":{"x":"2","y":"1"},"metadata":{}}
        me Apply t02: {"f:data":{"f:x":{},"f:y":{}}}
        before-first-apply Update t02: {"f:data":{}}"#]]);
}

#[test]
fn client_side_apply_hands_over_to_kubectl() {
    let mut story = Story::of(CONFIG_MAP, "v1");
    let mut first = config_map(json!({"x": "1", "y": "1"}));
    let text = first.to_string();
    meta::set_annotation(&mut first, "kubectl.kubernetes.io/last-applied-configuration", &text);
    story.update("kubectl-client-side-apply", first);
    story.edit("other", |object| object["data"]["y"] = "2".into());
    story.apply("kubectl", config_map(json!({"x": "3", "y": "3"})));
    story.apply("kubectl", config_map(json!({"x": "3"})));
    story.check(expect![[r#"
        t03: Apply failed with 1 conflict: conflict with "other" using v1: .data.y
        {"data":{"x":"3","y":"2"},"metadata":{"annotations":{"kubectl.kubernetes.io/last-applied-configuration":"{\"apiVersion\":\"v1\",\"data\":{\"x\":\"3\"},\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"c\"}}\n"}}}
        kubectl Apply t04: {"f:data":{"f:x":{}}}
        kubectl-client-side-apply Update t01: {"f:data":{},"f:metadata":{"f:annotations":{".":{},"f:kubectl.kubernetes.io/last-applied-configuration":{}}}}
        other Update t02: {"f:data":{"f:y":{}}}"#]]);
}

#[test]
fn managed_fields_of_clients_count() {
    let mut story = Story::of(CONFIG_MAP, "v1");
    story.update("a", config_map(json!({"x": "1"})));
    story.edit("b", |object| meta::set(object, "managedFields", json!([{}])));
    story.edit("b", |object| object["data"]["y"] = "1".into());
    story.edit("b", |object| meta::remove(object, "managedFields"));
    story.check(expect![[r#"
        {"data":{"x":"1","y":"1"},"metadata":{}}
        b Update t03: {"f:data":{"f:y":{}}}"#]]);
}

#[test]
fn old_updates_melt_together() {
    let mut story = Story::of(CONFIG_MAP, "v1");
    story.update("m00", config_map(json!({})));
    for n in 1..=13 {
        story.edit(&format!("m{n:02}"), |object| object["data"][format!("k{n:02}")] = "1".into());
    }
    story.check(expect![[r#"
        {"data":{"k01":"1","k02":"1","k03":"1","k04":"1","k05":"1","k06":"1","k07":"1","k08":"1","k09":"1","k10":"1","k11":"1","k12":"1","k13":"1"},"metadata":{}}
        ancient-changes Update t05: {"f:data":{".":{},"f:k01":{},"f:k02":{},"f:k03":{},"f:k04":{}}}
        m05 Update t06: {"f:data":{"f:k05":{}}}
        m06 Update t07: {"f:data":{"f:k06":{}}}
        m07 Update t08: {"f:data":{"f:k07":{}}}
        m08 Update t09: {"f:data":{"f:k08":{}}}
        m09 Update t10: {"f:data":{"f:k09":{}}}
        m10 Update t11: {"f:data":{"f:k10":{}}}
        m11 Update t12: {"f:data":{"f:k11":{}}}
        m12 Update t13: {"f:data":{"f:k12":{}}}
        m13 Update t14: {"f:data":{"f:k13":{}}}"#]]);
}

#[test]
fn conflicts_name_managers_and_causes() {
    let conflict = |manager: &str, field: &str| Conflict { manager: manager.into(), field: field.into() };
    let one = vec![conflict("\"kubectl-client-side-apply\" using apps/v1", ".spec.replicas")];
    let error = ApiError::from(ApplyError::Conflicts(one));
    assert_eq!(
        error.message(),
        "Apply failed with 1 conflict: conflict with \"kubectl-client-side-apply\" using apps/v1: .spec.replicas"
    );
    assert_eq!(error.code(), 409);
    assert_eq!(
        error.to_value()["details"]["causes"],
        json!([{"reason": "FieldManagerConflict", "field": ".spec.replicas",
            "message": "conflict with \"kubectl-client-side-apply\" using apps/v1"}])
    );
    let more = vec![conflict("\"a\"", ".x"), conflict("\"a\"", ".y"), conflict("\"b\" using v1", ".z")];
    assert_eq!(
        ApiError::from(ApplyError::Conflicts(more)).message(),
        "Apply failed with 3 conflicts: conflicts with \"a\":\n- .x\n- .y\nconflicts with \"b\" using v1:\n- .z"
    );
}

#[test]
fn merged_lists_keep_their_order() {
    let order = |old: &str, new: &str| {
        let list = |names: &str| -> Value { names.chars().map(|name| json!({"name": name.to_string()})).collect() };
        let schema = Story::of(DEPLOYMENT, "").schema;
        let merged = merge::merge(&containers(list(old)), &containers(list(new)), schema);
        let items = merged["spec"]["template"]["spec"]["containers"].as_array().unwrap().clone();
        items.iter().filter_map(|item| item["name"].as_str()).collect::<String>()
    };
    let cases = [("abc", "c"), ("ab", "c"), ("abc", "ca"), ("abcd", "xdya"), ("", "ba"), ("ab", "")];
    let shown: Vec<String> = cases.iter().map(|(old, new)| format!("{old}+{new}={}", order(old, new))).collect();
    expect!["abc+c=abc ab+c=abc abc+ca=bca abcd+xdya=bcxdya +ba=ba ab+=ab"].assert_eq(&shown.join(" "));
}

#[test]
#[cfg(not(debug_assertions))]
fn a_config_map_of_a_kilobyte_is_quick() {
    let data: serde_json::Map<String, Value> = (0..20).map(|n| (format!("key-{n}"), "x".repeat(40).into())).collect();
    let object = config_map(Value::Object(data));
    let schema = Story::of(CONFIG_MAP, "v1").schema;
    let start = std::time::Instant::now();
    for _ in 0..1000 {
        std::hint::black_box(to_field_set(&object, schema));
    }
    assert!(start.elapsed().as_micros() / 1000 < 15);
}
