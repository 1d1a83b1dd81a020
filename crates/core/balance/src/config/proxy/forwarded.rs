//! `option forwardfor` and `option originalto`.

use super::Draft;
use crate::config::Global;
use crate::config::line::{Ctx, Modifier};
use crate::config::model::Forwarded;
use crate::config::server::network;

pub(super) fn forwardfor(ctx: &mut Ctx, draft: &mut Draft, _: &Global) {
    if let Some(read) = read(ctx, "X-Forwarded-For", true) {
        draft.proxy.options.forwardfor = Some(read);
    }
}

pub(super) fn originalto(ctx: &mut Ctx, draft: &mut Draft, _: &Global) {
    if let Some(read) = read(ctx, "X-Original-To", false) {
        draft.proxy.options.originalto = Some(read);
    }
}

fn read(ctx: &mut Ctx, header: &str, takes_if_none: bool) -> Option<Forwarded> {
    let option = ctx.word(1);
    if ctx.modifier != Modifier::None {
        ctx.report.alert_tight(format!("negation/default is not supported for option '{option}'."));
        return None;
    }
    let mut read = Forwarded { except: None, header: header.to_owned(), if_none: false };
    let mut words = ctx.rest(2).iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "except" => match words.next().and_then(|word| network(word)) {
                Some(network) => read.except = Some(network),
                None => {
                    ctx.alert(format!("'option {option} except' expects <address>[/mask] as argument."));
                    return None;
                }
            },
            "header" => match words.next() {
                Some(name) => read.header = name.clone(),
                None => {
                    ctx.alert(format!("'option {option} header' expects <header_name> as argument."));
                    return None;
                }
            },
            "if-none" if takes_if_none => read.if_none = true,
            _ => {
                let values = if takes_if_none { "'except', 'header' and 'if-none'" } else { "'except' and 'header'" };
                ctx.alert(format!("'option {option}' only supports optional values: {values}."));
                return None;
            }
        }
    }
    Some(read)
}
