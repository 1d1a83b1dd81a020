//! What users do: a few objects of each kind, changed, scaled and deleted.

use crate::api::Delete;
use crate::world::World;
use apimachinery::patch::PatchType;
use apimachinery::{GroupVersionResource as Gvr, Object, Value};
use kinds::resources::{
    CRON_JOBS, DEPLOYMENTS, JOBS, NAMESPACES, NODES, PERSISTENT_VOLUME_CLAIMS, PODS, REPLICA_SETS, SERVICES,
    STORAGE_CLASSES,
};
use serde_json::json;
use std::sync::Arc;

const WHO: &str = "user";
const NAMES: [&str; 2] = ["a", "b"];

impl World {
    pub fn make_base(&mut self) {
        for name in ["default", "kube-node-lease", NAMES[0], NAMES[1]] {
            self.create(&NAMESPACES, "", json!({"metadata": {"name": name}}));
        }
        let class = json!({"metadata": {"name": "local"}, "provisioner": "barque.io/local-path",
            "reclaimPolicy": "Delete", "volumeBindingMode": "WaitForFirstConsumer"});
        self.create(&STORAGE_CLASSES, "", class);
        for _ in 0..self.plot.rng.range(1, 4) {
            self.make_deployment();
        }
    }

    /// Whatever comes of it: users are told, and go on.
    fn create(&mut self, of: &'static Gvr, namespace: &str, body: Value) {
        if let Err(error) = self.ctx.api.create(of, namespace, body, WHO) {
            self.ctx.note(&format!("{WHO} was refused: {error}"));
        }
    }

    fn patch(&mut self, of: &'static Gvr, object: &Object, body: &Value) {
        let place = (&*object.head.namespace, &*object.head.name);
        _ = self.ctx.api.patch(of, place, "", PatchType::Merge, body, WHO);
    }

    fn delete(&mut self, of: &'static Gvr, object: &Object, propagation: Option<&'static str>, grace: Option<i64>) {
        let (namespace, name) = (object.head.namespace.clone(), object.head.name.clone());
        let delete = Delete { namespace, name, propagation, grace_seconds: grace, ..Delete::default() };
        _ = self.ctx.api.delete(of, &delete, WHO);
    }

    fn any(&mut self, of: &Gvr) -> Option<Arc<Object>> {
        let all = self.ctx.api.list(of, "");
        self.plot.rng.pick(&all).cloned()
    }

    pub fn user(&mut self) {
        match self.plot.rng.range(0, 21) {
            0 => self.make_deployment(),
            1 | 2 => self.make_job(),
            3 => self.make_cron_job(),
            4 => self.make_set(),
            5 => self.make_service(),
            6..=8 => self.scale(),
            9..=11 => self.roll(),
            12 => self.pause(),
            13 | 14 => self.delete_pod(),
            15 => self.delete_something(),
            16 => self.cordon(),
            17 => self.drain(),
            18 => self.toggle_namespace(),
            19 => self.delete_live_node(),
            _ => self.suspend(),
        }
    }

