//! Fetches and converters that look at entries of stick tables (`sc*_`, `src_*`, `table_*`; manual sections 7.3.1
//! and 7.3.3): one table of counters, and the names it is spoken to by.

use crate::sample::args::{Kind, Spec, spec};
use crate::sample::keyword::{Call, Convert, Converter, Fetch, Run, unchecked};
use crate::sample::{Counter, Entry, Source, Touch, Type, Value};

/// A counter under one of its names.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// How it is addressed.
    of: Of,
    counter: Counter,
    touch: Touch,
    /// What the number is divided by: `kbytes_in` counts kilobytes.
    unit: i64,
    /// The first argument is the place in an array (`gpc`, `gpt`).
    indexed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    /// `sc0_`, `sc1_`, `sc2_`.
    Tracked(u8),
    /// `sc_`: the number of the tracked entry is an argument.
    TrackedByArgument,
    /// `src_`.
    Source,
    /// `table_`: the sample is the key.
    Key,
}

/// Suffix, counter, what is done, divisor, and which prefixes know it: `t` tracked, `s` source, `k` key.
const ROWS: &[(&str, Counter, Touch, i64, &str)] = &[
    ("bytes_in_rate", Counter::BytesInRate, Touch::Read, 1, "tsk"),
    ("bytes_out_rate", Counter::BytesOutRate, Touch::Read, 1, "tsk"),
    ("clr_gpc", Counter::Gpc(0), Touch::Clear, 1, "ts"),
    ("clr_gpc0", Counter::Gpc0, Touch::Clear, 1, "ts"),
    ("clr_gpc1", Counter::Gpc1, Touch::Clear, 1, "ts"),
    ("conn_cnt", Counter::ConnCnt, Touch::Read, 1, "tsk"),
    ("conn_cur", Counter::ConnCur, Touch::Read, 1, "tsk"),
    ("conn_rate", Counter::ConnRate, Touch::Read, 1, "tsk"),
    ("expire", Counter::Expire, Touch::Read, 1, "k"),
    ("get_gpc", Counter::Gpc(0), Touch::Read, 1, "ts"),
    ("get_gpc0", Counter::Gpc0, Touch::Read, 1, "ts"),
    ("get_gpc1", Counter::Gpc1, Touch::Read, 1, "ts"),
    ("get_gpt", Counter::Gpt(0), Touch::Read, 1, "ts"),
    ("get_gpt0", Counter::Gpt0, Touch::Read, 1, "ts"),
    ("gpc", Counter::Gpc(0), Touch::Read, 1, "k"),
    ("gpc0", Counter::Gpc0, Touch::Read, 1, "k"),
    ("gpc0_rate", Counter::Gpc0Rate, Touch::Read, 1, "tsk"),
    ("gpc1", Counter::Gpc1, Touch::Read, 1, "k"),
    ("gpc1_rate", Counter::Gpc1Rate, Touch::Read, 1, "tsk"),
    ("gpc_rate", Counter::GpcRate(0), Touch::Read, 1, "tsk"),
    ("gpt", Counter::Gpt(0), Touch::Read, 1, "k"),
    ("gpt0", Counter::Gpt0, Touch::Read, 1, "k"),
    ("http_err_cnt", Counter::HttpErrCnt, Touch::Read, 1, "tsk"),
    ("http_err_rate", Counter::HttpErrRate, Touch::Read, 1, "tsk"),
    ("http_fail_cnt", Counter::HttpFailCnt, Touch::Read, 1, "tsk"),
    ("http_fail_rate", Counter::HttpFailRate, Touch::Read, 1, "tsk"),
    ("http_req_cnt", Counter::HttpReqCnt, Touch::Read, 1, "tsk"),
    ("http_req_rate", Counter::HttpReqRate, Touch::Read, 1, "tsk"),
    ("idle", Counter::Idle, Touch::Read, 1, "k"),
    ("inc_gpc", Counter::Gpc(0), Touch::Increment, 1, "ts"),
    ("inc_gpc0", Counter::Gpc0, Touch::Increment, 1, "ts"),
    ("inc_gpc1", Counter::Gpc1, Touch::Increment, 1, "ts"),
    ("kbytes_in", Counter::BytesIn, Touch::Read, 1024, "tsk"),
    ("kbytes_out", Counter::BytesOut, Touch::Read, 1024, "tsk"),
    ("server_id", Counter::ServerId, Touch::Read, 1, "k"),
    ("sess_cnt", Counter::SessCnt, Touch::Read, 1, "tsk"),
    ("sess_rate", Counter::SessRate, Touch::Read, 1, "tsk"),
    ("tracked", Counter::Exists, Touch::Read, 1, "t"),
    ("trackers", Counter::Trackers, Touch::Read, 1, "tk"),
    ("updt_conn_cnt", Counter::ConnCnt, Touch::Increment, 1, "s"),
];

/// All names of fetches.
pub fn names() -> impl Iterator<Item = String> {
    let prefixes = [("sc0", 't'), ("sc1", 't'), ("sc2", 't'), ("sc", 't'), ("src", 's')];
    ROWS.iter().flat_map(move |(suffix, .., letters)| {
        let known = prefixes.into_iter().filter(|(_, letter)| letters.contains(*letter));
        known.map(move |(prefix, _)| format!("{prefix}_{suffix}"))
    })
}

