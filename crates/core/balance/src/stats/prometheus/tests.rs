//! Metrics of known rows, and the families HAProxy has.

use super::*;
use crate::stats::row::COLUMNS;
use expect_test::{Expect, expect};

/// Recorded from HAProxy 2.6.12: `name type` of all families of a configuration that has everything.
const FAMILIES: &str = include_str!("../testdata/prometheus_families.txt");

#[test]
fn names_and_types_are_those_of_2_6() {
    let text = render_all(&Query::default());
    let titles: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
    assert_eq!(titles.join("\n") + "\n", FAMILIES);
}

#[test]
fn every_family_has_its_column() {
    for family in ROWS {
        assert!(!family.about().is_empty(), "{}", family.name);
    }
    assert!(COLUMNS.len() > ROWS.len());
}

#[test]
fn states_are_told_one_by_one() {
    check(
        "scope=server&metrics=haproxy_server_status,haproxy_server_check_code,haproxy_server_weight",
        expect![[r#"
            # HELP haproxy_server_status State: OPEN, FULL, STOP; UP, DOWN, MAINT, DRAIN, NOLB
            # TYPE haproxy_server_status gauge
            haproxy_server_status{proxy="web",server="s\"1",state="DOWN"} 0
            haproxy_server_status{proxy="web",server="s\"1",state="UP"} 1
            haproxy_server_status{proxy="web",server="s\"1",state="MAINT"} 0
            haproxy_server_status{proxy="web",server="s\"1",state="DRAIN"} 0
            haproxy_server_status{proxy="web",server="s\"1",state="NOLB"} 0
            haproxy_server_status{proxy="web",server="s2",state="DOWN"} 0
            haproxy_server_status{proxy="web",server="s2",state="UP"} 0
            haproxy_server_status{proxy="web",server="s2",state="MAINT"} 1
            haproxy_server_status{proxy="web",server="s2",state="DRAIN"} 0
            haproxy_server_status{proxy="web",server="s2",state="NOLB"} 0
            # HELP haproxy_server_weight Effective weight, of a backend the sum of its usable servers
            # TYPE haproxy_server_weight gauge
            haproxy_server_weight{proxy="web",server="s\"1"} NaN
            haproxy_server_weight{proxy="web",server="s2"} NaN
            # HELP haproxy_server_check_code Status code of the last health check
            # TYPE haproxy_server_check_code gauge
            haproxy_server_check_code{proxy="web",server="s\"1"} 200
        "#]],
    );
}

#[test]
fn a_backend_counts_its_servers() {
    check(
        "scope=backend&metrics=haproxy_backend_agg_server_status",
        expect![[r#"
            # HELP haproxy_backend_agg_server_status Place of the servers counted by state; 0 here, in full for Prometheus
            # TYPE haproxy_backend_agg_server_status gauge
            haproxy_backend_agg_server_status{proxy="web",state="DOWN"} 0
            haproxy_backend_agg_server_status{proxy="web",state="UP"} 1
            haproxy_backend_agg_server_status{proxy="web",state="MAINT"} 1
            haproxy_backend_agg_server_status{proxy="web",state="DRAIN"} 0
            haproxy_backend_agg_server_status{proxy="web",state="NOLB"} 0
        "#]],
    );
}

#[test]
fn maintenance_can_be_left_out_and_classes_stand_together() {
    check(
        "no-maint&scope=server&metrics=haproxy_server_http_responses_total,haproxy_server_check_duration_seconds",
        expect![[r#"
            # HELP haproxy_server_check_duration_seconds Milliseconds the last health check took
            # TYPE haproxy_server_check_duration_seconds gauge
            haproxy_server_check_duration_seconds{proxy="web",server="s\"1"} 0.007000
            # HELP haproxy_server_http_responses_total Responses by class of status
            # TYPE haproxy_server_http_responses_total counter
            haproxy_server_http_responses_total{proxy="web",server="s\"1",code="1xx"} 0
            haproxy_server_http_responses_total{proxy="web",server="s\"1",code="2xx"} 5
            haproxy_server_http_responses_total{proxy="web",server="s\"1",code="3xx"} 0
            haproxy_server_http_responses_total{proxy="web",server="s\"1",code="4xx"} 0
            haproxy_server_http_responses_total{proxy="web",server="s\"1",code="5xx"} 0
            haproxy_server_http_responses_total{proxy="web",server="s\"1",code="other"} 0
        "#]],
    );
}

#[test]
fn scopes() {
    check("scope=", expect![[""]]);
    assert_eq!(Query::parse("scope=nothing"), Err(BadScope));
    assert_eq!(Query::parse("scope=server&other"), Query::parse("other&scope=%73erver"));
    check(
        "scope=sticktable",
        expect![[r#"
            # HELP haproxy_sticktable_size Entries a stick table can hold
            # TYPE haproxy_sticktable_size gauge
            haproxy_sticktable_size{name="t",type="ip"} 1024
            # HELP haproxy_sticktable_used Entries a stick table holds
            # TYPE haproxy_sticktable_used gauge
            haproxy_sticktable_used{name="t",type="ip"} 3
        "#]],
    );
}

#[track_caller]
fn check(query: &str, expected: Expect) {
    expected.assert_eq(&render_all(&Query::parse(query).expect("a query")));
}

fn render_all(query: &Query) -> String {
    let http = |kind, svname: &str, status: &str| Row {
        kind,
        pxname: "web".into(),
        svname: svname.into(),
        status: status.into(),
        iid: 2,
        hrsp_1xx: Some(0),
        hrsp_2xx: Some(5),
        hrsp_3xx: Some(0),
        hrsp_4xx: Some(0),
        hrsp_5xx: Some(0),
        hrsp_other: Some(0),
        req_tot: Some(5),
        req_rate_max: Some(1),
        comp_in: Some(0),
        comp_out: Some(0),
        comp_byp: Some(0),
        comp_rsp: Some(0),
        intercepted: Some(0),
        cache_lookups: Some(0),
        cache_hits: Some(0),
        ..Row::default()
    };
    let mut rows = vec![
        http(Kind::Frontend, "FRONTEND", "OPEN"),
        http(Kind::Listener, "sock-1", "OPEN"),
        http(Kind::Server, "s\"1", "UP 1/3"),
        http(Kind::Server, "s2", "MAINT"),
        http(Kind::Backend, "BACKEND", "UP"),
    ];
    rows[2].check_status = Some("* L7OK".into());
    rows[2].check_code = Some(200);
    rows[2].check_duration = Some(7);
    let tables = [Table { name: "t".into(), kind: "ip".into(), size: 1024, used: 3 }];
    render(&Snapshot { info: &Info::default(), rows: &rows, tables: &tables }, query)
}
