//! The typed form: a value a line, with its type and how to add it up (management guide, 9.2).

use super::info::{Form, Info};
use super::row::{COLUMNS, Row};

/// `<position>.<name>.<process>:<tags>:<type>:<value>`.
pub fn info(info: &Info, form: Form) -> String {
    let mut out = String::new();
    for (field, value) in info.values(form.float) {
        out += &format!("{}.{}.1:{}:{}:{value}", field.position, field.name, field.tags.0, value.type_name());
        description(&mut out, form.desc, field.about);
    }
    out
}

/// `<kind>.<proxy id>.<id>.<position>.<name>.<process>:<tags>:<type>:<value>`.
pub fn rows(rows: &[Row], desc: bool) -> String {
    let mut out = String::new();
    for row in rows {
        let object = format!("{}.{}.{}", row.kind.letter(), row.iid, row.sid);
        for (at, column) in COLUMNS.iter().enumerate() {
            let Some(value) = (column.get)(row) else { continue };
            let tags = column.tags_of(row.kind).0;
            let value = one_line(&value.to_string(), value.type_name());
            out += &format!("{object}.{at}.{}.1:{tags}:{value}", column.name);
            description(&mut out, desc, column.about);
        }
    }
    out
}

fn one_line(value: &str, type_name: &str) -> String {
    format!("{type_name}:{}", value.replace(['\r', '\n'], " "))
}

fn description(out: &mut String, wanted: bool, about: &str) {
    if wanted {
        *out += &format!(":\"{about}\"");
    }
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Kind;
    use expect_test::expect;

    #[test]
    fn a_backend_and_a_server_have_tags_of_their_own() {
        let row = |kind| Row {
            kind,
            pxname: "b".into(),
            svname: "x".into(),
            iid: 4,
            act: Some(1),
            lastsess: Some(-1),
            ..Row::default()
        };
        expect![[r#"
            B.4.0.0.pxname.1:KNS:str:b
            B.4.0.1.svname.1:KNS:str:x
            B.4.0.17.status.1:SGP:str:
            B.4.0.19.act.1:MGP:u32:1
            B.4.0.26.pid.1:KGP:u32:0
            B.4.0.27.iid.1:KGS:u32:4
            B.4.0.28.sid.1:KGS:u32:0
            B.4.0.32.type.1:CGS:u32:1
            B.4.0.55.lastsess.1:MAP:s32:-1
            S.4.0.0.pxname.1:KNS:str:b
            S.4.0.1.svname.1:KNS:str:x
            S.4.0.17.status.1:SGP:str:
            S.4.0.19.act.1:SGP:u32:1
            S.4.0.26.pid.1:KGP:u32:0
            S.4.0.27.iid.1:KGS:u32:4
            S.4.0.28.sid.1:KGS:u32:0
            S.4.0.32.type.1:CGS:u32:2
            S.4.0.55.lastsess.1:MAP:s32:-1
        "#]]
        .assert_eq(&rows(&[row(Kind::Backend), row(Kind::Server)], false));
    }

    #[test]
    fn fractions_are_there_for_those_who_ask() {
        let mut process = Info { name: "x".into(), ..Info::default() };
        process.start_time_sec.0 = 12.25;
        let lines = |float| info(&process, Form { float, desc: true, ..Form::default() });
        let line = |float| lines(float).lines().find(|line| line.contains("Start")).unwrap_or_default().to_owned();
        expect![[r#"70.Start_time_sec.1:MDP:u32:12:"Start in seconds since 1970""#]].assert_eq(&line(false));
        expect![[r#"70.Start_time_sec.1:MDP:flt:12.250000:"Start in seconds since 1970""#]].assert_eq(&line(true));
    }
}
