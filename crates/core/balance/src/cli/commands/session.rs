//! `show sess`, `shutdown session`.

use crate::cli::SessionFacts;
use crate::cli::answer::Answer;
use crate::cli::call::{Call, leading_number};

pub fn show(call: &mut Call<'_>) -> Answer {
    let sessions = call.subject.sessions();
    match call.word(0) {
        "all" => Answer::data(sessions.iter().map(|session| details(session) + "\n").collect::<String>()),
        word => match pointer(word) {
            Some(id) => match sessions.iter().find(|session| session.id == id) {
                Some(session) => Answer::data(details(session)),
                None => Answer::error("Session not found.\n"),
            },
            None => Answer::data(sessions.iter().map(brief).collect::<String>()),
        },
    }
}

/// The number of a session, with or without `0x`; absent for what is none.
fn pointer(word: &str) -> Option<u64> {
    let number = match word.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok()?,
        None => u64::try_from(leading_number(word)).ok()?,
    };
    (number > 0).then_some(number)
}

/// One line. What only HAProxy's inside has is there with the values of a quiet session.
fn brief(session: &SessionFacts) -> String {
    let name =
        |side: &Option<(String, u32)>, none: &str| side.as_ref().map_or(none.to_owned(), |(name, _)| name.clone());
    let expires = session.expires.map_or(String::new(), |seconds| format!("{seconds}s"));
    format!(
        "{:#x}: proto={} src={} fe={} be={} srv={} ts=00 epoch=0 age={} calls=1 rate=0 cpu=0 lat=0 \
         rq[f=c08000h,i=0,an=00h,rx={expires},wx=,ax=] rp[f=80008000h,i=0,an=00h,rx={expires},wx=,ax=] \
         scf=[8,200h,fd=-1] scb=[8,1h,fd=-1] exp={expires} rc={} c_exp=\n",
        session.id,
        session.proto,
        session.source,
        session.frontend,
        name(&session.backend, "<NONE>"),
        name(&session.server, "<none>"),
        age(session.age_seconds),
        session.retries,
    )
}

/// `1d2h`, `1h3m`, `5m1s`, `7s`.
fn age(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{}s", seconds / 60, seconds % 60),
        3600..86400 => format!("{}h{}m", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{}d{}h", seconds / 86400, seconds % 86400 / 3600),
    }
}

/// Several lines: who talks with whom, and how much.
fn details(session: &SessionFacts) -> String {
    let side = |side: &Option<(String, u32)>| match side {
        Some((name, id)) => format!("{name} (id={id}"),
        None => "<NONE> (id=-1".to_owned(),
    };
    let listener = session.listener.as_ref().map_or("? (id=0)".to_owned(), |(name, id)| format!("{name} (id={id})"));
    let expires = session.expires.map_or("<NEVER>".to_owned(), |seconds| format!("{seconds}s"));
    let mux = if session.http { "HTTP" } else { "PASS" };
    format!(
        "{:#x}: [{}] id={} proto={} source={}\n  \
         flags=0x0, conn_retries={}, conn_exp={expires}\n  \
         frontend={} (id={} mode={}), listener={listener} addr={}\n  \
         backend={} mode={})\n  \
         server={}) addr={}\n  \
         age={} mux={mux}\n  \
         req=(total={})\n  \
         res=(total={})\n",
        session.id,
        session.date,
        session.id,
        session.proto,
        session.source,
        session.retries,
        session.frontend,
        session.frontend_id,
        session.mode,
        session.listener_address,
        side(&session.backend),
        if session.backend.is_some() { &session.mode } else { "-" },
        side(&session.server),
        session.server_address,
        age(session.age_seconds),
        session.bytes_in,
        session.bytes_out,
    )
}

pub fn shutdown(call: &mut Call<'_>) -> Answer {
    match pointer(call.word(0)) {
        None => Answer::error("Session pointer expected (use 'show sess').\n"),
        Some(id) if call.subject.shutdown_session(id) => Answer::done(),
        Some(_) => Answer::error("No such session (use 'show sess').\n"),
    }
}