    fn namespace(&mut self) -> &'static str {
        NAMES[self.plot.rng.index(NAMES.len())]
    }

    fn app(&mut self) -> String {
        format!("app{}", self.plot.rng.range(0, 3))
    }

    fn image(&mut self) -> String {
        format!("img:{}", self.plot.rng.range(1, 5))
    }

    fn template(&mut self, app: &str, runs_for: Option<u64>) -> Value {
        let mut container = json!({"name": "c", "image": self.image(),
            "resources": {"requests": {"cpu": "100m", "memory": "16Mi"}}});
        if runs_for.is_none() && self.plot.rng.permille(400) {
            container["readinessProbe"] = json!({"tcpSocket": {"port": 80}, "periodSeconds": 5});
        }
        let mut template = json!({"metadata": {"labels": {"app": app}}, "spec": {"containers": [container]}});
        if let Some(seconds) = runs_for {
            template["metadata"]["annotations"] = json!({"sim/runs-for": seconds.to_string()});
            let policy = if self.plot.rng.permille(600) { "Never" } else { "OnFailure" };
            template["spec"]["restartPolicy"] = policy.into();
        }
        if self.plot.rng.permille(200) {
            let init = json!({"name": "i", "image": "img:1", "restartPolicy": "Always"});
            template["spec"]["initContainers"] = json!([init]);
        }
        template
    }

    fn make_deployment(&mut self) {
        let (namespace, app) = (self.namespace(), self.app());
        let mut template = self.template(&app, None);
        if self.plot.has_volumes && self.plot.rng.permille(500) {
            let claim = json!({"metadata": {"name": app}, "spec": {"accessModes": ["ReadWriteOnce"],
                "storageClassName": "local", "resources": {"requests": {"storage": "1Gi"}}}});
            self.create(&PERSISTENT_VOLUME_CLAIMS, namespace, claim);
            template["spec"]["volumes"] = json!([{"name": "v", "persistentVolumeClaim": {"claimName": app}}]);
        }
        let rng = &mut self.plot.rng;
        let strategy = match rng.range(0, 5) {
            0 => json!({"type": "Recreate"}),
            1 => json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}),
            2 => json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 2, "maxUnavailable": 0}}),
            _ => json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}}),
        };
        let spec = json!({
            "replicas": rng.range(0, 5), "selector": {"matchLabels": {"app": app}}, "template": template,
            "strategy": strategy, "minReadySeconds": rng.range(0, 2) * 7, "revisionHistoryLimit": rng.range(0, 4),
        });
        self.create(&DEPLOYMENTS, namespace, json!({"metadata": {"name": app}, "spec": spec}));
    }

    fn make_set(&mut self) {
        let namespace = self.namespace();
        let template = self.template("set", None);
        let spec = json!({"replicas": self.plot.rng.range(0, 4), "template": template,
            "selector": {"matchLabels": {"app": "set"}}});
        self.create(&REPLICA_SETS, namespace, json!({"metadata": {"name": "set"}, "spec": spec}));
    }

    fn job_spec(&mut self) -> Value {
        let runs_for = self.plot.rng.range(1, 60);
        let template = self.template("job", Some(runs_for));
        let rng = &mut self.plot.rng;
        let mut spec = json!({
            "completions": rng.range(1, 5), "parallelism": rng.range(1, 4), "backoffLimit": rng.range(1, 7),
            "template": template,
        });
        if rng.permille(400) {
            spec["completionMode"] = "Indexed".into();
        }
        if rng.permille(200) {
            spec["ttlSecondsAfterFinished"] = rng.range(0, 100).into();
        }
        if rng.permille(100) {
            spec["activeDeadlineSeconds"] = rng.range(30, 200).into();
        }
        if spec["template"]["spec"]["restartPolicy"] == "Never" && rng.permille(300) {
            spec["podReplacementPolicy"] = "Failed".into();
        }
        spec
    }

    fn make_job(&mut self) {
        self.plot.count += 1;
        let (namespace, name, spec) = (self.namespace(), format!("job{}", self.plot.count), self.job_spec());
        self.create(&JOBS, namespace, json!({"metadata": {"name": name}, "spec": spec}));
    }

    fn make_cron_job(&mut self) {
        let (namespace, job) = (self.namespace(), self.job_spec());
        let policy = *self.plot.rng.pick(&["Allow", "Forbid", "Replace"]).unwrap_or(&"Allow");
        let spec = json!({"schedule": "* * * * *", "concurrencyPolicy": policy, "jobTemplate": {"spec": job},
            "successfulJobsHistoryLimit": 2, "failedJobsHistoryLimit": 1});
        self.create(&CRON_JOBS, namespace, json!({"metadata": {"name": "cron"}, "spec": spec}));
    }

    fn make_service(&mut self) {
        let (namespace, app) = (self.namespace(), self.app());
        self.plot.count += 1;
        let address = format!("10.96.0.{}", self.plot.count % 250 + 1);
        let spec = json!({"selector": {"app": app}, "ports": [{"port": 80}], "clusterIP": address,
            "clusterIPs": [address]});
        self.create(&SERVICES, namespace, json!({"metadata": {"name": app}, "spec": spec}));
    }

    fn scale(&mut self) {
        let of = if self.plot.rng.permille(850) { &DEPLOYMENTS } else { &REPLICA_SETS };
        let Some(object) = self.any(of) else { return };
        let replicas = self.plot.rng.range(0, 6);
        self.patch(of, &object, &json!({"spec": {"replicas": replicas}}));
    }

    /// A new template, or one of those before.
    fn roll(&mut self) {
        let Some(object) = self.any(&DEPLOYMENTS) else { return };
        let mut template = object.to_value()["spec"]["template"].clone();
        template["spec"]["containers"][0]["image"] = self.image().into();
        self.patch(&DEPLOYMENTS, &object, &json!({"spec": {"template": template}}));
    }

    fn pause(&mut self) {
        let Some(object) = self.any(&DEPLOYMENTS) else { return };
        let paused = self.plot.rng.permille(500);
        self.patch(&DEPLOYMENTS, &object, &json!({"spec": {"paused": paused}}));
    }

    fn suspend(&mut self) {
        let of = if self.plot.rng.permille(700) { &JOBS } else { &CRON_JOBS };
        let Some(object) = self.any(of) else { return };
        let suspend = self.plot.rng.permille(500);
        self.patch(of, &object, &json!({"spec": {"suspend": suspend}}));
    }

    fn delete_pod(&mut self) {
        let Some(pod) = self.any(&PODS) else { return };
        let grace = *self.plot.rng.pick(&[None, None, None, Some(0), Some(5)]).unwrap_or(&None);
        self.delete(&PODS, &pod, None, grace);
    }

    fn delete_something(&mut self) {
        let kinds = [&DEPLOYMENTS, &REPLICA_SETS, &JOBS, &CRON_JOBS, &SERVICES, &PERSISTENT_VOLUME_CLAIMS];
        let of = kinds[self.plot.rng.index(kinds.len())];
        let how = [None, Some("Background"), Some("Foreground"), Some("Orphan")];
        let how = how[self.plot.rng.index(how.len())];
        if let Some(object) = self.any(of) {
            self.delete(of, &object, how, None);
        }
    }

    fn cordon(&mut self) {
        let Some(node) = self.any(&NODES) else { return };
        let cordoned = self.plot.rng.permille(500);
        let body = json!({"spec": {"unschedulable": if cordoned { Value::Bool(true) } else { Value::Null }}});
        self.patch(&NODES, &node, &body);
    }

    fn drain(&mut self) {
        let Some(node) = self.any(&NODES) else { return };
        self.patch(&NODES, &node, &json!({"spec": {"unschedulable": true}}));
        for pod in self.ctx.api.list(&PODS, "") {
            if pod.to_value()["spec"]["nodeName"] == *node.head.name {
                self.delete(&PODS, &pod, None, None);
            }
        }
    }

    /// The second namespace comes and goes.
    fn toggle_namespace(&mut self) {
        match self.ctx.api.get(&NAMESPACES, "", NAMES[1]) {
            Ok(namespace) => self.delete(&NAMESPACES, &namespace, None, None),
            Err(_) => self.create(&NAMESPACES, "", json!({"metadata": {"name": NAMES[1]}})),
        }
    }

    /// By mistake: its agent makes it anew.
    fn delete_live_node(&mut self) {
        if !self.plot.has_volumes
            && let Some(node) = self.any(&NODES)
        {
            self.delete(&NODES, &node, None, None);
        }
    }

    pub fn delete_node(&mut self, node: usize) {
        let name = self.stations[node].machine.name.clone();
        if let Ok(node) = self.ctx.api.get(&NODES, "", &name) {
            self.delete(&NODES, &node, None, None);
        }
    }

    /// What was halted goes on; what would never end is halted.
    pub fn settle_wishes(&mut self) {
        for node in self.ctx.api.list(&NODES, "") {
            self.patch(&NODES, &node, &json!({"spec": {"unschedulable": null}}));
        }
        for deployment in self.ctx.api.list(&DEPLOYMENTS, "") {
            self.patch(&DEPLOYMENTS, &deployment, &json!({"spec": {"paused": false}}));
        }
        for job in self.ctx.api.list(&JOBS, "") {
            self.patch(&JOBS, &job, &json!({"spec": {"suspend": false}}));
        }
        for cron in self.ctx.api.list(&CRON_JOBS, "") {
            self.patch(&CRON_JOBS, &cron, &json!({"spec": {"suspend": true}}));
        }
    }
}
