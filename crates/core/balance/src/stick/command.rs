//! `show table`, `set table`, `clear table` of the statistics socket: the words behind the table's name.

use std::fmt::Write;

use super::{
    data::{DataType, Kind},
    key::Key,
    table::{EntryId, Table},
};

/// Filters that one command may have: HAProxy's build-time default.
const FILTERS: usize = 4;

const ON_CONTENT: &str = "content-based lookup is only supported with the \"show\" and \"clear\" actions";
const SET_USAGE: &str = "Required arguments: <table> key <key> [data.<store_data_type> <value>]*";
const CLEAR_USAGE: &str =
    "Required arguments: <table> \"data.<store_data_type>\" <operator> <value> or <table> key <key>";
const SHOW_USAGE: &str = "Optional argument only supports \"data.<store_data_type>\" <operator> <value> and key <key>";

/// One `data.<type> <operator> <value>`.
struct Filter {
    data: DataType,
    element: usize,
    operator: Operator,
    value: i64,
}

type Operator = fn(&i64, &i64) -> bool;

const OPERATORS: [(&str, Operator); 6] =
    [("eq", i64::eq), ("ne", i64::ne), ("le", i64::le), ("ge", i64::ge), ("lt", i64::lt), ("gt", i64::gt)];

/// The line that says how a table is.
pub fn header(table: &Table) -> String {
    let config = table.config();
    format!("# table: {}, type: {}, size:{}, used:{}", table.name, config.keys.name(), config.size, table.len())
}

/// `show table <name> [ data.<type> <operator> <value> ... | key <key> ]`: header and entries, each with its line end.
pub fn show(table: &Table, args: &[String], now: u64) -> Result<String, String> {
    let mut out = String::new();
    let entries = match args.first().map(String::as_str) {
        None => table.sorted(now),
        Some("key") => match table.find(&key(table, args.get(1))?, now) {
            Some(id) => vec![id],
            None => return Ok(out),
        },
        Some(word) if word.starts_with("data.") => {
            let filters = Filter::parse_all(table, args)?;
            table
                .sorted(now)
                .into_iter()
                .filter(|id| filters.iter().all(|filter| filter.holds(table, *id, now)))
                .collect()
        }
        Some(_) => return Err(SHOW_USAGE.into()),
    };
    out.push_str(&header(table));
    out.push('\n');
    for id in entries {
        line(table, id, now, &mut out);
    }
    Ok(out)
}

/// `set table <name> key <key> [data.<type> <value>]*`.
pub fn set(table: &mut Table, args: &[String], now: u64) -> Result<(), String> {
    match args.first().map(String::as_str) {
        Some("key") => {}
        Some(word) if word.starts_with("data.") => return Err(ON_CONTENT.into()),
        _ => return Err(SET_USAGE.into()),
    }
    let key = key(table, args.get(1))?;
    let mut changes = Vec::new();
    for pair in args.get(2..).unwrap_or_default().chunks(2) {
        let name = pair[0].strip_prefix("data.").ok_or("\"data.<type>\" followed by a value expected")?;
        let (data, element) = data(table, name).ok_or("Unknown data type")??;
        let value = pair.get(1).and_then(|word| word.parse().ok());
        changes.push((data, element, value.ok_or("Require a valid integer value to store")?));
    }
    let id = table.find_or_add(key, now).ok_or("Unable to allocate a new entry")?;
    for (data, element, value) in changes {
        table.write(id, data, element, value, now);
    }
    Ok(())
}

/// `clear table <name> [ data.<type> <operator> <value> ... | key <key> ]`. Entries that streams track stay.
pub fn clear(table: &mut Table, args: &[String], now: u64) -> Result<(), String> {
    match args.first().map(String::as_str) {
        None => {
            for id in table.sorted(now) {
                table.remove(id);
            }
        }
        Some("key") => {
            let found = table.find(&key(table, args.get(1))?, now);
            if found.is_some_and(|id| !table.remove(id)) {
                return Err("Entry currently in use, cannot remove".into());
            }
        }
        Some(word) if word.starts_with("data.") => {
            let filters = Filter::parse_all(table, args)?;
            for id in table.sorted(now) {
                if filters.iter().all(|filter| filter.holds(table, id, now)) {
                    table.remove(id);
                }
            }
        }
        Some(_) => return Err(CLEAR_USAGE.into()),
    }
    Ok(())
}

