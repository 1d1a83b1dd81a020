//! The checksum of RFC 4960, appendix B: CRC-32C (Castagnoli), reflected.

const TABLE: [u32; 256] = table();

const fn table() -> [u32; 256] {
    /// The polynomial 0x1EDC6F41, bits reversed.
    const POLYNOMIAL: u32 = 0x82F6_3B78;
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut value = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 { value >> 1 ^ POLYNOMIAL } else { value >> 1 };
            bit += 1;
        }
        table[byte] = value;
        byte += 1;
    }
    table
}

/// The checksum of several pieces, as if they were one.
pub fn checksum(pieces: &[&[u8]]) -> u32 {
    let bytes = pieces.iter().flat_map(|piece| piece.iter());
    !bytes.fold(u32::MAX, |sum, byte| sum >> 8 ^ TABLE[(sum as u8 ^ byte) as usize])
}

#[cfg(test)]
mod tests {
    /// The check value that catalogues of checksums give for this one.
    #[test]
    fn known_value() {
        assert_eq!(super::checksum(&[b"1234", b"56789"]), 0xE306_9283);
    }
}
