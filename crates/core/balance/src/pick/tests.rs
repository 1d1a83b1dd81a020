//! Sequences and mappings; the expected ones are what HAProxy 2.6 gives for the same servers.

use super::*;
use crate::http::RequestHead;

#[track_caller]
fn picker(balance: &str, hash_type: &str, weights: &[u32]) -> Picker {
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let hash_type =
        if hash_type.is_empty() { HashType::default() } else { HashType::parse(&words(hash_type)).unwrap() };
    let mut picker = Picker::new(&Algorithm::parse(&words(balance)).unwrap(), &hash_type);
    picker.rebuild(&servers(weights));
    picker
}

fn servers(weights: &[u32]) -> Vec<Candidate> {
    let server = |(index, weight): (usize, &u32)| Candidate {
        index,
        id: index as u32 + 1,
        weight: *weight,
        eweight: 16 * weight,
        backup: false,
        usable: true,
    };
    weights.iter().enumerate().map(server).collect()
}

fn turns(picker: &mut Picker, count: usize) -> String {
    let idle = |_| Load::default();
    let turn = |_| picker.pick(Seed::default(), &idle, None).map_or('-', |index| char::from(b'1' + index as u8));
    (0..count).map(turn).collect()
}

#[test]
fn turns_are_haproxys() {
    let cases: &[(&str, &[u32], &str)] = &[
        ("roundrobin", &[1, 1, 1], "1231231231231231231231231231231231231231"),
        ("roundrobin", &[1, 2, 3], "3231323231323231323231323231323231323231"),
        ("roundrobin", &[3, 1], "1112111211121112111211121112111211121112"),
        ("roundrobin", &[100, 100, 100], "1231231231231231231231231231231231231231"),
        ("roundrobin", &[10, 20, 5, 7], "2124212324122124321224123212421232412214"),
        ("roundrobin", &[1, 256], "2222222222222222222222222222222222222222"),
        ("roundrobin", &[5, 1, 1], "1112113111211311121131112113111211311121"),
        ("roundrobin", &[0, 3, 2], "2232322323223232232322323223232232322323"),
        ("static-rr", &[1, 1, 1], "1231231231231231231231231231231231231231"),
        ("static-rr", &[1, 2, 3], "1323231323231323231323231323231323231323"),
        ("static-rr", &[3, 1], "1112111211121112111211121112111211121112"),
        ("static-rr", &[100, 100, 100], "1231231231231231231231231231231231231231"),
        ("static-rr", &[10, 20, 5, 7], "1223142212241223142212342122341221242122"),
        ("static-rr", &[1, 256], "1222222222222222222222222222222222222222"),
        ("static-rr", &[5, 1, 1], "1112113111211311121131112113111211311121"),
        ("static-rr", &[0, 3, 2], "2232322323223232232322323223232232322323"),
        ("leastconn", &[1, 2, 3], "12312312312312312312"),
        ("leastconn", &[100, 100, 100], "12312312312312312312"),
        ("leastconn", &[3, 1], "12121212121212121212"),
    ];
    for (balance, weights, expected) in cases {
        assert_eq!(turns(&mut picker(balance, "", weights), expected.len()), *expected, "{balance} {weights:?}");
    }
}

