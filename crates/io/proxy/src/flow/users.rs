//! Users of `userlist` sections.

use balance::config::model::Config;

/// Whether the list has this user with this password, in this group where one is named.
pub fn check(config: &Config, list: &str, user: &str, password: &str, group: Option<&str>) -> bool {
    let list = config.userlists.iter().find(|known| known.name == list);
    let Some(known) = list.and_then(|list| list.users.iter().find(|known| known.name == user)) else { return false };
    let in_group = group.is_none_or(|group| known.groups.iter().any(|name| name == group));
    in_group && balance::password::matches(known.clear_text, &known.password, password)
}
