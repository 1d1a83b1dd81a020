//! `show info`, `show stat` and their like.

use crate::cli::answer::Answer;
use crate::cli::call::Call;
use crate::cli::{Level, ResolverFacts};
use crate::stats::filter::Wanted;
use crate::stats::info::Form;
use crate::stats::{Filter, Kind, json};

pub fn info(call: &mut Call<'_>) -> Answer {
    Answer::data(call.subject.info().render(Form::parse(call.words)))
}

pub fn stat(call: &mut Call<'_>) -> Answer {
    let wanted = Wanted::parse(call.words);
    match wanted.domain.as_deref() {
        None | Some("proxy") => proxies(call, &wanted),
        Some("resolvers") => Answer::data(resolvers(&call.subject.resolvers(), &wanted)),
        Some(_) => Answer::error("Invalid statistics domain.\n"),
    }
}

fn proxies(call: &Call<'_>, wanted: &Wanted) -> Answer {
    let mut filter = Filter { up: wanted.up, no_maint: wanted.no_maint, ..Filter::default() };
    if let Some((proxy, kinds, sid)) = &wanted.selection {
        filter.kinds = *kinds;
        filter.sid = u32::try_from(*sid).ok().filter(|_| *sid >= 0);
        filter.iid = match super::super::call::leading_number(proxy) {
            -1 => None,
            0 => match call.subject.proxies().iter().find(|known| known.name == *proxy) {
                Some(known) => Some(known.id),
                None => return Answer::error("No such proxy.\n"),
            },
            number => Some(u32::try_from(number).unwrap_or(u32::MAX)),
        };
    }
    let mut rows = call.subject.rows(&filter);
    rows.retain(|row| filter.wants(row));
    if call.session.level < Level::Operator {
        // Where things are is not for everybody (management guide, 9.1, columns 73 to 76).
        for row in &mut rows {
            (row.addr, row.cookie, row.algo) = (None, None, None);
        }
    }
    if filter.up || filter.no_maint {
        count_shown(&mut rows, call);
    }
    Answer::data(wanted.render(&rows))
}

/// A backend some of whose servers are left out says how many are shown: `UP (3/5)`.
fn count_shown(rows: &mut [crate::stats::Row], call: &Call<'_>) {
    let shown = |iid: u32, rows: &[crate::stats::Row]| {
        rows.iter().filter(|row| row.kind == Kind::Server && row.iid == iid).count()
    };
    for at in 0..rows.len() {
        if rows[at].kind != Kind::Backend {
            continue;
        }
        let all = call.subject.servers(Some(rows[at].iid)).len();
        let shown = shown(rows[at].iid, rows);
        if shown < all {
            rows[at].status += &format!(" ({shown}/{all})");
        }
    }
}

/// Statistics of name servers; the order of columns is not promised to anybody.
fn resolvers(facts: &[ResolverFacts], wanted: &Wanted) -> String {
    let name = |counter: &'static str| if counter == "snd_error" { "send_error" } else { counter };
    let mut out = String::new();
    if wanted.typed || wanted.json {
        for resolver in facts {
            out += &format!("N.0.id:CGP:str:{}\nN.1.pid:CGP:str:{}\n", resolver.name, resolver.section);
            for (at, counter) in ResolverFacts::COUNTERS.iter().enumerate() {
                out += &format!("N.{}.{}:MGP:u64:{}\n", at + 2, name(counter), resolver.counters[at]);
            }
        }
        return out;
    }
    out += "# id,pid,";
    out.extend(ResolverFacts::COUNTERS.iter().map(|counter| format!("{},", name(counter))));
    out.push('\n');
    for resolver in facts {
        out += &format!("{},{},", resolver.name, resolver.section);
        out.extend(resolver.counters.iter().map(|count| format!("{count},")));
        out.push('\n');
    }
    out
}

pub fn schema(_call: &mut Call<'_>) -> Answer {
    Answer::data(json::SCHEMA)
}

pub fn clear_counters(call: &mut Call<'_>) -> Answer {
    let all = call.word(0) == "all";
    let needed = if all { Level::Admin } else { Level::Operator };
    if call.session.level < needed {
        return Answer::denied();
    }
    call.subject.clear_counters(all);
    Answer::done()
}
