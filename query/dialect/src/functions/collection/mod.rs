//! Arrays, maps and rows.

mod access;
mod arrays;
mod elements;
mod maps;
mod sequence;
mod sets;

pub(crate) use arrays::both;
pub(crate) use elements::{
    Keys, element_field, entry_fields, map_of_lists, map_type, picked, picked_one, range,
};
pub(crate) use maps::check_keys;

use super::scalar::Scalar;

pub(super) fn functions() -> Vec<Scalar> {
    let mut all = access::functions();
    all.extend(arrays::functions());
    all.extend(maps::functions());
    all.extend(sequence::functions());
    all.extend(sets::functions());
    all
}