#[test]
fn hashes_lead_to_haproxys_servers() {
    let cases: &[(&str, &str, &[u32], &str)] = &[
        ("uri", "", &[1, 1, 1], "232323223223132323121323121213121233123231123231223131213131"),
        ("source", "", &[1, 1, 1], "312312312312312312312312312312312312312312312312312312312312"),
        ("uri", "", &[1, 2, 3, 5], "414141441442434243424342434243424342434214421342133414321442"),
        ("source", "", &[1, 2, 3, 5], "341243424343412434243434124342434341243424343412434243434124"),
        ("uri", "map-based djb2", &[1, 1, 1], "311233112213232121323132121313132121313232321323211321323212"),
        ("source", "map-based djb2", &[1, 1, 1], "312312312312312312312312312312312312312312312312312312312312"),
        ("uri", "map-based djb2", &[1, 2, 3, 5], "434434432444444444421233131433442324242344314444444232333232"),
        ("source", "map-based djb2", &[1, 2, 3, 5], "341243424343412434243434124342434341243424343412434243434124"),
        ("uri", "map-based wt6", &[1, 1, 1], "131111111113131132232222112131323213131122223332223321312223"),
        ("source", "map-based wt6", &[1, 1, 1], "312312312312312312312312312312312312312312312312312312312312"),
        ("uri", "map-based wt6", &[1, 2, 3, 5], "343434431333244443424334224444343342424314242343244333344432"),
        ("source", "map-based wt6", &[1, 2, 3, 5], "341243424343412434243434124342434341243424343412434243434124"),
        ("uri", "map-based crc32", &[1, 1, 1], "333313223231123231222111321231233331122231233121222112233212"),
        ("source", "map-based crc32", &[1, 1, 1], "312312312312312312312312312312312312312312312312312312312312"),
        ("uri", "map-based crc32", &[1, 2, 3, 5], "443332444344442432443343421343212143424342444422434443444144"),
        ("source", "map-based crc32", &[1, 2, 3, 5], "341243424343412434243434124342434341243424343412434243434124"),
        ("uri", "map-based sdbm avalanche", &[1, 1, 1], "331113212131122331332333332111121132111232321121211331331212"),
        (
            "source",
            "map-based sdbm avalanche",
            &[1, 1, 1],
            "211121331211221311312321333233121132333132211113233131332111",
        ),
        (
            "uri",
            "map-based sdbm avalanche",
            &[1, 2, 3, 5],
            "242124333324413344331343224314442323113333331434422243443414",
        ),
        (
            "source",
            "map-based sdbm avalanche",
            &[1, 2, 3, 5],
            "344314443222133433344143423444242333441144144434423133243242",
        ),
        ("uri", "consistent", &[1, 1, 1], "312113311232132131313111132112332322332221212133211331231233"),
        ("source", "consistent", &[1, 1, 1], "213121311323331113111221111311211322131321321333311321111211"),
        ("uri", "consistent", &[1, 2, 3, 5], "412342443242134141414211332212442224332221244143244432233232"),
        ("source", "consistent", &[1, 2, 3, 5], "342133343234344113131424144341234443134344321434333224414444"),
        ("uri", "consistent djb2", &[1, 1, 1], "122333231111211211122323331131122131131321321323131112332213"),
        ("source", "consistent djb2", &[1, 1, 1], "222222222222222222222222222222222222222222222222222222222222"),
        ("uri", "consistent djb2", &[1, 2, 3, 5], "422323424132441214144343244433424131341431423443141414234243"),
        ("source", "consistent djb2", &[1, 2, 3, 5], "222222222222222222222222222222222222222222222222222222222222"),
        ("uri", "consistent wt6 avalanche", &[1, 1, 1], "231331232111132211233123233323133213221132313333223333311121"),
        (
            "source",
            "consistent wt6 avalanche",
            &[1, 1, 1],
            "213121311323331113111221111311211322131321321333311321111211",
        ),
        (
            "uri",
            "consistent wt6 avalanche",
            &[1, 2, 3, 5],
            "434421442444432421243424433323443443434434342443224344431323",
        ),
        (
            "source",
            "consistent wt6 avalanche",
            &[1, 2, 3, 5],
            "342133343234344113131424144341234443134344321434333224414444",
        ),
        ("uri", "consistent crc32", &[1, 1, 1], "121221221321331211122112113213323133112112121233233211212123"),
        ("source", "consistent crc32", &[1, 1, 1], "222222222222222222222222222222222222222222222222222222222222"),
        ("uri", "consistent crc32", &[1, 2, 3, 5], "121221324341341211232112442244333124342344124222434314313324"),
        ("source", "consistent crc32", &[1, 2, 3, 5], "222222222222222222222222222222222222222222222222222222222222"),
    ];
    for (balance, hash_type, weights, expected) in cases {
        let mut picker = picker(balance, hash_type, weights);
        let server = |at: usize| {
            let uri = uri(at);
            let source = Some(IpAddr::from([127, 0, 0, at as u8 + 1]));
            picked(&mut picker, Seed { key: Some(uri.as_bytes()), source, random: 0 })
        };
        assert_eq!((0..60).map(server).collect::<String>(), *expected, "{balance} {hash_type} {weights:?}");
    }
}

