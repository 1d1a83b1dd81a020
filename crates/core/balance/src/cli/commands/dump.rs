//! Reports for those who look for a mistake, and what has nothing to report here.

use crate::cli::answer::Answer;
use crate::cli::call::{Call, leading_number};
use crate::cli::{Report, ResolverFacts};

fn report(call: &Call<'_>, report: &Report) -> Answer {
    Answer::data(call.subject.report(report))
}

pub fn activity(call: &mut Call<'_>) -> Answer {
    report(call, &Report::Activity)
}

pub fn threads(call: &mut Call<'_>) -> Answer {
    report(call, &Report::Threads)
}

pub fn pools(call: &mut Call<'_>) -> Answer {
    report(call, &Report::Pools)
}

pub fn tasks(call: &mut Call<'_>) -> Answer {
    report(call, &Report::Tasks)
}

pub fn libs(call: &mut Call<'_>) -> Answer {
    report(call, &Report::Libraries)
}

pub fn startup_logs(call: &mut Call<'_>) -> Answer {
    report(call, &Report::StartupLogs)
}

pub fn fd(call: &mut Call<'_>) -> Answer {
    let wanted = (!call.word(0).is_empty()).then(|| leading_number(call.word(0)));
    report(call, &Report::Descriptors(wanted))
}

pub fn resolvers(call: &mut Call<'_>) -> Answer {
    let mut facts = call.subject.resolvers();
    if !call.word(0).is_empty() {
        facts.retain(|resolver| resolver.section == call.word(0));
        if facts.is_empty() {
            return Answer::error("Can't find that resolvers section\n");
        }
    }
    let mut out = String::new();
    for (at, resolver) in facts.iter().enumerate() {
        if at == 0 || facts[at - 1].section != resolver.section {
            out += &format!("Resolvers section {}\n", resolver.section);
        }
        out += &format!(" nameserver {}:\n", resolver.name);
        for (name, count) in ResolverFacts::COUNTERS.iter().zip(resolver.counters) {
            out += &format!("  {:<13}{count}\n", format!("{name}:"));
        }
    }
    Answer::data(out)
}

pub fn events(call: &mut Call<'_>) -> Answer {
    match call.word(0) {
        "" => Answer::data(
            "Supported events sinks are listed below. Add -w(wait), -n(new). Any key to stop\n    \
             stdout     : type=fd, 0 dropped, standard output (fd#1)\n    \
             stderr     : type=fd, 0 dropped, standard output (fd#2)\n",
        ),
        "stdout" | "stderr" => Answer::error("Nothing to report for this sink\n"),
        _ => Answer::error("No such event sink"),
    }
}

/// What we do not have is empty, not an error: monitors ask for it.
pub fn nothing(_call: &mut Call<'_>) -> Answer {
    Answer::done()
}

pub fn no_tls_keys(_call: &mut Call<'_>) -> Answer {
    Answer::data("# id (file)\n")
}

pub fn no_crl_files(_call: &mut Call<'_>) -> Answer {
    Answer::data("# filename\n")
}

pub fn tls_provider(_call: &mut Call<'_>) -> Answer {
    Answer::data("Loaded providers : \n\t- rustls\n")
}

pub fn no_traces(_call: &mut Call<'_>) -> Answer {
    Answer::data("Supported trace sources and states (.=stopped, w=waiting, R=running) :\n")
}

/// Refusals with their reasons.
pub fn refuse_trace(call: &mut Call<'_>) -> Answer {
    match call.word(0) {
        "" => no_traces(call),
        "0" => Answer::done(),
        _ => Answer::error("No such trace source: traces are not built in.\n"),
    }
}

pub fn refuse_crl(_call: &mut Call<'_>) -> Answer {
    Answer::error("Revocation lists cannot be changed at run time; replace the file and reload.\n")
}

pub fn refuse_crt_list(_call: &mut Call<'_>) -> Answer {
    Answer::error("Lists of certificates cannot be changed at run time; replace the file and reload.\n")
}

pub fn refuse_ocsp(_call: &mut Call<'_>) -> Answer {
    Answer::error("OCSP responses cannot be set at run time; put them beside the certificate and reload.\n")
}

pub fn refuse_tls_key(_call: &mut Call<'_>) -> Answer {
    Answer::error("TLS ticket keys are made by the process and cannot be set.\n")
}
