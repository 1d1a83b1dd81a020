//! Rules written as in `proxysql.cnf`'s columns, one a line, and what they make of statements.

use std::fmt::Write;

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;

/// His three rules.
const HIS: &str = r#"
    100 match_pattern="^SELECT .* FOR UPDATE" destination_hostgroup=10 apply
    200 match_pattern="^SELECT .*" destination_hostgroup=20 apply
    300 match_pattern=".*" destination_hostgroup=10 apply"#;

#[test]
fn his_rules() {
    check(HIS, "SELECT a FROM t", expect!["hits 200 | hg 20 rule 200"]);
    check(HIS, "select a from t for update", expect!["hits 100 | hg 10 rule 100"]);
    // `.` is not a newline for PCRE. That this is no read is for the classifier to say.
    check(HIS, "SELECT a\nFROM t FOR UPDATE", expect!["hits 200 | hg 20 rule 200"]);
    check(HIS, "SELECT\na FROM t", expect!["hits 300 | hg 10 rule 300"]);
    check(HIS, "INSERT INTO t VALUES (1)", expect!["hits 300 | hg 10 rule 300"]);
    check(HIS, " SELECT 1", expect!["hits 300 | hg 10 rule 300"]);
    check(HIS, "", expect!["hits 300 | hg 10 rule 300"]);
}

#[test]
fn who_asks_from_where() {
    let user = "1 username=app destination_hostgroup=1";
    check(user, "SELECT 1", expect!["hits 1 | hg 1 rule 1"]);
    check(user, "user=App | SELECT 1", expect!["hits - |"]);
    check("1 schemaname=Shop destination_hostgroup=1", "SELECT 1", expect!["hits - |"]);
    check("1 client_addr=10.0.0.% log=1", "SELECT 1", expect!["hits 1 | rule 1 log true"]);
    check("1 client_addr=10.0.1.% log=1", "SELECT 1", expect!["hits - |"]);
    check("1 client_addr=% log=1", "client= | SELECT 1", expect!["hits 1 | rule 1 log true"]);
    check("1 client_addr=10.0.0.9 log=1", "SELECT 1", expect!["hits 1 | rule 1 log true"]);
    check("1 client_addr=10.0.0 log=1", "SELECT 1", expect!["hits - |"]);
    check("1 proxy_addr=127.0.0.1 proxy_port=6033", "SELECT 1", expect!["hits 1 | rule 1"]);
    check("1 proxy_port=6034", "SELECT 1", expect!["hits - |"]);
}