fn uri(at: usize) -> String {
    format!("/p{}/x{at}.html?a={at}", at % 7)
}

fn picked(picker: &mut Picker, seed: Seed<'_>) -> char {
    picker.pick(seed, &|_| Load::default(), None).map_or('-', |index| char::from(b'1' + index as u8))
}

#[test]
fn keys_are_haproxys() {
    let five: &[u32] = &[1; 5];
    let uris: Vec<(String, String)> = (0..60).map(|at| (uri(at), String::new())).collect();
    let listed: Vec<_> = (0..40).map(|at| ("/".to_owned(), format!("k{}, b{at}", at % 3))).collect();
    let hosts = |form: fn(usize) -> String| (0..20).map(|at| ("/".to_owned(), form(at))).collect::<Vec<_>>();
    let hosts =
        [hosts(|at| format!("w.k{at}.de")), hosts(|at| format!("k{at}.de")), hosts(|at| format!("k{at}"))].concat();
    keys("uri depth 1", "", five, &uris, "234512323451232345123234512323451232345123234512323451232345");
    keys("uri len 4", "", five, &uris, "543215454321545432154543215454321545432154543215454321545432");
    keys("url_param a", "", five, &uris, "451234512351234512344512345123345123451223451234511234512345");
    keys("url_param b", "", &[1, 2, 1], &uris[..20], "12231223122312231223");
    keys("url_param b", "consistent", &[1, 2, 1], &uris[..40], "3321311231112231332312233122213222322113");
    keys("hdr(x-k)", "", five, &listed, "2342342342342342342342342342342342342342");
    keys("hdr(x-k) use_domain_only", "", five, &hosts, "234512345151234512342345123451512345123423451234515123451234");
}

#[track_caller]
fn keys(balance: &str, hash_type: &str, weights: &[u32], requests: &[(String, String)], expected: &str) {
    let words: Vec<_> = balance.split_whitespace().map(str::to_owned).collect();
    let algorithm = Algorithm::parse(&words).unwrap();
    let mut picker = picker(balance, hash_type, weights);
    let server = |(uri, field): &(String, String)| {
        let mut head = RequestHead::new(b"GET", uri.as_bytes(), Default::default());
        if !field.is_empty() {
            head.headers.add(b"X-K", field.as_bytes());
        }
        picked(&mut picker, Seed { key: algorithm.key(&head, b""), ..Seed::default() })
    };
    assert_eq!(requests.iter().map(server).collect::<String>(), expected, "{balance}");
}

#[test]
fn full_servers_are_passed_over_and_none_is_left() {
    for balance in ["roundrobin", "static-rr", "leastconn", "first"] {
        let mut picker = picker(balance, "", &[1, 1, 1]);
        let busy = |full: &'static [usize]| {
            move |index: usize| Load { served: u32::from(full.contains(&index)), queued: 0, maxconn: 1 }
        };
        let mut pick = |full, avoid| picker.pick(Seed::default(), &busy(full), avoid);
        assert_eq!(pick(&[0, 1], None), Some(2), "{balance}");
        assert_eq!(pick(&[0, 1, 2], None), None, "{balance}");
        assert_eq!(pick(&[0], Some(1)), Some(2), "{balance}");
        assert_eq!(pick(&[0, 2], Some(1)), Some(1), "{balance}: better the one to avoid than none");
    }
}

