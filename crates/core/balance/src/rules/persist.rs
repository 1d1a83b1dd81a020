//! `force-persist`, `ignore-persist`, `monitor fail`: conditions that stand alone.

use super::{Context, words::Words};
use crate::{acl::Condition, sample};

/// Whether a request keeps to, or is freed from, the server its cookie names.
#[derive(Debug, Clone)]
pub struct PersistRule {
    /// `force-persist`: a server that is down is tried all the same; else `ignore-persist`: the cookie does not count.
    pub force: bool,
    condition: Condition,
}

impl PersistRule {
    pub fn holds(&self, context: &dyn sample::Context) -> bool {
        self.condition.holds(context)
    }
}

/// `force-persist { if | unless } <condition>`.
pub fn force_persist(args: &[String], context: &Context<'_>) -> Result<PersistRule, String> {
    let condition = required("force-persist", "rule", args, context)?;
    Ok(PersistRule { force: true, condition })
}

/// `ignore-persist { if | unless } <condition>`.
pub fn ignore_persist(args: &[String], context: &Context<'_>) -> Result<PersistRule, String> {
    let condition = required("ignore-persist", "rule", args, context)?;
    Ok(PersistRule { force: false, condition })
}

/// The words behind `monitor`: `fail { if | unless } <condition>`, under which `monitor-uri` answers 503.
pub fn monitor_fail(args: &[String], context: &Context<'_>) -> Result<Condition, String> {
    match args.split_first() {
        Some((keyword, rest)) if keyword == "fail" => required("monitor fail", "condition", rest, context),
        _ => Err("'monitor' only supports 'fail'.".into()),
    }
}

fn required(directive: &str, what: &str, args: &[String], context: &Context<'_>) -> Result<Condition, String> {
    if args.is_empty() || !Words::new(directive, args).at_end() {
        return Err(format!("'{directive}' requires either 'if' or 'unless' followed by a condition."));
    }
    Condition::parse(args, context.acls, context.env)
        .map_err(|error| format!("error detected while parsing a '{directive}' {what} : {error}."))
}
