//! The file in memory: the one place where bytes of a mapping become structures.
#![expect(unsafe_code, reason = "typed views of mapped memory")]

use std::fs::File;
use std::io;
use std::slice;

use memmap2::{MmapOptions, MmapRaw};

use super::layout::{BaseHeader, Control, Entry, Header};

/// What a mapping may be looked at as.
///
/// # Safety
/// Every bit pattern is a value of the type, and all of it is atomics of at most 8 bytes, without padding.
unsafe trait Shared {}

// SAFETY: the layout tests show that its fields, all atomics, fill it.
unsafe impl Shared for Header {}
// SAFETY: as for `Header`; positions and marks are 64-bit atomics.
unsafe impl Shared for Control {}
// SAFETY: as for `Header`.
unsafe impl Shared for BaseHeader {}
// SAFETY: two 64-bit atomics fill its 16 bytes.
unsafe impl Shared for Entry {}

/// A mapped file.
#[derive(Debug)]
pub(super) struct Mapping {
    memory: MmapRaw,
}

impl Mapping {
    /// A mapping to write to, with all pages in place, so that no store waits for one.
    pub(super) fn writable(file: &File) -> io::Result<Self> {
        MmapOptions::new().populate().map_raw(file).map(|memory| Self { memory })
    }

    /// A mapping through which nothing must be stored: the memory is write-protected.
    pub(super) fn read_only(file: &File) -> io::Result<Self> {
        MmapOptions::new().map_raw_read_only(file).map(|memory| Self { memory })
    }

    pub(super) fn header(&self) -> Option<&Header> {
        self.slice(0, 1)?.first()
    }

    pub(super) fn control(&self, offset: usize) -> Option<&Control> {
        self.slice(offset, 1)?.first()
    }

    pub(super) fn base_header(&self, offset: usize) -> Option<&BaseHeader> {
        self.slice(offset, 1)?.first()
    }

    pub(super) fn entries(&self, offset: usize, count: usize) -> Option<&[Entry]> {
        self.slice(offset, count)
    }

    /// `None` where that does not lie in the file, or not as the type must be aligned.
    #[inline]
    fn slice<T: Shared>(&self, offset: usize, count: usize) -> Option<&[T]> {
        let end = count.checked_mul(size_of::<T>())?.checked_add(offset)?;
        if end > self.memory.len() || !offset.is_multiple_of(align_of::<T>()) {
            return None;
        }
        // SAFETY: `count` values fit between `offset` and the end of the mapping, which stays mapped until `self.memory`
        // is dropped. A mapping begins at a page, so what is aligned in it is aligned. Every bit pattern is a `T`, made
        // of atomics alone: other threads and processes may change them at any time. On a read-only mapping only loads of
        // at most 8 bytes happen, which the standard library documents as sound there. A file cut short by somebody else
        // after it was mapped raises a signal, which is no undefined behaviour; its writer never does that.
        Some(unsafe { slice::from_raw_parts(self.memory.as_ptr().add(offset).cast::<T>(), count) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_seen_beyond_the_file_or_askew() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(4_096).unwrap();
        let mapping = Mapping::writable(&file).unwrap();
        assert_eq!(mapping.entries(4_096 - 32, 2).unwrap().len(), 2);
        assert!(mapping.entries(4_096 - 32, 3).is_none());
        assert!(mapping.entries(8, 1).is_none(), "not aligned");
        assert!(mapping.entries(16, usize::MAX).is_none());
        assert!(mapping.control(4_096).is_none());
        assert!(mapping.header().is_some());
    }
}
