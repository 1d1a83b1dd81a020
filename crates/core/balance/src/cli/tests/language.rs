//! Lines, prompts, levels, payloads.

use super::*;

#[test]
fn several_commands_on_a_line() {
    check("show version;show cli level\n", "2.6.12\n\nadmin\n\n");
    check("show version;quit;show version\n", "2.6.12\n\n");
    check("show version\nshow cli level\n", "2.6.12\n\nadmin\n\n");
}

#[test]
fn the_prompt_comes_and_goes() {
    check("prompt\nshow version\n", "\n> 2.6.12\n\n> ");
    check("prompt\nshow version;show cli level\n", "\n> 2.6.12\n\n> admin\n\n> ");
    check("prompt\nprompt;show version\n", "\n> \n2.6.12\n\n");
    check("prompt\r\nshow\tversion\r\n", "\n> 2.6.12\n\n> ");
}

#[test]
fn a_connection_without_prompt_ends_with_its_line() {
    let world = World::default();
    let mut session = session(Level::Admin);
    assert_eq!(session.handle_input(b"show ver", &world), Output::default());
    let output = session.handle_input(b"sion\n", &world);
    assert_eq!((output.bytes, output.close), (b"2.6.12\n\n".to_vec(), true));
}

#[test]
fn with_a_prompt_it_stays_until_quit() {
    let world = World::default();
    let mut session = session(Level::Admin);
    assert!(!session.handle_input(b"prompt\n", &world).close);
    assert!(!session.handle_input(b"show version\n", &world).close);
    assert_eq!(session.handle_input(b"quit\n", &world), Output { close: true, ..Output::default() });
}

#[test]
fn payloads() {
    check(
        "prompt\nadd map #2 <<\nk1 v1\nk2 v 2\n\nshow map #2\n",
        "\n> + + + \n> 0x21 /a be1\n0x22 /b be2\n0x1010 k1 v1\n0x1020 k2 v 2\n\n> ",
    );
    check("add map #2 <<\nk1\n\n", "Missing value for key 'k1'.\n\n");
    check("show version <<\nx\n\n", "2.6.12\n\n");
    check("add map #2 <<\nk1 v1\n", "");
}

#[test]
fn a_line_is_no_longer_than_the_buffer() {
    let world = World::default();
    let mut session = session(Level::Admin);
    let output = session.handle_input(&[b'x'; 16385], &world);
    assert!(output.close && output.bytes.is_empty());
    let mut session = super::session(Level::Admin);
    session.handle_input(b"add map #2 <<\n", &world);
    let long = "k v\n".repeat(8192);
    assert!(session.handle_input(long.as_bytes(), &world).close);
}

#[test]
fn levels_only_go_down() {
    check(
        "operator; show cli level; user; show cli level; operator\n",
        "\noperator\n\n\nuser\n\nPermission denied\n\n",
    );
    let world = World::default();
    let denied = "Permission denied\n\n";
    for command in ["set weight be1/s1 3", "disable server be1/s1", "shutdown session 0x2a", "clear counters all"] {
        assert_eq!(talk(&world, Level::Operator, &format!("{command}\n")), denied, "{command}");
    }
    for command in ["show sess", "show errors", "show env", "clear counters"] {
        assert_eq!(talk(&world, Level::User, &format!("{command}\n")), denied, "{command}");
        assert_ne!(talk(&world, Level::Operator, &format!("{command}\n")), denied, "{command}");
    }
}

#[test]
fn addresses_are_not_for_users() {
    let world = World::default();
    assert!(talk(&world, Level::Operator, "show stat\n").contains("127.0.0.1:1"));
    assert!(!talk(&world, Level::User, "show stat\n").contains("127.0.0.1:1"));
}

#[test]
fn a_backend_says_how_many_of_its_servers_are_shown() {
    let world = World::default();
    let statuses = |line: &str| -> Vec<String> {
        let text = talk(&world, Level::Admin, line);
        text.lines().skip(1).filter_map(|line| line.split(',').nth(17)).map(str::to_owned).collect()
    };
    assert_eq!(statuses("show stat 4 6 -1 up\n"), ["UP", "no check", "UP (2/4)"]);
    assert_eq!(statuses("show stat be1 6 -1 no-maint\n"), ["UP", "DOWN", "no check", "UP (3/4)"]);
    assert_eq!(statuses("show stat -1 4 2\n"), ["DOWN"]);
}

#[test]
fn severities() {
    check(
        "set severity-output number;show version;get weight foo\n",
        "\n[6]: 2.6.12\n\n[3]: Require 'backend/server'.\n\n",
    );
    check(
        "set severity-output string;get weight foo;set server be1/s1 addr 127.0.0.1\n",
        "\n[err]: Require 'backend/server'.\n\n[warning]: no need to change the addr by 'stats socket command'\n\n",
    );
}

#[test]
fn experiments() {
    check("experimental-mode on; set var proc.x int(3); get var proc.x\n", "\n\nproc.x: type=sint value=<3>\n");
    check("experimental-mode\n", "experimental-mode is OFF\n\n");
}

#[test]
fn timeouts() {
    let world = World::default();
    let mut session = session(Level::User);
    session.handle_input(b"prompt\nset timeout cli 60\n", &world);
    assert_eq!(session.timeout(), Duration::from_secs(60));
    session.handle_input(b"set timeout cli 5m;set timeout cli 99999999999h\n", &world);
    assert_eq!(session.timeout(), Duration::from_secs(300));
}

