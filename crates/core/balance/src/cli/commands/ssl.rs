//! Certificates: shown, and replaced in transactions.

use crate::cli::answer::Answer;
use crate::cli::call::Call;
use crate::cli::{CertificateFacts, Kept};

pub fn show_cert(call: &mut Call<'_>) -> Answer {
    let word = call.word(0);
    if word.is_empty() {
        return Answer::data(files(call, Kept::Certificate));
    }
    let Some(certificates) = certificates(call, Kept::Certificate, word) else {
        return Answer::error("Can't display the certificate: Not found or the certificate is a bundle!\n");
    };
    let status = if certificates.is_empty() { "Empty" } else { status(call, Kept::Certificate, word) };
    let mut out = format!("Filename: {word}\nStatus: {status}\n");
    out.extend(certificates.iter().map(details));
    for chained in certificates.iter().flat_map(|certificate| &certificate.chain) {
        out += &format!("Chain Subject: {chained}\n");
    }
    Answer::data(out + "OCSP Response Key: \n")
}

/// `show ssl ca-file [<file>[:<index>]]`.
pub fn show_ca(call: &mut Call<'_>) -> Answer {
    let word = call.word(0);
    if word.is_empty() {
        return Answer::data(files(call, Kept::Authorities));
    }
    let (file, index) = match word.rsplit_once(':') {
        Some((file, index)) if index.parse::<usize>().is_ok() => (file, index.parse().ok()),
        _ => (word, None),
    };
    let Some(certificates) = certificates(call, Kept::Authorities, file) else {
        return Answer::error("Can't display the CA file : Not found!\n");
    };
    let mut out = format!("Filename: {file}\nStatus: {}\n", status(call, Kept::Authorities, file));
    for (at, certificate) in certificates.iter().enumerate() {
        if index.is_none_or(|index: usize| index == at + 1) {
            out += &format!(" \nCertificate #{}:\n{}", at + 1, details(certificate));
        }
    }
    Answer::data(out)
}

/// A file, or with a star the transaction about it.
fn certificates(call: &Call<'_>, kept: Kept, word: &str) -> Option<Vec<CertificateFacts>> {
    match word.strip_prefix('*') {
        Some(file) => call.subject.certificates(kept, file, true),
        None => call.subject.certificates(kept, word, false),
    }
}

