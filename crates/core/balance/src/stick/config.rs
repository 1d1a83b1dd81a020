//! The words of `stick-table`.

use super::{
    data::{DataType, Kind},
    key::KeyType,
};
use crate::rules::words::{bytes, millis};

/// Elements that an array may have: HAProxy's limit.
const ARRAY_MAX: usize = 100;

/// A `stick-table` line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableConfig {
    pub keys: KeyType,
    /// Entries at most.
    pub size: usize,
    /// Milliseconds without a touch after which an entry goes; none is never.
    pub expire: Option<u32>,
    /// A full table refuses new keys instead of dropping its oldest.
    pub nopurge: bool,
    /// Name of the `peers` section to share with. Accepted; nothing is shared.
    pub peers: Option<String>,
    /// `srvkey addr`: servers are remembered by address instead of name.
    pub by_address: bool,
    /// What entries store, in the order of the types.
    pub store: Vec<Stored>,
}

/// One stored type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    pub data: DataType,
    /// Milliseconds, for rates.
    pub period: u32,
    /// Elements: 1 but for arrays.
    pub elements: usize,
}

impl TableConfig {
    /// Reads the words after `stick-table`; warnings are added to `warnings`.
    pub fn parse(words: &[String], warnings: &mut Vec<String>) -> Result<Self, String> {
        let refuse = |text: String| format!("stick-table: {text}.");
        let mut draft = Draft::default();
        let mut words = words.iter().map(String::as_str).peekable();
        while let Some(word) = words.next() {
            let mut argument =
                |what: &str| words.next().ok_or_else(|| refuse(format!("missing argument after '{what}'")));
            match word {
                "type" => {
                    let name = words.next().unwrap_or_default();
                    let len = if words.peek() == Some(&"len") { words.nth(1) } else { None };
                    draft.keys = Some(key_type(name, len).map_err(refuse)?);
                }
                "size" => {
                    let size = bytes(argument("size")?);
                    draft.size = size.map_err(|error| refuse(format!("{error} in argument of 'size'")))? as usize;
                }
                "expire" => {
                    let expire = millis(argument("expire")?);
                    let expire = expire.map_err(|error| refuse(format!("{error} in argument of 'expire'")))?;
                    draft.expire = Some(expire as u32).filter(|expire| *expire > 0);
                }
                "nopurge" => draft.nopurge = true,
                "peers" => draft.peers = Some(argument("peers")?.to_owned()),
                "srvkey" => match argument("srvkey")? {
                    "name" => draft.by_address = false,
                    "addr" => draft.by_address = true,
                    other => return Err(format!("stick-table : unknown server key type '{other}'.")),
                },
                "store" => {
                    for item in items(words.next().unwrap_or_default()) {
                        draft.add(item, warnings).map_err(refuse)?;
                    }
                }
                other => return Err(refuse(format!("unknown argument '{other}'"))),
            }
        }
        draft.finish().map_err(|text| refuse(text.into()))
    }

    pub fn stored(&self, data: DataType) -> Option<&Stored> {
        self.store.iter().find(|stored| stored.data == data)
    }

    /// Adds what `stick` rules need: they remember servers.
    pub fn store_servers(&mut self) {
        for data in [DataType::ServerId, DataType::ServerKey] {
            if self.stored(data).is_none() {
                self.store.push(Stored { data, period: 0, elements: 1 });
            }
        }
        self.store.sort_by_key(|stored| stored.data);
    }
}

#[derive(Default)]
struct Draft {
    keys: Option<KeyType>,
    size: usize,
    expire: Option<u32>,
    nopurge: bool,
    peers: Option<String>,
    by_address: bool,
    store: Vec<Stored>,
}

