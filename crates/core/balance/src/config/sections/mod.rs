//! The small sections, each in a file of its own.

pub(super) mod http_errors;
pub(super) mod peers;
pub(super) mod resolvers;
pub(super) mod userlist;

use super::keyword::{self, Fate, Keyword};
use super::line::Ctx;
use super::suggest;

/// Reads the words of a line into a section.
type Read<T> = fn(&mut Ctx, &mut T);

/// Reads a line by a table.
fn line<T>(ctx: &mut Ctx, table: &'static [Keyword<Read<T>>], into: &mut T, section: &str) {
    let Some(keyword) = keyword::find(&[table], ctx.words) else {
        let word = ctx.word(0);
        let known = table.iter().filter_map(|keyword| keyword.name.split(' ').next());
        return ctx.alert(match suggest::best(word, known) {
            Some(best) => format!("unknown keyword '{word}' in '{section}' section; did you mean '{best}' maybe ?"),
            None => format!("unknown keyword '{word}' in '{section}' section"),
        });
    };
    match keyword.fate {
        Fate::Done(read) => read(ctx, into),
        Fate::Ignored(reason) => ctx.report.ignore(&format!("{section} {}", keyword.name), reason),
        Fate::Refused(reason, cure) => ctx.refuse(keyword.name, reason, cure),
    }
}

/// The name of a section that must have one.
pub(super) fn name<'a>(ctx: &mut Ctx<'a>) -> Option<&'a str> {
    let (section, name) = (ctx.word(0), ctx.word(1));
    if name.is_empty() {
        ctx.alert(format!("missing name for {section} section."));
        return None;
    }
    let bad = name.chars().find(|character| !character.is_ascii_alphanumeric() && !"-_.:".contains(*character));
    if let Some(bad) = bad {
        ctx.alert(format!("character '{bad}' is not permitted in '{section}' name '{name}'."));
        return None;
    }
    Some(name)
}
