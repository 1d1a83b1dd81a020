//! Where Barque differs from HAProxy on purpose: one table, for the tests and for the documentation.

use crate::balance::Scenario;
use std::fmt::Write;

pub struct Difference {
    /// What a script calls it in `differs(...)`.
    pub name: &'static str,
    pub haproxy: &'static str,
    pub barque: &'static str,
    pub why: &'static str,
    /// Whether a script shows it; what none can show is said all the same.
    pub shown: bool,
}

pub const DIFFERENCES: &[Difference] = &[
    Difference {
        name: "version",
        haproxy: "`show version` and `show info` tell HAProxy's version and date.",
        barque: "They tell Barque's.",
        why: "Who reads them wants to know which program runs.",
        shown: true,
    },
    Difference {
        name: "reload",
        haproxy: "SIGUSR2 to the master starts a new process; the old one goes on until its last connection ends; counters, \
                  states of servers and idle connections begin anew.",
        barque: "SIGHUP and SIGUSR2 apply the difference between the files to the running process. A file with an error \
                 changes nothing.",
        why: "Nothing is lost by a change that does not concern it: no check starts from nothing, no counter from zero.",
        shown: false,
    },
    Difference {
        name: "counts",
        haproxy: "`show stat` counts HTTP/1 bytes of a connection before requests are changed, and the connections of \
                  checks among those of a server; a connection that a server closes while it is idle is counted out at \
                  once.",
        barque: "Bytes of HTTP/1 are those of the frontend's columns; connections of checks do not count; an idle \
                 connection that was closed is noticed when it is to be used, or after `pool-purge-delay` at the \
                 latest. Columns of HTTP/2 frames are 0.",
        why: "Nobody watches connections that rest: each of them costs less.",
        shown: true,
    },
    Difference {
        name: "server-added",
        haproxy: "`add server` shows weight 1 until the server is enabled for the first time.",
        barque: "The weight it has.",
        why: "There is no reason for another one.",
        shown: true,
    },
    Difference {
        name: "kept-messages",
        haproxy: "`show errors` tells flags and states of the parser.",
        barque: "It tells the message and the byte that is wrong.",
        why: "Another parser has other states.",
        shown: true,
    },
    Difference {
        name: "help",
        haproxy: "Of commands that resemble a wrong word equally, the ones shown are those read last; lists of ACLs \
                  hold those of the built-in HTTP client, of which there is none here.",
        barque: "The ones shown are the first of the list.",
        why: "The order of HAProxy's parts has no meaning here.",
        shown: true,
    },
    Difference {
        name: "splice",
        haproxy: "Pipes of the kernel are used where `option splice-*` asks for them.",
        barque: "Plain bytes between two sockets always go through them, unless `nosplice` is set.",
        why: "They are faster, and there is nothing to lose.",
        shown: true,
    },
    Difference {
        name: "statistics-page",
        haproxy: "A page and metrics are sent in chunks, and the bytes of their answers are counted before they are \
                  sent.",
        barque: "They are sent whole, with their length.",
        why: "They are small and there all at once.",
        shown: true,
    },
    Difference {
        name: "page",
        haproxy: "The page of statistics, with `Statistics Report` in title and text.",
        barque: "A page of our own with the same addresses, forms and fields: it can be read on a telephone, in dark \
                 and in light, and needs no other source. Forms that another site sends are refused.",
        why: "Scripts work as they did; people see more.",
        shown: true,
    },
    Difference {
        name: "texts",
        haproxy: "Descriptions in `show info desc`, `show stat desc`, HELP lines of metrics and of `help`'s longer \
                  texts are HAProxy's; the schema of JSON describes another nesting than the answers have.",
        barque: "Descriptions are our own; the schema describes what is sent. `show info` names Barque, with version \
                 `2.6.12-barque` and Barque's own.",
        why: "The text is ours; tools that look for a version of HAProxy find the one whose commands and columns these \
              are.",
        shown: false,
    },
    Difference {
        name: "socket",
        haproxy: "Commands for dynamic cookies, traces, profiling, OCSP answers, lists of certificates, CA files and \
                  CRLs, the buffers of events and of debugging.",
        barque: "They are known, and answer that they are not here. `show pools`, `show activity`, `show threads` and \
                 `show fd` are short.",
        why: "They tell of HAProxy's inside, or of what files and a reload do here.",
        shown: false,
    },
    Difference {
        name: "paused",
        haproxy: "`disable frontend` closes the port until the frontend is enabled.",
        barque: "Connections wait in the kernel's queue until then.",
        why: "Clients of a short pause are served.",
        shown: false,
    },
    Difference {
        name: "check_timeout",
        haproxy: "With `timeout check`, a check without an answer may go on until `timeout connect` or `inter` has passed, \
                  though its connection was made at once.",
        barque: "It ends when `timeout check` has passed since the connection was made.",
        why: "So the manual says; a server that hangs is found sooner.",
        shown: false,
    },
    Difference {
        name: "check_text",
        haproxy: "`last_chk` and log lines have a server's words byte for byte.",
        barque: "Bytes that are no UTF-8 are shown as U+FFFD.",
        why: "What reads the socket's answers as text can read all of them.",
        shown: false,
    },
    Difference {
        name: "http-heads",
        haproxy: "NUL in fields, statuses of other than three digits and responses of `RTSP/1.0` are let through; \
                  HTTP/0.9 goes on as such.",
        barque: "A request gets 400, a response 502; 0.9 goes on as 1.0.",
        why: "No two readers may see a message differently.",
        shown: false,
    },
    Difference {
        name: "http-10-chunks",
        haproxy: "A client of HTTP/1.0 gets a body in chunks as the server sent it.",
        barque: "It gets the bytes, and the end of the connection.",
        why: "HTTP/1.0 knows no chunks (RFC 9112 section 7.1).",
        shown: false,
    },
    Difference {
        name: "repeated-requests",
        haproxy: "A request that meets the end of an idle connection to a server ends its client's connection without \
                  an answer, so that the client asks again.",
        barque: "If repeating it changes nothing and it has no body, it is sent once more over a new connection.",
        why: "The client does not notice, and need not know to ask again.",
        shown: false,
    },
    Difference {
        name: "silent-drop",
        haproxy: "`silent-drop` makes the kernel forget the connection where it may.",
        barque: "The reset dies on its first hop; on this very machine the client sees it.",
        why: "What the kernel offers for that needs the right to administer the network.",
        shown: false,
    },
    Difference {
        name: "websockets",
        haproxy: "`ws` lets WebSockets go over HTTP/2 to servers.",
        barque: "They go over HTTP/1.",
        why: "Servers of HTTP/2 know HTTP/1, too.",
        shown: false,
    },
    Difference {
        name: "map-count",
        haproxy: "`show map` counts the entries of a list once for each place that uses it.",
        barque: "Once.",
        why: "It is the number of entries.",
        shown: true,
    },
    Difference {
        name: "close-announced",
        haproxy: "With `option httpclose` in the backend alone, and after answers of rules to requests with a \
                  body, it does not say that the connection ends, or keeps it open until a time-out.",
        barque: "`connection: close`, and then the end.",
        why: "The client need not find out by itself.",
        shown: true,
    },
    Difference {
        name: "backup-weight",
        haproxy: "The weight of a backend that runs on its first backup server is that server's.",
        barque: "It is the sum of all usable backup servers.",
        why: "The sum tells what is there; `act` and `bck` tell the same in both.",
        shown: true,
    },
    Difference {
        name: "random-name",
        haproxy: "`algo` is `unknown` for `balance random`.",
        barque: "`random`.",
        why: "It is known.",
        shown: true,
    },
    Difference {
        name: "maxconn-twice",
        haproxy: "A second `maxconn` in `global` is said to be one too many, and left out.",
        barque: "The last one counts; one without a number is refused.",
        why: "As with every other keyword.",
        shown: true,
    },
    Difference {
        name: "not-a-number",
        haproxy: "Words where numbers must be are read as 0 without a word, for some keywords.",
        barque: "So are they here, with a warning that names the line.",
        why: "A slip of the pen should be seen.",
        shown: true,
    },
    Difference {
        name: "all-at-once",
        haproxy: "It stops at the first wrong rule or quote, and at the end of a section of its checks.",
        barque: "It reads on and says all that is wrong at once.",
        why: "One run instead of many.",
        shown: true,
    },
    Difference {
        name: "wording",
        haproxy: "Some texts are cut short, or name a place in the parser.",
        barque: "The same meaning, in whole.",
        why: "The exit code and the line are the same.",
        shown: true,
    },
    Difference {
        name: "suggestions",
        haproxy: "`did you mean` for sections' names; none for the keywords of `resolvers`.",
        barque: "The other way around.",
        why: "Words are compared within their own table.",
        shown: true,
    },
    Difference {
        name: "switch-in-backend",
        haproxy: "`use_backend` and `default_backend` in a backend are warned of, and then refused as a loop.",
        barque: "They are warned of and left out.",
        why: "In a backend they mean nothing.",
        shown: true,
    },
    Difference {
        name: "words-after-name",
        haproxy: "Words after a backend's name are read over.",
        barque: "They are refused, as after a frontend's.",
        why: "They could only be meant for something else.",
        shown: true,
    },
    Difference {
        name: "unused-sections",
        haproxy: "`peers` and `mailers` that are not complete are warned of.",
        barque: "They are read and not used.",
        why: "There are no peers and no mails here.",
        shown: true,
    },
    Difference {
        name: "bad-chunk",
        haproxy: "A body's first chunk is read with the head: if it is wrong there is no request.",
        barque: "The request is taken, and refused when its body is read; its log line tells method and URI. A \
                 version that is none is logged as 1.1.",
        why: "Heads and bodies are read apart.",
        shown: true,
    },
    Difference {
        name: "field-order",
        haproxy: "Fields that compression adds stand at the end.",
        barque: "`content-encoding` stands before `vary`.",
        why: "The order of different fields has no meaning.",
        shown: true,
    },
    Difference {
        name: "errorfile-length",
        haproxy: "An `errorfile` without a length is sent as it is and ends the connection.",
        barque: "Its length is added, and the connection can go on.",
        why: "So every file can be written by hand.",
        shown: true,
    },
    Difference {
        name: "errorfile-early",
        haproxy: "Requests that cannot be read get the built-in page where the frontend has other error pages of \
                  its own than that of `defaults`.",
        barque: "They get the page of `defaults`.",
        why: "So the manual says.",
        shown: true,
    },
    Difference {
        name: "byte-counts",
        haproxy: "Bytes of answers are those of its internal form: an empty length of 204, its own `connection: \
                  close`, bodies of refused answers as far as they were read.",
        barque: "The same form, without these.",
        why: "They differ by a few bytes, in answers that no server gave.",
        shown: true,
    },
    Difference {
        name: "old-clients",
        haproxy: "A client of HTTP/1.0 gets chunks that it cannot understand.",
        barque: "It gets the body, ended by the end of the connection.",
        why: "RFC 9112 section 6.1.",
        shown: true,
    },
    Difference {
        name: "logasap",
        haproxy: "Lines of `option logasap` are written as soon as the answer begins, also of tcp.",
        barque: "Of tcp they are written at the end; of HTTP they count the bytes of the answer's head alone.",
        why: "What is sent later is not known then.",
        shown: true,
    },
    Difference {
        name: "proxy-unknown",
        haproxy: "`PROXY UNKNOWN` with more words is refused.",
        barque: "The words are left out.",
        why: "The protocol's description says that a receiver must ignore them.",
        shown: true,
    },
    Difference {
        name: "proxy-strict",
        haproxy: "Ports above 65535 and numbers above 255 in addresses are taken modulo their range.",
        barque: "They are refused.",
        why: "An address that nobody has must not pass as another one.",
        shown: true,
    },
    Difference {
        name: "proxy-in-parts",
        haproxy: "A PROXY header that does not come in one piece is refused.",
        barque: "The rest is waited for, as long as a client may be silent.",
        why: "TCP promises no pieces.",
        shown: true,
    },
    Difference {
        name: "sessions-counted",
        haproxy: "`stot` of a frontend leaves out connections that ended before their session (rules of \
                  `tcp-request connection`, PROXY, TLS).",
        barque: "They count; `conn_tot` is the same.",
        why: "They took a place while they were there.",
        shown: true,
    },
    Difference {
        name: "redispatch-marks",
        haproxy: "A request that leaves a full queue or is sent again by `retry-on` counts as redispatched (`+`, \
                  `wredis`), and its cookie as one of a server that is down.",
        barque: "It counts as a retry where there was one.",
        why: "A dead server is told from a busy one.",
        shown: true,
    },
    Difference {
        name: "queue-places",
        haproxy: "A waiter's place counts those who came with it, also when it gives up; a server's connection is \
                  counted out before the next one is counted in.",
        barque: "Those before it; the next one takes over the place.",
        why: "There is no moment in between.",
        shown: true,
    },
    Difference {
        name: "tls-alert",
        haproxy: "A client that does not speak TLS is just closed.",
        barque: "It gets TLS's alert before.",
        why: "RFC 8446 section 6.2.",
        shown: true,
    },
    Difference {
        name: "http2-codes",
        haproxy: "GOAWAY names the exact error: FRAME_SIZE_ERROR, COMPRESSION_ERROR, STREAM_CLOSED, FLOW_CONTROL_ERROR.",
        barque: "For most of them PROTOCOL_ERROR; the connection ends all the same. A pseudo-header in trailers is dropped \
                 instead of refused.",
        why: "The HTTP/2 library decides it. `balance_h2` holds 143 rules for servers against both.",
        shown: false,
    },
    Difference {
        name: "sni-empty",
        haproxy: "An `sni` that is found and empty is as none: the certificate's name is not compared.",
        barque: "No certificate is for it, so the handshake fails, unless `verifyhost` names a host.",
        why: "Clients choose the text of `sni req.hdr(host)`; an empty `Host` must not end the verification.",
        shown: false,
    },
];

