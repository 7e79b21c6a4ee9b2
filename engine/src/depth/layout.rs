//! The depth file, byte by byte.
//!
//! A file is one [`Header`] followed by `region_count` regions, in the byte order of the machine. Any program may map it
//! read-only. Everything in it is read and written atomically, at the width given here. With *n* for `ring_entries`, a
//! region is, without gaps:
//!
//! - one [`Control`];
//! - the journal, a ring of *n* [`Entry`]s;
//! - two bases, each a [`BaseHeader`] and *n* / 2 [`Entry`]s.
//!
//! The journal is a sequence of records as the source of `record.rs` describes them, each within one append. A base holds one
//! record of a whole book, from its first entry on. How the positions of a [`Control`] are to be read is said in
//! [`crate::broadcast`], and how to make a book of it all in [`super`].
//!
//! Before that, check `magic`, `layout_version`, `header_size`, that `ring_entries` is a power of two and not below
//! [`LEAST_RING_ENTRIES`], `region_size`, and that the file is as long as `region_count` says. A change of this layout
//! that such a reader would not survive changes [`LAYOUT_VERSION`].

use std::sync::atomic::{AtomicI64, AtomicU8, AtomicU32, AtomicU64};

use crate::broadcast::{Mark, Positions};

/// The first 8 bytes of a depth file, `DEPTHFUL` in memory.
pub const MAGIC: u64 = u64::from_ne_bytes(*b"DEPTHFUL");

/// The version of the layout in this module.
pub const LAYOUT_VERSION: u32 = 1;

/// Entries in the journals that this program writes: half a MiB a symbol.
pub const RING_ENTRIES: usize = 1 << 15;

/// The smallest journal that a reader takes.
pub const LEAST_RING_ENTRIES: usize = 1 << 5;

/// How many bases a region has.
pub const BASES: usize = 2;

/// The bytes of a symbol.
pub const SYMBOL_SIZE: usize = 24;

/// The start of the file. All but `heartbeat` and `closed` stays as it was when the file was created.
#[repr(C, align(128))]
#[derive(Debug)]
pub struct Header {
    /// [`MAGIC`].
    pub magic: AtomicU64,
    /// [`LAYOUT_VERSION`].
    pub layout_version: AtomicU32,
    /// The bytes of this structure: where the first region begins.
    pub header_size: AtomicU32,
    /// The bytes from one region to the next.
    pub region_size: AtomicU64,
    pub region_count: AtomicU32,
    /// The entries of each journal.
    pub ring_entries: AtomicU32,
    /// The writer's process id.
    pub writer_pid: AtomicU32,
    /// 0 while the file is written, 1 once its writer has ended in order.
    pub closed: AtomicU32,
    /// When the writer started, in nanoseconds since 1970 UTC.
    pub started: AtomicI64,
    /// When the writer last said that it is alive, in nanoseconds since 1970 UTC.
    pub heartbeat: AtomicI64,
    /// Zeros.
    pub reserved: [AtomicU8; 72],
}

/// Where the writers of a region stand. What the shard writes and what the keeper writes lie apart, so that neither takes
/// the other's cache line away.
#[repr(C, align(128))]
#[derive(Debug)]
pub struct Control {
    /// Of the journal; they count entries.
    pub journal: Positions,
    /// Where the last record of a whole book begins in the journal.
    pub last_whole: Mark,
    /// Zeros.
    pub reserved_journal: [AtomicU8; 104],
    /// Of the bases; they count bases. Base *b* is in the region's base *b* mod 2.
    pub bases: Positions,
    /// Zeros.
    pub reserved_bases: [AtomicU8; 112],
    /// ASCII, filled with zeros, always at least one. It never changes.
    pub symbol: [AtomicU8; SYMBOL_SIZE],
    /// Zeros.
    pub reserved: [AtomicU8; 104],
}

/// What precedes the entries of a base.
#[repr(C, align(128))]
#[derive(Debug)]
pub struct BaseHeader {
    /// The journal's position up to which this base holds everything.
    pub position: AtomicU64,
    /// Zeros.
    pub reserved: [AtomicU8; 120],
}

