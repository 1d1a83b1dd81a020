//! `show table`, `set table`, `clear table`.

use crate::cli::answer::Answer;
use crate::cli::call::Call;
use crate::stick::{self, Table};

type Run = fn(&mut Table, &[String], u64) -> Result<String, String>;

pub fn show(call: &mut Call<'_>) -> Answer {
    if !call.word(0).is_empty() {
        return on_table(call, |table, words, now| stick::show(table, words, now));
    }
    let mut out = String::new();
    for name in call.subject.table_names() {
        call.subject.with_table(&name, &mut |table, _| out += &(stick::header(table) + "\n"));
    }
    Answer::data(out)
}

pub fn set(call: &mut Call<'_>) -> Answer {
    if call.words.is_empty() {
        return Answer::error("Required arguments: <table> key <key> [data.<store_data_type> <value>]*\n");
    }
    if call.words.len() == 1 {
        return on_table(call, |_, _, _| Ok(String::new()));
    }
    on_table(call, |table, words, now| stick::set(table, words, now).map(|()| String::new()))
}

pub fn clear(call: &mut Call<'_>) -> Answer {
    if call.words.is_empty() {
        let usage = "Required arguments: <table> \"data.<store_data_type>\" <operator> <value> or <table> key <key>\n";
        return Answer::error(usage);
    }
    on_table(call, |table, words, now| stick::clear(table, words, now).map(|()| String::new()))
}

/// Runs it on the table of the first word.
fn on_table(call: &Call<'_>, run: Run) -> Answer {
    let mut result = Ok(String::new());
    let found = call.subject.with_table(call.word(0), &mut |table, now| result = run(table, &call.words[1..], now));
    match result {
        _ if !found => Answer::error("No such table\n"),
        Ok(text) => Answer::data(text),
        // HAProxy finds nothing by a key that is none, and says nothing.
        Err(why) if why == "Invalid key" => Answer::done(),
        Err(why) => Answer::error(why.trim_end().to_owned() + "\n"),
    }
}