/// The table and the scenarios as the page of the documentation.
pub fn page(scenarios: &[Scenario]) -> String {
    let mut page = String::from(HEAD);
    for difference in DIFFERENCES {
        let Difference { name, haproxy, barque, why, .. } = difference;
        let shown = showing(scenarios, name).join(", ");
        let shown = if shown.is_empty() { "no script".to_owned() } else { shown };
        writeln!(page, "| {name} | {haproxy} | {barque} | {why} | {shown} |").expect("strings take all");
    }
    writeln!(page, "\n## The scripts\n\n{} scripts, in which nothing else differs:\n", scenarios.len())
        .expect("strings take all");
    for scenario in scenarios {
        writeln!(page, "- `{}`: {}", scenario.name, scenario.about).expect("strings take all");
    }
    page
}

const HEAD: &str = "# Differences to HAProxy

Barque reads HAProxy's configuration and behaves as HAProxy 2.6 does. The test `balance_same` plays the scripts listed
below with both programs at the same time and compares what can be observed: answers, the servers that gave them, log
lines, the statistics socket's answers, the columns of `show stat`, exit codes and what is said of wrong files. Where
they differ on purpose, it stands in this table, or the test fails; and it fails when a difference is no more.

This page is made from the table in `crates/test/testbed/src/balance/differences.rs`. What each keyword of the
configuration does stands in `haproxy-keywords.md`.

| name | HAProxy | Barque | why | shown in |
|---|---|---|---|---|
";

/// The scripts that have a step marked with this name.
fn showing(scenarios: &[Scenario], name: &str) -> Vec<String> {
    let marked = |scenario: &&Scenario| scenario.steps.iter().any(|step| step.differs.as_deref() == Some(name));
    scenarios.iter().filter(marked).map(|scenario| format!("`{}`", scenario.name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::balance::scenario;

    #[test]
    fn the_page_is_in_step() {
        let page = page(&scenario::all());
        expect_test::expect_file!["../../../../../docs/haproxy-differences.md"].assert_eq(&page);
    }

    #[test]
    fn names_are_known_and_used() {
        let scenarios = scenario::all();
        for difference in DIFFERENCES {
            let used = !showing(&scenarios, difference.name).is_empty();
            assert_eq!(used, difference.shown, "{}: whether a script shows it", difference.name);
        }
        for step in scenarios.iter().flat_map(|scenario| &scenario.steps) {
            if let Some(name) = &step.differs {
                assert!(DIFFERENCES.iter().any(|difference| difference.name == *name), "{name} is not in the table");
            }
        }
    }
}
