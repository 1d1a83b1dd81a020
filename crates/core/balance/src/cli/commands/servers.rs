//! `show backend`, `add server`, `del server`.

use crate::cli::answer::Answer;
use crate::cli::call::Call;
use crate::server::Admin;

pub fn show_backend(call: &mut Call<'_>) -> Answer {
    let mut out = String::from("# name\n");
    for proxy in call.subject.proxies().iter().filter(|proxy| proxy.backend) {
        out += &format!("{}\n", proxy.name);
    }
    Answer::data(out)
}

/// Words of a server line that a server added at run time cannot have (management guide, "add server").
const FIXED: &[&str] = &[
    "cookie",
    "init-addr",
    "log-proto",
    "max-reuse",
    "namespace",
    "non-stick",
    "redir",
    "resolve-net",
    "resolve-opts",
    "resolve-prefer",
    "resolvers",
    "socks4",
    "stick",
    "tcp-ut",
];

pub fn add(call: &mut Call<'_>) -> Answer {
    let Some((backend, name)) = call.server_name() else {
        return Answer::error("Require 'backend/server'.");
    };
    let Some(id) = call.subject.backend(backend) else {
        return Answer::error("No such backend.");
    };
    if call.word(1).is_empty() {
        return Answer::error("'server' expects <name> and <addr>[:<port>] as arguments.\n");
    }
    if let Some(word) = call.words[2..].iter().find(|word| FIXED.contains(&word.as_str())) {
        return Answer::error(format!("'{word}' option is not accepted for dynamic server\n"));
    }
    // The words are judged first, as HAProxy does; a name in use is refused by the subject.
    match call.subject.add_server(id, name, &call.words[1..]) {
        Ok(()) => Answer::notice("New server registered.\n"),
        refused => refused.into(),
    }
}

pub fn delete(call: &mut Call<'_>) -> Answer {
    let server = match call.server() {
        Ok(server) => server,
        Err(answer) => return Answer { text: answer.text.trim_end().to_owned(), ..answer },
    };
    if server.referenced {
        let why = "This server cannot be removed at runtime due to other configuration elements pointing to it.";
        return Answer::error(why);
    }
    if !server.admin.any(Admin::MAINT) {
        return Answer::error("Only servers in maintenance mode can be deleted.");
    }
    // Idle ones are just closed.
    if server.connections.used > 0 {
        return Answer::error("Server still has connections attached to it, cannot remove it.");
    }
    match call.subject.delete_server(server.id) {
        Ok(()) => Answer::notice("Server deleted."),
        Err(why) => Answer::error(why),
    }
}
