//! The board file, byte by byte.
//!
//! A file is one [`Header`] followed by `slot_count` [`Slot`]s, in the byte order of the machine. Any program may map
//! it read-only. Everything in it is read and written atomically, at the width given here. To copy from a slot:
//!
//! 1. load `sequence` with acquire ordering; if it is odd, begin again;
//! 2. load what is wanted with relaxed ordering;
//! 3. issue an acquire fence and load `sequence` again; if it has changed, begin again.
//!
//! To sleep until a slot changes: load `wake` with acquire ordering; if `sequence` is still that of the last copy, wait for
//! `wake` to leave the value loaded, by Linux' `FUTEX_WAIT` without its private flag, with a timeout of a second or less,
//! for the writer may die. Begin again in any case.
//!
//! Before that, check `magic`, `layout_version`, `header_size`, `slot_size` and that the file is as long as
//! `slot_count` says. A change of this layout that such a reader would not survive changes [`LAYOUT_VERSION`].

use std::sync::atomic::{AtomicI64, AtomicU8, AtomicU32, AtomicU64, Ordering};

use super::row::LADDER_LEVELS;
use super::seqlock::Sequence;
use super::wake::WakeWord;

/// The first 8 bytes of a board, `DEPTHBRD` in memory.
pub const MAGIC: u64 = u64::from_ne_bytes(*b"DEPTHBRD");

/// The version of the layout in this module.
pub const LAYOUT_VERSION: u32 = 2;

/// The bytes of a [`Header`].
pub const HEADER_SIZE: usize = size_of::<Header>();

/// The bytes of a [`Slot`].
pub const SLOT_SIZE: usize = size_of::<Slot>();

/// The bytes of a slot's symbol.
pub const SYMBOL_SIZE: usize = 24;

/// A price that is not there, e.g. the horizon of a side that is known entirely.
pub const NO_PRICE: i64 = i64::MIN;

/// The start of the file. All but `heartbeat` and `closed` stays as it was when the file was created.
#[repr(C, align(128))]
#[derive(Debug)]
pub struct Header {
    /// [`MAGIC`].
    pub magic: AtomicU64,
    /// [`LAYOUT_VERSION`].
    pub layout_version: AtomicU32,
    /// [`HEADER_SIZE`]: where the first slot begins.
    pub header_size: AtomicU32,
    /// [`SLOT_SIZE`]: the distance between slots.
    pub slot_size: AtomicU32,
    pub slot_count: AtomicU32,
    /// The writer's process id.
    pub writer_pid: AtomicU32,
    /// 0 while the board is written, 1 once its writer has ended in order.
    pub closed: AtomicU32,
    /// When the writer started, in nanoseconds since 1970 UTC.
    pub started: AtomicI64,
    /// When the writer last said that it is alive, in nanoseconds since 1970 UTC.
    pub heartbeat: AtomicI64,
    /// Zeros.
    pub reserved: [AtomicU8; 80],
}

/// One symbol's book. Everything but `symbol` and `wake` is protected by `sequence`.
///
/// The first cache line alone answers for the best bid and ask.
#[repr(C, align(128))]
#[derive(Debug)]
pub struct Slot {
    /// Odd while a write is under way; grows by two with each.
    pub sequence: Sequence,
    /// 0 waiting, 1 live, 2 resyncing, 3 stale, 4 halted.
    pub state: AtomicU8,
    /// Decimal places of all prices: the value is `price / 10^price_scale`.
    pub price_scale: AtomicU8,
    /// Decimal places of all quantities.
    pub quantity_scale: AtomicU8,
    /// How many of `rungs` have a bid; what lies beyond is left over from earlier writes.
    pub bid_levels: AtomicU8,
    /// How many of `rungs` have an ask; what lies beyond is left over from earlier writes.
    pub ask_levels: AtomicU8,
    /// Who took the last trade: 0 no trade yet, 1 the buyer, 2 the seller.
    pub trade_taker: AtomicU8,
    /// Zeros.
    pub reserved_flags: [AtomicU8; 2],
    /// The venue's id of the last update applied.
    pub update_id: AtomicU64,
    /// When this slot was written, in nanoseconds since 1970 UTC.
    pub publish_time: AtomicI64,
    /// The bid and the ask of each rank, best first.
    pub rungs: [Rung; LADDER_LEVELS],
    /// When the venue made the last update, in nanoseconds since 1970 UTC.
    pub event_time: AtomicI64,
    /// When its frame was received, in nanoseconds since 1970 UTC.
    pub receive_time: AtomicI64,
    /// Counts the snapshots the book was built on.
    pub epoch: AtomicU64,
    /// Below this bid price the book is unknown; [`NO_PRICE`] where all is known.
    pub bid_horizon: AtomicI64,
    /// Above this ask price the book is unknown; [`NO_PRICE`] where all is known.
    pub ask_horizon: AtomicI64,
    /// Quote currency; not a number while a side is empty, as all the doubles but `order_flow_imbalance`.
    pub mid: AtomicF64,
    /// Spread over mid, in basis points.
    pub spread_bps: AtomicF64,
    /// Quote currency.
    pub microprice: AtomicF64,
    /// Of the best 1, 5, 10 and 20 levels, from -1 (only asks) to 1 (only bids); not a number where they reach beyond
    /// the horizon.
    pub imbalance: [AtomicF64; 4],
    /// What rests on the bid side within 5, 10 and 25 basis points of mid, in quote currency; not a number where that
    /// reaches beyond the horizon.
    pub bid_depth: [AtomicF64; 3],
    /// The same of the ask side.
    pub ask_depth: [AtomicF64; 3],
    /// Order-flow imbalance since the epoch began, in base currency.
    pub order_flow_imbalance: AtomicF64,
    pub trade_price: AtomicI64,
    pub trade_quantity: AtomicI64,
    /// When the last trade was made, in nanoseconds since 1970 UTC.
    pub trade_time: AtomicI64,
    pub events_applied: AtomicU64,
    pub gaps: AtomicU64,
    pub resyncs: AtomicU64,
    pub dead_letters: AtomicU64,
    /// How often the touch equalled the venue's own ticker at the same update id.
    pub ticker_agreements: AtomicU64,
    /// How often it did not.
    pub ticker_disagreements: AtomicU64,
    /// ASCII, filled with zeros, always at least one. It never changes.
    pub symbol: [AtomicU8; SYMBOL_SIZE],
    /// Changed by the writer's process soon after each write, or after several; a futex. It has a cache line that no write
    /// of a row touches.
    pub wake: WakeWord,
    /// Zeros.
    pub reserved: [AtomicU8; 100],
}

