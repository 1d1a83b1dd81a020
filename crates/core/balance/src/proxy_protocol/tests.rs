//! Headers of both versions, byte by byte.

use super::*;
use expect_test::{Expect, expect};
use proptest::prelude::*;

const REQUEST: &[u8] = b"GET / HTTP/1.0\r\n\r\n";
const TCP4: &[u8] = &[1, 2, 3, 4, 5, 6, 7, 8, 3, 232, 7, 208];

#[test]
fn version_1() {
    check1("TCP4 1.2.3.4 5.6.7.8 1000 2000", expect!["1.2.3.4:1000 > 5.6.7.8:2000"]);
    check1("TCP6 ::1 2001:db8::2 1000 2000", expect!["[::1]:1000 > [2001:db8::2]:2000"]);
    check1("TCP6 ::ffff:1.2.3.4 ::2 0 65535", expect!["[::ffff:1.2.3.4]:0 > [::2]:65535"]);
    check1("UNKNOWN", expect!["own"]);
    check1("UNKNOWN whatever it is", expect!["own"]);
    check1("UNKNOWNX", expect!["Received an unhandled protocol in the PROXY protocol header"]);
    check1("UDP4 1.2.3.4 5.6.7.8 1 2", expect!["Received an unhandled protocol in the PROXY protocol header"]);
    check1(" UNKNOWN", expect!["Received an unhandled protocol in the PROXY protocol header"]);
}

#[test]
fn version_1_is_exact() {
    let bad = || expect!["Received an invalid PROXY protocol header"];
    for line in [
        "TCP4",
        "TCP4  1.2.3.4 5.6.7.8 1000 2000",
        "TCP4 1.2.3.4 5.6.7.8 1000 2000 ",
        "TCP4 1.2.3.4 5.6.7.8 1000 2000 x",
        "TCP4 01.2.3.4 5.6.7.8 1000 2000",
        "TCP4 1.2.3.4 5.6.7.8 01000 2000",
        "TCP4 1.2.3.4 5.6.7.8 +1 2000",
        "TCP4 1.2.3.4 5.6.7.8 -1 2000",
        "TCP4 1.2.3.4 5.6.7.8 70000 2000",
        "TCP4 1.2.3.4 5.6.7.8  2000",
        "TCP4 256.2.3.4 5.6.7.8 1 2",
        "TCP4 2.3.4 5.6.7.8 1 2",
        "TCP4 ::1 ::2 1 2",
        "TCP6 1.2.3.4 5.6.7.8 1 2",
        "TCP4 1.2.3.4 5.6.7.8 1 2\rX",
        "TCP4 1.2.3.4 5.6.7.8 1 2\n",
        &format!("UNKNOWN {}", "x".repeat(92)),
    ] {
        check1(line, bad());
    }
    check1(&format!("UNKNOWN {}", "x".repeat(91)), expect!["own"]);
}

#[test]
fn version_2() {
    check2(0x21, 0x11, TCP4, expect!["1.2.3.4:1000 > 5.6.7.8:2000"]);
    let tcp6: Vec<u8> = (0..32).chain([3, 232, 7, 208]).collect();
    check2(
        0x21,
        0x21,
        &tcp6,
        expect!["[1:203:405:607:809:a0b:c0d:e0f]:1000 > [1011:1213:1415:1617:1819:1a1b:1c1d:1e1f]:2000"],
    );
    check2(0x20, 0x00, &[], expect!["own"]);
    check2(0x20, 0x11, TCP4, expect!["own"]);
    check2(0x20, 0xFF, b"abc", expect!["own"]);
}

#[test]
fn version_2_refuses_what_haproxy_refuses() {
    let bad = || expect!["Received an invalid PROXY protocol header"];
    check2(0x21, 0x00, &[], bad());
    check2(0x21, 0x12, TCP4, bad());
    check2(0x21, 0x31, &[0; 216], bad());
    check2(0x21, 0x41, TCP4, bad());
    check2(0x22, 0x11, TCP4, bad());
    check2(0x21, 0x11, &TCP4[..11], bad());
    check2(0x21, 0x21, TCP4, bad());
    check2(0x11, 0x11, TCP4, expect!["Received something which does not look like a PROXY protocol header"]);
    check2(0x31, 0x11, TCP4, expect!["Received something which does not look like a PROXY protocol header"]);
    check2(0x20, 0x00, &[0; 17_000], expect!["Truncated PROXY protocol header received"]);
}

