//! Runs a list of rules.

use super::{
    Rule,
    action::{Action, Step},
    exchange::{Effect, Exchange, Verdict},
};
use crate::acl;

/// Runs rules from place `next` on. After a verdict that lets the exchange go on (`Wait`, `ExpectProxy`,
/// `WaitForBody`, ...) a call with the same `next` goes on where it stopped.
pub fn evaluate(rules: &[Rule], next: &mut usize, exchange: &mut dyn Exchange) -> Verdict {
    let mut hinted = false;
    let verdict = loop {
        let Some(rule) = rules.get(*next) else { break Verdict::Continue };
        if hinted && !matches!(*rule.action, Action::EarlyHint(_)) {
            exchange.effect(Effect::EndEarlyHints);
            hinted = false;
        }
        let applies = rule.condition.as_ref().map_or(acl::Verdict::Pass, |condition| condition.test(exchange));
        match applies {
            acl::Verdict::Pass => match rule.action.apply(exchange, rule.side) {
                Step::Next => hinted |= matches!(*rule.action, Action::EarlyHint(_)),
                Step::Wait => break Verdict::Wait,
                Step::End(verdict) => {
                    *next += 1;
                    break verdict;
                }
            },
            acl::Verdict::Fail => {}
            acl::Verdict::Wait => break Verdict::Wait,
        }
        *next += 1;
    };
    if hinted {
        exchange.effect(Effect::EndEarlyHints);
    }
    verdict
}