/// The bid and the ask of one rank.
#[repr(C)]
#[derive(Debug)]
pub struct Rung {
    pub bid: AtomicLevel,
    pub ask: AtomicLevel,
}

/// A price in units of `10^-price_scale` and a quantity in units of `10^-quantity_scale`.
#[repr(C)]
#[derive(Debug)]
pub struct AtomicLevel {
    pub price: AtomicI64,
    pub quantity: AtomicI64,
}

/// A double, as its IEEE 754 bits.
#[repr(transparent)]
#[derive(Debug)]
pub struct AtomicF64(AtomicU64);

impl AtomicF64 {
    pub fn store(&self, value: f64, ordering: Ordering) {
        self.0.store(value.to_bits(), ordering);
    }

    #[must_use]
    pub fn load(&self, ordering: Ordering) -> f64 {
        f64::from_bits(self.0.load(ordering))
    }
}

#[cfg(test)]
mod tests {
    use std::mem::offset_of;

    use super::*;

    macro_rules! assert_fields {
        ($structure:ty, $($field:ident at $offset:literal is $size:literal),+ $(,)?) => {
            let mut end = 0;
            $(
                assert_eq!(offset_of!($structure, $field), $offset, stringify!($field));
                assert_eq!(end, $offset, "no hole before {}", stringify!($field));
                end = $offset + $size;
            )+
            assert_eq!(end, size_of::<$structure>(), "the sizes reach from field to field and fill the whole");
        };
    }

    #[test]
    fn the_header_is_laid_out_as_version_2_says() {
        assert_fields!(Header,
            magic at 0 is 8,
            layout_version at 8 is 4,
            header_size at 12 is 4,
            slot_size at 16 is 4,
            slot_count at 20 is 4,
            writer_pid at 24 is 4,
            closed at 28 is 4,
            started at 32 is 8,
            heartbeat at 40 is 8,
            reserved at 48 is 80,
        );
        assert_eq!((HEADER_SIZE, align_of::<Header>()), (128, 128));
        assert_eq!(MAGIC.to_ne_bytes(), *b"DEPTHBRD");
    }

    #[test]
    fn a_slot_is_laid_out_as_version_2_says() {
        assert_fields!(Slot,
            sequence at 0 is 8,
            state at 8 is 1,
            price_scale at 9 is 1,
            quantity_scale at 10 is 1,
            bid_levels at 11 is 1,
            ask_levels at 12 is 1,
            trade_taker at 13 is 1,
            reserved_flags at 14 is 2,
            update_id at 16 is 8,
            publish_time at 24 is 8,
            rungs at 32 is 640,
            event_time at 672 is 8,
            receive_time at 680 is 8,
            epoch at 688 is 8,
            bid_horizon at 696 is 8,
            ask_horizon at 704 is 8,
            mid at 712 is 8,
            spread_bps at 720 is 8,
            microprice at 728 is 8,
            imbalance at 736 is 32,
            bid_depth at 768 is 24,
            ask_depth at 792 is 24,
            order_flow_imbalance at 816 is 8,
            trade_price at 824 is 8,
            trade_quantity at 832 is 8,
            trade_time at 840 is 8,
            events_applied at 848 is 8,
            gaps at 856 is 8,
            resyncs at 864 is 8,
            dead_letters at 872 is 8,
            ticker_agreements at 880 is 8,
            ticker_disagreements at 888 is 8,
            symbol at 896 is 24,
            wake at 920 is 4,
            reserved at 924 is 100,
        );
        assert_eq!((SLOT_SIZE, align_of::<Slot>()), (1024, 128));
    }

    #[test]
    fn a_rung_is_laid_out_as_version_2_says() {
        assert_fields!(Rung, bid at 0 is 16, ask at 16 is 16);
        assert_fields!(AtomicLevel, price at 0 is 8, quantity at 8 is 8);
        assert_eq!(size_of::<AtomicF64>(), 8);
    }

    #[test]
    fn the_first_cache_line_holds_the_touch() {
        assert!(offset_of!(Slot, rungs) + size_of::<Rung>() <= 64);
    }

    #[test]
    fn waking_readers_touches_no_line_that_a_row_is_written_to() {
        assert!(
            offset_of!(Slot, symbol).is_multiple_of(128) && offset_of!(Slot, wake) > offset_of!(Slot, symbol)
        );
    }
}
