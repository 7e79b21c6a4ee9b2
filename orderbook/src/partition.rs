//! Which partition a symbol belongs to.

use std::num::NonZeroU16;

use crate::symbol::Symbol;

/// The partition of `symbol` among `partitions`: Iceberg's bucket transform (murmur3, 32 bits, seed 0), so that a table
/// bucketed by symbol is cut as the log is. What has no symbol belongs to the first.
#[must_use]
pub fn partition_of(symbol: Option<Symbol>, partitions: NonZeroU16) -> u16 {
    let Some(symbol) = symbol else { return 0 };
    let positive = hash(symbol.as_str()) & (u32::MAX >> 1);
    u16::try_from(positive % u32::from(partitions.get())).unwrap_or_default()
}

fn hash(text: &str) -> u32 {
    // Reading from memory cannot fail.
    murmur3::murmur3_32(&mut text.as_bytes(), 0).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_the_iceberg_specification() {
        assert_eq!(hash("iceberg"), 1_210_000_089);
        assert_eq!(hash(""), 0);
    }

    #[test]
    fn every_symbol_has_its_place() {
        let partitions = NonZeroU16::new(16).unwrap();
        let symbol = Symbol::new("ICEBERG").ok();
        assert!(partition_of(symbol, partitions) < 16);
        assert_eq!(partition_of(symbol, partitions), partition_of(symbol, partitions));
        assert_eq!(partition_of(None, partitions), 0);
        assert_eq!(partition_of(symbol, NonZeroU16::MIN), 0);
    }
}