/// One entry: `0x...: key=127.0.0.1 use=0 exp=29995 gpc0=0 conn_rate(30000)=1`.
fn line(table: &Table, id: EntryId, now: u64, out: &mut String) {
    let entry = table.entry(id);
    let expires = entry.expires.map_or(0, |expires| expires.saturating_sub(now));
    let _ = write!(out, "{:#x}: key={} use={} exp={expires}", table.address(id), entry.key, entry.trackers);
    for stored in &table.config().store {
        let row = stored.data.row();
        for element in 0..stored.elements {
            let number = if row.array { element.to_string() } else { String::new() };
            let value = table.read(id, stored.data, element, now).unwrap_or(0);
            let _ = match row.kind {
                Kind::Text => write!(out, " {}={}", row.name, entry.server_key.as_deref().unwrap_or("-")),
                Kind::Rate if row.array => write!(out, " gpc{number}_rate({})={value}", stored.period),
                Kind::Rate => write!(out, " {}({})={value}", row.name, stored.period),
                _ => write!(out, " {}{number}={value}", row.name),
            };
        }
    }
    out.push('\n');
}

fn key(table: &Table, word: Option<&String>) -> Result<Key, String> {
    let word = word.ok_or("Key value expected")?;
    match table.config().keys {
        super::KeyType::Binary(_) => {
            Err("Inserting keys into tables of type other than ip, ipv6, string and integer is not supported".into())
        }
        keys => keys.parse(word).ok_or_else(|| "Invalid key".into()),
    }
}

/// A type by its name, elements of arrays by theirs (`gpc0`, `gpt1`, `gpc2_rate`). The inner refusal: it is not stored.
fn data(table: &Table, name: &str) -> Option<Result<(DataType, usize), String>> {
    let config = table.config();
    if let Some(data) = DataType::parse(name).filter(|data| config.stored(*data).is_some()) {
        return Some(Ok((data, 0)));
    }
    let (array, digits) = match name.strip_prefix("gpc") {
        Some(rest) => match rest.strip_suffix("_rate") {
            Some(digits) => (DataType::GpcRate, digits),
            None => (DataType::Gpc, rest),
        },
        None => (DataType::Gpt, name.strip_prefix("gpt").unwrap_or_default()),
    };
    let element = digits.parse::<usize>().ok();
    let stored = element.filter(|element| config.stored(array).is_some_and(|stored| *element < stored.elements));
    match stored {
        Some(element) => Some(Ok((array, element))),
        None => DataType::parse(name).map(|_| Err("Data type not stored in this table".into())),
    }
}

impl Filter {
    fn parse_all(table: &Table, args: &[String]) -> Result<Vec<Self>, String> {
        args.chunks(3).take(FILTERS).enumerate().map(|(at, words)| Self::parse(table, words, at + 1)).collect()
    }

    fn parse(table: &Table, words: &[String], number: usize) -> Result<Self, String> {
        let refuse = |text: &str| format!("Filter entry #{number}: {text}");
        let name = words[0].strip_prefix("data.").ok_or(SHOW_USAGE)?;
        let (data, element) = match data(table, name) {
            None => return Err(refuse("Unknown data type")),
            Some(found) => found.map_err(|error| refuse(&error))?,
        };
        let operator = words.get(1).and_then(|word| OPERATORS.iter().find(|(name, _)| name == word));
        let (_, operator) = operator
            .ok_or_else(|| refuse("Require and operator among \"eq\", \"ne\", \"le\", \"ge\", \"lt\", \"gt\""))?;
        let value = words.get(2).and_then(|word| word.parse().ok());
        let value = value.ok_or_else(|| refuse("Require a valid integer value to compare against"))?;
        Ok(Self { data, element, operator: *operator, value })
    }

    fn holds(&self, table: &Table, id: EntryId, now: u64) -> bool {
        let value = table.read(id, self.data, self.element, now);
        value.is_some_and(|value| (self.operator)(&value, &self.value))
    }
}
