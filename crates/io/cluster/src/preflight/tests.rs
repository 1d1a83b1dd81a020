//! Each check by a machine that lacks one thing.

use super::*;

fn wanted() -> Wanted {
    Wanted {
        control_plane: true,
        etcd: true,
        node_name: "m1".to_owned(),
        address: "10.0.42.1".parse().unwrap(),
        port: 6443,
        local_api_port: 5443,
        etcd_dir: "/var/lib/etcd".into(),
        config_dir: "/etc/barque".into(),
    }
}

fn good() -> Facts {
    Facts {
        uid: 0,
        cpus: 2,
        memory: 4 << 30,
        is_member: false,
        has_address: true,
        has_etcd: true,
        has_nft: true,
        has_cgroups: true,
        etcd_folder_is_free: true,
        taken_ports: Vec::new(),
    }
}

fn checks(facts: &Facts, wanted: &Wanted) -> Vec<String> {
    let found = run(facts, wanted, &[]).map_err(|PreflightError(problems)| problems);
    found.err().unwrap_or_default().into_iter().map(|problem| problem.check).collect()
}

#[test]
fn a_good_machine_has_no_problem() {
    assert_eq!(run(&good(), &wanted(), &[]).unwrap(), []);
}

#[test]
fn each_lack_has_its_name() {
    type Spoil = fn(&mut Facts);
    let lacks: [(&str, Spoil); 10] = [
        ("IsPrivilegedUser", |facts| facts.uid = 1000),
        ("NumCPU", |facts| facts.cpus = 1),
        ("Mem", |facts| facts.memory = 512 << 20),
        ("FileAvailable--etc-barque-cluster.yaml", |facts| facts.is_member = true),
        ("AdvertiseAddress", |facts| facts.has_address = false),
        ("FileExisting-etcd", |facts| facts.has_etcd = false),
        ("FileExisting-nft", |facts| facts.has_nft = false),
        ("SystemVerification", |facts| facts.has_cgroups = false),
        ("DirAvailable-var-lib-etcd", |facts| facts.etcd_folder_is_free = false),
        ("Port-2379", |facts| facts.taken_ports = vec![2379]),
    ];
    for (name, spoil) in lacks {
        let mut facts = good();
        spoil(&mut facts);
        assert_eq!(checks(&facts, &wanted()), [name]);
    }
}

#[test]
fn a_worker_needs_less() {
    let facts = Facts { cpus: 1, has_etcd: false, taken_ports: vec![6443, 2379, 10250], ..good() };
    let worker = Wanted { control_plane: false, etcd: false, ..wanted() };
    assert_eq!(checks(&facts, &worker), ["Port-10250"]);
}

#[test]
fn names_of_nodes() {
    for (name, is_good) in
        [("m1", true), ("m1.example.org", true), ("M1", false), ("m_1", false), ("-m", false), ("", false)]
    {
        let wanted = Wanted { node_name: name.to_owned(), ..wanted() };
        assert_eq!(checks(&good(), &wanted).is_empty(), is_good, "{name}");
    }
}

#[test]
fn what_is_ignored_is_a_warning() {
    let facts = Facts { cpus: 1, uid: 1, ..good() };
    let ignored = |names: &[&str]| {
        let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
        run(&facts, &wanted(), &names).map(|warnings| warnings.len()).map_err(|error| error.to_string())
    };
    assert_eq!(ignored(&["numcpu", "IsPrivilegedUser"]), Ok(2));
    assert_eq!(ignored(&["all"]), Ok(2));
    let error = ignored(&["NumCPU"]).unwrap_err();
    assert!(error.contains("[ERROR IsPrivilegedUser]") && !error.contains("[ERROR NumCPU]"), "{error}");
}
