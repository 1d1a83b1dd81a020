//! `mysql-proxy_protocol_networks`: who may say for whom it speaks.

use std::net::IpAddr;

/// Addresses and networks; none by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Networks(Vec<(IpAddr, u8)>);

impl Networks {
    /// Reads `10.0.0.0/8, 192.168.1.7`, separated by commas, semicolons or blanks; `*` is everybody.
    ///
    /// # Errors
    /// Names the word that is neither.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut all = Vec::new();
        for word in text.split([',', ';', ' ']).map(str::trim).filter(|word| !word.is_empty()) {
            if word == "*" {
                all.extend([(IpAddr::from([0; 4]), 0), (IpAddr::from([0; 16]), 0)]);
                continue;
            }
            let wrong = || format!("'{word}' is neither an address nor a network (10.0.0.0/8) nor *");
            let (address, bits) = match word.split_once('/') {
                Some((address, bits)) => (address, Some(bits.parse::<u8>().map_err(|_| wrong())?)),
                None => (word, None),
            };
            let address: IpAddr = address.parse().map_err(|_| wrong())?;
            let most = if address.is_ipv4() { 32 } else { 128 };
            let bits = bits.unwrap_or(most);
            if bits > most {
                return Err(wrong());
            }
            all.push((address, bits));
        }
        Ok(Self(all))
    }

    pub fn has(&self, address: IpAddr) -> bool {
        self.0.iter().any(|(network, bits)| match (network, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                same(u32::from(*network).into(), u32::from(address).into(), 32 - bits)
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => same(u128::from(*network), u128::from(address), 128 - bits),
            _ => false,
        })
    }
}

/// All but the last `host` bits.
fn same(a: u128, b: u128, host: u8) -> bool {
    (a ^ b).checked_shr(host.into()).unwrap_or_default() == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_in() {
        let networks = Networks::parse("10.0.0.0/8, 192.168.1.7;fd00::/8").expect("all good");
        let has = |address: &str| networks.has(address.parse().expect("an address"));
        assert!(has("10.1.2.3") && has("192.168.1.7") && has("fd12::1"));
        assert!(!has("11.1.2.3") && !has("192.168.1.8") && !has("fe80::1"));
        let all = Networks::parse("*").expect("good");
        assert!(all.has("1.2.3.4".parse().expect("an address")) && all.has("::1".parse().expect("an address")));
        assert!(!Networks::default().has("127.0.0.1".parse().expect("an address")));
        for wrong in ["10.0.0.0/33", "somewhere", "1.2.3.4/x"] {
            assert!(Networks::parse(wrong).is_err(), "{wrong}");
        }
    }
}
