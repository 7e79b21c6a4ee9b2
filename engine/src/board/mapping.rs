//! The file in memory: the one place where bytes of a mapping become [`Header`] and [`Slot`]s.
#![expect(unsafe_code, reason = "typed views of mapped memory")]
#![expect(clippy::cast_ptr_alignment, reason = "mappings begin at a page")]

use std::fs::File;
use std::io;
use std::slice;

use memmap2::{MmapOptions, MmapRaw};

use super::layout::{HEADER_SIZE, Header, SLOT_SIZE, Slot};

/// A mapped file that is long enough for a header.
#[derive(Debug)]
pub struct Mapping {
    memory: MmapRaw,
}

impl Mapping {
    /// # Errors
    /// The system's, and `UnexpectedEof` where the file is shorter than a header.
    pub fn writable(file: &File) -> io::Result<Self> {
        Self::of(MmapOptions::new().map_raw(file)?)
    }

    /// A mapping through which nothing must be stored: the memory is write-protected.
    ///
    /// # Errors
    /// As [`Mapping::writable`].
    pub fn read_only(file: &File) -> io::Result<Self> {
        Self::of(MmapOptions::new().map_raw_read_only(file)?)
    }

    pub fn header(&self) -> &Header {
        // SAFETY: `of` checked that a header fits. Mappings begin at a page, so it is aligned; they are never unmapped
        // before `self.memory` is dropped. Every bit pattern is a valid `Header`, whose fields are all atomics: other
        // threads and processes may change them at any time. On a read-only mapping only loads of at most 8 bytes
        // happen, which the standard library documents as sound there. A file cut short by somebody else after it was
        // mapped raises a signal, which is no undefined behaviour; a board's writer never does that.
        unsafe { &*self.memory.as_ptr().cast::<Header>() }
    }

    /// As many whole slots as the file has.
    pub fn slots(&self) -> &[Slot] {
        let count = (self.memory.len() - HEADER_SIZE) / SLOT_SIZE;
        // SAFETY: the slots begin within or at the end of the mapping, and `count` of them fit before its end. The
        // header's size is a multiple of a slot's alignment. For the rest, as in `header`.
        unsafe { slice::from_raw_parts(self.memory.as_ptr().add(HEADER_SIZE).cast::<Slot>(), count) }
    }

    fn of(memory: MmapRaw) -> io::Result<Self> {
        if memory.len() < HEADER_SIZE {
            Err(io::ErrorKind::UnexpectedEof.into())
        } else {
            Ok(Self { memory })
        }
    }
}

const _: () =
    assert!(HEADER_SIZE.is_multiple_of(align_of::<Slot>()) && SLOT_SIZE.is_multiple_of(align_of::<Slot>()));