#[test]
fn tlvs() {
    let bad = || expect!["Received an invalid PROXY protocol header"];
    check_tlvs(b"\x02\0\x03abc", expect!["1.2.3.4:1000 > 5.6.7.8:2000 authority=abc"]);
    check_tlvs(b"\x02\0\x01a\x02\0\x01b\x04\0\0", expect!["1.2.3.4:1000 > 5.6.7.8:2000 authority=b"]);
    check_tlvs(b"\x05\0\x03abc\xEE\0\x01z", expect!["1.2.3.4:1000 > 5.6.7.8:2000 unique_id=abc"]);
    check_tlvs(b"\x01\0\x02h2\x30\0\x02ns", expect!["1.2.3.4:1000 > 5.6.7.8:2000 alpn=h2 netns=ns"]);
    check_tlvs(b"\x20\0\x01\x01", expect!["1.2.3.4:1000 > 5.6.7.8:2000"]);
    check_tlvs(
        b"\x20\0\x0F\x01\0\0\0\0\x21\0\x07TLSv1.3",
        expect!["1.2.3.4:1000 > 5.6.7.8:2000 ssl=1,0 version=TLSv1.3"],
    );
    check_tlvs(b"\x02\0\x20abc", bad());
    check_tlvs(b"\x02\0", bad());
    check_tlvs(b"\x02", bad());
    check_tlvs(&[&b"\x05\0\x81"[..], &[b'x'; 129]].concat(), bad());
    check_tlvs(&[&b"\x02\x01\0"[..], &[b'x'; 256]].concat(), bad());
    check_tlvs(b"\x03\0\x03abc", bad());
    check_tlvs(b"\x03\0\x04\0\0\0\0", bad());
}

