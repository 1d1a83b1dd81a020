//! What a group has to remember for longer than its process lives: who is the writer, and who was. Neither is in the rows,
//! and after a failover the answers of two writable servers do not tell it either.

use super::super::gtid::Position;
use super::{Address, Group, Retirement};
use serde_json::{Value, json};

/// Of a group that has a writer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Memory {
    writer: Address,
    /// Members that had a row in the writer hostgroup.
    writer_rows: Vec<Address>,
    /// Old writers, and where their successors were when they took over.
    retired: Vec<(Address, Option<Position>)>,
}

impl Group {
    /// `None` before the first writer is known.
    pub fn memory(&self) -> Option<Memory> {
        let writer = self.servers[self.incumbent?].member.address.clone();
        let retired = self.servers.iter().filter_map(|server| {
            let retirement = server.retired.as_ref()?;
            Some((server.member.address.clone(), retirement.at.clone()))
        });
        Some(Memory { writer, writer_rows: self.writer_rows(), retired: retired.collect() })
    }

    /// Before the first answers. Where other members have a row in the writer hostgroup than then, the rows are the
    /// administrator's newer word, and nothing is remembered.
    pub fn recall(&mut self, memory: &Memory) {
        if self.settled || memory.writer_rows != self.writer_rows() {
            return;
        }
        self.remembered = Some(memory.writer.clone());
        for (address, at) in &memory.retired {
            if let Some(index) = self.index_of(address) {
                self.servers[index].retired = Some(Retirement { at: at.clone() });
            }
        }
    }

    fn writer_rows(&self) -> Vec<Address> {
        let rows = self.servers.iter().filter(|server| server.member.writer_row);
        rows.map(|server| server.member.address.clone()).collect()
    }
}

impl Memory {
    pub fn to_json(&self) -> Value {
        let retired = self.retired.iter().map(
            |(address, at)| json!({"server": to_json(address), "successor_at": at.as_ref().map(ToString::to_string)}),
        );
        json!({
            "writer": to_json(&self.writer),
            "writer_rows": self.writer_rows.iter().map(to_json).collect::<Vec<_>>(),
            "retired": retired.collect::<Vec<_>>(),
        })
    }

    /// `None`: it is none.
    pub fn from_json(value: &Value) -> Option<Self> {
        let retired = value["retired"].as_array()?.iter().map(|retired| {
            let at = match &retired["successor_at"] {
                Value::Null => None,
                at => Some(at.as_str()?.parse().ok()?),
            };
            Some((address(&retired["server"])?, at))
        });
        Some(Self {
            writer: address(&value["writer"])?,
            writer_rows: value["writer_rows"].as_array()?.iter().map(address).collect::<Option<_>>()?,
            retired: retired.collect::<Option<_>>()?,
        })
    }
}

fn to_json(address: &Address) -> Value {
    json!({"hostname": address.hostname, "port": address.port})
}

fn address(value: &Value) -> Option<Address> {
    let port = u16::try_from(value["port"].as_u64()?).ok()?;
    Some(Address { hostname: value["hostname"].as_str()?.to_owned(), port })
}