fn status(call: &Call<'_>, kept: Kept, file: &str) -> &'static str {
    match call.subject.certificate_files(kept).iter().any(|(known, used)| known == file && *used) {
        true => "Used",
        false => "Unused",
    }
}

fn files(call: &Call<'_>, kept: Kept) -> String {
    let count = |file: &str, pending: bool| match kept {
        Kept::Certificate => String::new(),
        Kept::Authorities => {
            let certificates = call.subject.certificates(kept, file, pending).unwrap_or_default();
            format!(" - {} certificate(s)", certificates.len())
        }
    };
    let mut out = String::new();
    if let Some(file) = call.subject.transaction(kept) {
        out += &format!("# transaction\n*{file}{}\n", count(&file, true));
    }
    out += "# filename\n";
    for (file, _) in call.subject.certificate_files(kept) {
        out += &format!("{file}{}\n", count(&file, false));
    }
    out
}

fn details(certificate: &CertificateFacts) -> String {
    format!(
        "Serial: {}\nnotBefore: {}\nnotAfter: {}\nSubject Alternative Name: {}\nAlgorithm: {}\n\
         SHA1 FingerPrint: {}\nSubject: {}\nIssuer: {}\n",
        certificate.serial,
        certificate.not_before,
        certificate.not_after,
        certificate.names,
        certificate.algorithm,
        certificate.fingerprint,
        certificate.subject,
        certificate.issuer,
    )
}

/// Texts that differ between the two kinds of file.
struct Words {
    set_usage: &'static str,
    set_unknown: &'static str,
    commit_usage: &'static str,
    abort_usage: &'static str,
    new_usage: &'static str,
    del_usage: &'static str,
}

fn words(kept: Kept) -> Words {
    match kept {
        Kept::Certificate => Words {
            set_usage: "'set ssl cert expects a filename and a certificate as a payload\n",
            set_unknown: "Can't replace a certificate which is not referenced by the configuration!\n",
            commit_usage: "'commit ssl cert expects a filename\n",
            abort_usage: "'abort ssl cert' expects a filename\n",
            new_usage: "'new ssl cert' expects a filename\n",
            del_usage: "'del ssl cert' expects a certificate name\n",
        },
        Kept::Authorities => Words {
            set_usage: "'set ssl ca-file expects a filename and CAs as a payload\n",
            set_unknown: "Can't replace a CA file which is not referenced by the configuration!\n",
            commit_usage: "'commit ssl ca-file expects a filename\n",
            abort_usage: "'abort ssl ca-file' expects a filename\n",
            new_usage: "'new ssl ca-file' expects a filename\n",
            del_usage: "'del ssl ca-file' expects a CA file name\n",
        },
    }
}

/// A transaction is about one file; the other file's name and what was to be done with it make the text.
fn other_transaction(call: &Call<'_>, kept: Kept, file: &str, todo: &str) -> Option<String> {
    let ongoing = call.subject.transaction(kept).filter(|ongoing| ongoing != file)?;
    Some(format!("The ongoing transaction is about '{ongoing}' but you are trying to {todo} '{file}'\n"))
}

fn set(call: &Call<'_>, kept: Kept) -> Answer {
    let (file, Some(payload)) = (call.word(0), call.payload.filter(|_| !call.word(0).is_empty())) else {
        return Answer::error(words(kept).set_usage);
    };
    let failed = format!("Can't update {file}!\n");
    if let Some(why) = other_transaction(call, kept, file, "set") {
        return Answer::error(why + &failed);
    }
    if !call.subject.certificate_files(kept).iter().any(|(known, _)| known == file) {
        return Answer::error(words(kept).set_unknown.to_owned() + &failed);
    }
    match call.subject.set_certificate(kept, file, payload) {
        Ok(said) => Answer::notice(said.trim_end().to_owned() + "\n"),
        Err(why) => Answer::error(format!("{}\nCan't load the payload\n{failed}", why.trim_end())),
    }
}

fn commit(call: &Call<'_>, kept: Kept) -> Answer {
    let file = call.word(0);
    if file.is_empty() {
        return Answer::error(words(kept).commit_usage);
    }
    let failed = format!("Can't commit {file}!\n");
    if call.subject.transaction(kept).is_none() {
        return Answer::error(format!("No ongoing transaction! !\n{failed}"));
    }
    if let Some(why) = other_transaction(call, kept, file, "set") {
        return Answer::error(why + &failed);
    }
    let dot = if kept == Kept::Certificate { "." } else { "" };
    match call.subject.commit_certificate(kept, file) {
        Ok(_) => Answer::data(format!("Committing {file}{dot}\nSuccess!\n")),
        Err(why) => Answer::error(format!("Committing {file}{dot}\n{}\nFailed!\n", why.trim_end())),
    }
}

fn abort(call: &Call<'_>, kept: Kept) -> Answer {
    let file = call.word(0);
    if file.is_empty() {
        return Answer::error(words(kept).abort_usage);
    }
    if call.subject.transaction(kept).is_none() {
        return Answer::error("No ongoing transaction!\n");
    }
    if let Some(why) = other_transaction(call, kept, file, "abort a transaction for") {
        return Answer::error(why);
    }
    said(call.subject.abort_certificate(kept, file))
}

fn said(result: Result<String, String>) -> Answer {
    match result {
        Ok(text) => Answer::notice(text.trim_end().to_owned() + "\n"),
        Err(why) => Answer::error(why.trim_end().to_owned() + "\n"),
    }
}

fn new(call: &Call<'_>, kept: Kept) -> Answer {
    match call.word(0) {
        "" => Answer::error(words(kept).new_usage),
        file => said(call.subject.new_certificate(kept, file)),
    }
}

fn del(call: &Call<'_>, kept: Kept) -> Answer {
    match call.word(0) {
        "" => Answer::error(words(kept).del_usage),
        file => match call.subject.delete_certificate(kept, file) {
            Ok(text) => Answer::notice(text.trim_end().to_owned() + "\n"),
            Err(why) => Answer::error(why.trim_end().to_owned() + "\n\n"),
        },
    }
}

/// The commands for both kinds of file.
macro_rules! both {
    ($($cert:ident $ca:ident $what:ident;)*) => {
        $(
            pub fn $cert(call: &mut Call<'_>) -> Answer {
                $what(call, Kept::Certificate)
            }

            pub fn $ca(call: &mut Call<'_>) -> Answer {
                $what(call, Kept::Authorities)
            }
        )*
    };
}

both! {
    set_cert set_ca set;
    commit_cert commit_ca commit;
    abort_cert abort_ca abort;
    new_cert new_ca new;
    del_cert del_ca del;
}
