//! Sequences and mappings; the expected ones are what HAProxy 2.6 gives for the same servers.

use super::*;

#[track_caller]
fn picker(balance: &str, hash_type: &str, weights: &[u32]) -> Picker {
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let hash_type =
        if hash_type.is_empty() { HashType::default() } else { HashType::parse(&words(hash_type)).unwrap() };
    let mut picker = Picker::new(&Algorithm::parse(&words(balance)).unwrap(), &hash_type);
    picker.rebuild(&servers(weights));
    picker
}

fn servers(weights: &[u32]) -> Vec<Candidate> {
    let server = |(index, weight): (usize, &u32)| Candidate {
        index,
        id: index as u32 + 1,
        weight: *weight,
        eweight: 16 * weight,
        backup: false,
        usable: true,
    };
    weights.iter().enumerate().map(server).collect()
}

fn turns(picker: &mut Picker, count: usize) -> String {
    let idle = |_| Load::default();
    let turn = |_| picker.pick(Seed::default(), &idle, None).map_or('-', |index| char::from(b'1' + index as u8));
    (0..count).map(turn).collect()
}

#[test]
fn roundrobin_keeps_the_order_of_the_configuration() {
    assert_eq!(turns(&mut picker("roundrobin", "", &[1, 1, 1]), 7), "1231231");
    assert_eq!(turns(&mut picker("roundrobin", "", &[100, 100, 100]), 7), "1231231");
}
