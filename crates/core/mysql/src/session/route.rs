//! Where a statement goes: what the rules want, and what they may not decide.

use crate::settings::Hostgroup;
use crate::statement::Effects;

pub struct Facts<'a> {
    /// By the rules, or the user's default.
    pub wanted: Hostgroup,
    /// The writer hostgroup of a reader hostgroup.
    pub writer_of: &'a dyn Fn(Hostgroup) -> Option<Hostgroup>,
    /// `mysql-safe_routing=strict`.
    pub strict: bool,
    pub effects: Effects,
    /// Provably: `Statement::not_a_read` is none.
    pub is_read: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Routed {
    pub hostgroup: Hostgroup,
    /// A rule wanted a reader, and it goes to the writer.
    pub rerouted: bool,
    /// It goes to a reader, and is not provably safe there: `mysql-safe_routing` lets it.
    pub unsafe_there: bool,
}

/// Only what provably reads, and leaves and needs nothing on a connection, may go to a reader hostgroup.
pub fn route(facts: &Facts) -> Routed {
    let Some(writer) = (facts.writer_of)(facts.wanted) else {
        return Routed { hostgroup: facts.wanted, rerouted: false, unsafe_there: false };
    };
    let may_read = facts.is_read && !is_of_session(facts.effects);
    if may_read || !facts.strict {
        return Routed { hostgroup: facts.wanted, rerouted: false, unsafe_there: !may_read };
    }
    Routed { hostgroup: writer, rerouted: true, unsafe_there: false }
}

/// It leaves something on its connection, or needs what an earlier statement left there.
fn is_of_session(effects: Effects) -> bool {
    OF_SESSION.into_iter().any(|effect| effects.contains(effect))
}

const OF_SESSION: [Effects; 10] = [
    Effects::USER_VARIABLE,
    Effects::ASSIGNS_USER_VARIABLE,
    Effects::TEMPORARY_TABLE,
    Effects::NAMED_LOCK,
    Effects::CALC_FOUND_ROWS,
    Effects::USES_FOUND_ROWS,
    Effects::USES_ROW_COUNT,
    Effects::USES_LAST_INSERT_ID,
    Effects::DIAGNOSTICS,
    Effects::SET_VARIABLES,
];
