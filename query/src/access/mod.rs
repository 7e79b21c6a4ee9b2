//! Who asks, and what they may read and write.

mod principal;

pub use principal::{Grant, Grants, Principal};