#[test]
fn backups_only_when_no_active_server_is_left() {
    let mut all = servers(&[1, 1, 1, 1]);
    (all[2].backup, all[3].backup) = (true, true);
    let mut picker = picker("roundrobin", "", &[]);
    picker.rebuild(&all);
    assert_eq!(turns(&mut picker, 4), "1212");
    (all[0].usable, all[1].eweight) = (false, 0);
    picker.rebuild(&all);
    assert_eq!(turns(&mut picker, 4), "3333");
    picker = picker.with_all_backups(true);
    picker.rebuild(&all);
    assert_eq!(turns(&mut picker, 4), "3434");
    all[2].usable = false;
    all[3].usable = false;
    picker.rebuild(&all);
    assert_eq!((turns(&mut picker, 2), picker.usable()), ("--".to_owned(), 0));
}

#[test]
fn turns_go_on_after_a_change() {
    let mut all = servers(&[1, 1, 1]);
    let mut picker = picker("roundrobin", "", &[1, 1, 1]);
    assert_eq!(turns(&mut picker, 1), "1");
    all[1].usable = false;
    picker.rebuild(&all);
    assert_eq!(turns(&mut picker, 5), "31313");
    all[1].usable = true;
    picker.rebuild(&all);
    let mut later: Vec<char> = turns(&mut picker, 30).chars().collect();
    later.sort();
    assert_eq!(later.iter().collect::<String>(), "1".repeat(10) + &"2".repeat(10) + &"3".repeat(10));
}

#[test]
fn weights_may_change_between_any_turns() {
    // Whatever happened before, the shares of the next rounds are those of the weights.
    let mut all = servers(&[5, 3, 9, 1]);
    let mut picker = picker("roundrobin", "", &[5, 3, 9, 1]);
    for change in 0..200_u32 {
        turns(&mut picker, (change % 7) as usize);
        all[(change % 4) as usize].eweight = 1 + change * 37 % 160;
        all[(change % 3) as usize].usable = change % 5 != 0;
        picker.rebuild(&all);
    }
    for (server, eweight) in all.iter_mut().zip([16, 32, 48, 64]) {
        (server.eweight, server.usable) = (eweight, true);
    }
    picker.rebuild(&all);
    turns(&mut picker, 40);
    let later = turns(&mut picker, 1000);
    let count = |server: char| later.chars().filter(|turn| *turn == server).count() as i64;
    for (server, share) in ['1', '2', '3', '4'].into_iter().zip([100, 200, 300, 400]) {
        assert!((count(server) - share).abs() <= 4, "{server}: {}", count(server));
    }
}

#[test]
fn leastconn_looks_at_load_per_weight() {
    let mut picker = picker("leastconn", "", &[1, 4]);
    let loads = |a, b| move |index: usize| Load { served: [a, b][index], queued: 0, maxconn: 0 };
    assert_eq!(picker.pick(Seed::default(), &loads(1, 3), None), Some(1));
    assert_eq!(picker.pick(Seed::default(), &loads(1, 8), None), Some(0));
}

#[test]
fn a_balance_factor_moves_what_is_too_much() {
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let hash_type = HashType { balance_factor: 150, ..HashType::parse(&words("consistent")).unwrap() };
    let mut picker = Picker::new(&Algorithm::Source, &hash_type);
    picker.rebuild(&servers(&[1, 1]));
    let mut served = [0_u32; 2];
    for _ in 0..100 {
        let seed = Seed { source: Some(IpAddr::from([127, 0, 0, 1])), ..Seed::default() };
        let index = picker.pick(seed, &|index| Load { served: served[index], ..Load::default() }, None).unwrap();
        served[index] += 1;
    }
    assert_eq!(served, [25, 75]);
}

