//! The loads of all machines: started, killed with their machines, ended, and judged by what they saw.

use super::faults::Fault;
use super::load::{CACHED, MARK, PLAN, Plan};
use super::stand::{MASTERS, NAMESPACES, Stand};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::Duration;
use testbed::history::{self, List, Record};
use testbed::wait_for;

/// Of all five machines together.
const WATCHERS: usize = 1000;
const WRITERS: usize = 2;
/// 20 writes a second in all: unoptimised servers and clients share two processors here.
const PACE: Duration = Duration::from_millis(500);
const CONNECTIONS: usize = 4;
const PATIENCE: Duration = Duration::from_secs(120);

/// The most that writes may pause: etcd elects a leader.
const WRITE_PAUSE: Duration = Duration::from_secs(5);
/// And reads that must be up to date, which ask the leader.
const FRESH_PAUSE: Duration = Duration::from_secs(4);
/// The most that other reads may pause: the goal is a second (750 ms until the door gives a silent server up, the
/// reader's own beat of 200 ms), the rest is for two processors that have five machines and their builds to run.
const READ_PAUSE: Duration = Duration::from_millis(1500);

pub struct Running {
    loads: Vec<Option<Child>>,
    /// How many loads each machine had.
    started: Vec<usize>,
    histories: Vec<PathBuf>,
    service: String,
    pub faults: Vec<Fault>,
}

impl Running {
    /// All machines' loads; each works when this returns.
    pub fn start(stand: &Stand) -> Self {
        let count = stand.machines.len();
        let mut running = Self {
            loads: (0..count).map(|_| None).collect(),
            started: vec![0; count],
            histories: Vec::new(),
            service: stand.service(),
            faults: Vec::new(),
        };
        let ready: Vec<PathBuf> = (0..count).map(|machine| running.spawn(stand, machine)).collect();
        ready.iter().for_each(|file| running.wait_for_file(file));
        running
    }

    /// The load of one machine, which had none.
    pub fn load(&mut self, stand: &Stand, machine: usize) {
        let ready = self.spawn(stand, machine);
        self.wait_for_file(&ready);
    }

    /// The machine was turned off, and its load with it.
    pub fn forget(&mut self, machine: usize) {
        if let Some(mut load) = self.loads[machine].take() {
            load.wait().expect("it was a child of ours");
        }
    }

    fn spawn(&mut self, stand: &Stand, machine: usize) -> PathBuf {
        self.started[machine] += 1;
        let of = &stand.machines[machine];
        let plan = Plan {
            name: format!("{}-{}", of.name, self.started[machine]),
            folder: stand.folder.path().to_owned(),
            kubeconfig: stand.folder.path().join("admin.conf"),
            namespaces: (0..NAMESPACES).map(|number| format!("load-{number}")).collect(),
            watchers: WATCHERS / stand.machines.len(),
            writers: WRITERS,
            pace: PACE,
            // A master's would end with it.
            service: (machine >= MASTERS).then(|| (self.service.clone(), CONNECTIONS)),
        };
        let program = std::env::current_exe().expect("the path of the running program");
        let mut command = of.command(program);
        command.args(["--exact", "load::load", "--ignored", "--nocapture"]).stdout(Stdio::null());
        command.env(PLAN, serde_json::to_string(&plan).expect("a plan"));
        self.histories.push(plan.folder.join(format!("{}.history", plan.name)));
        self.loads[machine] = Some(command.spawn().expect("a load starts"));
        plan.folder.join(format!("{}.ready", plan.name))
    }

    fn wait_for_file(&mut self, file: &std::path::Path) {
        wait_for("a load", PATIENCE, || match file.exists() {
            true => Ok(()),
            false => {
                self.check_alive();
                Err(format!("{} is not there", file.display()))
            }
        });
    }

    /// No load has ended by itself.
    pub fn check_alive(&mut self) {
        for load in self.loads.iter_mut().flatten() {
            let ended = load.try_wait().expect("a child of ours");
            assert!(ended.is_none_or(|status| status.success()), "a load failed: {ended:?}");
        }
    }

