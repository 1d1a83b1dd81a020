//! `userlist` (manual, section 3.4): users, passwords, groups.

use crate::config::line::Ctx;
use crate::config::model::{Group, User, Userlist};
use crate::config::problem::Level;
use crate::config::report::Report;
use crate::password;

/// A section while it is read: `group g users a,b` may name users that come later.
#[derive(Debug, Default)]
pub(in crate::config) struct Draft {
    list: Userlist,
    /// Groups and the users their own lines named.
    members: Vec<(String, Vec<String>)>,
}

/// Without a name its lines are read for what is wrong in them.
pub(in crate::config) fn open(ctx: &mut Ctx) -> Draft {
    let name = ctx.word(1);
    if name.is_empty() {
        ctx.report.alert_tight("'userlist' expects <name> as arguments.");
    }
    Draft { list: Userlist { name: name.to_owned(), ..Userlist::default() }, members: vec![] }
}

pub(in crate::config) fn line(ctx: &mut Ctx, draft: &mut Draft) {
    match ctx.word(0) {
        "user" => user(ctx, draft),
        "group" => group(ctx, draft),
        word => ctx.report.alert_tight(format!("unknown keyword '{word}' in 'users' section")),
    }
}

fn names(list: &str) -> Vec<String> {
    list.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

fn user(ctx: &mut Ctx, draft: &mut Draft) {
    let name = ctx.word(1);
    if name.is_empty() {
        return ctx.report.alert_tight("'user' expects <name> as arguments.");
    }
    if draft.list.users.iter().any(|user| user.name == name) {
        return warn_twin(ctx, format!("ignoring duplicated user '{name}' in userlist '{}'.", draft.list.name));
    }
    let mut user = User { name: name.to_owned(), password: String::new(), clear_text: true, groups: vec![] };
    let mut words = ctx.rest(2).iter();
    while let Some(word) = words.next() {
        let value = words.next().cloned().unwrap_or_default();
        match word.as_str() {
            "password" if !password::is_supported(&value) => {
                return ctx.report.alert_tight(format!(
                    "the password of user '{name}' is kept in a way that cannot be checked here: write it as SHA-256 \
                     ($5$) or SHA-512 ($6$), as 'mkpasswd -m sha-512' does."
                ));
            }
            "password" => (user.password, user.clear_text) = (value, false),
            "insecure-password" => (user.password, user.clear_text) = (value, true),
            "groups" => user.groups = names(&value),
            _ => {
                return ctx
                    .report
                    .alert_tight("'user' only supports 'password', 'insecure-password' and 'groups' options.");
            }
        }
    }
    draft.list.users.push(user);
}

fn group(ctx: &mut Ctx, draft: &mut Draft) {
    let (name, word) = (ctx.word(1), ctx.word(2));
    if name.is_empty() {
        return ctx.report.alert_tight("'group' expects <name> as arguments.");
    }
    if draft.list.groups.iter().any(|group| group.name == name) {
        return warn_twin(ctx, format!("ignoring duplicated group '{name}' in userlist '{}'.", draft.list.name));
    }
    match word {
        "" => {}
        "users" => draft.members.push((name.to_owned(), names(ctx.word(3)))),
        _ => return ctx.report.alert_tight("'group' only supports 'users' option."),
    }
    draft.list.groups.push(Group { name: name.to_owned() });
}

/// Puts users into the groups that name them; both must exist.
pub(in crate::config) fn close(report: &mut Report, draft: Draft) -> Userlist {
    let Draft { mut list, members } = draft;
    let of = format!("userlist '{}'", list.name);
    for (group, users) in &members {
        for name in users {
            match list.users.iter_mut().find(|user| user.name == *name) {
                Some(user) if !user.groups.contains(group) => user.groups.push(group.clone()),
                Some(_) => {}
                None => report.push(Level::Alert, format!("{of}: no such user '{name}' specified in group '{group}'")),
            }
        }
    }
    for user in &list.users {
        for name in user.groups.iter().filter(|name| !list.groups.iter().any(|group| group.name == **name)) {
            let text = format!("{of}: no such group '{name}' specified in user '{}'", user.name);
            report.push(Level::Alert, text);
        }
    }
    list
}

fn warn_twin(ctx: &mut Ctx, text: String) {
    let text = format!("parsing [{}]: {text}", ctx.report.place);
    ctx.report.push(Level::Warning, text);
}