/// All names of converters.
pub fn converter_names() -> impl Iterator<Item = String> {
    let of_keys = ROWS.iter().filter(|(.., letters)| letters.contains('k'));
    of_keys.map(|(suffix, ..)| format!("table_{suffix}")).chain(["in_table".to_owned()])
}

/// The fetch of this name.
pub fn find(name: &str) -> Option<Fetch> {
    let (of, suffix, letter) = match name.split_once('_')? {
        ("sc0", suffix) => (Of::Tracked(0), suffix, 't'),
        ("sc1", suffix) => (Of::Tracked(1), suffix, 't'),
        ("sc2", suffix) => (Of::Tracked(2), suffix, 't'),
        ("sc", suffix) => (Of::TrackedByArgument, suffix, 't'),
        ("src", suffix) => (Of::Source, suffix, 's'),
        _ => return None,
    };
    let (known, row) = row(of, suffix, letter)?;
    let args = match (row.indexed, of) {
        (true, Of::TrackedByArgument) => spec(2, &[Kind::Int, Kind::Int, Kind::Table]),
        (false, Of::TrackedByArgument) => spec(1, &[Kind::Int, Kind::Table]),
        (true, Of::Source) => spec(2, &[Kind::Int, Kind::Table]),
        (true, _) => spec(1, &[Kind::Int, Kind::Table]),
        (false, Of::Source) => spec(1, &[Kind::Table]),
        (false, _) => spec(0, &[Kind::Table]),
    };
    let source = if of == Of::Source { Source::ClientAddress } else { Source::TrackCounters };
    let output = if row.counter == Counter::Exists { Type::Bool } else { Type::Int };
    Some(Fetch { name: known, args, output, source, check: unchecked, run: Run::Counter(row) })
}

/// The converter of this name.
pub fn find_converter(name: &str) -> Option<Converter> {
    let (known, row) = match name {
        "in_table" => {
            let row = Row { of: Of::Key, counter: Counter::Exists, touch: Touch::Read, unit: 1, indexed: false };
            ("in_table", row)
        }
        _ => row(Of::Key, name.strip_prefix("table_")?, 'k')?,
    };
    let args: Spec = match row.counter {
        _ if row.indexed => spec(2, &[Kind::Int, Kind::Table]),
        Counter::Expire | Counter::Idle => spec(1, &[Kind::Table, Kind::Int]),
        _ => spec(1, &[Kind::Table]),
    };
    let output = if row.counter == Counter::Exists { Type::Bool } else { Type::Int };
    Some(Converter { name: known, args, input: Type::Any, output, check: unchecked, run: Convert::Counter(row) })
}

fn row(of: Of, suffix: &str, letter: char) -> Option<(&'static str, Row)> {
    let (known, counter, touch, unit, prefixes) = ROWS.iter().find(|row| row.0 == suffix).copied()?;
    let indexed = matches!(counter, Counter::Gpc(_) | Counter::Gpt(_) | Counter::GpcRate(_));
    prefixes.contains(letter).then_some((known, Row { of, counter, touch, unit, indexed }))
}

impl Row {
    /// The number of a tracked entry or of the source's; absent entries count as zero.
    pub fn fetch(self, call: Call<'_>) -> Option<Value<'_>> {
        match self.of {
            Of::Tracked(number) => self.tracked(call, number),
            Of::TrackedByArgument => {
                let number = call.int(usize::from(self.indexed))?;
                self.tracked(call, u8::try_from(number).ok()?)
            }
            Of::Source => self.read(call, Entry::Source),
            Of::Key => None,
        }
    }

    fn tracked<'a>(self, call: Call<'a>, number: u8) -> Option<Value<'a>> {
        self.read(call, Entry::Tracked(number))
    }

    /// The number of this entry.
    pub fn read<'a>(self, call: Call<'a>, entry: Entry<'_>) -> Option<Value<'a>> {
        let counter = self.indexed_counter(call)?;
        let table = call.args.iter().enumerate().find_map(|(place, arg)| match arg {
            crate::sample::args::Arg::Name(_) => Some(call.name(place)),
            _ => None,
        });
        let number = call.context.counter(entry, table.flatten(), counter, self.touch);
        match (counter, number) {
            (Counter::Exists, number) => Some(Value::Bool(number.is_some_and(|number| number != 0))),
            (_, Some(number)) => Some(Value::Int(number / self.unit)),
            (Counter::Expire | Counter::Idle, None) => call.int(1).map(Value::Int),
            (_, None) => Some(Value::Int(0)),
        }
    }

    /// The counter with the place in its array, 0 to 99, that the first argument names.
    fn indexed_counter(self, call: Call<'_>) -> Option<Counter> {
        if !self.indexed {
            return Some(self.counter);
        }
        let place = call.int(0).and_then(|place| u8::try_from(place).ok()).filter(|place| *place < 100)?;
        Some(match self.counter {
            Counter::Gpt(_) => Counter::Gpt(place),
            Counter::GpcRate(_) => Counter::GpcRate(place),
            _ => Counter::Gpc(place),
        })
    }
}