#[test]
fn random_follows_weights_and_load() {
    let mut picker = picker("random(1)", "", &[1, 3]);
    let idle = |_| Load::default();
    let counted =
        (0..4000).filter(|seed| picker.pick(Seed { random: *seed, ..Seed::default() }, &idle, None) == Some(1));
    let share = counted.count();
    assert!((2400..3600).contains(&share), "{share}");
    let mut two = self::picker("random", "", &[1, 1]);
    let loads = |index| Load { served: [9, 0][index], ..Load::default() };
    let light = (0..1000).filter(|seed| two.pick(Seed { random: *seed, ..Seed::default() }, &loads, None) == Some(1));
    assert!(light.count() > 650);
}

#[test]
fn refusals_have_haproxys_words() {
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    for (line, text) in [
        ("uri len", "balance uri : 'len' expects a positive integer (got '')."),
        ("uri depth 0", "balance uri : 'depth' expects a positive integer (got '0')."),
        ("url_param", "balance url_param requires an URL parameter name."),
        ("url_param x foo", "balance url_param only accepts 'check_post' modifier (got 'foo')."),
        ("hdr()", "balance hdr requires an http header field name."),
        ("hdr(x) foo", "balance hdr(x) only accepts 'use_domain_only' modifier (got 'foo')."),
        ("random(0)", "balance random : number of draws must be at least 1."),
        ("random(x)", "balance random : unexpected character 'x' after argument."),
        ("random(3", "balance random : missing closing parenthesis."),
        ("rdp-cookie()", "balance rdp-cookie : missing cookie name."),
        ("hash", "balance hash requires a sample expression."),
        ("hash src x", "balance hash takes no other argument (got 'x')."),
    ] {
        assert_eq!(Algorithm::parse(&words(line)).unwrap_err(), text, "{line}");
    }
    assert!(Algorithm::parse(&words("foo")).unwrap_err().starts_with("balance only supports 'roundrobin'"));
    assert_eq!(
        HashType::parse(&words("consistent avalanche")).unwrap_err(),
        "'hash-type' only supports 'sdbm', 'djb2', 'crc32', or 'wt6' hash functions."
    );
    assert_eq!(
        HashType::parse_balance_factor(&words("50")).unwrap_err(),
        "'hash-balance-factor' must be 0 or greater than 100."
    );
}

/// `algorithm weights | script | turns`: numbers of the script are turns taken, `d:` and `r:` take a server out of use,
/// `e:` and `y:` put it back, `w:1=3` sets a weight. Servers 3 and 4 of four may be backups (`b`).
#[test]
fn turns_after_changes_are_haproxys() {
    let mut wrong = Vec::new();
    for line in include_str!("changes.txt").lines() {
        let [start, script, expected] = line.split(" | ").collect::<Vec<_>>()[..] else { panic!("{line}") };
        let [balance, weights, options] = start.split(' ').chain([""]).take(3).collect::<Vec<_>>()[..] else {
            panic!()
        };
        let weights: Vec<u32> = weights.split(',').map(|weight| weight.parse().unwrap()).collect();
        let mut all = servers(&weights);
        all.iter_mut().skip(2).for_each(|server| server.backup = options.contains('b'));
        let mut picker = picker(balance, "", &[]).with_all_backups(options == "ball");
        picker.rebuild(&all);
        let mut shown = Vec::new();
        for step in script.split(' ') {
            let Some((change, rest)) = step.split_once(':') else {
                shown.push(turns(&mut picker, step.parse().unwrap()));
                continue;
            };
            let (number, value) = rest.split_once('=').unwrap_or((rest, ""));
            let server = &mut all[number.parse::<usize>().unwrap() - 1];
            match (change, value.strip_suffix('%')) {
                ("w", Some(percent)) => server.eweight = 16 * (server.weight * percent.parse::<u32>().unwrap() / 100),
                ("w", None) => server.eweight = 16 * value.parse::<u32>().unwrap(),
                _ => server.usable = matches!(change, "e" | "y"),
            }
            picker.rebuild(&all);
        }
        if shown.join(" ") != expected {
            wrong.push(format!("{line}\n  but {}", shown.join(" ")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
