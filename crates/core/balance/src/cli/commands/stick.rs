//! `show table`, `set table`, `clear table`.

use crate::cli::answer::Answer;
use crate::cli::call::Call;
use crate::cli::{Entry, Stored, TableFacts};

/// Conditions on data in one command, at most; HAProxy is built with the same number.
const MOST_FILTERS: usize = 4;

/// What tables can store (manual, `stick-table`).
const DATA_TYPES: &[&str] = &[
    "bytes_in_cnt",
    "bytes_in_rate",
    "bytes_out_cnt",
    "bytes_out_rate",
    "conn_cnt",
    "conn_cur",
    "conn_rate",
    "gpc",
    "gpc0",
    "gpc0_rate",
    "gpc1",
    "gpc1_rate",
    "gpc_rate",
    "gpt",
    "gpt0",
    "http_err_cnt",
    "http_err_rate",
    "http_fail_cnt",
    "http_fail_rate",
    "http_req_cnt",
    "http_req_rate",
    "server_id",
    "server_key",
    "sess_cnt",
    "sess_rate",
];

const SHOW_USAGE: &str =
    "Optional argument only supports \"data.<store_data_type>\" <operator> <value> and key <key>\n";
const CLEAR_USAGE: &str =
    "Required arguments: <table> \"data.<store_data_type>\" <operator> <value> or <table> key <key>\n";
const SET_USAGE: &str = "Required arguments: <table> key <key> [data.<store_data_type> <value>]*\n";

/// Which entries of a table.
enum Selection {
    All,
    Key(String),
    Data(Vec<Condition>),
}

/// `data.gpc0 gt 0`.
struct Condition {
    at: usize,
    holds: fn(&u64, &u64) -> bool,
    value: u64,
}

type Operator = (&'static str, fn(&u64, &u64) -> bool);

const OPERATORS: &[Operator] =
    &[("eq", u64::eq), ("ne", u64::ne), ("le", u64::le), ("ge", u64::ge), ("lt", u64::lt), ("gt", u64::gt)];

pub fn show(call: &mut Call<'_>) -> Answer {
    if call.word(0).is_empty() {
        return Answer::data(call.subject.tables().iter().map(title).collect::<String>());
    }
    match table_and_selection(call, SHOW_USAGE) {
        // A key that is not there says nothing at all.
        Ok((table, Selection::Key(key))) => {
            let entry = call.subject.entry(&table.name, &key);
            Answer::data(entry.map_or(String::new(), |entry| title(&table) + &line(&table, &entry)))
        }
        Ok((table, selection)) => {
            let entries = chosen(call, &table, &selection);
            Answer::data(title(&table) + &entries.iter().map(|entry| line(&table, entry)).collect::<String>())
        }
        Err(answer) => answer,
    }
}

pub fn clear(call: &mut Call<'_>) -> Answer {
    if call.word(0).is_empty() {
        return Answer::error(CLEAR_USAGE);
    }
    let (table, selection) = match table_and_selection(call, CLEAR_USAGE) {
        Ok(found) => found,
        Err(answer) => return answer,
    };
    if let Selection::Key(key) = &selection {
        return match call.subject.entry(&table.name, key) {
            Some(_) if !call.subject.remove_entry(&table.name, key) => {
                Answer::error("Entry currently in use, cannot remove\n")
            }
            _ => Answer::done(),
        };
    }
    for entry in chosen(call, &table, &selection) {
        call.subject.remove_entry(&table.name, &entry.key);
    }
    Answer::done()
}

pub fn set(call: &mut Call<'_>) -> Answer {
    if call.word(0).is_empty() {
        return Answer::error(SET_USAGE);
    }
    let table = match table(call) {
        Ok(table) => table,
        Err(answer) => return answer,
    };
    match call.word(1) {
        "" => return Answer::done(),
        "key" => {}
        word if word.starts_with("data.") => {
            let why = "content-based lookup is only supported with the \"show\" and \"clear\" actions\n";
            return Answer::error(why);
        }
        _ => return Answer::error(SET_USAGE),
    }
    let key = call.word(2);
    if key.is_empty() {
        return Answer::error("Key value expected\n");
    }
    match values(&table, &call.words[3..]) {
        Ok(values) => call.subject.set_entry(&table.name, key, &values).into(),
        Err(why) => Answer::error(why),
    }
}

/// `data.gpc0 5 data.conn_cnt 2`.
fn values(table: &TableFacts, words: &[String]) -> Result<Vec<(String, u64)>, &'static str> {
    let mut values = Vec::new();
    for pair in words.chunks(2) {
        let Some(name) = pair[0].strip_prefix("data.") else {
            return Err("\"data.<type>\" followed by a value expected\n");
        };
        position(table, name)?;
        let value = pair.get(1).and_then(|value| value.parse().ok());
        values.push((name.to_owned(), value.ok_or("Require a valid integer value to store\n")?));
    }
    Ok(values)
}