impl Draft {
    fn add(&mut self, item: &str, warnings: &mut Vec<String>) -> Result<(), String> {
        let (name, argument) = match item.split_once('(') {
            None => (item, None),
            Some((name, rest)) => {
                let closed = rest.strip_suffix(')');
                (name, Some(closed.ok_or_else(|| format!("missing closing parenthesis after store option '{name}'"))?))
            }
        };
        let data = DataType::parse(name).ok_or_else(|| format!("unknown store option '{name}'"))?;
        if self.store.iter().any(|stored| stored.data == data) {
            warnings.push(format!("stick-table: store option '{name}' already enabled, ignored."));
            return Ok(());
        }
        let row = data.row();
        let mut arguments = argument.unwrap_or_default().split(',').filter(|text| !text.is_empty());
        let missing = || format!("missing argument to store option '{name}'");
        let mut elements = 1;
        if row.array {
            let count = arguments.next().ok_or_else(missing)?;
            elements = count.trim().parse().ok().filter(|count| (1..=ARRAY_MAX).contains(count)).ok_or_else(|| {
                format!("array size is out of allowed range (1-{ARRAY_MAX}) for store option '{name}'")
            })?;
        }
        let mut period = 0;
        if row.kind == Kind::Rate {
            let text = arguments.next().ok_or_else(missing)?;
            let parsed = millis(text.trim()).ok().filter(|period| *period > 0);
            period = parsed.ok_or_else(|| format!("error when processing store option '{name}'"))? as u32;
        }
        if arguments.next().is_some() {
            return Err(format!("unexpected argument to store option '{name}'"));
        }
        self.store.push(Stored { data, period, elements });
        Ok(())
    }

    fn finish(mut self) -> Result<TableConfig, &'static str> {
        let has = |data| self.store.iter().any(|stored| stored.data == data);
        const OVERRIDES: [(DataType, [DataType; 2], &str); 3] = [
            (
                DataType::Gpc,
                [DataType::Gpc0, DataType::Gpc1],
                "simultaneous usage of 'gpc' and 'gpc[0/1]' in a same table is not permitted as 'gpc' overrides \
                 'gpc[0/1]'",
            ),
            (
                DataType::GpcRate,
                [DataType::Gpc0Rate, DataType::Gpc1Rate],
                "simultaneous usage of 'gpc_rate' and 'gpc[0/1]_rate' in a same table is not permitted as 'gpc_rate' \
                 overrides 'gpc[0/1]_rate'",
            ),
            (
                DataType::Gpt,
                [DataType::Gpt0, DataType::Gpt0],
                "simultaneous usage of 'gpt' and 'gpt0' in a same table is not permitted as 'gpt' overrides 'gpt0'",
            ),
        ];
        for (array, single, refusal) in OVERRIDES {
            if has(array) && single.into_iter().any(has) {
                return Err(refusal);
            }
        }
        if self.size == 0 {
            return Err("missing size");
        }
        let keys = self.keys.ok_or("missing type")?;
        self.store.sort_by_key(|stored| stored.data);
        let Self { size, expire, nopurge, peers, by_address, store, .. } = self;
        Ok(TableConfig { keys, size, expire, nopurge, peers, by_address, store })
    }
}

fn key_type(name: &str, len: Option<&str>) -> Result<KeyType, String> {
    let len = match len {
        None => Ok(32),
        Some(word) => word.parse().ok().filter(|len| *len > 0).ok_or_else(|| format!("unknown type '{word}'")),
    };
    match name {
        "ip" => Ok(KeyType::Ip),
        "ipv6" => Ok(KeyType::Ipv6),
        "integer" => Ok(KeyType::Integer),
        "string" => Ok(KeyType::String(len?)),
        "binary" => Ok(KeyType::Binary(len?)),
        other => Err(format!("unknown type '{other}'")),
    }
}

/// Parts at commas outside of parentheses.
fn items(list: &str) -> Vec<&str> {
    let (mut found, mut start, mut depth) = (Vec::new(), 0, 0_i32);
    for (at, letter) in list.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                found.push(&list[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    found.push(&list[start..]);
    found.retain(|item| !item.is_empty());
    found
}