/// A level, or two words of a record's head.
///
/// A level is its price and then its quantity, as 64-bit signed integers in units of the book's scales. A quantity of 0
/// says that there is no such level any more.
#[repr(C, align(16))]
#[derive(Debug)]
pub struct Entry(pub [AtomicU64; 2]);

/// Where the parts of a region are, counted in bytes from the start of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Geometry {
    pub ring_entries: usize,
}

impl Geometry {
    /// `None` where journals of that size are not allowed.
    pub(super) fn new(ring_entries: usize) -> Option<Self> {
        let allowed = ring_entries.is_power_of_two()
            && (LEAST_RING_ENTRIES..=u32::MAX as usize / size_of::<Entry>()).contains(&ring_entries);
        allowed.then_some(Self { ring_entries })
    }

    /// The entries of a base, and the most entries that are appended to a journal at once.
    pub(super) const fn base_entries(self) -> usize {
        self.ring_entries / 2
    }

    pub(super) const fn region_size(self) -> usize {
        size_of::<Control>() + self.ring_entries * size_of::<Entry>() + BASES * self.base_size()
    }

    pub(super) const fn control(self, region: usize) -> usize {
        size_of::<Header>() + region * self.region_size()
    }

    pub(super) const fn journal(self, region: usize) -> usize {
        self.control(region) + size_of::<Control>()
    }

    pub(super) const fn base(self, region: usize, base: usize) -> usize {
        self.journal(region) + self.ring_entries * size_of::<Entry>() + base * self.base_size()
    }

    const fn base_size(self) -> usize {
        size_of::<BaseHeader>() + self.base_entries() * size_of::<Entry>()
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
    fn the_header_is_laid_out_as_version_1_says() {
        assert_fields!(Header,
            magic at 0 is 8,
            layout_version at 8 is 4,
            header_size at 12 is 4,
            region_size at 16 is 8,
            region_count at 24 is 4,
            ring_entries at 28 is 4,
            writer_pid at 32 is 4,
            closed at 36 is 4,
            started at 40 is 8,
            heartbeat at 48 is 8,
            reserved at 56 is 72,
        );
        assert_eq!(align_of::<Header>(), 128);
        assert_eq!(MAGIC.to_ne_bytes(), *b"DEPTHFUL");
    }

    #[test]
    fn a_control_is_laid_out_as_version_1_says() {
        assert_fields!(Control,
            journal at 0 is 16,
            last_whole at 16 is 8,
            reserved_journal at 24 is 104,
            bases at 128 is 16,
            reserved_bases at 144 is 112,
            symbol at 256 is 24,
            reserved at 280 is 104,
        );
        assert_eq!(align_of::<Control>(), 128);
    }

    #[test]
    fn bases_and_entries_are_laid_out_as_version_1_says() {
        assert_fields!(BaseHeader, position at 0 is 8, reserved at 8 is 120);
        assert_eq!((size_of::<Entry>(), align_of::<Entry>()), (16, 16));
    }

    #[test]
    fn a_region_is_laid_out_as_version_1_says() {
        let geometry = Geometry::new(RING_ENTRIES).unwrap();
        assert_eq!(geometry.control(0), 128);
        assert_eq!(geometry.journal(0), 128 + 384);
        assert_eq!(geometry.base(0, 0), 128 + 384 + 524_288);
        assert_eq!(geometry.base(0, 1) - geometry.base(0, 0), 128 + 262_144);
        assert_eq!(geometry.region_size(), 1_049_216);
        assert_eq!(geometry.control(1) - geometry.control(0), geometry.region_size());
        assert!(50 * geometry.region_size() <= 53_000_000, "fifty books in some 50 MB");
        assert!(geometry.region_size().is_multiple_of(align_of::<Control>()));
    }

    #[test]
    fn rings_are_powers_of_two() {
        for refused in [0, 16, 33, 100, 1 << 40] {
            assert_eq!(Geometry::new(refused), None, "{refused}");
        }
        assert!(Geometry::new(LEAST_RING_ENTRIES).is_some());
    }
}