    /// Ends all loads; what they saw, and what there is in the end.
    pub fn finish(&mut self, stand: &Stand) -> Vec<Record> {
        std::fs::write(stand.folder.path().join("stop"), "").expect("a file of the test");
        for (machine, number) in stand.machines.iter().zip(&self.started) {
            let quiet = stand.folder.path().join(format!("{}-{number}.quiet", machine.name));
            wait_for("a load ends", PATIENCE, || {
                if quiet.exists() { Ok(()) } else { Err(format!("{} is not there", quiet.display())) }
            });
        }
        let marks = (0..NAMESPACES).map(|number| {
            format!("---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {MARK}, namespace: load-{number}}}\n")
        });
        stand.apply("marks", &marks.collect::<String>());
        for (machine, load) in stand.machines.iter().zip(&mut self.loads) {
            let status = load.take().expect("each has a load").wait().expect("a child of ours");
            assert!(status.success(), "the load of {} failed\n{}", machine.name, machine.log());
        }
        let mut records: Vec<Record> = self.histories.iter().flat_map(|file| history::read(file)).collect();
        records.extend(final_lists(stand).into_iter().map(Record::Final));
        self.check_connections(stand);
        records
    }

    fn check_connections(&self, stand: &Stand) {
        for (machine, number) in stand.machines.iter().zip(&self.started).skip(MASTERS) {
            for connection in 0..CONNECTIONS {
                let name = format!("{}-{number}-{connection}.connection", machine.name);
                let told = std::fs::read_to_string(stand.folder.path().join(&name)).expect("each load leaves it");
                println!("{name}: {told}");
                assert!(told.starts_with("whole"), "{name}: {told}");
            }
        }
    }

    pub fn judge(&self, records: &[Record]) {
        let report = history::check(records);
        println!(
            "{} writes acknowledged, {} refused, {} unknown; {} reads; {} watchers saw {} events, broke {} times, began \
             anew {} times",
            report.acknowledged,
            report.refused,
            report.unknown,
            report.reads,
            report.watchers,
            report.events,
            report.breaks,
            report.relists
        );
        let too_long: Vec<String> = self.faults.iter().flat_map(|fault| pauses(records, fault)).collect();
        let shown = report.wrong.iter().take(20).cloned().collect::<Vec<_>>().join("\n");
        assert!(report.wrong.is_empty(), "{} contradictions, such as\n{shown}", report.wrong.len());
        assert!(report.acknowledged > 100 && report.events > 1000, "too little was done to say anything: {report:?}");
        assert!(too_long.is_empty(), "{}", too_long.join("\n"));
    }
}

/// What the machines that nothing was done to noticed of a fault: printed, and given back where it is too long.
fn pauses(records: &[Record], fault: &Fault) -> Vec<String> {
    let machine = |client: &str| client.split('-').next().map(str::to_owned).filter(|name| *name != fault.victim);
    let cached = |client: &str| machine(client).filter(|_| client.ends_with(CACHED));
    let fresh = |client: &str| machine(client).filter(|_| !client.ends_with(CACHED));
    let (writes, fresh_reads) = history::longest(records, &fault.time, fresh);
    let (_, cached_reads) = history::longest(records, &fault.time, cached);
    let kinds = [
        ("writes", writes, WRITE_PAUSE),
        ("fresh reads", fresh_reads, FRESH_PAUSE),
        ("cached reads", cached_reads, READ_PAUSE),
    ];
    let mut too_long = Vec::new();
    for (what, pause, limit) in kinds {
        let Some(pause) = pause else { continue };
        let after = pause.from.saturating_sub(fault.time.start) as f64 / 1e6;
        let text =
            format!("{}: {what} of {} paused for {:?}, from {after:.1} s on", fault.what, pause.who, pause.length);
        println!("{text}");
        if pause.length > limit {
            too_long.push(format!("{text}; {limit:?} is the most"));
        }
    }
    too_long
}

/// The namespaces as they are in the end.
fn final_lists(stand: &Stand) -> Vec<List> {
    let mut lists: BTreeMap<String, List> = BTreeMap::new();
    for number in 0..NAMESPACES {
        let namespace = format!("load-{number}");
        let path = format!("/api/v1/namespaces/{namespace}/configmaps");
        let answer = stand.machines[0].kubectl(&["get", "--raw", &path]).expect_ok();
        let answer: serde_json::Value = serde_json::from_str(&answer).expect("JSON");
        let revision = |object: &serde_json::Value| {
            object["metadata"]["resourceVersion"].as_str().and_then(|text| text.parse().ok()).unwrap_or(0)
        };
        let list = lists.entry(namespace.clone()).or_default();
        (list.namespace, list.revision) = (namespace, revision(&answer));
        for item in answer["items"].as_array().into_iter().flatten() {
            let key = format!("{}/{}", list.namespace, item["metadata"]["name"].as_str().unwrap_or_default());
            let write = item["data"]["write"].as_str().unwrap_or_default().to_owned();
            list.items.insert(key, (revision(item), write));
        }
    }
    lists.into_values().collect()
}
