//! SpookyHash V2, which ProxySQL names digests by.
//!
//! The algorithm is Bob Jenkins's, in the public domain: <https://burtleburtle.net/bob/hash/spooky.html>.

/// Any odd number without pattern would do; this is the one all agree on.
const FILL: u64 = 0xdead_beef_dead_beef;
/// Bytes that the long form mixes at once.
const BLOCK: usize = 96;

/// Rotations of the short form's rounds.
const SHORT_MIX: [u32; 12] = [50, 52, 30, 41, 54, 48, 38, 37, 62, 34, 5, 36];
const SHORT_END: [u32; 11] = [15, 52, 26, 51, 28, 9, 47, 54, 32, 25, 63];
/// Rotations of the long form's twelve lanes.
const MIX: [u32; 12] = [11, 32, 43, 31, 17, 28, 39, 57, 55, 54, 22, 46];
const END: [u32; 12] = [44, 15, 34, 21, 38, 33, 10, 13, 38, 53, 42, 54];

/// The first 64 of the 128 bits, both seeds being `seed`.
pub fn hash64(bytes: &[u8], seed: u64) -> u64 {
    if bytes.len() < 2 * BLOCK { short(bytes, seed) } else { long(bytes, seed) }
}

/// Up to eight bytes as a little-endian number.
fn word(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
}

fn full_word(bytes: &[u8]) -> u64 {
    bytes.first_chunk().map_or(0, |chunk| u64::from_le_bytes(*chunk))
}

fn short(bytes: &[u8], seed: u64) -> u64 {
    let mut state = [seed, seed, FILL, FILL];
    let mut blocks = bytes.chunks_exact(32);
    for block in &mut blocks {
        absorb(&mut state, 2, block);
        short_mix(&mut state);
        absorb(&mut state, 0, &block[16..]);
    }
    let mut rest = blocks.remainder();
    if rest.len() >= 16 {
        absorb(&mut state, 2, rest);
        short_mix(&mut state);
        rest = &rest[16..];
    }
    let (low, high) = rest.split_at(rest.len().min(8));
    let (low, high) = if rest.is_empty() { (FILL, FILL) } else { (word(low), word(high)) };
    state[2] = state[2].wrapping_add(low);
    state[3] = state[3].wrapping_add((bytes.len() as u64) << 56).wrapping_add(high);
    short_end(&mut state);
    state[0]
}

/// Adds 16 bytes to two neighbouring lanes.
fn absorb(state: &mut [u64; 4], lane: usize, bytes: &[u8]) {
    state[lane] = state[lane].wrapping_add(full_word(bytes));
    state[lane + 1] = state[lane + 1].wrapping_add(full_word(&bytes[8..]));
}

#[inline]
fn short_mix(state: &mut [u64; 4]) {
    for (round, rotation) in SHORT_MIX.into_iter().enumerate() {
        let lane = (round + 2) % 4;
        state[lane] = state[lane].rotate_left(rotation).wrapping_add(state[(lane + 1) % 4]);
        state[(lane + 2) % 4] ^= state[lane];
    }
}

#[inline]
fn short_end(state: &mut [u64; 4]) {
    for (round, rotation) in SHORT_END.into_iter().enumerate() {
        let (lane, before) = ((round + 3) % 4, (round + 2) % 4);
        state[lane] ^= state[before];
        state[before] = state[before].rotate_left(rotation);
        state[lane] = state[lane].wrapping_add(state[before]);
    }
}

fn long(bytes: &[u8], seed: u64) -> u64 {
    let mut state: [u64; 12] = std::array::from_fn(|lane| if lane % 3 == 2 { FILL } else { seed });
    let mut blocks = bytes.chunks_exact(BLOCK);
    for block in &mut blocks {
        mix(&mut state, block);
    }
    let rest = blocks.remainder();
    let mut last = [0; BLOCK];
    last[..rest.len()].copy_from_slice(rest);
    last[BLOCK - 1] = rest.len() as u8;
    for (lane, bytes) in state.iter_mut().zip(last.chunks_exact(8)) {
        *lane = lane.wrapping_add(full_word(bytes));
    }
    for _ in 0..3 {
        end(&mut state);
    }
    state[0]
}

#[inline]
fn mix(state: &mut [u64; 12], block: &[u8]) {
    for (lane, rotation) in MIX.into_iter().enumerate() {
        let (next, last) = ((lane + 1) % 12, (lane + 11) % 12);
        state[lane] = state[lane].wrapping_add(full_word(&block[lane * 8..]));
        state[(lane + 2) % 12] ^= state[(lane + 10) % 12];
        state[last] ^= state[lane];
        state[lane] = state[lane].rotate_left(rotation);
        state[last] = state[last].wrapping_add(state[next]);
    }
}

#[inline]
fn end(state: &mut [u64; 12]) {
    for (round, rotation) in END.into_iter().enumerate() {
        let (into, from, next) = ((round + 11) % 12, (round + 1) % 12, (round + 2) % 12);
        state[into] = state[into].wrapping_add(state[from]);
        state[next] ^= state[into];
        state[from] = state[from].rotate_left(rotation);
    }
}