fn table(call: &Call<'_>) -> Result<TableFacts, Answer> {
    let tables = call.subject.tables();
    tables.into_iter().find(|table| table.name == call.word(0)).ok_or_else(|| Answer::error("No such table\n"))
}

fn table_and_selection(call: &Call<'_>, usage: &'static str) -> Result<(TableFacts, Selection), Answer> {
    let table = table(call)?;
    let selection = match call.word(1) {
        "" => Selection::All,
        "key" if call.word(2).is_empty() => return Err(Answer::error("Key value expected\n")),
        "key" => Selection::Key(call.word(2).to_owned()),
        word if word.starts_with("data.") => Selection::Data(conditions(&table, &call.words[1..])?),
        _ => return Err(Answer::error(usage)),
    };
    Ok((table, selection))
}

fn conditions(table: &TableFacts, words: &[String]) -> Result<Vec<Condition>, Answer> {
    let mut conditions = Vec::new();
    for (number, words) in words.chunks(3).take(MOST_FILTERS).enumerate() {
        let condition = condition(table, words);
        let problem = |why: &str| Answer::error(format!("Filter entry #{}: {why}", number + 1));
        conditions.push(condition.map_err(problem)?);
    }
    Ok(conditions)
}

fn condition(table: &TableFacts, words: &[String]) -> Result<Condition, &'static str> {
    let Some(name) = words[0].strip_prefix("data.") else {
        return Err("\"data.<store_data_type>\" followed by an operator and a value expected\n");
    };
    let at = position(table, name)?;
    let operator = words.get(1).and_then(|word| OPERATORS.iter().find(|(name, _)| name == word));
    let Some((_, holds)) = operator else {
        return Err("Require and operator among \"eq\", \"ne\", \"le\", \"ge\", \"lt\", \"gt\"\n");
    };
    let value = words.get(2).and_then(|word| word.parse().ok());
    let value = value.ok_or("Require a valid integer value to compare against\n")?;
    Ok(Condition { at, holds: *holds, value })
}

fn position(table: &TableFacts, name: &str) -> Result<usize, &'static str> {
    if !DATA_TYPES.contains(&name) {
        return Err("Unknown data type\n");
    }
    let stored = table.stored.iter().position(|stored: &Stored| stored.name == name);
    stored.ok_or("Data type not stored in this table\n")
}

fn chosen(call: &Call<'_>, table: &TableFacts, selection: &Selection) -> Vec<Entry> {
    let mut entries = call.subject.entries(&table.name);
    if let Selection::Data(conditions) = selection {
        let holds = |entry: &Entry, condition: &Condition| {
            entry.values.get(condition.at).is_some_and(|value| (condition.holds)(value, &condition.value))
        };
        entries.retain(|entry| conditions.iter().all(|condition| holds(entry, condition)));
    }
    entries
}

fn title(table: &TableFacts) -> String {
    format!("# table: {}, type: {}, size:{}, used:{}\n", table.name, table.kind, table.size, table.used)
}

fn line(table: &TableFacts, entry: &Entry) -> String {
    let mut out = format!("{:#x}: key={} use={} exp={}", entry.id, entry.key, entry.used, entry.expires);
    for (stored, value) in table.stored.iter().zip(&entry.values) {
        let period = stored.period.map_or(String::new(), |period| format!("({period})"));
        out += &format!(" {}{period}={value}", stored.name);
    }
    out + "\n"
}
