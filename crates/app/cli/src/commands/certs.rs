//! `barque certs`: when this machine's certificates expire, as `kubeadm certs check-expiration` says it.

use crate::output::table;
use cluster::pki::{Listed, listed};
use daemon::Config;
use jiff::Timestamp;
use std::process::ExitCode;
use std::time::Duration;

pub fn run(config: &Config) -> ExitCode {
    let folder = config.pki_dir();
    let found = listed(&folder);
    if found.is_empty() {
        eprintln!("error: there are no certificates in {}: start the server once, which makes them", folder.display());
        return ExitCode::FAILURE;
    }
    print!("{}", shown(&found, Timestamp::now()));
    println!(
        "\nThe server signs each anew after two thirds of its life, authorities excepted; nothing is restarted for it."
    );
    ExitCode::SUCCESS
}

/// A line for each, authorities last.
fn shown(found: &[Listed], now: Timestamp) -> String {
    let head = ["CERTIFICATE", "EXPIRES", "RESIDUAL", "AUTHORITY"].map(str::to_owned).to_vec();
    let row = |of: &Listed| {
        let left = match Duration::try_from(of.expires.duration_since(now)) {
            Ok(left) if !left.is_zero() => daemon::status::words(left),
            _ => "expired".to_owned(),
        };
        let authority = if of.is_authority { "(authority)" } else { &of.authority };
        let name = of.name.trim_end_matches(".crt").to_owned();
        vec![name, of.expires.strftime("%Y-%m-%d %H:%M UTC").to_string(), left, authority.to_owned()]
    };
    table(&[vec![head], found.iter().map(row).collect()].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_for_each() {
        let of = |name: &str, expires: &str, is_authority| Listed {
            name: name.to_owned(),
            expires: expires.parse().unwrap(),
            authority: "etcd-ca".to_owned(),
            is_authority,
        };
        let found =
            [of("etcd/server.crt", "2027-01-15T09:00:00Z", false), of("etcd/ca.crt", "2026-01-01T00:00:00Z", true)];
        let text = shown(&found, "2027-01-05T09:00:00Z".parse().unwrap());
        assert_eq!(
            text,
            "CERTIFICATE   EXPIRES                RESIDUAL   AUTHORITY\n\
             etcd/server   2027-01-15 09:00 UTC   10 days    etcd-ca\n\
             etcd/ca       2026-01-01 00:00 UTC   expired    (authority)\n"
        );
    }
}
