//! All that an answer depends on, as bytes.

use crate::protocol::packet::put_lenenc_bytes;
use crate::session::State;
use crate::settings::Hostgroup;

/// Who asks, how, and what.
#[derive(Clone, Copy)]
pub struct About<'a> {
    pub user: &'a str,
    /// Where it would go: the same text may mean other data there.
    pub hostgroup: Hostgroup,
    /// Of the log-in: what texts are in, as long as the state says nothing else.
    pub collation: u8,
    /// Those that shape answers.
    pub capabilities: u32,
    /// Schema and all variables that are set.
    pub state: &'a State,
    pub sql: &'a [u8],
    /// `None`: the text protocol.
    pub execution: Option<Execution<'a>>,
}

/// Of a prepared statement.
#[derive(Clone, Copy)]
pub struct Execution<'a> {
    /// Of the session when it was prepared: its names are of that schema.
    pub prepared_in: &'a State,
    pub nulls: &'a [u8],
    pub types: &'a [u8],
    pub values: &'a [u8],
}

/// Writes the key into `out`, which is cleared before. Different questions never give equal bytes.
pub fn write_key(out: &mut Vec<u8>, about: &About) {
    out.clear();
    out.extend_from_slice(&about.hostgroup.to_le_bytes());
    out.extend_from_slice(&about.capabilities.to_le_bytes());
    out.extend_from_slice(&[about.collation, u8::from(about.execution.is_some())]);
    put_lenenc_bytes(out, about.user.as_bytes());
    write_state(out, about.state);
    put_lenenc_bytes(out, about.sql);
    if let Some(execution) = about.execution {
        write_state(out, execution.prepared_in);
        for part in [execution.nulls, execution.types, execution.values] {
            put_lenenc_bytes(out, part);
        }
    }
}

fn write_state(out: &mut Vec<u8>, state: &State) {
    put_lenenc_bytes(out, &state.schema);
    for (name, value) in state.iter() {
        put_lenenc_bytes(out, name.as_bytes());
        put_lenenc_bytes(out, value.as_bytes());
    }
    // No variable has an empty name: the list is over.
    out.push(0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_changes_an_answer_changes_the_key() {
        let (mut plain, mut other) = (State::default(), State::default());
        plain.set_schema(b"a");
        other.set_schema(b"a");
        other.heard(b"sql_mode", b"ANSI");
        let mut elsewhere = State::default();
        elsewhere.set_schema(b"b");
        let about = About {
            user: "u",
            hostgroup: 1,
            collation: 45,
            capabilities: 0,
            state: &plain,
            sql: b"SELECT 1",
            execution: None,
        };
        let execution = Execution { prepared_in: &plain, nulls: &[0], types: &[8, 0], values: &[1] };
        let all = [
            about,
            About { user: "v", ..about },
            About { hostgroup: 2, ..about },
            About { collation: 33, ..about },
            About { capabilities: 1 << 24, ..about },
            About { state: &other, ..about },
            About { state: &elsewhere, ..about },
            About { sql: b"SELECT  1", ..about },
            About { execution: Some(execution), ..about },
            About { execution: Some(Execution { values: &[2], ..execution }), ..about },
            About { execution: Some(Execution { types: &[3, 0], ..execution }), ..about },
            About { execution: Some(Execution { nulls: &[1], ..execution }), ..about },
            About { execution: Some(Execution { prepared_in: &elsewhere, ..execution }), ..about },
        ];
        let keys: std::collections::HashSet<Vec<u8>> = all
            .iter()
            .map(|about| {
                let mut key = b"left from before".to_vec();
                write_key(&mut key, about);
                key
            })
            .collect();
        assert_eq!(keys.len(), all.len());
    }
}
