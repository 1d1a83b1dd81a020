//! Which user a container runs as: names looked up in the image's own /etc/passwd and /etc/group.

use crate::spec::Security;
use nix::unistd::Gid;
use serde::{Deserialize, Serialize};

/// A resolved identity.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct User {
    pub uid: u32,
    pub gid: u32,
    /// Supplementary groups, the primary one included (as containerd does).
    pub groups: Vec<u32>,
    /// For `HOME`, when the image does not set it.
    pub home: String,
}

/// The request, as far as the spec and the image know it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct UserRequest {
    /// The image's USER: `name`, `uid`, `name:group`, `uid:gid`.
    pub image_user: String,
    pub run_as_user: Option<i64>,
    pub run_as_group: Option<i64>,
    pub supplemental_groups: Vec<i64>,
    pub strict_groups: bool,
}

impl UserRequest {
    pub fn new(security: &Security, image_user: &str) -> Self {
        Self {
            image_user: image_user.into(),
            run_as_user: security.run_as_user,
            run_as_group: security.run_as_group,
            supplemental_groups: security.supplemental_groups.clone(),
            strict_groups: security.strict_groups,
        }
    }

    /// `passwd` and `group` are the contents of the image's files, empty when missing.
    pub fn resolve(&self, passwd: &str, group: &str) -> Result<User, String> {
        let (user_text, group_text) = match self.run_as_user {
            Some(uid) => (uid.to_string(), String::new()),
            None => match self.image_user.split_once(':') {
                Some((user, group)) => (user.to_string(), group.to_string()),
                None => (self.image_user.clone(), String::new()),
            },
        };
        let user_text = if user_text.is_empty() { "0".to_string() } else { user_text };
        let by_name = accounts(passwd).find(|a| a.name == user_text);
        let account = by_name.or_else(|| {
            let uid = user_text.parse::<u32>().ok()?;
            accounts(passwd).find(|a| a.uid == uid)
        });
        let uid = match (&account, user_text.parse::<u32>()) {
            (Some(account), _) => account.uid,
            (None, Ok(uid)) => uid,
            (None, Err(_)) => {
                return Err(format!("unable to find user {user_text}: no matching entries in passwd file"));
            }
        };
        let gid = match self.run_as_group {
            Some(gid) => u32::try_from(gid).map_err(|_| format!("group id {gid} is out of range"))?,
            None if group_text.is_empty() => account.as_ref().map_or(0, |a| a.gid),
            None => group_id(group, &group_text)?,
        };
        let mut groups = vec![gid];
        if !self.strict_groups
            && let Some(account) = &account
        {
            groups.extend(memberships(group, account.name));
        }
        for extra in &self.supplemental_groups {
            groups.push(u32::try_from(*extra).map_err(|_| format!("group id {extra} is out of range"))?);
        }
        let mut seen = std::collections::HashSet::new();
        groups.retain(|g| seen.insert(*g));
        let home = account.map(|a| a.home).filter(|h| !h.is_empty()).unwrap_or("/").to_string();
        Ok(User { uid, gid, groups, home })
    }
}

impl User {
    pub fn nix_groups(&self) -> Vec<Gid> {
        self.groups.iter().map(|g| Gid::from_raw(*g)).collect()
    }
}

struct Account<'a> {
    name: &'a str,
    uid: u32,
    gid: u32,
    home: &'a str,
}

fn accounts(passwd: &str) -> impl Iterator<Item = Account<'_>> {
    passwd.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let (name, _, uid, gid) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
        let home = fields.nth(1).unwrap_or("");
        Some(Account { name, uid: uid.parse().ok()?, gid: gid.parse().ok()?, home })
    })
}

fn group_id(group: &str, wanted: &str) -> Result<u32, String> {
    let fields = |line: &str| -> Option<(String, u32)> {
        let mut fields = line.split(':');
        Some((fields.next()?.to_string(), fields.nth(1)?.parse().ok()?))
    };
    let by_name = group.lines().filter_map(fields).find(|(name, _)| name == wanted).map(|(_, gid)| gid);
    by_name
        .or_else(|| wanted.parse().ok())
        .ok_or(format!("unable to find group {wanted}: no matching entries in group file"))
}

fn memberships<'a>(group: &'a str, name: &'a str) -> impl Iterator<Item = u32> + 'a {
    group.lines().filter_map(move |line| {
        let mut fields = line.split(':');
        let gid = fields.nth(2)?.parse().ok()?;
        fields.next()?.split(',').any(|member| member == name).then_some(gid)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:33::/var/www:/sbin/nologin\nbad line\n";
    const GROUP: &str = "root:x:0:\nwww-data:x:33:\nadm:x:4:www-data,x\nssl:x:101:www-data\n";

    #[track_caller]
    fn check(request: UserRequest, expected: &str) {
        let text = match request.resolve(PASSWD, GROUP) {
            Ok(user) => format!("{}:{} {:?} {}", user.uid, user.gid, user.groups, user.home),
            Err(problem) => problem,
        };
        assert_eq!(text, expected);
    }

    #[test]
    fn resolves_as_containerd_does() {
        let image = |user: &str| UserRequest { image_user: user.into(), ..Default::default() };
        check(image(""), "0:0 [0] /root");
        check(image("www-data"), "33:33 [33, 4, 101] /var/www");
        check(image("33:adm"), "33:4 [4, 101] /var/www");
        check(image("4711"), "4711:0 [0] /");
        check(image("nobody"), "unable to find user nobody: no matching entries in passwd file");
        check(image("0:nogroup"), "unable to find group nogroup: no matching entries in group file");
        let mut wanted = UserRequest { run_as_user: Some(33), run_as_group: Some(7), ..image("root") };
        wanted.supplemental_groups = vec![2000, 4];
        check(wanted.clone(), "33:7 [7, 4, 101, 2000] /var/www");
        wanted.strict_groups = true;
        check(wanted, "33:7 [7, 2000, 4] /var/www");
    }
}
