//! What another configuration changes, for whoever asked for it: one line for each section, bind and server.
//!
//! Where a directive stands does not matter.

use super::model::{Bind, Capability, Config, Global, Listen, Place, Proxy, Server};

/// Empty when both mean the same.
pub fn changes(before: &Config, after: &Config) -> Vec<String> {
    let mut lines = vec![];
    if before.global != after.global {
        lines.push("global changed".to_owned());
    }
    let waits = at_start(&before.global).into_iter().zip(at_start(&after.global)).filter(|(old, new)| old != new);
    lines.extend(waits.map(|((name, _), _)| format!("global: {name} changes when the process starts anew")));
    let pairs = |config: &Config| config.proxies.iter().map(|proxy| (title(proxy), bare(proxy))).collect::<Vec<_>>();
    let (old, new) = (pairs(before), pairs(after));
    for (name, proxy) in &new {
        match old.iter().find(|(known, _)| known == name) {
            None => lines.push(format!("{name} added")),
            Some((_, before)) => {
                lines.extend(of_proxy(before, proxy).into_iter().map(|line| format!("{name}: {line}")))
            }
        }
    }
    let gone = old.iter().filter(|(name, _)| !new.iter().any(|(known, _)| known == name));
    lines.extend(gone.map(|(name, _)| format!("{name} removed")));
    let rest = |config: &Config| {
        let Config { resolvers, userlists, peers, http_errors, .. } = config.clone();
        (resolvers, userlists, peers, http_errors)
    };
    if rest(before) != rest(after) {
        lines.push("resolvers, userlists, peers or http-errors changed".to_owned());
    }
    lines
}

/// What is done once, before the process serves: each keyword with what it says.
fn at_start(global: &Global) -> [(&'static str, String); 10] {
    [
        ("nbthread", format!("{:?}", global.nbthread)),
        ("chroot", format!("{:?}", global.chroot)),
        ("user", format!("{:?}", global.user)),
        ("group", format!("{:?}", global.group)),
        ("uid", format!("{:?}", global.uid)),
        ("gid", format!("{:?}", global.gid)),
        ("ulimit-n", format!("{:?}", global.ulimit_n)),
        ("fd-hard-limit", format!("{:?}", global.fd_hard_limit)),
        ("daemon", format!("{:?}", global.daemon)),
        ("pidfile", format!("{:?}", global.pidfile)),
    ]
}

fn title(proxy: &Proxy) -> String {
    let kind = match proxy.capability {
        Capability::Frontend => "frontend",
        Capability::Backend => "backend",
        Capability::Listen => "listen",
        Capability::Defaults => "defaults",
    };
    format!("{kind} {}", proxy.name)
}

/// Without the places of its lines.
fn bare(proxy: &Proxy) -> Proxy {
    let mut proxy = Proxy { place: Place::default(), ..proxy.clone() };
    proxy.binds.iter_mut().for_each(|bind| bind.place = Place::default());
    for server in &mut proxy.servers {
        *server = Server { place: Place::default(), ..(**server).clone() }.into();
    }
    let formats = &mut proxy.log_formats;
    let formats = [&mut formats.main, &mut formats.structured_data, &mut formats.error, &mut proxy.unique_id.format];
    formats.into_iter().flatten().for_each(|(place, _)| *place = Place::default());
    proxy
}

fn of_proxy(old: &Proxy, new: &Proxy) -> Vec<String> {
    let server = |proxy: &Proxy| proxy.servers.iter().map(|server| (server.name.clone(), server.clone())).collect();
    let mut lines = of_parts("bind", addresses(old), addresses(new));
    lines.extend(of_parts("server", server(old), server(new)));
    let rest = |proxy: &Proxy| Proxy { binds: vec![], servers: vec![], ..proxy.clone() };
    if rest(old) != rest(new) {
        lines.push("settings changed".to_owned());
    }
    lines
}

/// Each address of all `bind` lines, with what its line says.
fn addresses(proxy: &Proxy) -> Vec<(String, Bind)> {
    let each = |bind: &Bind| {
        let said = Bind { listen: vec![], ids: vec![], text: String::new(), ..bind.clone() };
        bind.listen.iter().map(|listen| (address(listen), said.clone())).collect::<Vec<_>>()
    };
    proxy.binds.iter().flat_map(each).collect()
}

fn address(listen: &Listen) -> String {
    match listen {
        Listen::Ip(address) => address.to_string(),
        Listen::Unix(path) => path.display().to_string(),
        Listen::Abstract(name) => format!("abns@{name}"),
        Listen::Fd(number) => format!("fd@{number}"),
    }
}

fn of_parts<T: PartialEq>(what: &str, old: Vec<(String, T)>, new: Vec<(String, T)>) -> Vec<String> {
    let mut lines = vec![];
    for (name, part) in &new {
        match old.iter().find(|(known, _)| known == name) {
            None => lines.push(format!("{what} {name} added")),
            Some((_, before)) if before != part => lines.push(format!("{what} {name} changed")),
            Some(_) => {}
        }
    }
    let gone = old.iter().filter(|(name, _)| !new.iter().any(|(known, _)| known == name));
    lines.extend(gone.map(|(name, _)| format!("{what} {name} removed")));
    lines
}

#[cfg(test)]
mod tests {
    use super::super::{Env, NoFiles, Source, parse};
    use super::*;
    use expect_test::{Expect, expect};

    const BASE: &str = "frontend f\n bind :80\n default_backend b\nbackend b\n server s1 127.0.0.1:1\n";

    #[test]
    fn names_what_changed() {
        check(BASE, expect![[""]]);
        check(&format!("\n\n# moved\n{BASE}"), expect![[""]]);
        check(&BASE.replace(":80", ":80,:81"), expect!["frontend f: bind 0.0.0.0:81 added"]);
        check(
            &BASE.replace("127.0.0.1:1", "127.0.0.1:1 weight 2\n server s2 127.0.0.1:2"),
            expect![[r#"
            backend b: server s1 changed
            backend b: server s2 added"#]],
        );
        check(
            &BASE.replace("server s1", "balance leastconn\n server s3"),
            expect![[r#"
            backend b: server s3 added
            backend b: server s1 removed
            backend b: settings changed"#]],
        );
        check(
            &format!("global\n maxconn 5\n{BASE}backend c\n"),
            expect![[r#"
            global changed
            backend c added"#]],
        );
        check(
            &format!("global\n nbthread 5\n{BASE}"),
            expect![[r#"
            global changed
            global: nbthread changes when the process starts anew"#]],
        );
        check(
            "frontend f\n bind :80\n default_backend b2\nbackend b2\n",
            expect![[r#"
            frontend f: settings changed
            backend b2 added
            backend b removed"#]],
        );
    }

    #[track_caller]
    fn check(text: &str, expected: Expect) {
        let read = |text: &str| {
            let source = Source { name: "a".to_owned(), text: text.as_bytes().to_vec() };
            parse(&[source], &Env::new(), &NoFiles).expect("a good configuration").config
        };
        expected.assert_eq(&changes(&read(BASE), &read(text)).join("\n"));
    }
}
