//! Which versions of TLS are spoken: `ssl-min-ver`, `ssl-max-ver`, `no-tlsv12` and their like.
//!
//! We speak 1.2 and 1.3. Older ones can be asked for, and are not spoken; a range without any of ours is refused.

use crate::config::model::{SslDefaults, TlsSettings, TlsVersion};

/// What is left of our versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Versions {
    pub tls12: bool,
    pub tls13: bool,
}

/// A bind's or a server's own words come before those of `ssl-default-*-options`. `None`: none of our versions is left.
pub fn versions(own: &TlsSettings, defaults: &SslDefaults) -> Option<Versions> {
    let default = |name: &str| {
        let place = defaults.options.iter().position(|word| word == name)?;
        TlsVersion::parse(defaults.options.get(place + 1)?)
    };
    let said = |name: &str| defaults.options.iter().any(|word| word == name);
    let forced = |name: &str| said(&format!("force-{name}"));
    let min = own.min_version.or_else(|| default("ssl-min-ver")).unwrap_or(TlsVersion::Tls12);
    let max = own.max_version.or_else(|| default("ssl-max-ver")).unwrap_or(TlsVersion::Tls13);
    let in_range = |version| (min..=max).contains(&version);
    let versions = Versions {
        tls12: in_range(TlsVersion::Tls12) && !said("no-tlsv12") && !forced("tlsv13"),
        tls13: in_range(TlsVersion::Tls13) && !said("no-tlsv13") && !forced("tlsv12"),
    };
    (versions.tls12 || versions.tls13).then_some(versions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        let check = |min: Option<&str>, max: Option<&str>, options: &str| {
            let parse = |version: Option<&str>| version.and_then(TlsVersion::parse);
            let own = TlsSettings { min_version: parse(min), max_version: parse(max), ..TlsSettings::default() };
            let options = options.split_whitespace().map(str::to_owned).collect();
            versions(&own, &SslDefaults { options, ..SslDefaults::default() }).map(|v| (v.tls12, v.tls13))
        };
        assert_eq!(check(None, None, "no-sslv3"), Some((true, true)));
        assert_eq!(check(Some("TLSv1.3"), None, ""), Some((false, true)));
        assert_eq!(check(None, Some("TLSv1.2"), ""), Some((true, false)));
        assert_eq!(check(Some("TLSv1.2"), None, "ssl-min-ver TLSv1.3"), Some((true, true)));
        assert_eq!(check(None, None, "ssl-min-ver TLSv1.3"), Some((false, true)));
        assert_eq!(check(None, None, "no-tlsv13"), Some((true, false)));
        assert_eq!(check(None, Some("TLSv1.1"), ""), None);
        assert_eq!(check(Some("TLSv1.3"), Some("TLSv1.2"), ""), None);
    }
}
