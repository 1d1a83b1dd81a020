//! His Nextcloud, unchanged: nginx and php-fpm in one pod, a flexVolume, a file from a ConfigMap, behind a NodePort.

use std::time::Duration;
use testbed::cluster::PATIENCE;
use testbed::images::{Image, NEXTCLOUD, NGINX};
use testbed::{Cluster, example_text, wait_for};

const IMAGES: &[Image] = &[
    Image { name: "library/nginx:1.15", recipe: NGINX },
    Image { name: "library/nextcloud:14.0-fpm", recipe: NEXTCLOUD },
];

const SERVICE: &str = r"
apiVersion: v1
kind: Service
metadata: {name: nextcloud}
spec:
  type: NodePort
  selector: {app: nextcloud}
  ports: [{port: 80, nodePort: 30080}]
";

/// A size for slow machines and small disks: `BARQUE_TEST_UPLOAD_MB`, default 1024 (the site's own 1 GB).
fn upload_megabytes() -> u64 {
    let given = std::env::var("BARQUE_TEST_UPLOAD_MB").ok();
    given.map_or(1024, |text| text.parse().expect("BARQUE_TEST_UPLOAD_MB is a number"))
}

#[test]
fn his_nextcloud_serves_its_site() {
    let cluster = Cluster::start_with_images("nc", IMAGES);
    cluster.apply_examples(&["seed/nextcloud-nginx-configmap.yaml", "seed/nextcloud-deployment.yaml"]).expect_ok();
    cluster.apply(SERVICE).expect_ok();
    let pod = running_pod(&cluster, "");
    the_site_answers(&cluster, &pod);
    an_upload_streams_through(&cluster);
    let next = deleting_the_pod_brings_another(&cluster, &pod);
    assert!(page(&cluster, "/").contains(&next), "the new pod serves");
    a_dead_php_leaves_the_service_and_comes_back(&cluster);
    cluster.kubectl(&["delete", "deployment", "nextcloud-deployment", "--wait"]).expect_ok();
    wait_for("all pods gone", PATIENCE, || {
        let pods = cluster.kubectl(&["get", "pods", "--no-headers"]);
        if pods.stdout.is_empty() { Ok(()) } else { Err(pods.to_string()) }
    });
    let mounts = std::fs::read_to_string("/proc/mounts").expect("this process's mounts");
    let left =
        mounts.lines().find(|line| line.contains("/pods/") && line.contains(&*cluster.folder().to_string_lossy()));
    assert_eq!(left, None, "volumes are unmounted with their pod");
}

/// The name of the one pod that is `2/2 Running`, when it is not `not`.
fn running_pod(cluster: &Cluster, not: &str) -> String {
    wait_for("2/2 Running", PATIENCE, || {
        let pods = cluster.kubectl(&["get", "pods", "-l", "app=nextcloud", "--no-headers"]);
        let lines = pods.stdout.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let mut ready = lines.filter(|words| words.get(1..3) == Some(&["2/2", "Running"]) && words[0] != not);
        ready.next().map(|words| words[0].to_owned()).ok_or_else(|| cluster.explain())
    })
}

fn url(path: &str) -> String {
    format!("http://{}:30080{path}", testbed::host::ADDRESS)
}

/// Body of a page once nginx and php-fpm both listen.
fn page(cluster: &Cluster, path: &str) -> String {
    wait_for(path, Duration::from_secs(30), || {
        let answer = cluster.curl(&["--fail", &url(path)]);
        if answer.ok { Ok(answer.stdout) } else { Err(answer.to_string()) }
    })
}

