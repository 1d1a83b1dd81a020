//! A small node that carries out the actions at once, and shows what happens as lines of text.

use crate::{Action, ContainerSeen, ContainerState, Exit, Life, Outcome, ProbeKind, SandboxSeen, Seen, Trouble};
use expect_test::{Expect, expect};
use k8s_openapi::api::core::v1::{Pod, PodStatus, ResourceRequirements};
use serde_json::{Value, json};
use std::fmt::Write;
use std::time::Duration;
use stdx::Timestamp;

struct World {
    pod: Pod,
    life: Life,
    seen: Seen,
    now: Timestamp,
    /// Containers whose start fails, and why.
    broken: Vec<(&'static str, Trouble)>,
    /// What probes of a container find; success without an entry.
    sick: Vec<(&'static str, ProbeKind)>,
    /// Containers take their time to stop.
    slow_stops: bool,
    shown: String,
    out: String,
}

fn world(spec: Value) -> World {
    let meta = json!({"name": "p", "namespace": "ns", "uid": "u1", "generation": 1});
    let pod = serde_json::from_value(json!({"metadata": meta, "spec": spec})).unwrap();
    World {
        pod,
        life: Life::default(),
        seen: Seen { host_ips: vec!["192.0.2.1".into()], ..Seen::default() },
        now: Timestamp::from_secs(1_000_000),
        broken: Vec::new(),
        sick: Vec::new(),
        slow_stops: false,
        shown: String::new(),
        out: String::new(),
    }
}

impl World {
    /// Rounds until nothing more is asked; time does not pass.
    fn settle(&mut self) -> &mut Self {
        for _ in 0..50 {
            let step = self.life.step(&self.pod, &self.seen, self.now);
            for note in &step.notes {
                writeln!(self.out, "  event {} {}", note.reason, note.message).unwrap();
            }
            if let Some(status) = step.status {
                self.show(&status);
                self.pod.status = Some(status);
            }
            let mut actions = step.actions;
            // Asked for again in every round, with what is left of the grace.
            actions.retain(
                |action| !matches!(action, Action::Stop { container, .. } if self.seen.stopping.contains(container)),
            );
            if actions.is_empty() {
                return self;
            }
            for action in actions {
                self.carry_out(action);
            }
        }
        panic!("never settles:\n{}", self.out);
    }

    /// Lets time pass, waking as asked.
    fn pass(&mut self, seconds: u64) -> &mut Self {
        let end = self.now + Duration::from_secs(seconds);
        loop {
            self.settle();
            let wake = self.life.step(&self.pod, &self.seen, self.now).wake.filter(|at| *at > self.now && *at <= end);
            let Some(at) = wake else { break };
            self.now = at;
        }
        self.now = end;
        self.settle()
    }

    fn carry_out(&mut self, action: Action) {
        if !matches!(action, Action::Probe { .. }) {
            writeln!(self.out, "  {}", brief(&action)).unwrap();
        }
        match action {
            Action::Prepare => {
                self.seen.sandbox = SandboxSeen::Ready;
                self.seen.has_remains = true;
                self.seen.pod_ips = vec!["10.0.0.7".into()];
                self.seen.containers.clear();
            }
            Action::Start { container, attempt } => {
                if let Some((_, trouble)) = self.broken.iter().find(|(name, _)| *name == container) {
                    let image = format!("{container}-image");
                    return self.life.start_failed(&container, &image, trouble.clone(), self.now);
                }
                self.life.started(&container);
                let state = ContainerState::Running { since: self.now };
                let (id, image) = (format!("barque://{container}{attempt}"), format!("{container}-image"));
                let name = container;
                self.seen.containers.push(ContainerSeen {
                    attempt,
                    id,
                    image,
                    image_id: "i".into(),
                    state,
                    is_opening: false,
                    resources: self.wanted_resources(&name),
                    user: None,
                    name,
                });
            }
            Action::Stop { container, .. } if self.slow_stops => _ = self.seen.stopping.insert(container),
            Action::Stop { container, .. } => self.exit(&container, 143),
            Action::Probe { container, attempt, kind } => {
                let is_sick = self.sick.iter().any(|(name, sick)| *name == container && *sick == kind);
                let outcome = if is_sick { Outcome::Failure("no".into()) } else { Outcome::Success };
                if let Some(note) = self.life.probed(&self.pod, &container, attempt, kind, &outcome, self.now) {
                    writeln!(self.out, "  event {} {}", note.reason, note.message).unwrap();
                }
            }
            Action::Resize { container, .. } => {
                let wanted = self.wanted_resources(&container);
                let seen = self.seen.containers.iter_mut().rfind(|seen| seen.name == container);
                seen.unwrap().resources = wanted;
            }
            Action::Forget { container, attempt } => {
                self.seen.containers.retain(|seen| (&*seen.name, seen.attempt) != (&*container, attempt));
            }
            Action::Teardown => {
                self.seen.sandbox = SandboxSeen::Absent;
                self.seen.has_remains = false;
                self.seen.containers.clear();
            }
            Action::Delete => self.seen.is_gone = true,
        }
    }

    fn wanted_resources(&self, name: &str) -> Option<ResourceRequirements> {
        let pod = crate::allocated(&self.pod, &self.seen);
        let item = crate::items(&pod).into_iter().find(|item| item.name == name)?;
        Some(item.container?.resources.clone().unwrap_or_default())
    }

    /// Sets the resources of the pod's first container, as a request to resize does.
    fn resize(&mut self, resources: Value) -> &mut Self {
        let spec = self.pod.spec.as_mut().unwrap();
        spec.containers[0].resources = serde_json::from_value(resources).unwrap();
        self.settle()
    }

    fn exit(&mut self, name: &str, code: i32) {
        let now = self.now;
        self.seen.stopping.remove(name);
        let newest = self.seen.containers.iter_mut().filter(|seen| seen.name == name).max_by_key(|seen| seen.attempt);
        let reason = if code == 0 { "Completed" } else { "Error" }.to_owned();
        let exit = Exit { code, signal: None, reason, message: String::new(), started_at: Some(now), finished_at: now };
        newest.unwrap().state = ContainerState::Exited(exit);
    }

    /// A container ends, and what follows.
    fn ends(&mut self, name: &str, code: i32) -> &mut Self {
        writeln!(self.out, "  {name} exits {code}").unwrap();
        self.exit(name, code);
        self.settle()
    }

    fn delete(&mut self, grace: i64) -> &mut Self {
        self.pod.metadata.deletion_timestamp =
            Some(crate::status::time(self.now + Duration::from_secs(grace.unsigned_abs())));
        self.pod.metadata.deletion_grace_period_seconds = Some(grace);
        self.settle()
    }

    fn show(&mut self, status: &PodStatus) {
        let text = render(status);
        if text != self.shown {
            let at = self.now.secs() - 1_000_000;
            writeln!(self.out, "{at}s {text}").unwrap();
            self.shown = text;
        }
    }

    #[track_caller]
    fn check(&mut self, expected: Expect) {
        expected.assert_eq(&self.out);
    }
}

fn brief(action: &Action) -> String {
    match action {
        Action::Start { container, attempt } => format!("start {container} #{attempt}"),
        Action::Stop { container, grace, message, .. } => {
            format!("stop {container} in {}s: {message}", grace.as_secs())
        }
        Action::Resize { container, attempt } => format!("resize {container} #{attempt}"),
        Action::Forget { container, attempt } => format!("forget {container} #{attempt}"),
        other => format!("{other:?}").to_lowercase(),
    }
}

/// `Running [ready] main=running*2 (Error)`: phase, true conditions in short, containers with restarts and last end.
fn render(status: &PodStatus) -> String {
    let mut text = status.phase.clone().unwrap_or_default();
    if let Some(reason) = &status.reason {
        write!(text, " ({reason})").unwrap();
    }
    let conditions = status.conditions.iter().flatten().filter(|condition| condition.status == "True");
    let short: Vec<&str> = conditions
        .map(|condition| match &*condition.type_ {
            "PodReadyToStartContainers" => "sandbox",
            "Initialized" => "init",
            "Ready" => "ready",
            other => other,
        })
        .filter(|name| matches!(*name, "sandbox" | "init" | "ready"))
        .collect();
    write!(text, " [{}]", short.join(" ")).unwrap();
    let lists = [&status.init_container_statuses, &status.container_statuses, &status.ephemeral_container_statuses];
    for container in lists.into_iter().flatten().flatten() {
        let state = serde_json::to_value(&container.state).unwrap();
        let (kind, detail) = state.as_object().and_then(|state| state.iter().next()).unwrap();
        let mut shown = match &**kind {
            "waiting" => detail["reason"].as_str().unwrap().to_owned(),
            "terminated" => detail["reason"].as_str().unwrap().to_owned(),
            kind => kind.to_owned(),
        };
        if container.ready {
            shown.push('+');
        }
        if container.restart_count > 0 {
            write!(shown, "*{}", container.restart_count).unwrap();
        }
        write!(text, " {}={shown}", container.name).unwrap();
    }
    text
}

fn container(name: &str) -> Value {
    json!({"name": name, "image": format!("{name}-image")})
}

fn sidecar(name: &str) -> Value {
    json!({"name": name, "image": format!("{name}-image"), "restartPolicy": "Always"})
}

#[test]
fn one_container_comes_and_goes() {
    let mut world = world(json!({"containers": [container("main")]}));
    world.settle().delete(30).check(expect![[r#"
        0s Pending [init] main=ContainerCreating
          prepare
        0s Pending [sandbox init] main=ContainerCreating
          start main #0
        0s Running [sandbox init ready] main=running+
          stop main in 30s: Stopping container main
        0s Failed [init] main=Error
          teardown
          delete
    "#]]);
}

#[test]
fn init_containers_run_in_order() {
    let mut world =
        world(json!({"initContainers": [container("a"), container("b")], "containers": [container("main")]}));
    world.settle().ends("a", 0).ends("b", 0).check(expect![[r#"
        0s Pending [] a=PodInitializing b=PodInitializing main=PodInitializing
          prepare
        0s Pending [sandbox] a=PodInitializing b=PodInitializing main=PodInitializing
          start a #0
        0s Pending [sandbox] a=running+ b=PodInitializing main=PodInitializing
          a exits 0
        0s Pending [sandbox] a=Completed+ b=PodInitializing main=PodInitializing
          start b #0
        0s Pending [sandbox] a=Completed+ b=running+ main=PodInitializing
          b exits 0
        0s Pending [sandbox init] a=Completed+ b=Completed+ main=PodInitializing
          start main #0
        0s Running [sandbox init ready] a=Completed+ b=Completed+ main=running+
    "#]]);
}

#[test]
fn a_sidecar_starts_before_and_stops_after_the_others() {
    let spec = json!({"restartPolicy": "Never", "initContainers": [sidecar("side"), container("a")], "containers": [container("main")]});
    world(spec).settle().ends("a", 0).ends("main", 0).check(expect![[r#"
        0s Pending [] side=PodInitializing a=PodInitializing main=PodInitializing
          prepare
        0s Pending [sandbox] side=PodInitializing a=PodInitializing main=PodInitializing
          start side #0
        0s Pending [sandbox] side=running+ a=PodInitializing main=PodInitializing
          start a #0
        0s Pending [sandbox] side=running+ a=running+ main=PodInitializing
          a exits 0
        0s Pending [sandbox init] side=running+ a=Completed+ main=PodInitializing
          start main #0
        0s Running [sandbox init ready] side=running+ a=Completed+ main=running+
          main exits 0
        0s Running [sandbox init] side=running+ a=Completed+ main=Completed
          stop side in 30s: Stopping container side
        0s Succeeded [init] side=Error a=Completed+ main=Completed
    "#]]);
}

#[test]
fn crashes_are_held_back_longer_each_time() {
    let mut world = world(json!({"containers": [container("main")]}));
    world.settle().ends("main", 1).ends("main", 1).pass(15).ends("main", 1).pass(12).check(expect![[r#"
        0s Pending [init] main=ContainerCreating
          prepare
        0s Pending [sandbox init] main=ContainerCreating
          start main #0
        0s Running [sandbox init ready] main=running+
          main exits 1
        0s Running [sandbox init] main=Error
          start main #1
        0s Running [sandbox init ready] main=running+*1
          main exits 1
          event BackOff Back-off restarting failed container main in pod p_ns(u1)
        0s Running [sandbox init] main=CrashLoopBackOff*1
        10s Running [sandbox init] main=Error*1
          start main #2
        10s Running [sandbox init ready] main=running+*2
          forget main #0
          main exits 1
          event BackOff Back-off restarting failed container main in pod p_ns(u1)
        15s Running [sandbox init] main=CrashLoopBackOff*2
    "#]]);
}

#[test]
fn a_job_that_fails_has_failed() {
    let mut world = world(json!({"restartPolicy": "Never", "containers": [container("a"), container("b")]}));
    world.settle().ends("a", 3).ends("b", 0).delete(30).check(expect![[r#"
        0s Pending [init] a=ContainerCreating b=ContainerCreating
          prepare
        0s Pending [sandbox init] a=ContainerCreating b=ContainerCreating
          start a #0
          start b #0
        0s Running [sandbox init ready] a=running+ b=running+
          a exits 3
        0s Running [sandbox init] a=Error b=running+
          b exits 0
        0s Failed [init] a=Error b=Completed
          teardown
          delete
    "#]]);
}

#[test]
fn a_failed_init_container_fails_a_pod_that_never_restarts() {
    let spec = json!({"restartPolicy": "Never", "initContainers": [sidecar("side"), container("a")], "containers": [container("main")]});
    world(spec).settle().ends("a", 1).check(expect![[r#"
        0s Pending [] side=PodInitializing a=PodInitializing main=PodInitializing
          prepare
        0s Pending [sandbox] side=PodInitializing a=PodInitializing main=PodInitializing
          start side #0
        0s Pending [sandbox] side=running+ a=PodInitializing main=PodInitializing
          start a #0
        0s Pending [sandbox] side=running+ a=running+ main=PodInitializing
          a exits 1
        0s Pending [sandbox] side=running+ a=Error main=PodInitializing
          stop side in 30s: Stopping container side
        0s Failed [] side=Error a=Error main=PodInitializing
    "#]]);
}

#[test]
fn an_image_that_cannot_be_pulled_is_tried_again() {
    let mut world = world(json!({"containers": [container("main")]}));
    world.broken = vec![("main", Trouble { reason: "ErrImagePull".into(), message: "not found".into() })];
    world.pass(11);
    world.broken.clear();
    world.pass(30).check(expect![[r#"
        0s Pending [init] main=ContainerCreating
          prepare
        0s Pending [sandbox init] main=ContainerCreating
          start main #0
        0s Pending [sandbox init] main=ErrImagePull
          event BackOff Back-off pulling image "main-image"
          event Failed Error: ImagePullBackOff
        2s Pending [sandbox init] main=ImagePullBackOff
          start main #0
        10s Pending [sandbox init] main=ErrImagePull
          event BackOff Back-off pulling image "main-image"
          event Failed Error: ImagePullBackOff
        12s Pending [sandbox init] main=ImagePullBackOff
          start main #0
        30s Running [sandbox init ready] main=running+
    "#]]);
}

#[test]
fn probes_make_ready_and_restart() {
    let probe = |failures: i32| json!({"exec": {"command": ["x"]}, "periodSeconds": 5, "failureThreshold": failures, "timeoutSeconds": 1, "successThreshold": 1});
    let mut spec = container("main");
    spec["readinessProbe"] = probe(2);
    spec["livenessProbe"] = probe(3);
    spec["startupProbe"] = probe(10);
    let mut world = world(json!({"containers": [spec]}));
    world.sick = vec![("main", ProbeKind::Startup)];
    world.pass(6);
    world.sick.clear();
    world.pass(10);
    world.sick = vec![("main", ProbeKind::Readiness)];
    world.pass(11);
    world.sick = vec![("main", ProbeKind::Liveness)];
    world.pass(14).check(expect![[r#"
        0s Pending [init] main=ContainerCreating
          prepare
        0s Pending [sandbox init] main=ContainerCreating
          start main #0
        0s Running [sandbox init] main=running
          event Unhealthy Startup probe failed: no
          event Unhealthy Startup probe failed: no
        10s Running [sandbox init ready] main=running+
          event Unhealthy Readiness probe failed: no
          event Unhealthy Readiness probe failed: no
        25s Running [sandbox init] main=running
          event Unhealthy Liveness probe failed: no
        30s Running [sandbox init ready] main=running+
          event Unhealthy Liveness probe failed: no
          event Unhealthy Liveness probe failed: no
          stop main in 30s: Container main failed liveness probe, will be restarted
        40s Running [sandbox init] main=Error
          start main #1
        40s Running [sandbox init] main=running*1
          event Unhealthy Liveness probe failed: no
        40s Running [sandbox init ready] main=running+*1
    "#]]);
}

#[test]
fn a_deadline_ends_the_pod() {
    let mut world = world(json!({"activeDeadlineSeconds": 20, "containers": [container("main")]}));
    world.pass(25).check(expect![[r#"
        0s Pending [init] main=ContainerCreating
          prepare
        0s Pending [sandbox init] main=ContainerCreating
          start main #0
        0s Running [sandbox init ready] main=running+
          event DeadlineExceeded Pod was active on the node longer than the specified deadline
          stop main in 30s: Stopping container main
        20s Failed (DeadlineExceeded) [init] main=Error
          teardown
    "#]]);
}

#[test]
fn a_fresh_life_takes_over_a_running_pod() {
    let mut ready = container("main");
    ready["readinessProbe"] = json!({"exec": {"command": ["x"]}, "periodSeconds": 5});
    let mut world = world(json!({"containers": [ready]}));
    world.settle();
    world.pass(1);
    world.life = Life::default();
    world.out.clear();
    world.settle().check(expect![[""]]);
}

#[test]
fn a_lost_sandbox_is_made_anew() {
    let mut world = world(json!({"containers": [container("main")]}));
    world.settle();
    world.exit("main", 137);
    world.seen.sandbox = SandboxSeen::Lost;
    world.out.clear();
    world.settle().check(expect![[r#"
        0s Running [init] main=Error
          prepare
        0s Running [sandbox init] main=ContainerCreating
          start main #1
        0s Running [sandbox init ready] main=running+*1
    "#]]);
}

#[test]
fn a_lost_sandbox_ends_a_pod_that_never_restarts() {
    let mut world = world(json!({"restartPolicy": "Never", "containers": [container("main")]}));
    world.settle();
    world.seen = Seen { host_ips: vec!["192.0.2.1".into()], ..Seen::default() };
    world.life = Life::default();
    world.out.clear();
    world.settle().check(expect![[r#"
        0s Failed [init] main=ContainerStatusUnknown
    "#]]);
}

#[test]
fn a_forced_deletion_cleans_up_without_a_word() {
    let mut world = world(json!({"containers": [container("main")]}));
    world.settle();
    world.seen.is_gone = true;
    world.settle().check(expect![[r#"
        0s Pending [init] main=ContainerCreating
          prepare
        0s Pending [sandbox init] main=ContainerCreating
          start main #0
        0s Running [sandbox init ready] main=running+
          stop main in 1s: Stopping container main
        0s Failed [init] main=Error
          teardown
    "#]]);
}

#[test]
fn readiness_is_asked_until_the_end() {
    let mut spec = container("main");
    spec["readinessProbe"] = json!({"exec": {"command": ["x"]}, "periodSeconds": 1, "failureThreshold": 1});
    spec["livenessProbe"] = json!({"exec": {"command": ["x"]}, "periodSeconds": 1, "failureThreshold": 1});
    let mut world = world(json!({"containers": [spec]}));
    world.settle();
    world.slow_stops = true;
    world.delete(30);
    world.sick = vec![("main", ProbeKind::Readiness), ("main", ProbeKind::Liveness)];
    world.pass(2).ends("main", 0).check(expect![[r#"
        0s Pending [init] main=ContainerCreating
          prepare
        0s Pending [sandbox init] main=ContainerCreating
          start main #0
        0s Running [sandbox init] main=running
        0s Running [sandbox init ready] main=running+
          stop main in 30s: Stopping container main
          event Unhealthy Readiness probe failed: no
        1s Running [sandbox init] main=running
          event Unhealthy Readiness probe failed: no
          main exits 0
        2s Succeeded [init] main=Completed
          teardown
          delete
    "#]]);
}

#[test]
fn a_container_has_rules_of_its_own() {
    let mut main = container("main");
    main["restartPolicy"] = "Never".into();
    main["restartPolicyRules"] = json!([{"action": "Restart", "exitCodes": {"operator": "In", "values": [42]}}]);
    let mut other = container("other");
    other["restartPolicy"] = "OnFailure".into();
    let mut world = world(json!({"restartPolicy": "Never", "containers": [main, other]}));
    world.settle().ends("main", 42).ends("main", 1).ends("other", 1).ends("other", 0).check(expect![[r#"
        0s Pending [init] main=ContainerCreating other=ContainerCreating
          prepare
        0s Pending [sandbox init] main=ContainerCreating other=ContainerCreating
          start main #0
          start other #0
        0s Running [sandbox init ready] main=running+ other=running+
          main exits 42
        0s Running [sandbox init] main=Error other=running+
          start main #1
        0s Running [sandbox init ready] main=running+*1 other=running+
          main exits 1
        0s Running [sandbox init] main=Error*1 other=running+
          other exits 1
        0s Running [sandbox init] main=Error*1 other=Error
          start other #1
        0s Running [sandbox init] main=Error*1 other=running+*1
          other exits 0
        0s Failed [init] main=Error*1 other=Completed*1
    "#]]);
}

#[test]
fn resources_change_in_place_or_with_a_restart() {
    let amounts = |cpu: &str, memory: &str| json!({"requests": {"cpu": cpu, "memory": memory}});
    let mut spec = container("main");
    spec["resources"] = amounts("100m", "32Mi");
    spec["resizePolicy"] = json!([{"resourceName": "memory", "restartPolicy": "RestartContainer"}]);
    let mut world = world(json!({"containers": [spec]}));
    world.seen.allocatable.insert("cpu".into(), apimachinery::Quantity::parse("2").unwrap());
    world.settle();
    world.out.clear();
    world.resize(amounts("0.2", "32Mi")).resize(amounts("200m", "64Mi")).resize(amounts("3", "64Mi"));
    world.check(expect![[r#"
          resize main #0
          stop main in 30s: Container main resize requires restart
        0s Running [sandbox init] main=Error
          start main #1
        0s Running [sandbox init ready] main=running+*1
    "#]]);
    let status = world.pod.status.clone().unwrap();
    let pending = status.conditions.iter().flatten().find(|condition| condition.type_ == "PodResizePending").unwrap();
    let why = (pending.reason.as_deref().unwrap(), pending.message.as_deref().unwrap());
    assert_eq!(why, ("Infeasible", "Node didn't have enough capacity: cpu, requested: 3000, capacity: 2000"));
    let shown = serde_json::to_string(&status.container_statuses.unwrap()[0].resources).unwrap();
    expect![[r#"{"requests":{"cpu":"200m","memory":"64Mi"}}"#]].assert_eq(&shown);
    world.seen.taken.insert("cpu".into(), apimachinery::Quantity::parse("1500m").unwrap());
    world.resize(amounts("600m", "64Mi"));
    let status = world.pod.status.clone().unwrap();
    let pending = status.conditions.iter().flatten().find(|condition| condition.type_ == "PodResizePending").unwrap();
    let why = (pending.reason.as_deref().unwrap(), pending.message.as_deref().unwrap());
    assert_eq!(why, ("Deferred", "Node didn't have enough resource: cpu, requested: 600, used: 1500, capacity: 2000"));
    world.seen.taken.clear();
    world.pass(20);
    let status = world.pod.status.clone().unwrap();
    assert_eq!(status.container_statuses.unwrap()[0].allocated_resources.as_ref().unwrap()["cpu"].0, "600m");
    world.resize(amounts("200m", "64Mi"));
    let status = world.pod.status.clone().unwrap();
    assert!(!status.conditions.iter().flatten().any(|condition| condition.type_.starts_with("PodResize")));
}

/// A pod whose growth is refused, and its allocated CPU.
fn refused_growth() -> World {
    let mut spec = container("main");
    spec["resources"] = json!({"requests": {"cpu": "100m"}});
    let mut world = world(json!({"containers": [spec]}));
    world.seen.allocatable.insert("cpu".into(), apimachinery::Quantity::parse("2").unwrap());
    world.settle().resize(json!({"requests": {"cpu": "3"}}));
    world
}

#[test]
fn a_container_that_crashes_gets_what_it_had_not_what_was_refused() {
    let mut world = refused_growth();
    let cpu = |resources: &Option<ResourceRequirements>| {
        resources.as_ref().unwrap().requests.as_ref().unwrap()["cpu"].0.clone()
    };
    world.exit("main", 1);
    let step = world.life.step(&world.pod, &world.seen, world.now);
    let status = step.status.or_else(|| world.pod.status.clone()).unwrap();
    assert!(status.conditions.iter().flatten().any(|condition| condition.type_ == "PodResizePending"));
    world.settle();
    world.pass(20);
    let latest = world.seen.latest("main").unwrap();
    assert_eq!((latest.attempt, cpu(&latest.resources)), (1, "100m".into()));
    let entry = world.pod.status.clone().unwrap().container_statuses.unwrap().remove(0);
    assert_eq!((cpu(&entry.resources), &*entry.allocated_resources.unwrap()["cpu"].0), ("100m".into(), "100m"));
    // The runtime has lost it: its status still tells.
    world.seen.containers.clear();
    let pod = crate::allocated(&world.pod, &world.seen);
    assert_eq!(cpu(&pod.spec.as_ref().unwrap().containers[0].resources), "100m");
}

#[test]
fn what_was_refused_is_not_taken_from_others() {
    let mut world = refused_growth();
    assert_eq!(crate::taken(world.pod.clone())["cpu"].milli_value(), 100);
    world.resize(json!({"requests": {"cpu": "1"}}));
    assert_eq!(crate::taken(world.pod.clone())["cpu"].milli_value(), 1000);
    world.pod.status = None;
    assert_eq!(crate::taken(world.pod.clone())["cpu"].milli_value(), 1000);
}

#[test]
fn a_container_that_was_ended_before_it_began_is_not_shown() {
    let mut world = world(json!({"restartPolicy": "Never", "containers": [container("main")]}));
    world.settle();
    let exit = Exit {
        code: 137,
        signal: Some(9),
        reason: "Error".into(),
        message: String::new(),
        started_at: None,
        finished_at: world.now,
    };
    world.seen.containers[0].state = ContainerState::Exited(exit);
    world.life = Life::default();
    world.pod.status = None;
    world.out.clear();
    world.delete(30).check(expect![[r#"
        0s Failed [init] main=ContainerCreating
          teardown
          delete
    "#]]);
}

/// Its node was silent for so long that the cluster gave the pod up: what still runs is stopped, and the end stays.
#[test]
fn an_end_that_others_wrote_is_for_good() {
    let mut world = world(json!({"containers": [container("a")]}));
    world.settle();
    let mut failed = world.pod.status.clone().unwrap();
    assert_eq!(failed.phase.as_deref(), Some("Running"));
    failed.phase = Some("Failed".to_owned());
    world.pod.status = Some(failed);
    let step = world.life.step(&world.pod, &world.seen, world.now);
    assert!(step.status.is_none(), "{step:?}");
    assert!(matches!(&step.actions[..], [Action::Stop { container, .. }] if container == "a"), "{step:?}");
}
