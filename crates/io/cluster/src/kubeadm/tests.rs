//! Whole files, in and out.

use super::*;
use expect_test::{Expect, expect};

const CLUSTER: &str = "apiVersion: kubeadm.k8s.io/v1beta3\nkind: ClusterConfiguration\n";
const INIT: &str = "apiVersion: kubeadm.k8s.io/v1beta3\nkind: InitConfiguration\n";

fn read(text: &str) -> Result<(Kubeadm, Vec<String>), KubeadmError> {
    parse(text, "k.yaml")
}

#[track_caller]
fn notices(text: &str, expected: Expect) {
    expected.assert_eq(&read(text).expect("a file that can be followed").1.join("\n"));
}

#[track_caller]
fn refused(text: &str, expected: Expect) {
    expected.assert_eq(&read(text).expect_err("a file that cannot be followed").to_string());
}

#[test]
fn the_seed() {
    let text = "apiVersion: kubeadm.k8s.io/v1beta1\nkind: ClusterConfiguration\nkubernetesVersion: stable\napiServer:\n  \
                certSANs:\n  - \"127.0.0.1\"\ncontrolPlaneEndpoint: \"127.0.0.1:5443\"\nnetworking:\n   podSubnet: \
                \"10.244.0.0/16\"\n";
    let (wanted, told) = read(text).unwrap();
    assert_eq!(wanted.control_plane_endpoint, Some(Endpoint { host: "127.0.0.1".to_owned(), port: Some(5443) }));
    assert_eq!(wanted.pod_subnet.as_deref(), Some("10.244.0.0/16"));
    assert_eq!(wanted.api_server_sans, ["127.0.0.1"]);
    assert_eq!(
        wanted,
        Kubeadm {
            control_plane_endpoint: wanted.control_plane_endpoint.clone(),
            pod_subnet: wanted.pod_subnet.clone(),
            api_server_sans: wanted.api_server_sans.clone(),
            ..Kubeadm::default()
        }
    );
    expect!["k.yaml: ClusterConfiguration: kubernetesVersion has no effect: the version is the program's"]
        .assert_eq(&told.join("\n"));
}

#[test]
fn both_documents_and_those_of_others() {
    let text = format!(
        "{CLUSTER}clusterName: home\netcd:\n  external:\n    endpoints: [https://10.0.0.1:2379]\n    caFile: /a\n    \
         certFile: /b\n    keyFile: /c\n---\n{INIT}nodeRegistration:\n  name: one\n  taints: []\n  \
         ignorePreflightErrors: [NumCPU]\nlocalAPIEndpoint:\n  advertiseAddress: 10.0.0.1\n  bindPort: 6444\n\
         bootstrapTokens:\n- token: abcdef.0123456789abcdef\n  ttl: 1h30m0s\n---\napiVersion: \
         kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n"
    );
    let (wanted, told) = read(&text).unwrap();
    assert!(matches!(&wanted.etcd, Etcd::External { endpoints, .. } if endpoints == &["https://10.0.0.1:2379"]));
    assert_eq!((wanted.node_name.as_deref(), wanted.bind_port), (Some("one"), Some(6444)));
    assert_eq!(wanted.taints, Some(Vec::new()));
    assert_eq!(wanted.advertise_address, Some("10.0.0.1".parse().unwrap()));
    assert_eq!(wanted.bootstrap_tokens[0].expiry, Expiry::After(Duration::from_secs(5400)));
    assert_eq!(wanted.bootstrap_tokens[0].usages, ["signing", "authentication"]);
    expect!["k.yaml: KubeletConfiguration is for the kubelet, whose work is done by this program: it has no effect"]
        .assert_eq(&told.join("\n"));
}