fn the_site_answers(cluster: &Cluster, pod: &str) {
    assert_eq!(page(cluster, "/apps/files"), format!("site of {pod} path /apps/files\n"));
    assert_eq!(page(cluster, "/status.php"), "{\"installed\":true,\"version\":\"14.0.4.2\"}\n");
    assert_eq!(page(cluster, "/robots.txt"), "User-agent: *\nDisallow: /\n");
    for denied in ["/data/secret.txt", "/config/config.php", "/.htaccess", "/console", "/occ"] {
        let answer = cluster.curl(&["-o", "/dev/null", "-w", "%{http_code}", &url(denied)]);
        assert_eq!(answer.stdout, "403", "{denied}");
    }
    let moved = cluster.curl(&["-o", "/dev/null", "-w", "%{http_code} %{redirect_url}", &url("/.well-known/caldav")]);
    assert!(moved.stdout.starts_with("301 http://") && moved.stdout.ends_with("/remote.php/dav"), "{moved}");
    let headers = cluster.curl(&["--head", &url("/robots.txt")]).expect_ok().to_lowercase();
    for header in [
        "x-content-type-options: nosniff",
        "x-xss-protection: 1; mode=block",
        "x-robots-tag: none",
        "x-download-options: noopen",
        "x-permitted-cross-domain-policies: none",
        "referrer-policy: no-referrer",
    ] {
        assert!(headers.contains(header), "no {header} in\n{headers}");
    }
    let style = cluster.curl(&["--head", &url("/core/css/style.css")]).expect_ok();
    assert!(style.contains("Cache-Control: public, max-age=15778463"), "{style}");
    // The folder of the driver is the volume: what the site put there lies on the host.
    assert!(cluster.shared("/nextcloud2").join("status.php").exists());
    // The file mounted by subPath is the ConfigMap's, byte for byte.
    let mounted = cluster.kubectl(&["exec", pod, "-c", "nginx", "--", "cat", "/etc/nginx/nginx.conf"]).expect_ok();
    let given = cluster.jsonpath(&["cm", "nginx-config"], "{.data.nginx\\.conf}");
    assert_eq!(mounted, given);
    let logs = cluster.kubectl(&["logs", pod, "-c", "nginx"]).expect_ok();
    assert!(logs.contains("GET /status.php") && logs.contains("access forbidden by rule"), "{logs}");
}

fn an_upload_streams_through(cluster: &Cluster) {
    let bytes = upload_megabytes() << 20;
    // A file with a hole takes no disk, and gives the Content-Length without which PHP reads nothing.
    let file = cluster.folder().join("upload");
    std::fs::File::create(&file).and_then(|made| made.set_len(bytes)).expect("a file of the test");
    let file = file.display().to_string();
    let answer = cluster.curl(&["--fail", "--max-time", "300", "-T", &file, &url("/upload")]).expect_ok();
    assert!(answer.starts_with(&format!("received {bytes} ")), "{answer}");
}

fn deleting_the_pod_brings_another(cluster: &Cluster, pod: &str) -> String {
    let said = cluster.kubectl(&["delete", "pod", pod]).expect_ok();
    assert!(said.starts_with(&format!("pod \"{pod}\" deleted")), "{said}");
    running_pod(cluster, pod)
}

/// His Deployment with a readiness probe of the PHP page.
fn a_dead_php_leaves_the_service_and_comes_back(cluster: &Cluster) {
    let probe = "        readinessProbe:\n          httpGet: {path: /status.php, port: 80}\n          periodSeconds: 1\n          failureThreshold: 1\n";
    let his = example_text("seed/nextcloud-deployment.yaml");
    let port = "        - containerPort: 80\n";
    assert!(his.contains(port), "his file has the line the probe is put behind");
    cluster.apply(&his.replace(port, &format!("{port}{probe}"))).expect_ok();
    cluster.kubectl(&["rollout", "status", "deployment/nextcloud-deployment", "--timeout=90s"]).expect_ok();
    let addresses = || cluster.jsonpath(&["endpoints", "nextcloud"], "{.subsets[*].addresses[*].ip}");
    let ip = wait_for("one endpoint", PATIENCE, || {
        let found = addresses();
        if found.split(' ').count() == 1 && !found.is_empty() { Ok(found) } else { Err(found) }
    });
    // The one before may be listed still.
    let serving = format!("{{.items[?(@.status.podIP==\"{ip}\")].metadata.name}}");
    let pod = cluster.jsonpath(&["pods", "-l", "app=nextcloud"], &serving);
    // Stopped, not ended: the container is not started again by the kubelet's rules.
    cluster.kubectl(&["exec", &pod, "-c", "nextcloud", "--", "sh", "-c", "kill -STOP -1"]).expect_ok();
    wait_for("out of the Service", PATIENCE, || {
        let found = addresses();
        if found.is_empty() { Ok(()) } else { Err(format!("{found}\n{}", cluster.explain())) }
    });
    cluster.wait_jsonpath(&["pod", &pod], "{.status.conditions[?(@.type==\"Ready\")].status}", "False");
    let refused = cluster.curl(&["--max-time", "3", &url("/status.php")]);
    assert!(!refused.ok, "nothing answers: {refused}");
    cluster.kubectl(&["exec", &pod, "-c", "nextcloud", "--", "sh", "-c", "kill -CONT -1"]).expect_ok();
    wait_for("back in the Service", PATIENCE, || if addresses() == ip { Ok(()) } else { Err(cluster.explain()) });
    assert!(page(cluster, "/status.php").contains("installed"));
}