#[test]
fn digests() {
    check("1 digest=0x00000000000000FF log=1", "digest=ff | SELECT 1", expect!["hits 1 | rule 1 log true"]);
    check("1 digest=0xFE log=1", "digest=ff | SELECT 1", expect!["hits - |"]);
    check(r#"1 match_digest="^SELECT \?$""#, "text=SELECT_? | SELECT 1", expect!["hits 1 | rule 1"]);
    check(r#"1 match_digest="^SELECT 1$""#, "text=SELECT_? | SELECT 1", expect!["hits - |"]);
}

#[test]
fn negation() {
    check(r#"1 match_pattern="^SELECT" negate"#, "INSERT", expect!["hits 1 | rule 1"]);
    check(r#"1 match_pattern="^SELECT" negate"#, "SELECT 1", expect!["hits - |"]);
    // It means both patterns, each by itself.
    let both = r#"1 match_pattern="a" match_digest="b" negate"#;
    check(both, "text=a | b", expect!["hits 1 | rule 1"]);
    check(both, "text=b | b", expect!["hits - |"]);
}

#[test]
fn the_last_word_counts() {
    let rules = r#"
        3 cache_ttl=500 destination_hostgroup=3
        1 destination_hostgroup=1 timeout=9 error_msg=no
        2 destination_hostgroup=2 apply
        4 destination_hostgroup=4"#;
    check(rules, "SELECT 1", expect!["hits 1 2 | hg 2 rule 2 timeout 9 error no"]);
    let all = "1 delay=1 retries=2 multiplex=2 sticky_conn=1 next_query_flagIN=7 mirror_hostgroup=8 mirror_flagOUT=9 \
               OK_msg=fine cache_empty_result=0";
    check(
        all,
        "SELECT 1",
        expect![
            "hits 1 | rule 1 empty false retries 2 delay 1 next 7 mirror-flag 9 mirror 8 ok fine sticky true multiplex 2"
        ],
    );
    check("1 off destination_hostgroup=1", "SELECT 1", expect!["hits - |"]);
}

#[test]
fn flags() {
    let rules = r#"
        1 flagIN=5 destination_hostgroup=1
        2 match_pattern="^S" flagOUT=5
        3 destination_hostgroup=3 apply
        4 flagIN=5 timeout=4"#;
    check(rules, "SELECT 1", expect!["hits 2 4 | rule 4 timeout 4"]);
    check(rules, "iterations=1 | SELECT 1", expect!["hits 2 1 4 | hg 1 rule 4 timeout 4"]);
    check(rules, "INSERT", expect!["hits 3 | hg 3 rule 3"]);
    check(rules, "flag=5 | INSERT", expect!["hits 1 4 | hg 1 rule 4 timeout 4"]);
    // A loop of flags ends with its iterations.
    let ring = "1 flagOUT=1 \n 2 flagIN=1 flagOUT=0";
    check(ring, "iterations=5 | SELECT 1", expect!["hits 1 2 1 2 1 2 | rule 2"]);
    check("1 flagOUT=1 apply \n 2 flagIN=1", "iterations=5 | SELECT 1", expect!["hits 1 | rule 1"]);
}

#[test]
fn weighted_flags() {
    let attributes = r#"{"flagOUTs":[{"id":5,"weight":90},{"id":6,"weight":10},{"id":7,"weight":0}]}"#;
    let rule =
        QueryRule { rule_id: 1, active: true, attributes: attributes.into(), flag_out: Some(9), ..<_>::default() };
    let takes = |id| QueryRule {
        rule_id: 10 + id,
        active: true,
        flag_in: id,
        destination_hostgroup: Some(id as Hostgroup),
        apply: true,
        ..QueryRule::default()
    };
    let rules = Rules::compile(&[rule, takes(5), takes(6), takes(7), takes(9)], &[]).unwrap();
    assert!(!rules.memoizable());
    let mut counts = [0; 10];
    for random in 0..10_000 {
        let question = Question { random, ..question("SELECT 1") };
        counts[rules.ask(&question, 0, &mut |_| {}).destination_hostgroup.unwrap() as usize] += 1;
    }
    assert_eq!((counts[5] + counts[6], counts[7], counts[9]), (10_000, 0, 0));
    assert!((8_800..9_200).contains(&counts[5]), "{counts:?}");
}

#[test]
fn rewriting() {
    let first = r#"1 match_pattern="(a)(b)?" replace_pattern="<\1\2\\\0>""#;
    check(first, "xaby aB", expect!["hits 1 | rule 1 rewritten x<ab\\ab>y aB"]);
    check(&format!("{first} re_modifiers=GLOBAL"), "xaby aB", expect!["hits 1 | rule 1 rewritten x<ab\\ab>y <a\\a>B"]);
    check(first, "xy", expect!["hits - |"]);
    // Each rule sees what those before it made.
    let chain = r#"
        1 match_pattern="cat" replace_pattern="dog"
        2 match_pattern="cat" timeout=2
        3 match_pattern="dog" replace_pattern="cow" destination_hostgroup=3"#;
    check(chain, "a cat", expect!["hits 1 3 | hg 3 rule 3 rewritten a cow"]);
    check(chain, "executes | a cat", expect!["hits 1 2 | rule 2 timeout 2"]);
    check(chain, "executes | a dog", expect!["hits 3 | hg 3 rule 3"]);
}

#[test]
fn pcre() {
    // A newline at the end is before the end.
    matches("b$", "ab\n", true);
    matches("b$", "ab\n\n", false);
    matches("(?m)a$", "a\nb", true);
    matches(r"cost \$5", "cost $5", true);
    matches("[$]", "$", true);
    matches(r"b\z", "ab\n", false);
    matches(r"b\Z", "ab\n", true);
    matches("a.b", "a\nb", false);
    matches("(?s)a.b", "a\nb", true);
    // Bytes, not letters.
    matches("a.b", "aéb", false);
    matches("é", "É", false);
    matches("^é+$", "éé", true);
    matches("[[:digit:]][[]", "1[", true);
    matches("[a&&b]+$", "&&", true);
    matches("[]a]", "]", true);
    matches("{x}", "{X}", true);
    matches("a{2}", "aa", true);
    matches("a{,2}", "a{,2}", true);
    matches(r"\Qa.b\E", "a.b", true);
    matches(r"\Qa.b\E", "axb", false);
    matches(r"\<b\>", "<b>", true);
    matches(r"a\hb", "a\tb", true);
    matches(r#"\"x\" \'y\' \`z\` \/ \_"#, "\"x\" 'y' `z` / _", true);
    matches(r"\bFROM\s+`?t`?\b", "select 1 from `T` where", true);
    matches(r"a\R", "a\r\n", true);
    matches("(?i:a)", "A", true);
}

#[test]
fn the_engine_that_backtracks() {
    matches("^SELECT(?!.*FOR UPDATE)", "SELECT 1", true);
    matches("^SELECT(?!.*FOR UPDATE)", "SELECT 1 FOR UPDATE", false);
    matches("(?<=a)b$", "ab\n", true);
    matches(r"(\w)\1$", "boo", true);
    matches("a++a", "aaa", false);
    matches("(?>a+)a", "aaa", false);
    matches("(?=é)é", "é", true);
    let mut bytes = question("");
    bytes.query = b"\xff\xfeb";
    let rules = compile(r#"1 match_pattern="(?=.b)." replace_pattern="x""#);
    assert_eq!(rules.ask(&bytes, 0, &mut |_| {}).rewritten.unwrap(), b"\xffxb");
    // Too many steps: it does not match, whether negated or not.
    let slow = r#"(?:(x+x+)+)\1y"#;
    matches(slow, &"x".repeat(60), false);
    check(&format!("1 match_pattern=\"{slow}\" negate"), &"x".repeat(60), expect!["hits - |"]);
}

#[test]
fn refusals() {
    refuse(
        r#"7 match_pattern="(a""#,
        expect![[r#"
        query rule 7: match_pattern "(a" is not a regular expression: unclosed group; write \ before a character that is meant as it stands
    "#]],
    );
    refuse(
        r#"7 match_digest="a**" match_pattern="(?<=a+)(\2""#,
        expect![[r#"
        query rule 7: match_pattern "(?<=a+)(\\2" is not a regular expression: Parsing error at position 10: Opening parenthesis without closing parenthesis; write \ before a character that is meant as it stands
    "#]],
    );
    refuse(
        r#"7 replace_pattern="a""#,
        expect![[r#"
        query rule 7: replace_pattern "a" has no match_pattern to replace; add the match_pattern whose matches it replaces
    "#]],
    );
    refuse(
        r#"7 match_pattern="(a)" replace_pattern="\2""#,
        expect![[r#"
        query rule 7: replace_pattern "\\2" has \2, but match_pattern has 1 groups; put brackets around the part of match_pattern that is meant
    "#]],
    );
    refuse(
        r#"7 match_pattern="(a)" replace_pattern="\n" re_modifiers=CASELESS,DOTALL digest=17"#,
        expect![[r#"
        query rule 7: re_modifiers "CASELESS,DOTALL" has the unknown word DOTALL; CASELESS and GLOBAL are known; others can be written into the pattern, as (?s)
        query rule 7: replace_pattern "\\n" has a \ without a digit; write \\ for a backslash, \0 to \9 for what matched
        query rule 7: digest "17" is not a digest; write 0x and up to 16 hex digits, as stats_mysql_query_digest does
    "#]],
    );
    refuse(
        r#"7 attributes="{}}""#,
        expect![[r#"
        query rule 7: attributes "{}}" is not JSON: trailing characters at line 1 column 3; write JSON as {"flagOUTs":[{"id":1,"weight":90}],"causal_reads":true}
    "#]],
    );
    // A rule that is off is not looked at.
    assert!(Rules::compile(&[parse_rule(r#"7 off match_pattern="(""#)], &[]).is_ok());
}

#[test]
fn fast_routes() {
    let route = |schemaname: &str, flag_in, destination_hostgroup| FastRoute {
        username: "app".into(),
        schemaname: schemaname.into(),
        flag_in,
        destination_hostgroup,
    };
    let routes = [route("shop", 0, 1), route("", 0, 2), route("shop", 5, 3)];
    let find = |rules: &str, question: Question| {
        let rules: Vec<_> = lines(rules).map(parse_rule).collect();
        Rules::compile(&rules, &routes).unwrap().ask(&question, 0, &mut |_| {}).destination_hostgroup
    };
    let shop = question("SELECT 1");
    assert_eq!(find("", shop), Some(1));
    assert_eq!(find("", Question { schemaname: "other", ..shop }), Some(2));
    assert_eq!(find("", Question { username: "else", ..shop }), None);
    assert_eq!(find("1 flagOUT=5", shop), Some(3));
    assert_eq!(find("1 flagOUT=6 destination_hostgroup=9", shop), Some(9));
    assert_eq!(find("1 destination_hostgroup=9", shop), Some(1));
    assert_eq!(find("1 destination_hostgroup=9 apply", shop), Some(9));
}

#[test]
fn hints_of_the_first_comment() {
    let rule = "1 destination_hostgroup=1 cache_ttl=5 apply";
    hint(rule, "/* hostgroup=7;cache_ttl=9 */", expect!["hits 1 | hg 7 rule 1 cache 9"]);
    hint(
        rule,
        "query_delay=1;query_retries=2;query_timeout=3;mirror=4",
        expect!["hits 1 | hg 1 rule 1 cache 5 timeout 3 retries 2 delay 1 mirror 4"],
    );
    hint(
        "",
        " max_lag_ms = 100 ; min_epoch_ms=5;min_gtid=0-1-7;create_new_connection=1;causal_reads=off",
        expect![[
            r#"hits - | Hints { max_lag_ms: Some(100), min_epoch_ms: Some(5), min_gtid: Some("0-1-7"), create_new_connection: Some(true), causal_reads: Some(false) }"#
        ]],
    );
    hint(
        rule,
        "hostgroup=-1;hostgroup=x;=;;max_lag_ms=600001;query_retries=1001;a=b",
        expect!["hits 1 | hg 1 rule 1 cache 5"],
    );
}

#[test]
fn causal_reads_of_a_rule() {
    let mut rule = parse_rule("1 destination_hostgroup=1");
    rule.attributes = r#"{"causal_reads":false}"#.into();
    let outcome = Rules::compile(&[rule], &[]).unwrap().ask(&question("SELECT 1"), 0, &mut |_| {});
    assert_eq!(outcome.hints.causal_reads, Some(false));
}

#[test]
fn what_may_be_kept_by_digest() {
    assert!(compile(r#"1 match_digest="^SELECT" destination_hostgroup=1"#).memoizable());
    assert!(!compile(HIS).memoizable());
    assert!(compile("").is_empty());
}

proptest! {
    /// A long rule set answers by its prefilter as it does rule by rule.
    #[test]
    fn prefilter_changes_nothing(query in "[abcx]{0,12}", picks in prop::collection::vec((0usize..8, any::<bool>(), any::<bool>()), 8..20)) {
        const PATTERNS: [&str; 8] = ["^a", "b$", "a.c", "(?=b)b", "[^x]+", "", "x{2}", "A"];
        let rules: Vec<_> = picks.iter().enumerate().map(|(index, (pattern, negate, caseless))| QueryRule {
            rule_id: index as i64,
            active: true,
            match_pattern: Some(PATTERNS[*pattern].into()),
            negate_match_pattern: *negate,
            re_modifiers: if *caseless { "CASELESS".into() } else { String::new() },
            ..QueryRule::default()
        }).collect();
        let ask = |rules: &[QueryRule]| {
            let mut hits = Vec::new();
            let compiled = Rules::compile(rules, &[]).unwrap();
            compiled.ask(&question(&query), 0, &mut |index| hits.push(compiled.rule_ids().nth(index).unwrap()));
            hits
        };
        let one_by_one: Vec<_> = rules.iter().flat_map(|rule| ask(std::slice::from_ref(rule))).collect();
        prop_assert_eq!(ask(&rules), one_by_one);
    }

    /// No pattern makes compiling fail otherwise than by an error.
    #[test]
    fn any_pattern(pattern in r"[\\\[\](){}?*+$^a-c&~:=<>!|,0-9QEhRZk-]{0,16}", query in ".{0,16}") {
        let rule = QueryRule { active: true, match_pattern: Some(pattern), replace_pattern: Some("\\0".into()), ..<_>::default() };
        if let Ok(rules) = Rules::compile(&[rule], &[]) {
            let outcome = rules.ask(&question(&query), 0, &mut |_| {});
            if let Some(rewritten) = outcome.rewritten {
                prop_assert_eq!(rewritten, query.as_bytes());
            }
        }
    }
}

fn question(query: &str) -> Question<'_> {
    Question {
        username: "app",
        schemaname: "shop",
        client_addr: "10.0.0.9",
        proxy_addr: "127.0.0.1",
        proxy_port: 6033,
        flag_in: 0,
        query: query.as_bytes(),
        digest: 1,
        digest_text: "",
        first_comment: None,
        executes: false,
        random: 0,
    }
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty())
}

fn compile(rules: &str) -> Rules {
    Rules::compile(&lines(rules).map(parse_rule).collect::<Vec<_>>(), &[]).unwrap()
}

/// `ID column=value column="value" apply negate off`.
fn parse_rule(line: &str) -> QueryRule {
    let (id, mut rest) = line.split_once(' ').unwrap_or((line, ""));
    let mut rule =
        QueryRule { rule_id: id.parse().unwrap(), active: true, re_modifiers: "CASELESS".into(), ..<_>::default() };
    while !rest.trim_start().is_empty() {
        rest = rest.trim_start();
        let end = rest.find(['=', ' ']).unwrap_or(rest.len());
        let column = &rest[..end];
        rest = &rest[end..];
        let mut value = "";
        if let Some(after) = rest.strip_prefix('=') {
            // A value with blanks stands in quotes; the quote that ends it is before a blank or the end.
            (value, rest) = match after.strip_prefix('"') {
                Some(quoted) => quoted.split_once("\" ").unwrap_or_else(|| (quoted.strip_suffix('"').unwrap(), "")),
                None => after.split_once(' ').unwrap_or((after, "")),
            };
        }
        set(&mut rule, column, value);
    }
    rule
}

fn set(rule: &mut QueryRule, column: &str, value: &str) {
    let text = || Some(value.to_owned());
    let number = || value.parse::<u32>().ok();
    let long = || value.parse::<i64>().ok();
    let flag = || Some(value == "1");
    match column {
        "apply" => rule.apply = true,
        "negate" => rule.negate_match_pattern = true,
        "off" => rule.active = false,
        "username" => rule.username = text(),
        "schemaname" => rule.schemaname = text(),
        "flagIN" => rule.flag_in = long().unwrap(),
        "flagOUT" => rule.flag_out = long(),
        "client_addr" => rule.client_addr = text(),
        "proxy_addr" => rule.proxy_addr = text(),
        "proxy_port" => rule.proxy_port = value.parse().ok(),
        "digest" => rule.digest = text(),
        "match_digest" => rule.match_digest = text(),
        "match_pattern" => rule.match_pattern = text(),
        "replace_pattern" => rule.replace_pattern = text(),
        "re_modifiers" => rule.re_modifiers = value.into(),
        "destination_hostgroup" => rule.destination_hostgroup = number(),
        "cache_ttl" => rule.cache_ttl = value.parse().ok(),
        "cache_empty_result" => rule.cache_empty_result = flag(),
        "timeout" => rule.timeout = value.parse().ok(),
        "retries" => rule.retries = number(),
        "delay" => rule.delay = value.parse().ok(),
        "next_query_flagIN" => rule.next_query_flag_in = long(),
        "mirror_flagOUT" => rule.mirror_flag_out = long(),
        "mirror_hostgroup" => rule.mirror_hostgroup = number(),
        "error_msg" => rule.error_msg = text(),
        "OK_msg" => rule.ok_msg = text(),
        "sticky_conn" => rule.sticky_conn = flag(),
        "multiplex" => rule.multiplex = value.parse().ok(),
        "log" => rule.log = flag(),
        "attributes" => rule.attributes = value.into(),
        _ => panic!("no column {column}"),
    }
}

/// `user=x client=y text=digest_text flag=1 iterations=1 executes | STATEMENT`; blanks of `text` are written `_`.
#[track_caller]
fn check(rules: &str, asked: &str, expected: Expect) {
    let (options, query) = asked.split_once(" | ").unwrap_or(("", asked));
    let value = |name: &str| options.split(' ').find_map(|option| option.strip_prefix(name)?.strip_prefix('='));
    let text = value("text").unwrap_or_default().replace('_', " ");
    let question = Question {
        username: value("user").unwrap_or("app"),
        client_addr: value("client").unwrap_or("10.0.0.9"),
        digest: value("digest").map_or(1, |digits| u64::from_str_radix(digits, 16).unwrap()),
        digest_text: &text,
        flag_in: value("flag").map_or(0, |flag| flag.parse().unwrap()),
        executes: options.contains("executes"),
        ..question(query)
    };
    let iterations = value("iterations").map_or(0, |count| count.parse().unwrap());
    expected.assert_eq(&show(&compile(rules), &question, iterations));
}

#[track_caller]
fn hint(rules: &str, comment: &str, expected: Expect) {
    let question = Question { first_comment: Some(comment.as_bytes()), ..question("SELECT 1") };
    expected.assert_eq(&show(&compile(rules), &question, 0));
}

#[track_caller]
fn matches(pattern: &str, query: &str, expected: bool) {
    let rule = QueryRule {
        active: true,
        match_pattern: Some(pattern.into()),
        re_modifiers: "CASELESS".into(),
        ..<_>::default()
    };
    let rules = Rules::compile(&[rule], &[]).unwrap_or_else(|errors| panic!("{}", errors[0]));
    assert_eq!(rules.ask(&question(query), 0, &mut |_| {}).matched.is_some(), expected);
}

#[track_caller]
fn refuse(rule: &str, expected: Expect) {
    let errors = Rules::compile(&[parse_rule(rule)], &[]).unwrap_err();
    let text: String = errors.iter().map(|error| format!("{error}\n")).collect();
    expected.assert_eq(&text);
}

/// What has a value, in the order of [`Outcome`]'s fields.
fn show(rules: &Rules, question: &Question, iterations: u32) -> String {
    let ids: Vec<_> = rules.rule_ids().collect();
    let mut text = "hits".to_owned();
    let mut hit = false;
    let outcome = rules.ask(question, iterations, &mut |index| {
        hit = true;
        write!(text, " {}", ids[index]).unwrap();
    });
    text.push_str(if hit { " |" } else { " - |" });
    let mut say = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            write!(text, " {name} {value}").unwrap();
        }
    };
    say("hg", outcome.destination_hostgroup.map(|value| value.to_string()));
    say("rule", outcome.matched.map(|value| value.to_string()));
    say("cache", outcome.cache_ttl.map(|value| value.to_string()));
    say("empty", outcome.cache_empty_result.map(|value| value.to_string()));
    say("timeout", outcome.timeout.map(|value| value.to_string()));
    say("retries", outcome.retries.map(|value| value.to_string()));
    say("delay", outcome.delay.map(|value| value.to_string()));
    say("next", outcome.next_query_flag_in.map(|value| value.to_string()));
    say("mirror-flag", outcome.mirror_flag_out.map(|value| value.to_string()));
    say("mirror", outcome.mirror_hostgroup.map(|value| value.to_string()));
    say("error", outcome.error_msg.map(|value| value.to_string()));
    say("ok", outcome.ok_msg.map(|value| value.to_string()));
    say("sticky", outcome.sticky_conn.map(|value| value.to_string()));
    say("multiplex", outcome.multiplex.map(|value| value.to_string()));
    say("log", outcome.log.map(|value| value.to_string()));
    say("rewritten", outcome.rewritten.map(|value| String::from_utf8_lossy(&value).into_owned()));
    if outcome.hints != Hints::default() {
        write!(text, " {:?}", outcome.hints).unwrap();
    }
    text
}