#[test]
fn unknown_fields() {
    notices(
        &format!("{CLUSTER}networkin:\n  podSubnet: 10.0.0.0/8\nnetworking:\n  podSubnets: 10.0.0.0/8\n  quux: 1\n"),
        expect![[r#"
            k.yaml: ClusterConfiguration: unknown field networkin (did you mean 'networking'?)
            k.yaml: ClusterConfiguration: unknown field networking.podSubnets (did you mean 'networking.podSubnet'?)
            k.yaml: ClusterConfiguration: unknown field networking.quux"#]],
    );
}

#[test]
fn fields_of_other_versions() {
    notices(
        &format!(
            "{CLUSTER}useHyperKubeImage: true\nencryptionAlgorithm: RSA-2048\n---\n{INIT}timeouts:\n  discovery: 5m\n"
        ),
        expect![[r#"
            k.yaml: ClusterConfiguration: unknown field encryptionAlgorithm (it comes with kubeadm.k8s.io/v1beta4)
            k.yaml: ClusterConfiguration: unknown field useHyperKubeImage (it went after kubeadm.k8s.io/v1beta2)
            k.yaml: InitConfiguration: unknown field timeouts (it comes with kubeadm.k8s.io/v1beta4)"#]],
    );
}

#[test]
fn fields_without_effect_are_told_once() {
    notices(
        &format!(
            "{CLUSTER}apiServer:\n  extraArgs:\n    feature-gates: X=true\n  extraVolumes: []\ndns:\n  imageTag: '1'\n"
        ),
        expect![[r#"
            k.yaml: ClusterConfiguration: apiServer.extraArgs has no effect: the parts of the control plane are one program here, not pods of their own
            k.yaml: ClusterConfiguration: dns.imageTag has no effect: the program brings this part itself"#]],
    );
}

#[test]
fn what_cannot_be_followed() {
    refused("kind: [", expect!["k.yaml: unclosed bracket '[' at line 1, column 7"]);
    refused(
        "apiVersion: kubeadm.k8s.io/v1alpha3\nkind: ClusterConfiguration\n",
        expect![[
            r#"k.yaml: no kind "ClusterConfiguration" is registered for version "kubeadm.k8s.io/v1alpha3"; known are ClusterConfiguration and InitConfiguration of kubeadm.k8s.io/v1beta1 to v1beta4"#
        ]],
    );
    refused(
        &format!("{CLUSTER}---\n{CLUSTER}"),
        expect!["k.yaml: there are two documents of kind ClusterConfiguration; merge them"],
    );
    refused(
        &format!("{CLUSTER}networking:\n  podSubnet: 10.244.0.0\n"),
        expect![[
            r#"k.yaml: ClusterConfiguration: networking.podSubnet: couldn't parse subnet "10.244.0.0": such as 10.244.0.0/16 is needed"#
        ]],
    );
    refused(
        &format!("{CLUSTER}networking:\n  podSubnet: 5\n"),
        expect!["k.yaml: ClusterConfiguration: networking.podSubnet: invalid type: integer `5`, expected a string"],
    );
    refused(
        &format!("{CLUSTER}controlPlaneEndpoint: a:0\n"),
        expect![[
            r#"k.yaml: ClusterConfiguration: controlPlaneEndpoint: "a:0" is no HOST or HOST:PORT with a port in 1..=65535"#
        ]],
    );
    refused(
        &format!("{CLUSTER}etcd:\n  local: {{}}\n  external: {{}}\n"),
        expect!["k.yaml: ClusterConfiguration: etcd: 'local' and 'external' exclude each other"],
    );
    refused(
        &format!("{INIT}bootstrapTokens:\n- token: x\n"),
        expect![[
            r#"k.yaml: InitConfiguration: bootstrapTokens[0].token: the bootstrap token "x" was not of the form "[a-z0-9]{6}.[a-z0-9]{16}""#
        ]],
    );
    refused(
        &format!("{INIT}bootstrapTokens:\n- token: abcdef.0123456789abcdef\n  ttl: 1 day\n"),
        expect![[
            r#"k.yaml: InitConfiguration: bootstrapTokens[0].ttl: "1 day" is no duration such as 24h0m0s; 0s is never"#
        ]],
    );
    refused(
        &format!("{INIT}certificateKey: '12'\n"),
        expect!["k.yaml: InitConfiguration: certificateKey: 64 hex digits are needed"],
    );
    refused(
        &format!("{INIT}localAPIEndpoint:\n  advertiseAddress: here\n"),
        expect![[r#"k.yaml: InitConfiguration: localAPIEndpoint.advertiseAddress: "here" is no IP address"#]],
    );
    refused(
        &format!("{INIT}localAPIEndpoint:\n  bindPort: 70000\n"),
        expect!["k.yaml: InitConfiguration: localAPIEndpoint.bindPort: invalid value: integer `70000`, expected u16"],
    );
}

#[test]
fn endpoints() {
    let parsed = |text| Endpoint::parse(text).map(|endpoint| (endpoint.host, endpoint.port));
    assert_eq!(parsed("api.example.org"), Some(("api.example.org".to_owned(), None)));
    assert_eq!(parsed("[fd00::1]:6443"), Some(("fd00::1".to_owned(), Some(6443))));
    assert_eq!(parsed("fd00::1"), Some(("fd00::1".to_owned(), None)));
    assert_eq!((parsed(""), parsed("a:"), parsed("https://a:1")), (None, None, None));
}

#[test]
fn durations() {
    let parsed = |text| duration::parse(text).map(|duration| duration.as_millis());
    assert_eq!(parsed("24h0m0s"), Some(86_400_000));
    assert_eq!(parsed("1.5h"), Some(5_400_000));
    assert_eq!((parsed("300ms"), parsed("0"), parsed("0s")), (Some(300), Some(0), Some(0)));
    assert_eq!((parsed(""), parsed("1"), parsed("1d"), parsed("-1s"), parsed(".s")), (None, None, None, None, None));
}
