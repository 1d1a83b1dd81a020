//! `use_backend`, `use-server`: where a request goes.

use super::{Context, parse, words::Words};
use crate::{
    acl::{Condition, Verdict},
    log::Format,
    sample,
};

/// One `use_backend`.
#[derive(Debug, Clone)]
pub struct Switch {
    target: Target,
    condition: Option<Condition>,
}

/// One `use-server`.
#[derive(Debug, Clone)]
pub struct ServerSwitch {
    target: Target,
    condition: Condition,
}

#[derive(Debug, Clone)]
enum Target {
    Name(String),
    /// The name is made anew for each request.
    Format(Format),
}

/// `use_backend <backend> [{if | unless} <condition>]`.
pub fn use_backend(args: &[String], context: &Context<'_>) -> Result<Switch, String> {
    let mut words = Words::new("use_backend", args);
    let name = words.value().ok_or("'use_backend' expects a backend name.")?;
    if !words.at_end() {
        return Err(format!(
            "unexpected keyword '{}' after switching rule, only 'if' and 'unless' are allowed.",
            words.peek().unwrap_or_default()
        ));
    }
    let condition = parse::condition(words.rest(), context)
        .map_err(|error| format!("error detected while parsing switching rule : {error}."))?;
    let target = Target::parse(name, context);
    let target = target.map_err(|error| format!("failed to parse use_backend rule '{name}' : {error}."))?;
    Ok(Switch { target, condition })
}

/// `use-server <server> {if | unless} <condition>`.
pub fn use_server(args: &[String], context: &Context<'_>) -> Result<ServerSwitch, String> {
    let mut words = Words::new("use-server", args);
    let name = words.value().ok_or("'use-server' expects a server name.")?;
    if words.rest().is_empty() || !words.at_end() {
        return Err("'use-server' requires either 'if' or 'unless' followed by a condition.".into());
    }
    let condition = Condition::parse(words.rest(), context.acls, context.env)
        .map_err(|error| format!("error detected while parsing switching rule : {error}."))?;
    let target = Target::parse(name, context);
    let target = target.map_err(|error| format!("failed to parse use-server rule '{name}' : {error}."))?;
    Ok(ServerSwitch { target, condition })
}

impl Switch {
    /// Whether the rule applies, or cannot say before more bytes come.
    pub fn test(&self, context: &dyn sample::Context) -> Verdict {
        self.condition.as_ref().map_or(Verdict::Pass, |condition| condition.test(context))
    }

    /// The name of the backend. One made by a format may not exist: then `default_backend` is used.
    pub fn backend(&self, context: &dyn sample::Context) -> String {
        self.target.name(context)
    }

    /// The name as configured, where it is fixed: it must exist.
    pub fn fixed(&self) -> Option<&str> {
        self.target.fixed()
    }
}

impl ServerSwitch {
    pub fn holds(&self, context: &dyn sample::Context) -> bool {
        self.condition.holds(context)
    }

    /// The name of the server. Unknown or not usable: the next rule, then balancing.
    pub fn server(&self, context: &dyn sample::Context) -> String {
        self.target.name(context)
    }

    pub fn fixed(&self) -> Option<&str> {
        self.target.fixed()
    }
}

impl Target {
    fn parse(name: &str, context: &Context<'_>) -> Result<Self, String> {
        match name.contains('%') {
            true => Format::parse(name, context.env).map(Self::Format),
            false => Ok(Self::Name(name.to_owned())),
        }
    }

    fn name(&self, context: &dyn sample::Context) -> String {
        match self {
            Self::Name(name) => name.clone(),
            Self::Format(format) => {
                let mut out = Vec::new();
                format.render(context, &mut out);
                String::from_utf8_lossy(&out).into_owned()
            }
        }
    }

    fn fixed(&self) -> Option<&str> {
        match self {
            Self::Name(name) => Some(name),
            Self::Format(_) => None,
        }
    }
}
