//! His matomo CronJob, unchanged and every minute: columns, names, history of three, restarts in place.

use std::time::Duration;
use testbed::cluster::PATIENCE;
use testbed::images::{Image, MATOMO};
use testbed::{Cluster, example_text, wait_for};

const IMAGES: &[Image] = &[Image { name: "library/matomo:3.7", recipe: MATOMO }];

/// Five runs at one a minute, and the slowest first pull.
const FIVE_RUNS: Duration = Duration::from_secs(8 * 60);

#[test]
fn his_cron_job_runs_and_keeps_three() {
    let cluster = Cluster::start_with_images("cj", IMAGES);
    let made = cluster.apply_examples(&["seed/matomo-cronjob.yaml"]);
    assert_eq!(made.stdout, "cronjob.batch/matomo-archive created\n", "{made}");
    let warning = "Warning: batch/v1beta1 CronJob is deprecated in v1.21+, unavailable in v1.25+; use batch/v1 CronJob";
    assert!(made.stderr.contains(warning), "{made}");
    let row = cluster.kubectl(&["get", "cj", "matomo-archive"]).expect_ok();
    let lines: Vec<&str> = row.lines().collect();
    let header: Vec<&str> = lines[0].split_whitespace().collect();
    assert_eq!(header, ["NAME", "SCHEDULE", "TIMEZONE", "SUSPEND", "ACTIVE", "LAST", "SCHEDULE", "AGE"]);
    assert!(lines[1].starts_with("matomo-archive   */30 * * * *   <none>     False"), "{row}");
    // The kubectl of his time prints the columns of his post; the server makes them.
    let his = example_text("seed/matomo-cronjob.yaml");
    let every_minute = his.replace("*/30 * * * *", "* * * * *");
    assert_ne!(his, every_minute);
    cluster.apply(&every_minute).expect_ok();
    a_failing_container_restarts_in_place(&cluster);
    exactly_three_remain(&cluster);
}

fn a_failing_container_restarts_in_place(cluster: &Cluster) {
    let job = "
apiVersion: batch/v1
kind: Job
metadata: {name: stumbles}
spec:
  template:
    spec:
      restartPolicy: OnFailure
      containers:
      - name: once
        image: matomo:3.7
        command: [sh, -c, 'if [ -e /seen/it ]; then echo well; else touch /seen/it; exit 3; fi']
        volumeMounts: [{name: seen, mountPath: /seen}]
      volumes: [{name: seen, emptyDir: {}}]
";
    cluster.apply(job).expect_ok();
    cluster.wait_jsonpath(&["job", "stumbles"], "{.status.succeeded}", "1");
    let pods = cluster.jsonpath(&["pods", "-l", "job-name=stumbles"], "{range .items[*]}{.status.phase} {.status.containerStatuses[0].restartCount} {.status.containerStatuses[0].lastState.terminated.exitCode}\n{end}");
    assert_eq!(pods, "Succeeded 1 3\n", "one pod, restarted in place");
}

fn exactly_three_remain(cluster: &Cluster) {
    let mut seen = std::collections::BTreeSet::new();
    let completed = wait_for("five runs", FIVE_RUNS, || {
        let pods = cluster.kubectl(&["get", "pods", "--no-headers"]).stdout;
        let done = |line: &&str| line.starts_with("matomo-archive-") && line.contains("Completed");
        let names: Vec<String> =
            pods.lines().filter(done).map(|line| line.split(' ').next().unwrap_or_default().to_owned()).collect();
        seen.extend(names.iter().cloned());
        if seen.len() >= 5 { Ok(names) } else { Err(format!("{}\n{}", seen.len(), cluster.explain())) }
    });
    for name in &completed {
        let rest = name.strip_prefix("matomo-archive-").expect("filtered by it");
        let (number, suffix) = rest.split_once('-').expect("a number and a suffix");
        assert!(number.len() >= 8 && number.bytes().all(|b| b.is_ascii_digit()), "{name}");
        assert!(suffix.len() == 5 && suffix.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()), "{name}");
    }
    // The controller tidies a moment after a run ends.
    let kept = wait_for("three Completed pods", PATIENCE, || {
        let pods = cluster.kubectl(&["get", "pods", "--no-headers"]).stdout;
        let done = |line: &&str| line.starts_with("matomo-archive-") && line.contains("Completed");
        let kept: Vec<String> = pods.lines().filter(done).map(str::to_owned).collect();
        if kept.len() == 3 { Ok(kept) } else { Err(pods) }
    });
    let newest = kept[2].split(' ').next().expect("a name");
    let logs = cluster.kubectl(&["logs", newest]).expect_ok();
    assert_eq!(logs, "archived: /var/www/html/console core:archive --url=https://url.de.mon.matomo/\n");
}
