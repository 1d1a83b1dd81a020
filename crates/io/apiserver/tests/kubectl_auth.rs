//! Identities and permissions as people meet them: the real kubectl against a served API.

mod world;

use apiserver::{ApiServer, Config};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::process::Command;

struct Cluster {
    folder: tempfile::TempDir,
    port: u16,
    _server: ApiServer,
}

async fn cluster() -> Cluster {
    let folder = tempfile::tempdir().unwrap();
    let pki = world::tls::pki();
    let config = Config { tls: Some(pki.server.clone()), ..world::config(&folder.path().join("data")) };
    let server = ApiServer::start(config).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    std::fs::write(folder.path().join("admin"), pki.kubeconfig(port)).unwrap();
    std::fs::write(folder.path().join("ca"), &pki.ca_pem).unwrap();
    std::fs::write(folder.path().join("nobody"), "").unwrap();
    server.serve(listener);
    Cluster { folder, port, _server: server }
}

impl Cluster {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Exit code zero or not, and what was said on both outputs.
    async fn kubectl(&self, kubeconfig: &Path, arguments: &[&str]) -> (bool, String) {
        let running = Command::new("kubectl")
            .arg("--kubeconfig")
            .arg(kubeconfig)
            .args(arguments)
            .env("HOME", self.folder.path())
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        let output = tokio::time::timeout(Duration::from_secs(60), running).await.expect("kubectl hangs").unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(said).unwrap().trim_end().to_owned())
    }

    async fn admin(&self, line: &str) -> (bool, String) {
        self.kubectl(&self.path("admin"), &line.split(' ').collect::<Vec<_>>()).await
    }

    #[track_caller]
    fn done(&self, (good, said): (bool, String)) -> String {
        assert!(good, "{said}");
        said
    }

    /// The API asked without the administrator's certificate.
    async fn stranger(&self, credentials: &[&str], line: &str) -> (bool, String) {
        let server = format!("--server=https://127.0.0.1:{}", self.port);
        let ca = format!("--certificate-authority={}", self.path("ca").display());
        let mut arguments = vec![server.as_str(), ca.as_str()];
        arguments.extend(credentials);
        arguments.extend(line.split(' '));
        self.kubectl(&self.path("nobody"), &arguments).await
    }

    /// Status and body of a GET without any credentials; kubectl would ask for a password.
    async fn anonymous(&self, path: &str) -> (u16, String) {
        let running = Command::new("curl")
            .args(["--silent", "--show-error", "--write-out", "\n%{http_code}", "--cacert"])
            .arg(self.path("ca"))
            .arg(format!("https://127.0.0.1:{}{path}", self.port))
            .output();
        let said = String::from_utf8(running.await.expect("curl is installed").stdout).unwrap();
        let (body, code) = said.rsplit_once('\n').unwrap();
        (code.parse().unwrap(), body.to_owned())
    }

    /// Permissions follow their objects within moments, not at once.
    async fn until_allowed(&self, line: &str) {
        for _ in 0..100 {
            if self.admin(line).await.1 == "yes" {
                return;
            }
        }
        panic!("never allowed: {line}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_learns_who_they_are() {
    let cluster = cluster().await;
    let said = cluster.done(cluster.admin("auth whoami").await);
    assert!(said.contains("[system:masters system:authenticated]"), "{said}");
    let said = cluster.done(cluster.admin("auth whoami --as jane --as-group dev").await);
    assert!(said.contains("jane") && said.contains("[dev system:authenticated]"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_see_the_version_and_no_more() {
    let cluster = cluster().await;
    for (path, wanted) in [("/version", 200), ("/healthz", 200), ("/livez", 200), ("/readyz", 200), ("/metrics", 403)] {
        assert_eq!(cluster.anonymous(path).await.0, wanted, "{path}");
    }
    let (code, body) = cluster.anonymous("/api/v1/namespaces/default/pods").await;
    let wanted = "pods is forbidden: User \\\"system:anonymous\\\" cannot list resource \\\"pods\\\" in API group \\\"\\\" \
        in the namespace \\\"default\\\"";
    assert!(code == 403 && body.contains(wanted), "{code} {body}");
    let (good, said) = cluster.stranger(&["--token=nonsense"], "get --raw /version").await;
    assert_eq!((good, said.as_str()), (false, "error: You must be logged in to the server (Unauthorized)"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_carries_the_rights_of_its_account() {
    let cluster = cluster().await;
    cluster.done(cluster.admin("create serviceaccount ci").await);
    let token = cluster.done(cluster.admin("create token ci --duration=20m").await);
    let credentials = [format!("--token={token}")];
    let credentials = [credentials[0].as_str()];
    let said = cluster.done(cluster.stranger(&credentials, "auth whoami").await);
    assert!(said.contains("system:serviceaccount:default:ci"), "{said}");
    let (_, said) = cluster.stranger(&credentials, "get configmaps").await;
    let wanted = "configmaps is forbidden: User \"system:serviceaccount:default:ci\" cannot list resource \"configmaps\" \
        in API group \"\" in the namespace \"default\"";
    assert!(said.ends_with(wanted), "{said}");
    cluster.done(cluster.admin("create rolebinding ci --clusterrole=view --serviceaccount=default:ci").await);
    cluster.until_allowed("auth can-i list configmaps --as system:serviceaccount:default:ci").await;
    cluster.done(cluster.stranger(&credentials, "get configmaps").await);
    let (_, said) = cluster.admin("create token ci --duration=5m").await;
    assert!(said.contains("may not specify a duration less than 10 minutes"), "{said}");
    cluster.done(cluster.admin("delete serviceaccount ci").await);
    let (good, said) = cluster.admin("create token ci").await;
    assert_eq!((good, said.as_str()), (false, "error: failed to create token: serviceaccounts \"ci\" not found"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changing_is_not_making_and_a_namespace_is_not_the_cluster() {
    let cluster = cluster().await;
    cluster.done(cluster.admin("create role changer --verb=get,update,patch --resource=configmaps").await);
    cluster.done(cluster.admin("create rolebinding changer --role=changer --user=jane").await);
    cluster.until_allowed("auth can-i patch configmaps --as jane").await;
    let map = cluster.path("map.yaml");
    std::fs::write(&map, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndata: {a: '1'}\n").unwrap();
    let apply = format!("apply --server-side -f {}", map.display());
    let (good, said) = cluster.admin(&format!("{apply} --as jane")).await;
    assert!(!good && said.contains("User \"jane\" cannot create resource \"configmaps\""), "{said}");
    cluster.done(cluster.admin(&apply).await);
    cluster.done(cluster.admin(&format!("{apply} --as jane --force-conflicts")).await);

    // All rights in a namespace that has the name of a ClusterRole.
    cluster.done(cluster.admin("create namespace view").await);
    cluster.done(cluster.admin("create rolebinding all -n view --clusterrole=cluster-admin --user=jane").await);
    cluster.until_allowed("auth can-i delete pods -n view --as jane").await;
    let path = "/apis/rbac.authorization.k8s.io/v1/namespaces/view/clusterroles/view";
    let (good, said) = cluster.admin(&format!("get --raw {path} --as jane")).await;
    assert!(!good && said.contains("could not find the requested resource"), "{said}");
    cluster.done(cluster.admin("get --raw /api/v1/namespaces/view --as jane").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn can_i_tells_and_lists() {
    let cluster = cluster().await;
    assert!(cluster.done(cluster.admin("auth can-i delete nodes").await).contains("yes"));
    assert_eq!(cluster.admin("auth can-i list pods --as jane").await, (false, "no".to_owned()));
    cluster.done(cluster.admin("create rolebinding jane --clusterrole=edit --user=jane").await);
    cluster.until_allowed("auth can-i create deployments.apps --as jane").await;
    assert_eq!(cluster.admin("auth can-i create pods/exec --as jane").await.1, "yes");
    assert_eq!(cluster.admin("auth can-i create roles.rbac.authorization.k8s.io --as jane").await.1, "no");
    let said = cluster.done(cluster.admin("auth can-i --list --as jane").await);
    assert!(said.contains("selfsubjectreviews.authentication.k8s.io") && said.contains("[/api/*]"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_lifts_themselves_up() {
    let cluster = cluster().await;
    cluster.done(cluster.admin("create rolebinding jane --clusterrole=admin --user=jane").await);
    cluster.until_allowed("auth can-i create roles.rbac.authorization.k8s.io --as jane").await;
    let line = "create role big --verb=get --resource=nodes --as jane";
    let (good, said) = cluster.admin(line).await;
    let wanted = "roles.rbac.authorization.k8s.io \"big\" is forbidden: user \"jane\" (groups=[\"system:authenticated\"]) is \
        attempting to grant RBAC permissions not currently held:\n{APIGroups:[\"\"], Resources:[\"nodes\"], Verbs:[\"get\"]}";
    assert!(!good && said.ends_with(wanted), "{said}");
    let (good, said) = cluster.admin("create rolebinding up --clusterrole=cluster-admin --user=jane --as jane").await;
    assert!(!good && said.contains("is attempting to grant RBAC permissions not currently held"), "{said}");
    cluster.done(cluster.admin("create role small --verb=get --resource=pods --as jane").await);
}
