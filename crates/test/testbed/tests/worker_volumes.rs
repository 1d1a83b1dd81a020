//! A claim of a pod on a worker: a folder on that worker, for as long as the claim is; and what a worker may not read.

use std::time::Duration;
use testbed::images::{BUSYBOX, Image};
use testbed::{Five, wait_for};

const IMAGE: Image = Image { name: "library/busybox:1", recipe: BUSYBOX };

const MANIFEST: &str = r#"
apiVersion: v1
kind: Secret
metadata: {name: mine}
stringData: {word: mine}
---
apiVersion: v1
kind: Secret
metadata: {name: foreign}
stringData: {word: foreign}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: db}
spec:
  strategy: {type: Recreate}
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec:
      terminationGracePeriodSeconds: 1
      affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [
        {matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [w1, w2]}]}]}}}
      containers:
      - name: db
        image: busybox:1
        imagePullPolicy: Never
        command: [sh, -c, "echo $WORD >> /data/starts; exec sleep 1000"]
        env: [{name: WORD, valueFrom: {secretKeyRef: {name: mine, key: word}}}]
        volumeMounts: [{name: data, mountPath: /data}, {name: files, mountPath: /files}]
      volumes:
      - {name: files, secret: {secretName: mine}}
      - {name: data, persistentVolumeClaim: {claimName: data}}
"#;

/// Waits for the one pod to run, under another name than `before`; name and node.
fn running(five: &Five, before: &str) -> (String, String) {
    wait_for("the pod", Duration::from_secs(90), || {
        let path = "jsonpath={range .items[*]}{.metadata.name} {.spec.nodeName} {.status.phase}{end}";
        let said = five.kubectl(&["get", "pod", "-l", "app=db", "-o", path]).stdout;
        match said.split(' ').collect::<Vec<_>>()[..] {
            [name, node, "Running"] if name != before => Ok((name.to_owned(), node.to_owned())),
            _ => Err(five.kubectl(&["describe", "pod,pvc,pv"]).to_string()),
        }
    })
}

fn folders(five: &Five, node: &str) -> String {
    five.machine(node).run("find", &["/var/lib/barque/volumes", "-mindepth", "1", "-maxdepth", "1"]).stdout
}

#[test]
fn data_stays_on_the_worker_until_the_claim_goes() {
    let five = Five::form("wvol");
    five.import(&IMAGE.recipe.archive(), "docker.io/library/busybox:1");
    five.apply(MANIFEST);
    let (first, node) = running(&five, "");
    assert_eq!(folders(&five, &node).lines().count(), 1);
    a_secret_that_changes_is_seen(&five, &first);
    five.kubectl(&["delete", "pod", &first]).expect_ok();
    let (second, again) = running(&five, &first);
    assert_eq!(again, node);
    assert_eq!(five.kubectl(&["exec", &second, "--", "cat", "/data/starts"]).expect_ok(), "mine\nother\n");
    what_its_credentials_read(&five, &node);
    five.kubectl(&["delete", "deployment", "db"]).expect_ok();
    five.kubectl(&["delete", "pvc", "data"]).expect_ok();
    wait_for("the folder gone", Duration::from_secs(60), || {
        let (folders, volumes) = (folders(&five, &node), five.kubectl(&["get", "pv", "-o", "name"]));
        if folders.is_empty() && volumes.stdout.is_empty() { Ok(()) } else { Err(format!("{folders} {volumes}")) }
    });
}

fn a_secret_that_changes_is_seen(five: &Five, pod: &str) {
    five.kubectl(&["patch", "secret", "mine", "-p", r#"{"stringData": {"word": "other"}}"#]).expect_ok();
    wait_for("the new word", Duration::from_secs(30), || {
        let said = five.kubectl(&["exec", pod, "--", "cat", "/files/word"]);
        if said.stdout == "other" { Ok(()) } else { Err(said.to_string()) }
    });
}

/// Asked with the files that the worker has, at its own door.
fn what_its_credentials_read(five: &Five, node: &str) {
    let machine = five.machine(node);
    let keys = "/etc/barque/pki";
    let ask = |path: &str| {
        let url = format!("https://127.0.0.1:5443/api/v1/{path}");
        let (ca, cert, key) =
            (format!("{keys}/ca.crt"), format!("{keys}/kubelet-client.crt"), format!("{keys}/kubelet-client.key"));
        let arguments =
            ["-s", "-o", "/dev/null", "-w", "%{http_code}", "--cacert", &ca, "--cert", &cert, "--key", &key];
        machine.run("curl", &[&arguments[..], &[url.as_str()]].concat()).expect_ok()
    };
    assert_eq!(ask("namespaces/default/secrets/mine"), "200");
    assert_eq!(ask("namespaces/default/secrets/foreign"), "403");
    assert_eq!(ask("namespaces/default/secrets"), "403");
    assert_eq!(ask("namespaces/kube-system/secrets/kubeadm-certs"), "403");
    assert_eq!(ask("secrets"), "403");
}