#[test]
fn asks_for_no_more_than_is_missing() {
    let missing = |bytes: &[u8]| match parse(bytes) {
        Parsed::NeedMore(bytes) => bytes,
        other => panic!("{other:?}"),
    };
    assert_eq!(missing(b""), 15);
    assert_eq!(missing(b"PROX"), 11);
    assert_eq!(missing(b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2"), 2);
    assert_eq!(missing(b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r"), 1);
    assert_eq!(missing(b"PROXY UNKNOWN\r"), 1);
    assert_eq!(missing(b"\r\n\r"), 13);
    assert_eq!(missing(&block(0x21, 0x11, TCP4)[..16]), 12);
    assert_eq!(parse(b"GET"), Parsed::Invalid(Reason::NotAHeader));
    assert_eq!(parse(b"PROXY\r\n"), Parsed::Invalid(Reason::NotAHeader));
    assert_eq!(parse(&b"PROXY UNKNOWN ".repeat(8)[..107]), Parsed::Invalid(Reason::BadHeader));
}

/// The very bytes that HAProxy 2.6.12 sent for the same connection and settings.
#[test]
fn sends_what_haproxy_sends() {
    let v4 = || Some(ends("127.0.0.1:54672", "127.0.0.1:27103"));
    check_send("send-proxy", v4(), expect![r#"PROXY TCP4 127.0.0.1 127.0.0.1 54672 27103\r\n"#]);
    check_send("send-proxy", None, expect![r#"PROXY UNKNOWN\r\n"#]);
    check_send("send-proxy", Some(ends("1.2.3.4:5", "[::1]:6")), expect![r#"PROXY TCP6 ::ffff:1.2.3.4 ::1 5 6\r\n"#]);
    check_send(
        "send-proxy-v2 proxy-v2-options crc32c,authority,unique-id",
        None,
        expect![[r#"\r\n\r\n\x00\r\nQUIT\n \x00\x00\n\x03\x00\x04\x82ct\xb8\x05\x00\x00"#]],
    );
    check_send("send-proxy-v2", None, expect![r#"\r\n\r\n\x00\r\nQUIT\n \x00\x00\x00"#]);
    check_send(
        "send-proxy-v2-ssl",
        v4(),
        expect![
            r#"\r\n\r\n\x00\r\nQUIT\n!\x11\x00\x1e\x7f\x00\x00\x01\x7f\x00\x00\x01\xd5\x90i\xdf \x00\x0f\x07\x00\x00\x00\x00!\x00\x07TLSv1.3"#
        ],
    );
}

/// As captured: all options at once, with the checksum HAProxy computed.
#[test]
fn all_options_with_checksum() {
    let mut send = SendProxy::default();
    read(
        &mut send,
        "send-proxy-v2 proxy-v2-options ssl,cert-cn,ssl-cipher,cert-sig,cert-key,authority,crc32c,unique-id",
    );
    let tlvs = Tlvs {
        alpn: some("h2"),
        authority: some("a.example.com"),
        unique_id: some("127.0.0.1:54674"),
        ssl: Some(Box::new(Ssl {
            client: Ssl::TLS | Ssl::CERT_CONN | Ssl::CERT_SESS,
            verify: 0,
            version: some("TLSv1.2"),
            cn: some("alice"),
            cipher: some("ECDHE-RSA-AES256-GCM-SHA384"),
            sig_alg: some("RSA-SHA256"),
            key_alg: some("RSA2048"),
        })),
        netns: None,
    };
    let captured =
        b"\r\n\r\n\x00\r\nQUIT\n!\x11\x00\x89\x7f\x00\x00\x01\x7f\x00\x00\x01\xd5\x92i\xdf\x03\x00\x04.\xe6\x03\x82\
        \x01\x00\x02h2\x02\x00\ra.example.com\x05\x00\x0f127.0.0.1:54674 \x00L\x07\x00\x00\x00\x00!\x00\x07TLSv1.2\"\
        \x00\x05alice%\x00\x07RSA2048$\x00\nRSA-SHA256#\x00\x1bECDHE-RSA-AES256-GCM-SHA384";
    let endpoints = ends("127.0.0.1:54674", "127.0.0.1:27103");
    assert_eq!(send.header(Some(endpoints), tlvs.clone()), captured);
    let header = Header { endpoints: Some(endpoints), tlvs };
    assert_eq!(parse(captured), Parsed::Done { used: captured.len(), header });
}

#[test]
fn keywords_of_a_server_line() {
    let check = |line: &str, expected: Expect| {
        let mut send = SendProxy::default();
        expected.assert_eq(&match read_words(&mut send, line) {
            Ok(()) => format!("v1={} v2={} ssl={} cn={}", send.v1, send.v2, send.options.ssl, send.options.cert_cn),
            Err(problem) => problem,
        });
    };
    check("send-proxy", expect!["v1=true v2=false ssl=false cn=false"]);
    check("send-proxy no-send-proxy send-proxy-v2-ssl-cn", expect!["v1=false v2=true ssl=true cn=true"]);
    check("send-proxy-v2-ssl no-send-proxy-v2-ssl", expect!["v1=false v2=false ssl=false cn=false"]);
    check("proxy-v2-options cert-cn", expect!["v1=false v2=false ssl=true cn=true"]);
    check("proxy-v2-options ssl,foo", expect!["'foo' : proxy v2 option not implemented"]);
    check("proxy-v2-options", expect!["'' : proxy v2 option not implemented"]);
    assert_eq!(SendProxy::default().parse(&["check".to_owned()]), Ok(0));
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..64), start in 0..3usize) {
        let start: &[u8] = [&b""[..], b"PROXY TCP4 ", b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0"][start];
        let bytes = [start, &bytes].concat();
        if let Parsed::Done { used, header } = parse(&bytes) {
            prop_assert!(used <= bytes.len());
            let again = v2::format(header.endpoints, &header.tlvs, true);
            prop_assert_eq!(parse(&again), Parsed::Done { used: again.len(), header });
        }
    }
}

#[track_caller]
fn check1(line: &str, expected: Expect) {
    check(format!("PROXY {line}\r\n").as_bytes(), expected);
}

#[track_caller]
fn check2(version_and_command: u8, family: u8, body: &[u8], expected: Expect) {
    check(&block(version_and_command, family, body), expected);
}

#[track_caller]
fn check_tlvs(tlvs: &[u8], expected: Expect) {
    check2(0x21, 0x11, &[TCP4, tlvs].concat(), expected);
}

/// Parses the header as the start of a request, whole and byte by byte.
#[track_caller]
fn check(header: &[u8], expected: Expect) {
    let stream = [header, REQUEST].concat();
    let parsed = parse(&stream);
    if let Parsed::Done { used, .. } = parsed {
        assert_eq!(used, header.len());
        let early = (0..used).find(|length| !matches!(parse(&stream[..*length]), Parsed::NeedMore(_)));
        assert_eq!(early, None, "a part is no header");
    }
    expected.assert_eq(&show(parsed));
}

fn show(parsed: Parsed) -> String {
    let header = match parsed {
        Parsed::Done { header, .. } => header,
        Parsed::NeedMore(bytes) => return format!("{bytes} more"),
        Parsed::Invalid(reason) => return reason.to_string(),
    };
    let Some(Endpoints { source, destination }) = header.endpoints else { return "own".to_owned() };
    let mut text = format!("{source} > {destination}");
    let mut add = |name: &str, value: &Option<Vec<u8>>| {
        if let Some(value) = value {
            text += &format!(" {name}={}", value.escape_ascii());
        }
    };
    let tlvs = header.tlvs;
    add("alpn", &tlvs.alpn);
    add("authority", &tlvs.authority);
    add("unique_id", &tlvs.unique_id);
    add("netns", &tlvs.netns);
    if let Some(ssl) = &tlvs.ssl {
        add("ssl", &Some(format!("{},{}", ssl.client, ssl.verify).into_bytes()));
        add("version", &ssl.version);
    }
    text
}

fn block(version_and_command: u8, family: u8, body: &[u8]) -> Vec<u8> {
    let length = (body.len() as u16).to_be_bytes();
    [&v2::SIGNATURE[..], &[version_and_command, family], &length[..], body].concat()
}

#[track_caller]
fn check_send(keywords: &str, endpoints: Option<Endpoints>, expected: Expect) {
    let mut send = SendProxy::default();
    read(&mut send, keywords);
    let tlvs = Tlvs {
        ssl: Some(Box::new(Ssl { client: 7, version: some("TLSv1.3"), cn: some("alice"), ..Ssl::default() })),
        ..Tlvs::default()
    };
    expected.assert_eq(&send.header(endpoints, tlvs).escape_ascii().to_string());
}

/// As HAProxy 2.6 sent them with these lines.
#[test]
fn keywords_are_switches_of_their_own() {
    for (line, sent) in [
        ("", None),
        ("proxy-v2-options ssl", Some(1)),
        ("send-proxy-v2 no-send-proxy", Some(2)),
        ("send-proxy-v2 no-send-proxy-v2", None),
        ("send-proxy send-proxy-v2 no-send-proxy-v2", Some(1)),
        ("send-proxy-v2-ssl no-send-proxy-v2", Some(1)),
    ] {
        let mut send = SendProxy::default();
        read(&mut send, line);
        let header = send.is_on().then(|| send.header(None, Tlvs::default()));
        let version = header.map(|header| if header.starts_with(b"PROXY ") { 1 } else { 2 });
        assert_eq!(version, sent, "{line}");
    }
}

fn read(send: &mut SendProxy, line: &str) {
    read_words(send, line).expect("good keywords");
}

fn read_words(send: &mut SendProxy, line: &str) -> Result<(), String> {
    let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
    let mut at = 0;
    while at < words.len() {
        at += send.parse(&words[at..])?.max(1);
    }
    Ok(())
}

fn ends(source: &str, destination: &str) -> Endpoints {
    Endpoints { source: source.parse().unwrap(), destination: destination.parse().unwrap() }
}

fn some(text: &str) -> Option<Vec<u8>> {
    Some(text.as_bytes().to_vec())
}
