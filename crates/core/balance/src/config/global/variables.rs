//! `set-var` and `set-var-fmt` of `global`: variables of the process, set before anything is served.

use super::Read;
use crate::config::keyword::{ANY, Keyword, done};
use crate::config::line::Ctx;
use crate::config::model::Global;
use crate::log::Format;
use crate::pattern::Library;
use crate::sample::{Env, Expr, Nothing, Place, Standing, Value};

pub(super) const KEYWORDS: &[Keyword<Read>] = &[done("set-var", ANY, set_var), done("set-var-fmt", ANY, set_var)];

/// Scopes that a name may begin with; only the first is there before any connection is.
const SCOPES: [&str; 6] = ["proc", "sess", "txn", "req", "res", "check"];

fn set_var(ctx: &mut Ctx, global: &mut Global) {
    let (directive, name) = (ctx.word(0), ctx.word(1));
    if name.is_empty() || ctx.word(2).is_empty() {
        let what = if directive == "set-var" { "a sample expression" } else { "a format string" };
        return ctx.alert(format!("'{directive}' requires a process-wide variable name ('proc.<name>') and {what}."));
    }
    let scope = name.split_once('.').map_or("", |(scope, _)| scope);
    if !SCOPES.contains(&scope) {
        return ctx.alert(format!(
            "invalid variable name '{name}'. A variable name must be start by its scope. The scope can be 'proc', \
             'sess', 'txn', 'req', 'res' or 'check'"
        ));
    }
    if scope != "proc" {
        return ctx.alert(format!(
            "'{directive}': cannot set variable '{name}', only scope 'proc' is permitted in the global section."
        ));
    }
    match value(ctx) {
        Ok(value) => {
            let name = name.trim_start_matches("proc.").to_owned();
            global.vars.retain(|(known, _)| *known != name);
            global.vars.extend(value.map(|value| (name, value)));
        }
        Err(error) => ctx.alert(error),
    }
}

/// What is known before there is any traffic.
fn value(ctx: &Ctx) -> Result<Option<Value<'static>>, String> {
    let patterns = Library::default();
    patterns.notes().stand(Standing { places: vec![Place::ConfigParser], ..Standing::default() });
    let env = Env { files: ctx.files, patterns: &patterns };
    if ctx.word(0) == "set-var" {
        let (expression, _) = Expr::parse(ctx.rest(2), env)?;
        return Ok(expression.get(&Nothing).map(Value::into_owned));
    }
    let mut text = vec![];
    Format::parse(ctx.word(2), env)?.render(&Nothing, &mut text);
    Ok(Some(Value::str(text)))
}
