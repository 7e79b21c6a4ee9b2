//! Which partition a symbol belongs to.

use std::io::Cursor;

use depthlake_orderbook::symbol::Symbol;

/// The partition of `symbol` among `partitions`: Iceberg's bucket transform (murmur3, 32 bits, seed 0), so that a table
/// bucketed by symbol is cut as the log is. 0 where there are no partitions.
#[must_use]
pub fn partition_of(symbol: Symbol, partitions: u16) -> u16 {
    let hash = murmur3::murmur3_32(&mut Cursor::new(symbol.as_str()), 0).unwrap_or_default();
    let positive = hash & (u32::MAX >> 1);
    u16::try_from(positive.checked_rem(u32::from(partitions)).unwrap_or_default()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equals_the_bucket_transform_of_the_iceberg_specification() {
        // The specification's own example: the hash of the string "iceberg" is 1210000089.
        let hash = murmur3::murmur3_32(&mut Cursor::new("iceberg"), 0).unwrap();
        assert_eq!(hash, 1_210_000_089);
        let symbol = Symbol::new("BTCUSDT").unwrap();
        assert!(partition_of(symbol, 4) < 4);
        assert_eq!(partition_of(symbol, 0), 0);
    }
}