#[test]
fn listeners_are_passed_where_the_socket_says_so() {
    let world = World::default();
    let ask = |exposes| session(Level::Admin).exposing_listeners(exposes).handle_input(b"_getsocks\n", &world);
    assert!(ask(true).pass_listeners);
    assert!(!ask(false).pass_listeners);
}

#[test]
fn the_master_sends_commands_on() {
    check_master("@1 show version\n", "2.6.12\n\n");
    check_master("@!6425 show version;show version\n", "2.6.12\n\n2.6.12\n\n");
    check_master("@9 show version\n", "Can't find the target PID matching the prefix '@9'\n");
    check_master("prompt\n@1\nget weight be1/s1\n", "\nmaster> 6425> 50 (initial 50)\n\n6425> ");
    check_master(
        "show proc\n",
        "#<PID>          <type>          <reloads>       <uptime>        <version>      \n6425            master          1 [failed: 0]   0d00h00m00s     2.6.12\n# workers\n6425            worker          0               0d00h00m00s     2.6.12\n# programs\n\n",
    );
    check_master("reload\n", "");
}

#[test]
fn sessions() {
    check(
        "show sess\n",
        "0x2a: proto=tcpv4 src=127.0.0.1:4242 fe=web be=be1 srv=s1 ts=00 epoch=0 age=1m1s calls=1 rate=0 cpu=0 lat=0 rq[f=c08000h,i=0,an=00h,rx=9s,wx=,ax=] rp[f=80008000h,i=0,an=00h,rx=9s,wx=,ax=] scf=[8,200h,fd=-1] scb=[8,1h,fd=-1] exp=9s rc=3 c_exp=\n\n",
    );
    check("shutdown session 0x2a;show sess 0x2b\n", "\nSession not found.\n\n");
    check(
        "show sess 0x2a\n",
        "0x2a: [27/Nov/2026:23:46:09.184] id=42 proto=tcpv4 source=127.0.0.1:4242\n  flags=0x0, conn_retries=3, conn_exp=9s\n  frontend=web (id=2 mode=http), listener=sock-1 (id=1) addr=127.0.0.1:25080\n  backend=be1 (id=4 mode=http)\n  server=s1 (id=1) addr=127.0.0.1:25091\n  age=1m1s mux=HTTP\n  req=(total=14)\n  res=(total=15)\n\n",
    );
}

#[test]
fn dynamic_servers() {
    check(
        "add server be1/n1 127.0.0.1:1;del server be1/n1;add server be1/n2 127.0.0.1:1 foo\n",
        "New server registered.\n\nServer deleted.\nunknown keyword 'foo'; did you mean 'tfo' maybe ?\n\n",
    );
}

#[test]
fn state_files() {
    check(
        "show servers state both\n",
        "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr srv_agent_addr srv_agent_port\n7 both 1 y1 127.0.0.1 2 0 1 1 68 15 3 4 6 0 0 0 - 25091 - 0 0 - - 0\n\n",
    );
    check(
        "show servers conn both\n",
        "# bkname/svname bkid/svid addr port - purge_delay used_cur used_max need_est unsafe_nb safe_nb idle_lim idle_cur idle_per_thr[2]\nboth/y1 7/1 127.0.0.1 25091 - 5000 0 1 1 0 0 -1 0 0 0\n\n",
    );
}

#[test]
fn stick_tables() {
    check(
        "set table be1 key 10.0.0.1 data.gpc0 5;show table be1;show table be1 data.gpc0 gt 5;clear table be1;show table\n",
        "\n# table: be1, type: ip, size:1024, used:1\n0x560000000000: key=10.0.0.1 use=0 exp=600000 gpc0=5 conn_cnt=0 http_req_rate(10000)=0\n\n# table: be1, type: ip, size:1024, used:1\n\n\n# table: be1, type: ip, size:1024, used:0\n\n",
    );
}

#[test]
fn lists_have_versions() {
    check(
        "prepare map m.map;add map @1 m.map /v b;show map m.map;commit map @1 m.map;show map m.map;show map\n",
        "New version created: 1\n\n\n0x21 /a be1\n0x22 /b be2\n\n\n0x1010 /v b\n\n# id (file) description\n2 (m.map) pattern loaded from file 'm.map' used by map at file 'a.cfg' line 31. curr_ver=1 next_ver=1 entry_cnt=1\n\n",
    );
}

#[test]
fn certificates() {
    check(
        "show ssl cert test.pem\n",
        "Filename: test.pem\nStatus: Used\nSerial: 6E286C51\nnotBefore: Nov 27 23:45:01 2026 GMT\nnotAfter: Nov 24 23:45:01 2036 GMT\nSubject Alternative Name: DNS:test.local\nAlgorithm: RSA2048\nSHA1 FingerPrint: 97FD4BEA\nSubject: /CN=test.local\nIssuer: /CN=test.local\nOCSP Response Key: \n\n",
    );
    check(
        "set ssl cert test.pem <<\nfoo\n\n",
        "unable to load certificate from file 'test.pem'.\nCan't load the payload\nCan't update test.pem!\n\n",
    );
    check(
        "set ssl cert zz <<\nfoo\n\n",
        "Can't replace a certificate which is not referenced by the configuration!\nCan't update zz!\n\n",
    );
}

#[track_caller]
fn check(bytes: &str, expected: &str) {
    assert_eq!(talk(&World::default(), Level::Admin, bytes), expected);
}

#[track_caller]
fn check_master(bytes: &str, expected: &str) {
    let output = session(Level::Admin).of_master().handle_input(bytes.as_bytes(), &World::default());
    assert_eq!(String::from_utf8(output.bytes).expect("text"), expected);
}
